"""The copiers of the workload `copy`: one at a time works, and is killed, or replaced while it lives, or while it is stopped."""

import random
import signal
import subprocess
import threading
import time
from collections import Counter
from pathlib import Path

REPLACED = 3
"""Exit status of a copier that ended with a fatal error, as one must that another has replaced. Its notes name the error: mostly _FENCED, and
once, with transactions of version 2, INVALID_TXN_STATE, which is not explained yet."""
GONE_SECONDS = 90
STOPPED_SECONDS = (1, 8)


class Copiers:
    """`start` makes the client of a given name. Faults come from one thread, all else from another."""

    def __init__(self, start, folder: Path):
        self.start, self.folder = start, folder
        self.lock = threading.RLock()
        self.all = []
        self.violations = []
        self.begin()

    @property
    def special(self) -> dict:
        return {"kill copier": self.kill, "replace copier": self.replace, "replace stopped copier": self.replace_stopped}

    def begin(self) -> None:
        with self.lock:
            self.current = self.start(f"copier{len(self.all) + 1}")
            self.all.append(self.current)

    def check(self) -> None:
        with self.lock:
            self.current.check()

    def kill(self, chance: random.Random) -> None:
        with self.lock:
            self.current.kill()
            time.sleep(chance.uniform(0, 2))
            self.begin()  # before anybody else looks at the one that was killed
        self.wait_for_work()

    def replace(self, _: random.Random) -> None:
        old = self.current
        self.begin()
        self.ends(old)

    def replace_stopped(self, chance: random.Random) -> None:
        old = self.current
        old.process.send_signal(signal.SIGSTOP)
        self.begin()
        time.sleep(chance.uniform(*STOPPED_SECONDS))
        old.process.send_signal(signal.SIGCONT)
        self.ends(old)

    def ends(self, old) -> None:
        self.wait_for_work()
        try:
            status = old.process.wait(GONE_SECONDS)
        except subprocess.TimeoutExpired:
            old.kill()
            self.violations.append(f"{old.name} still worked {GONE_SECONDS} s after it had been replaced")
            return
        if status != REPLACED:
            self.violations.append(f"{old.name} was replaced and ended with status {status}, not by a fatal error")

    def wait_for_work(self) -> None:
        """The new one has committed something."""
        deadline = time.monotonic() + GONE_SECONDS
        while not self.current.counters.get("committed"):
            if self.current.process.poll() is not None or time.monotonic() > deadline:
                self.violations.append(f"{self.current.name} has committed nothing in {GONE_SECONDS} s")
                return
            time.sleep(0.1)

    def counts(self) -> Counter:
        """Transactions of all copiers together."""
        return sum((Counter({n: one.counters.get(n, 0) for n in ("committed", "aborted")}) for one in self.all), Counter())

    def notes(self) -> Counter:
        """What their ledgers say, also of those that were killed; what must not happen goes to the violations."""
        notes = Counter()
        for one in self.all:
            for line in one.ledger.read_text().splitlines():
                if line.startswith("N "):
                    notes[line[2:]] += 1
                elif line.startswith("! "):
                    self.violations.append(f"{one.name} says: {line[2:]}")
        return notes

    def finish(self) -> None:
        self.current.finish()

    def end(self) -> None:
        for one in self.all:
            one.kill()
