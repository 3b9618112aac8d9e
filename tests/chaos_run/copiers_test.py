"""What is demanded of copiers that are replaced."""

import random
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import copiers  # noqa: E402


class FakeCopier:
    """A process that ends with a status when its input ends, which `wait_for_work` of its successor does not wait for."""

    def __init__(self, name: str, status: int, folder: Path, note: str = ""):
        self.name, self.counters, self.ledger = name, {"committed": 2, "aborted": 1}, folder / name
        self.ledger.write_text(note)
        self.process = subprocess.Popen([sys.executable, "-c", f"raise SystemExit({status})"])

    def check(self):
        pass

    def kill(self):
        self.process.kill()
        self.process.wait()


class CopiersTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="ottla-copiers.")
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def replaced(self, status: int, note: str = "") -> copiers.Copiers:
        all_of_them = copiers.Copiers(lambda name: FakeCopier(name, status, self.folder, note), self.folder)
        self.addCleanup(all_of_them.end)
        all_of_them.replace(random.Random(1))
        return all_of_them

    def test_a_replaced_one_ends_with_a_fatal_error(self):
        self.assertEqual([], self.replaced(3).violations)

    def test_any_other_end_is_a_violation(self):
        for status in (0, 1, 4):
            found = self.replaced(status).violations
            self.assertEqual([f"copier1 was replaced and ended with status {status}, not by a fatal error"], found)

    def test_transactions_and_notes_of_all_are_added_up(self):
        some = self.replaced(3, "N fatal copier _FENCED\n! wrong\n")
        self.assertEqual({"committed": 4, "aborted": 2}, dict(some.counts()))
        self.assertEqual({"fatal copier _FENCED": 2}, dict(some.notes()))
        self.assertEqual(["copier1 says: wrong", "copier2 says: wrong"], some.violations)


if __name__ == "__main__":
    unittest.main()
