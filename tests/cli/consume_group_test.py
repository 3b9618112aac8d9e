"""ottla consume -G: reading as a member of a group."""

import json
import signal
import subprocess
import unittest

from programs import DONE, FAILED, ClusterTest, finish


class GroupTest(ClusterTest):
    def setUp(self):
        super().setUp()
        self.group = f"group-{next(self.numbers)}"

    def read(self, *arguments, **how):
        """To the end of what there is."""
        return self.run_ottla("consume", "-G", self.group, "-e", *arguments, **how)

    def join(self, *arguments) -> subprocess.Popen:
        return self.start("consume", "-u", "-G", self.group, *arguments)

    def expect(self, member: subprocess.Popen, text: str) -> None:
        self.assertEqual(f"% {self.group}: {text}\n", member.stderr.readline().decode())

    def test_several_topics_and_what_the_group_has_read(self):
        one, two = self.make_topic(3), self.make_topic(1)
        for partition in range(3):
            self.produce(one, b"a%d\n" % partition, "-p", partition)
        self.produce(two, b"b\n")
        result = self.read(one, two)
        self.assertEqual(["a0", "a1", "a2", "b"], sorted(result.lines))
        everything = f"{one}[0-2] {two}[0]" if one < two else f"{two}[0] {one}[0-2]"
        self.assertEqual(
            [f"% {self.group}: assigned {everything}", f"% {self.group}: revoked {everything}"], result.errors.splitlines()
        )
        self.assertEqual([], self.read(one, "-t", two).lines)
        self.produce(one, b"later\n")
        result = self.read(one, two, "-q")
        self.assertEqual((["later"], ""), (result.lines, result.errors))

    def test_what_was_not_printed_is_not_committed(self):
        topic = self.make_topic(1)
        self.produce(topic, b"1\n2\n3\n4\n5\n")
        self.assertEqual(["1", "2"], self.run_ottla("consume", "-G", self.group, topic, "-c", 2).lines)
        with open("/dev/full", "wb") as full:
            process = self.start("consume", "-G", self.group, topic, "-e", "-q", stdout=full)
            result = finish(process)
        self.assertEqual(FAILED, result.status, result)
        self.assertEqual("ottla: cannot write to stdout: No space left on device\n", result.errors)
        self.assertEqual(["3", "4", "5"], self.read(topic).lines)

    def test_without_automatic_commits_nothing_is_committed(self):
        topic = self.make_topic(1)
        self.produce(topic, b"1\n")
        for _ in range(2):
            self.assertEqual(["1"], self.read(topic, "-X", "enable.auto.commit=false").lines)

    def test_where_a_new_group_begins(self):
        topic = self.make_topic(1)
        self.produce(topic, b"old\n")
        self.assertEqual([], self.read(topic, "-o", "end").lines)
        self.group += "-2"
        self.assertEqual(["old"], self.read(topic, "-o", "beginning", "-f", "%s\\n").lines)
        self.group += "-3"
        self.assertEqual([], self.read(topic, "-X", "auto.offset.reset=latest").lines)
        self.group += "-4"
        (line,) = self.read(topic, "-J").lines
        self.assertEqual((topic, "old"), (json.loads(line)["topic"], json.loads(line)["payload"]))

    def test_members_share_and_one_that_is_interrupted_leaves(self):
        topic = self.make_topic(4)
        first = self.join(topic)
        self.expect(first, f"assigned {topic}[0-3]")
        second = self.join(topic)
        self.expect(first, f"revoked {topic}[0-3]")
        shown = {member.stderr.readline().decode().split()[-1] for member in (first, second)}
        self.assertEqual({f"{topic}[0-1]", f"{topic}[2-3]"}, shown)
        for partition in range(4):
            self.produce(topic, b"%d\n" % partition, "-p", partition)
        printed = [sorted(member.stdout.readline() for _ in range(2)) for member in (first, second)]
        self.assertEqual([[b"0\n", b"1\n"], [b"2\n", b"3\n"]], sorted(printed))

        # Who leaves says so: the other one does not wait for its session to end, which would take 45 seconds.
        first.send_signal(signal.SIGINT)
        result = finish(first)
        self.assertEqual((DONE, b""), (result.status, result.out), result)
        self.assertRegex(result.errors, rf"^% {self.group}: revoked {topic}\[\d-\d\]\n$")
        self.assertIn(f"revoked {topic}[", second.stderr.readline().decode())
        self.expect(second, f"assigned {topic}[0-3]")
        for partition in range(4):
            self.produce(topic, b"%d\n" % (4 + partition), "-p", partition)
        self.assertEqual([b"4\n", b"5\n", b"6\n", b"7\n"], sorted(second.stdout.readline() for _ in range(4)))

    def test_cooperative_members_give_up_only_what_moves(self):
        topic = self.make_topic(4)
        cooperative = ("-X", "partition.assignment.strategy=cooperative-sticky")
        first = self.join(topic, *cooperative)
        self.expect(first, f"assigned {topic}[0-3]")
        second = self.join(topic, *cooperative)
        given = first.stderr.readline().decode().split()
        self.assertEqual(["revoked"], given[2:3])
        while (line := second.stderr.readline().decode().split())[-1] == "nothing":
            pass
        self.assertEqual(["assigned", given[-1]], line[2:])

    def test_a_topic_that_does_not_exist_is_told(self):
        there = self.make_topic(1)
        self.produce(there, b"1\n")
        result = self.read(there, "nowhere")
        self.assertEqual(["1"], result.lines)
        self.assertIn("ottla: UNKNOWN_TOPIC_OR_PART: nowhere: ", result.errors)


if __name__ == "__main__":
    unittest.main()
