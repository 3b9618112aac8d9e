"""ottla.memory.budget kept by a process as the system counts it."""

import json
import subprocess
import sys
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/cli"))

from programs import Mock  # noqa: E402

PROGRAM = ROOT / "build/release/bin/hold_records"
MIB = 1024 * 1024
BUDGET = 64 * MIB
PARTITIONS = 200
KBYTES = 800
"""In each partition: 160 MB in all, more than twice the budget."""


def run(*arguments) -> str:
    done = subprocess.run([PROGRAM, *map(str, arguments)], capture_output=True, timeout=300, check=False, text=True)
    if done.returncode:
        raise AssertionError(f"hold_records {arguments}: {done.stderr}")
    return done.stdout


class MemoryBudget(unittest.TestCase):
    def test_an_application_that_holds_records_stays_within_its_budget_and_in_its_group(self):
        with Mock("--topic", f"t:{PARTITIONS}", "--brokers", "3") as mock:
            run("fill", mock.servers, "t", PARTITIONS, KBYTES)
            seen = json.loads(run("hold", mock.servers, "t", BUDGET, 25, PARTITIONS * KBYTES))
        print(seen)
        self.assertEqual(PARTITIONS * KBYTES, seen["records"], "every record, once the application lets go")
        self.assertGreater(seen["waits"], 0, "the budget was reached")
        self.assertLessEqual(seen["peak_kb"] * 1024, BUDGET + 20 * MIB)
        self.assertEqual((1, 0), (seen["assigned"], seen["taken"]), "heartbeats went on")
        self.assertEqual(0, seen["reconnects"])


if __name__ == "__main__":
    unittest.main()
