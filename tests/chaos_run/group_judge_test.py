"""The judge of groups finds what is planted, and is content with what is right; what Kafka's group tool prints is understood."""

import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import group_tool  # noqa: E402
from group_judge import judge_group, parse_member  # noqa: E402

ACKED = {("feeder", 0, n): n for n in range(4)}


def worked(*offsets, begin=10):
    """A record each millisecond."""
    return [f"P {begin + n} 0 {offset} feeder 0 {offset}" for n, offset in enumerate(offsets)]


def member(lines, name="ours1-1", ended_ms=None, stopped=False):
    end = [] if ended_ms else ["END"]
    return parse_member([line + "\n" for line in ["# ours1 poll sync", *lines, *end]], name, ended_ms, stopped)


ALL = ["A 5 0", *worked(0, 1, 2, 3), "R 20 0"]


class GroupJudgeTest(unittest.TestCase):
    def check(self, *words, members, commits=((15, 0, 4),), acked=ACKED, end=4):
        verdict = judge_group(acked, {0: end}, list(members), list(commits))
        told = "\n".join(verdict.violations)
        self.assertEqual(bool(words), not verdict.passed, told)
        for word in words:
            self.assertIn(word, told)
        return verdict

    def test_all_worked_on_and_committed(self):
        verdict = self.check(members=[member(ALL)])
        self.assertEqual((4, 4, 0), tuple(verdict.counts[name] for name in ("acked", "worked", "worked on again")))

    def test_a_record_that_nobody_worked_on(self):
        lines = ["A 5 0", *worked(0, 1, 2), "R 20 0"]
        self.check("('feeder', 0, 3) was acknowledged at 3, and nobody has worked on it", members=[member(lines)], commits=[(15, 0, 3)])

    def test_a_commit_that_passes_it(self):
        lines = ["A 5 0", *worked(0, 1, 2), "R 20 0"]
        self.check("offset 3 worked on never", members=[member(lines)], acked={})

    def test_a_commit_before_the_work(self):
        self.check("offset 3 worked on 1 ms later", members=[member(ALL)], commits=[(12, 0, 4)])
        self.check(members=[member(ALL)], commits=[(13, 0, 4)])

    def test_a_commit_that_goes_back(self):
        self.check("2 was committed after 4", members=[member(ALL)], commits=[(15, 0, 4), (16, 0, 2)])

    def test_what_was_handed_out_by_a_poll_may_be_committed(self):
        lines = ["A 5 0", *worked(0, 1, 2), "G 13 0 3"]
        verdict = self.check(members=[member(lines, ended_ms=20)], commits=[(13, 0, 4)])
        self.assertEqual(1, verdict.counts["in hand when killed"])
        self.check("offset 3 worked on 1 ms later", members=[member(lines, ended_ms=20)], commits=[(12, 0, 4)])
        lines = ["A 5 0", *worked(0, 1, 2), "G 13 0 3", "P 18 0 3 feeder 0 3", "R 20 0"]
        self.assertEqual(0, self.check(members=[member(lines)], commits=[(14, 0, 4)]).counts["in hand when killed"])

    def test_a_gap(self):
        lines = ["A 5 0", *worked(0, 2, 3), "R 20 0"]
        again = ["A 30 0", *worked(1, 2, 3, begin=31), "R 40 0"]
        self.check(
            "ours1-1 worked on offset 2 of partition 0 where 1 comes next",
            members=[member(lines), member(again, "java1-1")], commits=[(15, 0, 1), (50, 0, 4)],
        )  # fmt: skip

    def test_work_without_holding(self):
        self.check("offset 3 of partition 0, which it did not hold", members=[member(["A 5 0", *worked(0, 1, 2), "R 12 0", *worked(3, begin=13)])])

    def test_another_record_than_was_sent(self):
        lines = ["A 5 0", *worked(0, 1, 2), "P 14 0 3 feeder 0 7", "R 20 0"]
        self.check("was acknowledged at 3, where ('feeder', 0, 7) was worked on", members=[member(lines)])

    def test_a_record_that_is_not_there(self):
        self.check("offset 3 of partition 0, which ends at 3", members=[member(ALL)], end=3)

    def test_two_owners(self):
        other = member(["A 18 0", "R 30 0"], "java1-1")
        self.check("java1-1 was given partition 0 2 ms before ours1-1 had it no more", members=[member(ALL), other])
        lost = member([*ALL[:-1], "L 20 0"])
        stopped = member(ALL, stopped=True)
        for one in (lost, stopped):
            self.assertEqual(1, self.check(members=[one, other]).counts["owners that did not know"])
        self.check(members=[member(ALL[:-1], ended_ms=17), other])

    def test_a_start_elsewhere_than_committed(self):
        first = member(["A 5 0", *worked(0, 1, 2, 3)], ended_ms=14)
        second = member(["A 30 0", *worked(2, 3, begin=31), "R 40 0"], "java1-1")
        self.check(members=[first, second], commits=[(13, 0, 2), (35, 0, 4)])
        self.check("java1-1 began partition 0 at 2, where the group had got to [0, 1]", members=[first, second], commits=[(13, 0, 1), (35, 0, 4)])

    def test_what_a_member_says_itself(self):
        self.check("ours1-1 says: oh", members=[member([*ALL, "! oh"])])
        self.check("was given partition 0, which it held", members=[member(["A 4 0", *ALL])])
        self.check("asked to give up partition 0, which it did not hold", members=[member([*ALL, "R 21 0"])])
        self.check("not given up partition 0", members=[member(ALL[:-1])])
        verdict = self.check(members=[member([*ALL, "N commit late"])])
        self.assertEqual({"commit late": 1}, dict(verdict.notes))

    def test_a_line_that_was_being_written(self):
        one = parse_member(["A 5 0\n", "P 10 0 0 feeder 0 0\n", "P 11 0"], "ours1-1", 12)
        self.assertEqual(1, len(one.worked))


NEW = """
GROUP           TOPIC           PARTITION  CURRENT-OFFSET  LOG-END-OFFSET  LAG             CONSUMER-ID      HOST            CLIENT-ID
chaos-group     chaos           0          553             555             2               java1-da05       /127.0.0.1      java1
chaos-group     chaos           1          -               555             -               -                -               -
"""
OLD = """
TOPIC                          PARTITION  CURRENT-OFFSET  LOG-END-OFFSET  LAG        CONSUMER-ID         HOST         CLIENT-ID
chaos                          0          553             555             2          ours1-d387          /127.0.0.1   ours1
"""
MEMBERS = """
GROUP           CONSUMER-ID       HOST            CLIENT-ID       #PARTITIONS     CURRENT-EPOCH   CURRENT-ASSIGNMENT   TARGET-EPOCH    TARGET-ASSIGNMENT
chaos-group     java1-da05        /127.0.0.1      java1           2               -               chaos:0,1            -               -
chaos-group     ours1-d387        /127.0.0.1      ours1           0               -               -                    -               -
"""
OLD_MEMBERS = """
GROUP           CONSUMER-ID       HOST            CLIENT-ID       #PARTITIONS     ASSIGNMENT
chaos-group     java1-da05        /127.0.0.1      java1           2               chaos(0,1)
"""


class GroupToolTest(unittest.TestCase):
    def test_offsets(self):
        self.assertEqual(
            {0: group_tool.Row(553, 555, 2, "java1"), 1: group_tool.Row(None, 555, None, "")}, group_tool.parse_offsets(NEW, "chaos")
        )
        self.assertEqual({0: group_tool.Row(553, 555, 2, "ours1")}, group_tool.parse_offsets(OLD, "chaos"))

    def test_members(self):
        self.assertEqual({"java1": {0, 1}, "ours1": set()}, group_tool.parse_members(MEMBERS, "chaos"))
        self.assertEqual({"java1": {0, 1}}, group_tool.parse_members(OLD_MEMBERS, "chaos"))
        self.assertEqual({"java1": {0, 1}}, group_tool.parse_members(OLD_MEMBERS.replace("chaos(", "("), "chaos"))
        self.assertEqual({"java1": {0, 1}}, group_tool.parse_members(OLD_MEMBERS.replace("chaos(", "another(7),chaos("), "chaos"))

    def test_agreement(self):
        rows = {p: group_tool.Row(0, 0, 0, "a" if p < 6 else "b") for p in range(12)}
        claims = {"a": set(range(6)), "b": set(range(6, 12))}
        self.assertEqual("", group_tool.disagreement(claims, rows, claims))
        self.assertEqual("", group_tool.disagreement(claims, rows, None))
        self.assertIn("claimed by ['a', 'b']", group_tool.disagreement({**claims, "a": set(range(7))}, rows, claims))
        self.assertIn("claimed by nobody", group_tool.disagreement({**claims, "b": set(range(7, 12))}, rows, claims))
        self.assertIn("Kafka says Row", group_tool.disagreement({"a": claims["b"], "b": claims["a"]}, rows, claims))
        self.assertIn("the members hold", group_tool.disagreement(claims, rows, {"a": set(range(12)), "b": set()}))


if __name__ == "__main__":
    unittest.main()
