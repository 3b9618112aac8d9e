"""Brokers that are killed, stopped and paused under load: nothing acknowledged is lost or doubled, the order stays."""

import resource
import subprocess
import tempfile
import time
import unittest
from pathlib import Path

from program import MEGABYTES, assert_same_files, ottla, start_ottla, write_text
from real_cluster import cluster, wait_until
from traffic import Traffic, leader_of, make_topic, wait_for_other_leader

SHORT_PAUSE_SECONDS = 3.5
"""Within the brokers' session: the paused leader remains the leader, and goes on with what it was sent meanwhile."""
LONG_PAUSE_SECONDS = 8
"""Longer than the session: the paused leader is replaced, and learns of it when it goes on."""
IMPATIENT = ("-X", "socket.timeout.ms=2000", "-X", "fetch.wait.max.ms=500")
"""Requests to a paused broker are given up and sent again, there or elsewhere, though the broker still has them."""
CPU_SECONDS = 0.15
"""For a client that can only wait for a broker, for six seconds and more."""


class FaultsTest(unittest.TestCase):
    def setUp(self):
        cluster()
        folder = tempfile.TemporaryDirectory(prefix="ottla-faults.")
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.addCleanup(cluster().heal)

    def traffics(self, name: str, *replicas: int) -> list[Traffic]:
        """Through two topics with the same leader, the second one with short timeouts."""
        for topic in (name, f"{name}-impatient"):
            make_topic(topic, *replicas)
        running = [Traffic(self, self.folder, name), Traffic(self, self.folder, f"{name}-impatient", *IMPATIENT)]
        time.sleep(1)
        return running

    def test_the_leader_is_killed(self):
        """Twice; the first time it is also read from, and it has partitions that are nowhere else."""
        running = self.traffics("killed", 1, 2, 3)
        reader = SlowReader(self, self.folder, "read", 1, 2, 3)
        orphan = Orphan(self, self.folder, "orphan", 1)
        cluster().node("kill", 1)
        reader.finish()
        orphan.check_failure()
        wait_for_other_leader("killed", 1)
        cluster().heal()
        orphan.check_return()
        leader = leader_of("killed")
        cluster().node("kill", leader)
        wait_for_other_leader("killed", leader)
        time.sleep(1)
        cluster().heal()
        for traffic in running:
            traffic.finish()

    def test_the_leader_is_stopped(self):
        running = self.traffics("stopped", 2, 3, 1)
        cluster().node("stop", 2)
        wait_for_other_leader("stopped", 2)
        time.sleep(1)
        cluster().heal()
        time.sleep(1)
        for traffic in running:
            traffic.finish()

    def test_the_leader_is_paused(self):
        running = self.traffics("paused", 3, 1, 2)
        for seconds in (SHORT_PAUSE_SECONDS, LONG_PAUSE_SECONDS):
            cluster().node("pause", 3)
            time.sleep(seconds)
            cluster().node("resume", 3)
            time.sleep(2)
        for traffic in running:
            traffic.finish()


class SlowReader:
    """Has read a part of a topic when it is made; the rest waits at the broker until `finish`."""

    def __init__(self, test, folder: Path, topic: str, *replicas: int):
        make_topic(topic, *replicas)
        self.test, self.told = test, folder / "told"
        self.text, self.back = folder / "text", folder / "back"
        write_text(self.text, MEGABYTES)
        ottla("produce", "-t", topic, self.text)
        small_queue = ("-X", "queued.max.messages.kbytes=512", "-X", "fetch.message.max.bytes=100000")
        with open(self.told, "wb") as told, open(self.back, "wb") as back:
            words = ["consume", "-t", topic, "-o", "beginning", "-e", *small_queue]
            self.consumer = start_ottla(test, *words, stdout=subprocess.PIPE, stderr=told)
            back.write(self.consumer.stdout.read(MEGABYTES * 200_000))

    def finish(self) -> None:
        with open(self.back, "ab") as back:
            back.write(self.consumer.stdout.read())
        self.test.assertEqual(0, self.consumer.wait(10), self.told.read_text())
        assert_same_files(self.test, self.text, self.back, "what was read")


class Orphan:
    """A topic without another replica: its messages fail in time and by name, and who waits for it hardly works."""

    def __init__(self, test, folder: Path, topic: str, node: int):
        make_topic(topic, node)
        self.test, self.folder, self.topic = test, folder, topic
        ottla("produce", "-t", topic, self.write("one\n"))
        with open(folder / "orphan.got", "wb") as got, open(folder / "orphan.told", "wb") as told:
            self.consumer = start_ottla(test, "consume", "-t", topic, "-o", "beginning", "-u", stdout=got, stderr=told)
        wait_until(lambda: self.got() == b"one\n", 20, "one")

    def check_failure(self) -> None:
        test = self.test
        began, cpu = time.monotonic(), children_cpu()
        done = ottla("produce", "-t", self.topic, "-X", "message.timeout.ms=6000", self.write("two\nthree\n"), status=1)
        took, cpu = time.monotonic() - began, children_cpu() - cpu
        told = done.stderr.decode()
        test.assertTrue(5 < took < 9, f"{took} s\n{told}")
        test.assertLess(cpu, CPU_SECONDS, told)
        test.assertIn("2 of 2 messages were not delivered", told)
        test.assertIn(f"{self.topic}[0]: ", told)

    def check_return(self) -> None:
        ottla("produce", "-t", self.topic, self.write("four\n"))
        wait_until(lambda: self.got() == b"one\nfour\n", 20, "what was sent before and after", lambda: repr(self.got()))
        cpu = children_cpu()
        self.consumer.terminate()
        self.test.assertEqual(0, self.consumer.wait(10))
        self.test.assertLess(children_cpu() - cpu, CPU_SECONDS)

    def got(self) -> bytes:
        return (self.folder / "orphan.got").read_bytes()

    def write(self, text: str) -> Path:
        file = self.folder / "lines"
        file.write_text(text)
        return file


def children_cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    unittest.main()
