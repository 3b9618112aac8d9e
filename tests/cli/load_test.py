"""A command that waits, or fails again and again, costs the machine next to nothing."""

import os
import signal
import time
import unittest

import peers
from programs import ClusterTest, end_of, start

WATCHED_SECONDS = 5.0
ALLOWED = 0.01
"""Of one core, the start of the program included."""


class LoadTest(ClusterTest):
    mock_options = ("--topic", "quiet:4")

    def test_waiting_and_failing_commands(self):
        with peers.closed_port() as closed, peers.peer(peers.silent) as silent, peers.peer(peers.deaf) as deaf:
            servers = self.mock.servers
            processes = {
                "producer, closed port": self.producer(closed),
                "producer, silent peer": self.producer(silent, "-X", "socket.connection.setup.timeout.ms=1000"),
                "producer, peer that hangs up": self.producer(deaf),
                "producer, several brokers down": self.producer(",".join([closed] * 5)),
                "consumer, closed port": self.watched("consume", "-b", closed, "-t", "quiet"),
                "idle consumer": self.watched("consume", "-b", servers, "-t", "quiet"),
                "idle producer": self.watched("produce", "-b", servers, "-t", "quiet", stdin=-1),
                "idle cluster": self.watched("mock", "--port", 0),
            }
            time.sleep(WATCHED_SECONDS)
            for name, process in processes.items():
                with self.subTest(name=name):
                    self.assertIsNone(process.poll(), "ended by itself")
                    process.send_signal(signal.SIGKILL)
                    _, status, usage = os.wait4(process.pid, 0)
                    process.returncode = os.waitstatus_to_exitcode(status)
                    share = (usage.ru_utime + usage.ru_stime) / WATCHED_SECONDS
                    self.assertLess(share, ALLOWED, f"{share:.2%} of a core")

    def producer(self, servers: str, *options):
        process = self.watched("produce", "-b", servers, "-t", "quiet", *options, stdin=-1)
        process.stdin.write(b"one\ntwo\n")
        process.stdin.flush()
        return process

    def watched(self, *arguments, **how):
        with open(os.devnull, "wb") as nowhere:
            process = start(*arguments, stdout=nowhere, stderr=nowhere, **how)
        self.addCleanup(end_of, process)
        return process


if __name__ == "__main__":
    unittest.main()
