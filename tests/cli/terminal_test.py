"""Terminals, signals and readers that go away."""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time
import unittest

from programs import DONE, FAILED, OTTLA, PATIENCE, ClusterTest, Mock, finish, ottla


def on_terminal(arguments: list, feed=lambda process: None, stdout=subprocess.PIPE) -> tuple[int, bytes, str]:
    """Runs a command whose stderr is a terminal, and its stdout too if that is None."""
    own, theirs = pty.openpty()
    process = subprocess.Popen(
        [OTTLA, *map(str, arguments)], stdin=subprocess.PIPE, stdout=theirs if stdout is None else stdout, stderr=theirs
    )
    os.close(theirs)
    feed(process)
    process.stdin.close()
    shown = b""
    while select.select([own], [], [], PATIENCE)[0]:
        try:
            shown += os.read(own, 65536)
        except OSError:  # its last writer has gone
            break
    out = process.stdout.read() if process.stdout else b""
    if process.stdout:
        process.stdout.close()
    os.close(own)
    return process.wait(PATIENCE), out, shown.decode()


def wait_until_read(process: subprocess.Popen) -> None:
    """Until what was written to its stdin has been taken, and is surely with the producer."""
    deadline = time.monotonic() + PATIENCE
    while struct.unpack("i", fcntl.ioctl(process.stdin, termios.FIONREAD, b"\0" * 4))[0]:
        assert time.monotonic() < deadline, "stdin is not read"
        time.sleep(0.01)
    time.sleep(0.3)


def trickle(process: subprocess.Popen) -> None:
    """Lines over more than a second, so that progress shows."""
    for n in range(14):
        process.stdin.write(b"%d\n" % n * 2000)
        process.stdin.flush()
        time.sleep(0.1)


class ProgressTest(ClusterTest):
    def test_producing_shows_progress_on_a_terminal_only(self):
        topic = self.make_topic(1)
        produce = ["produce", "-b", self.mock.servers, "-t", topic]
        status, _, shown = on_terminal(produce, trickle)
        self.assertEqual(DONE, status, shown)
        self.assertRegex(shown, r"\r\x1b\[Kproduced \d+ messages, \d+\.\d MB \(\d+/s, \d+\.\d MB/s\)")
        self.assertTrue(shown.endswith("\r\x1b[K"), f"the line stays: {shown[-80:]!r}")
        process = subprocess.Popen([OTTLA, *produce], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        trickle(process)
        self.assertEqual((DONE, b"", ""), vars_of(finish(process)))

    def test_consuming_shows_progress_unless_the_terminal_shows_messages(self):
        topic = self.make_topic(1)
        self.produce(topic, b"x\n" * 1000)
        # The end time is never reached, so it is -c that ends it, after more than a second.
        consume = ["consume", "-b", self.mock.servers, "-t", topic, "-c", 1001]

        def later(_):
            time.sleep(1.2)
            self.produce(topic, b"last\n")

        status, out, shown = on_terminal(consume, later)
        self.assertEqual((DONE, 1001), (status, out.count(b"\n")), shown)
        self.assertRegex(shown, r"\r\x1b\[Kconsumed 1000 messages")
        status, _, shown = on_terminal(["consume", "-b", self.mock.servers, "-t", topic, "-e"], stdout=None)
        self.assertEqual(DONE, status)
        self.assertNotIn("consumed", shown)
        self.assertEqual(1001, len(re.findall(r"^(x|last)\r$", shown, re.M)))

    def test_a_summary_at_the_end_of_a_topic(self):
        topic = self.make_topic(1)
        self.produce(topic, b"one\nthree\n")
        consume = ["consume", "-b", self.mock.servers, "-t", topic, "-e"]
        self.assertIn("% 2 messages, 8 bytes of values", on_terminal(consume)[2])
        self.assertNotIn("messages", on_terminal([*consume, "-q"])[2])


def vars_of(result) -> tuple[int, bytes, str]:
    return result.status, result.out, result.errors


class SignalTest(ClusterTest):
    def test_an_interrupted_consumer_has_printed_all_it_read(self):
        topic = self.make_topic(1)
        self.produce(topic, b"one\ntwo\n")
        for number in (signal.SIGINT, signal.SIGTERM):
            with self.subTest(number=number):
                process = self.start("consume", "-t", topic)
                self.assertEqual([b"one\n", b"two\n"], [process.stdout.readline() for _ in range(2)])
                process.send_signal(number)
                result = finish(process, 5)
                self.assertEqual((DONE, b"", ""), vars_of(result))

    def test_a_consumer_that_looks_for_its_broker_can_be_interrupted(self):
        process = self.start_at("127.0.0.1:1", "consume", "-t", "a")
        process.stderr.readline()  # it has met the closed port
        process.send_signal(signal.SIGINT)
        result = finish(process, 5)
        self.assertLess(result.seconds, 2)
        self.assertNotEqual(DONE, result.status)

    def test_an_interrupted_producer_sends_what_it_has_read(self):
        topic = self.make_topic(1)
        process = self.start("produce", "-t", topic, "-J", "-X", "linger.ms=5000", stdin=subprocess.PIPE)
        process.stdin.write(b"one\ntwo\nunfinished")
        process.stdin.flush()
        wait_until_read(process)
        process.send_signal(signal.SIGINT)
        begin = time.monotonic()
        process.wait(5)  # while its stdin stays open
        self.assertLess(time.monotonic() - begin, 3)
        result = finish(process)
        self.assertEqual(FAILED, result.status, result)
        self.assertEqual("ottla: interrupted: 2 messages were sent, all are acknowledged\n", result.errors)
        self.assertEqual(2, result.json["delivered"])
        self.assertEqual(b"one\ntwo\n", self.consume(topic).out)

    def test_an_interrupted_producer_says_what_is_not_acknowledged(self):
        process = self.start_at("127.0.0.1:1", "produce", "-t", "a", stdin=subprocess.PIPE)
        process.stdin.write(b"one\ntwo\n")
        process.stdin.flush()
        process.stderr.readline()  # it has met the closed port
        wait_until_read(process)
        process.send_signal(signal.SIGINT)
        result = finish(process, 10)
        self.assertLess(result.seconds, 5)
        self.assertEqual(FAILED, result.status, result)
        self.assertRegex(result.errors, r"ottla: interrupted: ([12]) messages were sent, \1 are not acknowledged\n")

    def test_a_second_interrupt_ends_at_once(self):
        process = self.start_at("127.0.0.1:1", "produce", "-t", "a", stdin=subprocess.PIPE)
        process.stdin.write(b"one\n")
        process.stdin.flush()
        process.stderr.readline()
        wait_until_read(process)
        process.send_signal(signal.SIGINT)
        time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        result = finish(process, 5)
        self.assertLess(result.seconds, 1)
        self.assertEqual(-signal.SIGINT, result.status)


class ReaderTest(ClusterTest):
    """Whoever reads the output may stop reading, or be unable to take it."""

    def read_one_line(self, *arguments) -> tuple[bytes, int, str, float]:
        process = self.start(*arguments)
        line = process.stdout.readline()
        process.stdout.close()
        begin = time.monotonic()
        status = process.wait(PATIENCE)
        errors = process.stderr.read().decode()
        return line, status, errors, time.monotonic() - begin

    def test_a_consumer_whose_reader_leaves_ends_quietly(self):
        topic = self.make_topic(1)
        self.produce(topic, b"".join(b"%d %s\n" % (n, b"x" * 200) for n in range(20_000)))
        line, status, errors, seconds = self.read_one_line("consume", "-t", topic)
        self.assertEqual(b"0 " + b"x" * 200 + b"\n", line)
        self.assertEqual((DONE, ""), (status, errors))
        self.assertLess(seconds, 5)

    def test_also_when_no_message_comes_any_more(self):
        topic = self.make_topic(1)
        self.produce(topic, b"only\n")
        line, status, errors, seconds = self.read_one_line("consume", "-t", topic)
        self.assertEqual((b"only\n", DONE, ""), (line, status, errors))
        self.assertLess(seconds, 5)

    def test_a_list_whose_reader_leaves_ends_quietly(self):
        self.make_topic(5000)
        line, _, errors, _ = self.read_one_line("list")
        self.assertTrue(line.startswith(b"Cluster "), line)
        self.assertEqual("", errors)

    def test_streams_that_are_closed_are_not_taken_for_others(self):
        topic = self.make_topic(1)
        self.produce(topic, b"one\n")

        def run(redirection: str, *arguments):
            command = f'exec "$@" {redirection}'
            result = subprocess.run(
                ["sh", "-c", command, "sh", OTTLA, *arguments, "-b", self.mock.servers],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=PATIENCE,
                check=False,
            )
            return result.returncode, result.stdout, result.stderr.decode()

        consume = ["consume", "-t", topic, "-e"]
        self.assertEqual((FAILED, b"", "ottla: cannot write to stdout: Bad file descriptor\n"), run(">&-", *consume))
        self.assertEqual((FAILED, b"", "ottla: cannot write to stdout: Bad file descriptor\n"), run(">&-", "list"))
        self.assertEqual((FAILED, b"", "ottla: cannot read stdin: Bad file descriptor\n"), run("<&-", "produce", "-t", topic))
        self.assertEqual((DONE, b"one\n", ""), run("2>&-", *consume))
        self.assertEqual((DONE, b"one\n", ""), run("<&- 2>&-", *consume))
        self.assertEqual((FAILED, b"", ""), run(">&- 2>&-", *consume))

    def test_a_full_disk_is_told(self):
        topic = self.make_topic(1)
        self.produce(topic, b"one\n")
        for arguments in (
            ["list"],
            ["list", "-J"],
            ["topics describe", topic],
            ["consume", "-t", topic, "-e"],
            ["produce", "-t", topic, "-J"],
        ):
            with self.subTest(arguments=arguments), open("/dev/full", "wb") as full:
                process = self.start(*arguments, stdout=full)
                result = finish(process)
                self.assertEqual(FAILED, result.status, result)
                self.assertIn("stdout: No space left on device", result.errors)


if __name__ == "__main__":
    unittest.main()
