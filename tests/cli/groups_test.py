"""ottla groups and ottla lag: who reads what, and how far behind."""

import json
import os
import pty
import re
import select
import signal
import subprocess
import time
import unittest

from programs import DONE, FAILED, OTTLA, PATIENCE, USAGE, ClusterTest, Mock, finish, ottla


class GroupsCase(ClusterTest):
    def setUp(self):
        super().setUp()
        self.group = f"group-{next(self.numbers)}"

    def numbered(self, count: int) -> bytes:
        return b"".join(b"%d\n" % n for n in range(count))

    def read_some(self, topic: str, count: int, *options) -> None:
        self.run_ottla("consume", "-q", "-G", self.group, topic, "-c", count, *options)

    def join(self, topic: str, *options) -> subprocess.Popen:
        """A member that has been given its partitions."""
        member = self.start("consume", "-u", "-G", self.group, topic, *options)
        self.assertIn(b"assigned", member.stderr.readline())
        return member


class GroupsTest(GroupsCase):
    mock_options = ("--brokers", "3", "--no-auto-create")

    def test_list(self):
        topic = self.make_topic(1)
        self.produce(topic, b"1\n2\n")
        self.read_some(topic, 1)
        idle, self.group = self.group, self.group + "-live"
        self.join(topic)
        groups = {group["group"]: group for group in self.run_ottla("groups list", "--json").json}
        self.assertEqual(("Empty", "classic", "consumer"), tuple(groups[idle][name] for name in ("state", "type", "protocol_type")))
        self.assertEqual("Stable", groups[self.group]["state"])
        self.assertIn(groups[self.group]["coordinator"], (1, 2, 3))
        lines = [line.split() for line in self.run_ottla("groups list").lines]
        self.assertEqual(["group", "type", "state", "protocol", "coordinator"], lines[0])
        self.assertIn([idle, "classic", "Empty", "consumer", str(groups[idle]["coordinator"])], lines)
        chosen = self.run_ottla("groups list", "--json", "--state", "stable", "--state", "dead").json
        self.assertIn(self.group, [group["group"] for group in chosen])
        self.assertEqual({"Stable"}, {group["state"] for group in chosen})
        self.assertEqual(b"", self.run_ottla("groups list", "--type", "consumer").out)

    def test_describe_a_group_that_reads(self):
        topic = self.make_topic(2)
        self.produce(topic, self.numbered(10), "-p", 0)
        self.read_some(topic, 4)
        member = self.join(topic, "-X", "enable.auto.commit=false", "-X", "group.instance.id=one")
        (group,) = self.run_ottla("groups describe", self.group, "--json").json
        self.assertEqual((self.group, "Stable", "classic", "range", 6), tuple(group[name] for name in ("group", "state", "type", "assignor", "lag")))
        (one,) = group["members"]
        self.assertEqual(("ottla", "/127.0.0.1", "one", [topic]), tuple(one[name] for name in ("client_id", "host", "instance_id", "topics")))
        self.assertEqual([{"topic": topic, "partition": p} for p in (0, 1)], one["assignment"])
        self.assertEqual(
            [
                {"topic": topic, "partition": 0, "committed": 4, "end": 10, "lag": 6, "member": one["member"]},
                {"topic": topic, "partition": 1, "committed": None, "end": 0, "lag": None, "member": one["member"]},
            ],
            group["partitions"],
        )
        head, titles, first, second = self.run_ottla("groups describe", self.group).lines
        self.assertRegex(
            head, rf"^{self.group}: Stable, classic, assignor range, 1 members, coordinator [123] \(127\.0\.0\.1:\d+\), lag 6$"
        )
        self.assertEqual("topic partition committed end lag member host client id".split(), titles.split())
        self.assertEqual([topic, "0", "4", "10", "6", one["member"], "/127.0.0.1", "ottla"], first.split())
        self.assertEqual([topic, "1", "-", "0", "-", one["member"], "/127.0.0.1", "ottla"], second.split())
        _, _, line = self.run_ottla("groups describe", self.group, "--members").lines
        self.assertEqual([one["member"], "one", "/127.0.0.1", "ottla", "2", f"{topic}[0-1]"], line.split())
        self.assertIsNone(member.poll())

    def test_several_groups_of_which_one_does_not_exist(self):
        topic = self.make_topic(1)
        self.produce(topic, self.numbered(3))
        self.read_some(topic, 3)
        result = self.run_ottla("groups describe", self.group, "nobody", status=FAILED)
        self.assertIn("lag 0", result.lines[0])
        self.assertEqual([topic, "0", "3", "3", "0", "-", "-", "-"], result.lines[2].split())
        self.assertIn("ottla: GROUP_ID_NOT_FOUND: group nobody: ", result.errors)
        here, there = self.run_ottla("groups describe", self.group, "nobody", "-J", status=FAILED).json
        self.assertEqual((0, "GROUP_ID_NOT_FOUND"), (here["lag"], there["error"]))

    def test_a_topic_that_is_gone(self):
        topic = self.make_topic(1)
        self.produce(topic, self.numbered(3))
        self.read_some(topic, 3)
        self.run_ottla("topics delete", topic)
        (group,) = self.run_ottla("groups describe", self.group, "-J").json
        self.assertIn([row.get("error") for row in group["partitions"]], ([], ["UNKNOWN_TOPIC_OR_PART"]))

    def test_delete(self):
        topic = self.make_topic(1)
        self.produce(topic, self.numbered(2))
        self.read_some(topic, 1)
        old, self.group = self.group, self.group + "-live"
        self.join(topic)
        result = self.run_ottla("groups delete", old, self.group, "nobody", status=FAILED)
        self.assertEqual([f"deleted {old}"], result.lines)
        self.assertIn(f"ottla: NON_EMPTY_GROUP: group {self.group}: ", result.errors)
        self.assertIn("ottla: GROUP_ID_NOT_FOUND: group nobody: ", result.errors)
        (row,) = self.run_ottla("groups delete", old, "-J", status=FAILED).json
        self.assertEqual((old, "GROUP_ID_NOT_FOUND"), (row["group"], row["error"]))

    def test_usage(self):
        for arguments, complaint in (
            (["groups"], "list, describe or delete"),
            (["groups", "describe"], "group"),
            (["groups", "delete", ""], "empty"),
            (["groups", "list", "--state", "tired"], "--state tired"),
            (["groups", "list", "--type", "modern"], "--type modern"),
            (["lag", "--count", "3"], "--watch"),
            (["lag", "--interval", "3"], "--watch"),
            (["lag", "--watch", "--interval", "0"], "--interval"),
            (["lag", "--watch", "--count", "0"], "--count"),
        ):
            with self.subTest(arguments=arguments):
                result = ottla(*arguments)
                self.assertEqual(USAGE, result.status, result)
                self.assertIn(complaint, result.errors)


class LagTest(GroupsCase):
    mock_options = ("--no-auto-create",)

    def behind(self) -> str:
        """A topic of ten messages, four of which the group has read."""
        topic = self.make_topic(1)
        self.produce(topic, self.numbered(10))
        self.read_some(topic, 4)
        return topic

    def test_once(self):
        self.behind()
        titles, line = self.run_ottla("lag", self.group).lines
        self.assertEqual("group state members partitions lag consumed/s produced/s caught up in".split(), titles.split())
        self.assertEqual([self.group, "Empty", "0", "1", "6", "-", "-", "-"], line.split())

    def test_all_groups_the_one_that_is_furthest_behind_first(self):
        self.behind()
        near, self.group = self.group, self.group + "-far"
        topic = self.make_topic(1)
        self.produce(topic, self.numbered(1000))
        self.read_some(topic, 1)
        names = [line.split()[0] for line in self.run_ottla("lag").lines]
        self.assertEqual(["group", self.group], names[:2])
        self.assertIn(near, names)

    def test_a_group_that_does_not_exist(self):
        result = self.run_ottla("lag", "nobody", status=FAILED)
        self.assertIn("ottla: GROUP_ID_NOT_FOUND: group nobody", result.errors)
        self.assertEqual("GROUP_ID_NOT_FOUND", self.run_ottla("lag", "nobody", "-J", status=FAILED).json["error"])

    def test_watching_shows_rates(self):
        topic = self.behind()
        watcher = self.start("lag", self.group, "--watch", "--interval", "0.1", "--json")
        first = json.loads(watcher.stdout.readline())
        self.assertEqual((6, None, None, None), tuple(first[name] for name in ("lag", "consumed_per_s", "produced_per_s", "seconds_to_catch_up")))
        second = json.loads(watcher.stdout.readline())
        self.assertEqual((6, 0, 0, None), tuple(second[name] for name in ("lag", "consumed_per_s", "produced_per_s", "seconds_to_catch_up")))
        self.produce(topic, self.numbered(5))
        while (seen := json.loads(watcher.stdout.readline()))["lag"] != 11:
            pass
        self.assertGreater(seen["produced_per_s"], 0)
        self.read_some(topic, 9)
        while (seen := json.loads(watcher.stdout.readline()))["lag"] != 2:
            pass
        self.assertGreater(seen["consumed_per_s"], seen["produced_per_s"])
        self.assertGreaterEqual(seen["seconds_to_catch_up"], 0)
        self.read_some(topic, 2)
        while (seen := json.loads(watcher.stdout.readline()))["lag"]:
            pass
        self.assertEqual(0, seen["seconds_to_catch_up"])
        self.assertEqual(self.group, seen["group"])
        watcher.send_signal(signal.SIGINT)
        self.assertEqual(DONE, finish(watcher).status)

    def test_plain_lines_where_there_is_no_terminal(self):
        self.behind()
        lines = self.run_ottla("lag", self.group, "--watch", "-i", "0.1", "-c", "3").lines
        self.assertEqual(4, len(lines), lines)  # the titles stand once
        for line in lines[1:]:
            self.assertRegex(line, rf"^\d\d:\d\d:\d\d  {self.group}  Empty +0 +1 +6 ")

    def on_terminal(self, *arguments) -> str:
        own, theirs = pty.openpty()
        process = subprocess.Popen([OTTLA, *map(str, arguments), "-b", self.mock.servers], stdout=theirs, stderr=theirs)
        os.close(theirs)
        shown = b""
        while select.select([own], [], [], PATIENCE)[0]:
            try:
                shown += os.read(own, 65536)
            except OSError:  # it has ended
                break
        os.close(own)
        self.assertEqual(DONE, process.wait(PATIENCE))
        return shown.decode()

    def test_a_terminal_is_drawn_over(self):
        self.behind()
        shown = self.on_terminal("lag", self.group, "--watch", "-i", "0.1", "-c", "3")
        pictures = re.split(r"(?:\x1b\[2A)?\r\x1b\[J", shown)
        self.assertEqual(4, len(pictures), shown)  # nothing, then three of two lines each
        self.assertEqual(2, shown.count("\x1b[2A"))
        for picture in pictures[1:]:
            self.assertEqual(2, len(picture.splitlines()), picture)

    def test_a_cluster_that_goes_away_is_told_and_not_the_end(self):
        with Mock("--topic", "t:1") as mock:
            self.produce_to(mock, "t")
            ottla("consume", "-q", "-G", "g", "t", "-c", 1, "-b", mock.servers)
            watcher = self.start_at(mock.servers, "lag", "g", "--watch", "-i", "0.1", "-m", "1", "--json")
            self.assertEqual(1, json.loads(watcher.stdout.readline())["lag"])
        deadline = time.monotonic() + PATIENCE
        while not watcher.stderr.readline().startswith(b"ottla: "):
            self.assertLess(time.monotonic(), deadline)
        self.assertIsNone(watcher.poll())
        watcher.send_signal(signal.SIGINT)
        self.assertEqual(DONE, finish(watcher).status)

    def produce_to(self, mock: Mock, topic: str) -> None:
        self.assertEqual(DONE, ottla("produce", "-t", topic, "-b", mock.servers, stdin=b"1\n2\n").status)

    def test_a_cluster_that_is_not_there(self):
        result = ottla("lag", "g", "-b", "127.0.0.1:1", "-m", "1", "--watch")
        self.assertEqual(FAILED, result.status, result)


class MockOptionsTest(unittest.TestCase):
    def test_settings_of_groups(self):
        options = ("--group-max-size", 1, "--group-min-session-timeout", 100, "--group-max-session-timeout", 10_000, "--group-initial-rebalance-delay", 700)
        with Mock("--topic", "t:1", *options) as mock:

            def consume(*more, **how):
                return ottla("consume", "-b", mock.servers, "-G", "g", "t", "-e", *more, **how)

            result = consume()  # the default session is 45 seconds long
            self.assertEqual(FAILED, result.status, result)
            self.assertIn("session timeout", result.errors)
            result = consume("-X", "session.timeout.ms=6000")
            self.assertEqual(DONE, result.status, result)
            self.assertGreater(result.seconds, 0.6)


if __name__ == "__main__":
    unittest.main()
