"""The judge of tests/chaos finds what is planted, and is content with what is right."""

import sys
import unittest
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import judge  # noqa: E402


def idempotent(sequences, reports, accepted=4, lane="feeder"):
    """One partition: the log by sequence numbers, the ledger by report lines."""
    log = {0: [(offset, f"{lane} 0 {sequence} xx") for offset, sequence in enumerate(sequences)]}
    lines = [*(report + "\n" for report in reports), f"= {lane} 0 {accepted}\n", "END\n"]
    return judge.parse_ledger(lines), log


ACKED = [f"+ feeder 0 {n} {n}" for n in range(4)]


def transactions(values, outcomes, acks=()):
    log = {0: [(offset, f"t1 0 {transaction} {number} x") for offset, (transaction, number) in enumerate(values)]}
    lines = [f"+ t1 0 {transaction} {number} {offset}\n" for transaction, number, offset in acks]
    lines += [f"T t1 {transaction} {size} {outcome}\n" for transaction, size, outcome in outcomes]
    return judge.judge_transactional(judge.parse_ledger([*lines, "END\n"]), log)


class IdempotentTest(unittest.TestCase):
    def check(self, *words, sequences=(0, 1, 2, 3), reports=ACKED, accepted=4):
        ledger, log = idempotent(sequences, reports, accepted)
        verdict = judge.judge_idempotent(ledger, log, "feeder")
        verdict.add(ledger.verdict)
        told = "\n".join(verdict.violations)
        self.assertEqual(bool(words), not verdict.passed, told)
        for word in words:
            self.assertIn(word, told)
        return verdict

    def test_all_there_in_order(self):
        verdict = self.check()
        self.assertEqual(Counter(acked=4, read=4), +verdict.counts)

    def test_lost(self):
        self.check("('feeder', 0, 3) was acknowledged at 3 and is lost", sequences=(0, 1, 2))

    def test_doubled(self):
        self.check("('feeder', 0, 1) lies there 2 times, at [1, 4]", sequences=(0, 1, 2, 3, 1))

    def test_reordered(self):
        reports = ["+ feeder 0 0 0", "+ feeder 0 1 2", "+ feeder 0 2 1", "+ feeder 0 3 3"]
        self.check("('feeder', 0, 2) at 1 lies before ('feeder', 0, 1) at 2", sequences=(0, 2, 1, 3), reports=reports)

    def test_at_another_offset(self):
        self.check("acknowledged at 7 and lies at [3]", reports=[*ACKED[:3], "+ feeder 0 3 7"])

    def test_not_persisted_is_absent(self):
        self.check(sequences=(0, 1, 2), reports=[*ACKED[:3], "- feeder 0 3 n _MSG_TIMED_OUT"])
        self.check("as not persisted (_MSG_TIMED_OUT) and lies at [3]", reports=[*ACKED[:3], "- feeder 0 3 n _MSG_TIMED_OUT"])

    def test_possibly_persisted_is_either(self):
        reports = [*ACKED[:3], "- feeder 0 3 p _MSG_TIMED_OUT"]
        self.check(sequences=(0, 1, 2), reports=reports)
        self.check(sequences=(0, 1, 2, 3), reports=reports)
        self.check("lies there 2 times", sequences=(0, 1, 2, 3, 3), reports=reports)

    def test_every_message_is_reported_once(self):
        self.check("5 messages were accepted and 4 reported", accepted=5)
        self.check("was reported twice", reports=[*ACKED, ACKED[0]])

    def test_of_another_partition(self):
        ledger, log = idempotent((0, 1, 2, 3), ACKED)
        verdict = judge.judge_idempotent(ledger, {1: log[0]}, "feeder")
        self.assertIn("lies in partition 1", verdict.violations[0])

    def test_a_lane_that_sent_nothing(self):
        ledger, _ = idempotent((), ACKED)
        self.assertFalse(judge.judge_idempotent(ledger, {}, "other").passed)

    def test_trouble_of_the_client(self):
        self.check("the client says: fatal", reports=[*ACKED, "! fatal"])


class TransactionalTest(unittest.TestCase):
    acks = ((0, 0, 0), (0, 1, 1), (1, 0, 2))

    def test_as_it_should_be(self):
        outcomes = [(0, 2, "c"), (1, 1, "c"), (2, 5, "a"), (3, 5, "u"), (4, 1, "u")]
        verdict = transactions([(0, 0), (0, 1), (1, 0), (4, 0)], outcomes, self.acks)
        self.assertEqual([], verdict.violations)
        expected = {"acked": 3, "read": 4, "committed": 2, "aborted": 1, "unknown": 2, "unknown, committed": 1}
        self.assertEqual(Counter(expected), +verdict.counts)

    def test_half_a_transaction(self):
        verdict = transactions([(0, 0), (1, 0)], [(0, 2, "c"), (1, 1, "c")], self.acks)
        self.assertIn("transaction ('t1', 0) is committed, and 1 of its 2 messages are shown", verdict.violations)
        verdict = transactions([(0, 0)], [(0, 2, "u")])
        self.assertEqual(["transaction ('t1', 0) is unknown, and 1 of its 2 messages are shown"], verdict.violations)

    def test_a_committed_one_that_is_not_there(self):
        verdict = transactions([(0, 0), (0, 1)], [(0, 2, "c"), (1, 1, "c")], self.acks)
        self.assertIn("transaction ('t1', 1) is committed, and 0 of its 1 messages are shown", verdict.violations)

    def test_an_aborted_one_that_is_there(self):
        verdict = transactions([(0, 0)], [(0, 2, "a")])
        self.assertEqual(["transaction ('t1', 0) was aborted, and 1 of its 2 messages are shown"], verdict.violations)

    def test_doubled(self):
        verdict = transactions([(0, 0), (0, 1), (0, 1)], [(0, 2, "c")], self.acks[:2])
        self.assertEqual(["message ('t1', 0, 0, 1) lies there 2 times, at [1, 2]"], verdict.violations)

    def test_reordered(self):
        verdict = transactions([(1, 0), (0, 0)], [(0, 1, "u"), (1, 1, "u")])
        self.assertEqual(["message ('t1', 0, 1, 0) at 0 lies before ('t1', 0, 0, 0) at 1"], verdict.violations)

    def test_committed_without_all_acknowledgements(self):
        verdict = transactions([(0, 0), (0, 1)], [(0, 2, "c")], self.acks[:1])
        self.assertIn("was committed, but 1 of 2 messages acknowledged", verdict.violations[0])

    def test_a_transaction_of_nobody(self):
        verdict = transactions([(8, 0)], [])
        self.assertIn("of which the ledger says nothing", verdict.violations[0])


class CopyTest(unittest.TestCase):
    def check(self, copied, *words):
        ledger, source = idempotent((0, 1, 2, 3), ACKED)
        copy = {0: [(2 * place, f"feeder 0 {sequence} xx") for place, sequence in enumerate(copied)]}
        verdict = judge.judge_copy(ledger, source, copy)
        self.assertEqual(bool(words), not verdict.passed, verdict.violations)
        for word in words:
            self.assertIn(word, "\n".join(verdict.violations))

    def test_exactly_once(self):
        self.check((0, 1, 2, 3))

    def test_lost_doubled_reordered(self):
        self.check((0, 1, 3), "not copied: 'feeder 0 2 xx'")
        self.check((0, 1, 2, 2, 3), "copied too often: 'feeder 0 2 xx'", "lies there 2 times")
        self.check((0, 2, 1, 3), "partition 0 of the copy has 'feeder 0 2 xx' where 'feeder 0 1 xx' comes next")
        self.check((), "not copied: 'feeder 0 0 xx'")


class FormsTest(unittest.TestCase):
    def test_what_the_console_consumer_prints(self):
        log = judge.parse_log(["Partition:0\tOffset:7\tpatient 0 7 \n", "Partition:2\tOffset:1\tpatient 2 1 a\tb\n"])
        self.assertEqual({0: [(7, "patient 0 7 ")], 2: [(1, "patient 2 1 a\tb")]}, log)
        with self.assertRaises(judge.Unreadable):
            judge.parse_log(["patient 0 7 \n"])

    def test_reading_backwards(self):
        verdict = judge.Verdict()
        judge.offsets_ascend({0: [(3, ""), (4, ""), (2, "")]}, verdict)
        self.assertEqual(["the consumer read offset 2 of partition 0 after 4"], verdict.violations)

    def test_ledgers_that_are_not_whole(self):
        for lines in ([], ["+ feeder 0 1 1\n"], ["+ feeder 0 1 1"], ["what\n", "END\n"], ["END\n", "+ feeder 0 1 1\n"], ["\n"]):
            with self.subTest(lines), self.assertRaises(judge.Unreadable):
                judge.parse_ledger(lines)


class MinimumsTest(unittest.TestCase):
    def check(self, counts, faults, *words):
        verdict = judge.Verdict(counts=Counter(counts))
        judge.demand_minimums(verdict, faults, ["kill", "pause"])
        self.assertEqual(len(words), len(verdict.violations), verdict.violations)
        for word, violation in zip(words, verdict.violations):
            self.assertIn(word, violation)

    def test_nothing_is_shown_by_a_run_in_which_nothing_happened(self):
        enough = {"acked": 1001, "read": 1001}
        self.check(enough, {"kill": 1, "pause": 2})
        self.check(enough, {}, "no fault was", "kind kill", "kind pause")
        self.check(enough, {"kill": 3}, "kind pause")
        self.check({"acked": 1000, "read": 1000}, {"kill": 1, "pause": 1}, "only 1000")
        self.check({"acked": 1001}, {"kill": 1, "pause": 1}, "nothing was read")

    def test_many_violations_are_counted_and_some_told(self):
        verdict, other = judge.Verdict(), judge.Verdict()
        for number in range(100):
            verdict.violation(f"v{number}")
            other.violation(f"o{number}")
        verdict.add(other)
        self.assertEqual((200, judge.SHOWN), (verdict.violation_count, len(verdict.violations)))
        self.assertFalse(verdict.passed)


if __name__ == "__main__":
    unittest.main()
