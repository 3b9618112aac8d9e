"""Numbered lines that flow through a topic while its brokers suffer: one ottla produces, another consumes at once."""

import json
import subprocess
import threading
import time
from pathlib import Path

from program import assert_same_files, ottla, start_ottla
from real_cluster import cluster, wait_until

LINES_PER_PIECE = 20
PIECE_SECONDS = 0.01


def make_topic(name: str, *replicas: int) -> None:
    """One partition; the first replica is the leader. Two replicas must have a message before it is acknowledged."""
    config = ["--config", f"min.insync.replicas={min(2, len(replicas))}"]
    nodes = ":".join(map(str, replicas))
    cluster().tools.text("TopicCommand", "--create", "--topic", name, "--replica-assignment", nodes, *config)
    wait_until(lambda: len(cluster().tools.describe(name).get(0, {}).get("isr", [])) == len(replicas), 30, f"{name} in sync")


def leader_of(topic: str) -> int:
    return cluster().tools.describe(topic).get(0, {}).get("leader", -1)


def wait_for_other_leader(topic: str, old: int) -> None:
    wait_until(lambda: leader_of(topic) not in (-1, old), 60, f"a new leader of {topic}", cluster().log_tails)


class Traffic:
    """Runs from its construction on; `finish` ends it and checks that every line arrived, once and in order."""

    def __init__(self, test, folder: Path, topic: str, *options):
        self.test, self.topic = test, topic
        self.sent, self.got, self.told = (folder / f"{topic}.{end}" for end in ("sent", "got", "told"))
        with open(self.told, "wb") as told, open(self.got, "wb") as got:
            self.consumer = start_ottla(test, "consume", "-t", topic, "-o", "beginning", *options, stdout=got, stderr=told)
            producing = ["produce", "-t", topic, "-p", 0, "--json", *options]
            self.producer = start_ottla(test, *producing, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=told)
        self.lines = 0
        self.stopping = threading.Event()
        self.feeder = threading.Thread(target=self._feed, daemon=True)
        self.feeder.start()
        test.addCleanup(self.stop_feeding)

    def _feed(self) -> None:
        with open(self.sent, "wb") as sent:
            try:
                while not self.stopping.wait(PIECE_SECONDS):
                    piece = b"".join(b"%d: %s\n" % (n, b"broker " * (n % 20)) for n in range(self.lines, self.lines + LINES_PER_PIECE))
                    self.lines += LINES_PER_PIECE
                    sent.write(piece)
                    self.producer.stdin.write(piece)
                    self.producer.stdin.flush()
            except BrokenPipeError:
                pass  # finish() tells

    def stop_feeding(self) -> None:
        self.stopping.set()
        self.feeder.join(60)

    def fail(self, what: str) -> None:
        self.test.fail(f"{self.topic}: {what}\n{self.told.read_text(errors='replace')}\n{cluster().log_tails()}")

    def finish(self) -> None:
        self.stop_feeding()
        try:
            summary, _ = self.producer.communicate(timeout=100)
        except subprocess.TimeoutExpired:
            self.fail("the producer did not end")
        if self.producer.returncode != 0:
            self.fail(f"the producer's exit status is {self.producer.returncode}; {summary.decode()}")
        counts = json.loads(summary)
        self.test.assertEqual((self.lines, self.lines, 0), (counts["accepted"], counts["delivered"], counts["failed"]))
        self.test.assertEqual({0: self.lines}, cluster().tools.end_offsets(self.topic))
        back = self.got.with_suffix(".back")
        with open(back, "wb") as out:
            ottla("consume", "-t", self.topic, "-o", "beginning", "-e", stdout=out)
        assert_same_files(self.test, self.sent, back, f"{self.topic}, read afterwards")
        size = self.sent.stat().st_size
        self.consumer_catches_up(size)
        self.consumer.terminate()
        if self.consumer.wait(20) != 0:
            self.fail(f"the consumer's exit status is {self.consumer.returncode}")
        assert_same_files(self.test, self.sent, self.got, f"{self.topic}, read all along")

    def consumer_catches_up(self, size: int) -> None:
        deadline = time.monotonic() + 60
        while self.got.stat().st_size < size:
            if self.consumer.poll() is not None or time.monotonic() > deadline:
                self.fail(f"the consumer stopped at {self.got.stat().st_size} of {size} bytes")
            time.sleep(0.05)
