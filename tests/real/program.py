"""Runs the program `ottla`, and makes the text that the tests send."""

import atexit
import contextlib
import filecmp
import os
import random
import subprocess
from pathlib import Path

from real_cluster import cluster

OTTLA = os.environ.get("OTTLA", str(Path(__file__).resolve().parents[2] / "build/release/bin/ottla"))
MEGABYTES = int(os.environ.get("OTTLA_REAL_MB", "10"))
CODECS = ["none", "gzip", "snappy", "lz4", "zstd"]


def ottla(*arguments, status: int = 0, seconds: float = 120, **options) -> subprocess.CompletedProcess:
    """Runs a command of ottla against the cluster; a wrong exit status fails with what it said."""
    command = _command(arguments)
    try:
        done = subprocess.run(command, stderr=subprocess.PIPE, timeout=seconds, check=False, **{"stdout": subprocess.PIPE, **options})
    except subprocess.TimeoutExpired as late:
        told = (late.stderr or b"").decode(errors="replace")
        raise AssertionError(f"{_shown(command)}: still there after {seconds} s\n{told}\n{cluster().log_tails()}") from None
    if done.returncode != status:
        told = done.stderr.decode(errors="replace")
        raise AssertionError(f"{_shown(command)}: exit status {done.returncode}, not {status}\n{told}\n{cluster().log_tails()}")
    return done


def start_ottla(test, *arguments, seconds: float = 400, **options) -> subprocess.Popen:
    """In the background, until the test ends; after `seconds` it ends even if nobody is left to end it."""
    process = subprocess.Popen(["timeout", "--foreground", str(seconds), *_command(arguments)], **options)
    test.addCleanup(_end, process)
    atexit.register(_end, process)  # an interrupt skips what a test has to clean up
    return process


def _end(process: subprocess.Popen) -> None:
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    for stream in (process.stdin, process.stdout):
        if stream:
            with contextlib.suppress(OSError):  # what nobody reads any more
                stream.close()


def _command(arguments) -> list[str]:
    words = [str(word) for word in arguments]
    commands = 2 if words[0] == "topics" else 1
    return [OTTLA, *words[:commands], "-b", cluster().bootstrap, *words[commands:]]


def _shown(command: list[str]) -> str:
    return " ".join(["ottla", *map(repr, command[1:])])


def write_text(path: Path, megabytes: int, keys: int = 0) -> int:
    """Numbered lines of 0 to 200 bytes, some in other scripts, some of 60 kB, some empty but for their number.

    With `keys` each line begins with one of so many keys and a tab. Returns the number of lines.
    """
    chance = random.Random(1)
    words = "broker offset leader epoch größer Straße журнал тема 東京 λόγος replica 12 0x1f {} [] ''".split()
    some = [" ".join(chance.choices(words, k=chance.randrange(24))) for _ in range(5000)]
    some[::1000] = ["longer " * 8500] * 5
    lines = size = 0
    with open(path, "wb") as file:
        while size < megabytes * 1_000_000:
            key = f"key-{chance.randrange(keys)}\t" if keys else ""
            size += file.write(f"{key}{lines}: {some[lines % len(some)]}\n".encode())
            lines += 1
    return lines


def assert_same_files(test, expected: Path, got: Path, what: str) -> None:
    """Byte for byte; names the first line that differs."""
    if filecmp.cmp(expected, got, shallow=False):
        return
    with open(expected, "rb") as left, open(got, "rb") as right:
        for number, (one, other) in enumerate(zip(left, right), 1):
            if one != other:
                test.fail(f"{what}: line {number} is {other[:200]!r}, not {one[:200]!r}")
    test.fail(f"{what}: {got.stat().st_size} bytes came back, of {expected.stat().st_size}")
