"""What the tests of the command line share: running `ottla`, and embedded clusters for it to talk to."""

import itertools
import json
import os
import signal
import subprocess
import tempfile
import time
import unittest
from dataclasses import dataclass
from pathlib import Path

OTTLA = os.environ.get("OTTLA") or str(Path(__file__).resolve().parents[2] / "build/release/bin/ottla")
PATIENCE = 30.0
"""Seconds after which a command hangs, on a machine however busy."""
DONE, FAILED, USAGE = 0, 1, 2


@dataclass
class Result:
    status: int
    out: bytes
    errors: str
    seconds: float

    @property
    def lines(self) -> list[str]:
        return self.out.decode().splitlines()

    @property
    def json(self):
        return json.loads(self.out)

    def __str__(self) -> str:
        return f"exit status {self.status} after {self.seconds:.2f} s\nstdout: {self.out[:2000]!r}\nstderr: {self.errors[:4000]}"


def ottla(*arguments, stdin: bytes = b"", patience: float = PATIENCE, **popen) -> Result:
    """Runs a command to its end."""
    begin = time.monotonic()
    done = subprocess.run(
        [OTTLA, *map(str, arguments)], input=stdin, capture_output=True, timeout=patience, check=False, **popen
    )
    return Result(done.returncode, done.stdout, done.stderr.decode(errors="replace"), time.monotonic() - begin)


def start(*arguments, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE) -> subprocess.Popen:
    """Starts a command that is to be watched, written to or interrupted."""
    return subprocess.Popen(
        [OTTLA, *map(str, arguments)], stdin=stdin, stdout=stdout, stderr=stderr, preexec_fn=hear_interrupts
    )


def hear_interrupts() -> None:
    """The tests may run where interrupts are ignored, as background jobs of a shell do."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def finish(process: subprocess.Popen, patience: float = PATIENCE) -> Result:
    """Waits for the end of what `start` began."""
    begin = time.monotonic()
    try:
        out, errors = process.communicate(timeout=patience)
    finally:
        process.kill()
    return Result(process.returncode, out or b"", (errors or b"").decode(errors="replace"), time.monotonic() - begin)


def end_of(process: subprocess.Popen) -> None:
    process.kill()
    for pipe in (process.stdin, process.stdout, process.stderr):
        if pipe and not pipe.closed:
            try:
                pipe.close()
            except BrokenPipeError:
                pass  # what was written and never read
    process.wait()


class Mock:
    """`ottla mock` on free ports."""

    def __init__(self, *options):
        self.process = start("mock", "--port", 0, *options, stderr=None)
        line = self.process.stdout.readline().decode()
        name, _, self.servers = line.strip().partition("=")
        if name != "bootstrap.servers":
            self.process.kill()
            self.process.communicate()
            raise AssertionError(f"ottla mock said {line!r}")

    def end(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        self.process.communicate(timeout=PATIENCE)
        return self.process.returncode

    def __enter__(self) -> "Mock":
        return self

    def __exit__(self, *_) -> None:
        self.end()


class ClusterTest(unittest.TestCase):
    """A cluster of one broker for each class of tests, a topic of its own for each test."""

    mock_options = ("--no-auto-create",)
    numbers = itertools.count(1)

    @classmethod
    def setUpClass(cls):
        cls.mock = Mock(*cls.mock_options)
        cls.addClassCleanup(cls.mock.end)

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def run_ottla(self, command: str, *arguments, status: int = DONE, **how) -> Result:
        """A command against the cluster; `command` may be two words."""
        result = ottla(*command.split(), "-b", self.mock.servers, *arguments, **how)
        self.assertEqual(status, result.status, f"{command} {arguments}: {result}")
        return result

    def start(self, command: str, *arguments, **how) -> subprocess.Popen:
        """As run_ottla, for what is to be watched; killed at the end of the test if it still runs."""
        return self.start_at(self.mock.servers, command, *arguments, **how)

    def start_at(self, servers: str, command: str, *arguments, **how) -> subprocess.Popen:
        process = start(*command.split(), "-b", servers, *arguments, **how)
        self.addCleanup(end_of, process)
        return process

    def make_topic(self, partitions: int = 1, *options) -> str:
        topic = f"topic-{next(self.numbers)}"
        self.run_ottla("topics create", topic, "-p", partitions, *options)
        return topic

    def produce(self, topic: str, data: bytes, *options, **how) -> Result:
        return self.run_ottla("produce", "-t", topic, *options, stdin=data, **how)

    def consume(self, topic: str, *options, **how) -> Result:
        """Everything, unless the options say otherwise."""
        return self.run_ottla("consume", "-t", topic, "-e", *options, **how)

    def write(self, name: str, content: bytes) -> Path:
        path = self.folder / name
        path.write_bytes(content)
        return path
