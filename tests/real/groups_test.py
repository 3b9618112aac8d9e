"""Groups of our consumers, also together with kcat, on the real cluster: who holds what, and what is lost when one is killed. Nothing."""

import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

from program import OTTLA, ottla, start_ottla
from real_cluster import VERSION, cluster, wait_until

sys.path.append(str(Path(__file__).resolve().parents[1] / "chaos_run"))
import group_tool  # noqa: E402
from group_judge import judge_group, parse_member  # noqa: E402
from judge import parse_ledger  # noqa: E402

CLIENT = Path(OTTLA).with_name("chaos_client")
KCAT = shutil.which("kcat")
SESSION = ["session.timeout.ms=6000", "heartbeat.interval.ms=500", "auto.offset.reset=earliest", "auto.commit.interval.ms=200"]


def owners(group: str, topic: str) -> dict[str, set[int]]:
    """client.id to the partitions that Kafka's tool says it holds."""
    told = cluster().tools.text("ConsumerGroupCommand", "--describe", "--group", group, "--timeout", 30000, may_fail=True)
    found: dict[str, set[int]] = {}
    for partition, row in group_tool.parse_offsets(told, topic).items():
        found.setdefault(row.client, set()).add(partition)
    return found


class FolderTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="ottla-groups.")
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)


def flags(settings: list[str]) -> list[str]:
    return [word for one in settings for word in ("-X", one)]


class MembersTest(FolderTest):
    """Each member writes what it reads to a file of its name, as lines "PARTITION OFFSET VALUE", each at once."""

    def start(self, name: str, group: str, topic: str, *settings: str) -> subprocess.Popen:
        words = flags([*settings, f"client.id={name}"])
        with open(self.folder / name, "ab") as out:
            return start_ottla(self, "consume", "-G", group, "-u", "-q", "-f", "%p %o %s\\n", *words, topic, stdout=out)

    @staticmethod
    def kill(process: subprocess.Popen) -> None:
        """kill -9; of ottla, which runs below `timeout`, its child."""
        if process.poll() is None:
            children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
            for child in map(int, children):
                os.kill(child, 9)
            if not children:
                process.kill()
        process.wait()

    def read(self, name: str) -> list[tuple[int, str]]:
        """(partition, value) of the whole lines."""
        text = (self.folder / name).read_bytes()
        lines = text[: text.rfind(b"\n") + 1].decode().splitlines()
        return [(int(partition), value) for partition, _, value in (line.split(" ", 2) for line in lines)]

    def produce(self, topic: str, name: str, count: int) -> set[str]:
        values = [f"{name}-{n}" for n in range(count)]
        lines = self.folder / "lines"
        lines.write_text("".join(value + "\n" for value in values))
        ottla("produce", "-t", topic, "-X", "partitioner=random", "-X", "sticky.partitioning.linger.ms=0", lines)
        return set(values)

    def wait_read(self, wanted: set[str], *names: str) -> None:
        wait_until(lambda: wanted <= {value for name in names for _, value in self.read(name)}, 40, f"{len(wanted)} values read by {names}")

    def wait_owners(self, group: str, topic: str, counts: dict[str, int]) -> dict[str, set[int]]:
        def agree() -> bool:
            self.told = owners(group, topic)
            return {name: len(some) for name, some in self.told.items()} == counts

        wait_until(agree, 60, f"{counts} of {group}", lambda: str(self.told))
        return self.told


@unittest.skipUnless(KCAT, "kcat is not installed")
class KcatTest(MembersTest):
    def start_ours(self, group: str, topic: str, strategy: str) -> subprocess.Popen:
        return self.start("ours", group, topic, *SESSION, f"partition.assignment.strategy={strategy}")

    def start_kcat(self, group: str, topic: str, strategy: str) -> subprocess.Popen:
        settings = flags([*SESSION, f"partition.assignment.strategy={strategy}", "client.id=kcat"])
        command = [KCAT, "-b", cluster().bootstrap, *settings, "-u", "-q", "-f", "%p %o %s\\n", "-G", group, topic]
        with open(self.folder / "kcat", "ab") as out, open(self.folder / "kcat.log", "ab") as log:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=log)
        self.addCleanup(self.kill, process)
        return process

    def share(self, strategy: str) -> None:
        topic = group = f"with-kcat-{strategy}"
        ottla("topics", "create", "-p", 6, "-r", 3, topic)
        ours, kcat = self.start_ours(group, topic, strategy), self.start_kcat(group, topic, strategy)
        self.wait_read(self.produce(topic, "first", 100), "ours", "kcat")
        held = self.wait_owners(group, topic, {"ours": 3, "kcat": 3})
        before = {name: len(self.read(name)) for name in held}
        wanted = self.produce(topic, "shared", 600)
        self.wait_read(wanted, "ours", "kcat")
        fresh = {name: self.read(name)[count:] for name, count in before.items()}
        for name, rows in fresh.items():  # each has read its own, and once
            self.assertEqual(held[name], {partition for partition, _ in rows})
        self.assertEqual(sorted(wanted), sorted(value for rows in fresh.values() for _, value in rows))

        self.kill(kcat)
        self.wait_read(self.produce(topic, "without-kcat", 300), "ours", "kcat")
        self.wait_owners(group, topic, {"ours": 6})
        kcat = self.start_kcat(group, topic, strategy)
        self.wait_owners(group, topic, {"ours": 3, "kcat": 3})
        self.kill(ours)
        self.wait_read(self.produce(topic, "without-ours", 300), "ours", "kcat")
        self.wait_owners(group, topic, {"kcat": 6})

    def test_eager(self):
        self.share("range")

    def test_cooperative(self):
        self.share("cooperative-sticky")


class KilledTest(FolderTest):
    """A static member is killed in the midst of its batches, again and again; Kafka's records of its commits are the witness."""

    def start(self, workload: str, name: str, topic: str, *more: str) -> subprocess.Popen:
        words = [CLIENT, "--workload", workload, "--bootstrap", cluster().bootstrap, "--topic", topic, "--partitions", 4, "--seconds", 300, *more]
        process = subprocess.Popen(
            [*map(str, words), "--ledger", str(self.folder / f"{name}.ledger")], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL
        )
        self.addCleanup(self.end, process)
        return process

    @staticmethod
    def end(process: subprocess.Popen) -> None:
        process.kill()
        process.wait()
        process.stdin.close()

    def kill_often(self, read: str) -> None:
        topic = group = f"killed-{read}"
        ottla("topics", "create", "-p", 4, "-r", 3, topic)
        feeder = self.start("feeder", "feeder", topic, "--rate", 1000)
        chance, members = random.Random(read), []
        for number in range(1, 9):
            name = f"ours-{number}"
            more = ["--group", group, "--name", "ours", "--instance", "ours", "--read", read, "--commit", "auto", "--seed", number]
            member = self.start("member", name, topic, *more)
            ledger = self.folder / f"{name}.ledger"
            wait_until(lambda: ledger.exists() and b"\nP " in ledger.read_bytes(), 60, f"{name} at work")
            time.sleep(chance.uniform(0.2, 1))
            if number == 8:
                feeder.stdin.close()
                self.assertEqual(0, feeder.wait(60))
                self.wait_for_the_end(group, topic)
                member.stdin.close()
                self.assertEqual(0, member.wait(60))
                killed_ms = None
            else:
                size = ledger.stat().st_size
                wait_until(lambda: ledger.stat().st_size > size, 60, f"{name} at work still")
                killed_ms = time.time_ns() // 1_000_000
                member.kill()
                member.wait()
            with open(ledger) as lines:
                members.append(parse_member(lines, name, killed_ms))
        with open(self.folder / "feeder.ledger") as lines:
            sent = parse_ledger(lines)
        classes = group_tool.compile_java(VERSION, self.folder)
        commits = group_tool.commits(VERSION, cluster().bootstrap, group, classes)
        verdict = judge_group(sent.acked, cluster().tools.end_offsets(topic), members, commits)
        self.assertEqual([], verdict.violations)
        if read != "poll":  # there each record counts with the next call
            self.assertGreater(verdict.counts["worked on again"], 0, "nobody was killed in the midst of a batch")
            self.assertEqual(0, verdict.counts["in hand when killed"])

    def wait_for_the_end(self, group: str, topic: str) -> None:
        def no_lag() -> bool:
            self.told = cluster().tools.text("ConsumerGroupCommand", "--describe", "--group", group, "--timeout", 30000)
            rows = group_tool.parse_offsets(self.told, topic)
            return len(rows) == 4 and all(row.lag == 0 for row in rows.values())

        wait_until(no_lag, 60, "no lag", lambda: self.told)

    def test_poll(self):
        self.kill_often("poll")

    def test_poll_records(self):
        self.kill_often("records")

    def test_consume(self):
        self.kill_often("consume")


class PatternTest(FolderTest):
    """Topics that a subscription's pattern finds: those that are there, and those that are made while members run."""

    def find_topics(self, protocol: str) -> None:
        group = f"pattern-{protocol}"
        members = [(f"{name}-{protocol}", self.folder / name) for name in ("one", "two")]
        ottla("topics", "create", "-p", 2, "-r", 3, f"{group}-now")
        ottla("topics", "create", "-p", 2, "-r", 3, f"no-{group}")
        for name, path in members:
            settings = ["auto.offset.reset=earliest", f"group.protocol={protocol}", f"client.id={name}", "topic.metadata.refresh.interval.ms=1000"]
            with open(path, "ab") as out:
                start_ottla(self, "consume", "-G", group, "-u", "-q", "-f", "%t %p %o\\n", *flags(settings), f"^{group}-.*", stdout=out)
        for topic in (f"{group}-now", f"{group}-later"):
            if topic.endswith("later"):
                ottla("topics", "create", "-p", 4, "-r", 3, topic)
            wait_until(lambda topic=topic: set(owners(group, topic)) == {name for name, _ in members}, 60, f"both own some of {topic}")
        lines = self.folder / "lines"
        lines.write_text("x\n" * 100)
        wanted = set()
        for topic, partitions in ((f"{group}-now", 2), (f"{group}-later", 4), (f"no-{group}", 2)):
            for partition in range(partitions):
                ottla("produce", "-t", topic, "-p", partition, lines)
                wanted |= {f"{topic} {partition} {offset}" for offset in range(100)} if not topic.startswith("no-") else set()

        def read() -> list[str]:
            return sorted(line for _, path in members for line in path.read_text().splitlines())

        wait_until(lambda: len(read()) >= len(wanted), 60, "all is read", lambda: str(len(read())))
        self.assertEqual(sorted(wanted), read())

    def test_classic(self):
        self.find_topics("classic")

    def test_new_protocol(self):
        self.find_topics("consumer")


class MigrationTest(MembersTest):
    """A group moves to the new protocol and back, member by member, while it works (KIP-848)."""

    def begin(self, name: str, protocol: str) -> None:
        session = SESSION if protocol == "classic" else [one for one in SESSION if one.startswith("auto.")]
        self.members[name] = (f"{name}-{protocol}", self.start(f"{name}-{protocol}", "migration", "migration", *session, f"group.protocol={protocol}"))

    def all_work(self, what: str) -> None:
        """Each member has its share of the partitions, and what is sent now is read."""
        self.wait_owners("migration", "migration", {called: 3 for called, _ in self.members.values()})
        self.sent |= self.produce("migration", what, 600)
        self.wait_read(self.sent, *self.called())

    def called(self) -> list[str]:
        return [path.name for path in self.folder.glob("*-c*")]

    def test_there_and_back(self):
        ottla("topics", "create", "-p", 6, "-r", 3, "migration")
        self.members: dict[str, tuple[str, subprocess.Popen]] = {}
        self.sent: set[str] = set()
        for name in ("one", "two"):
            self.begin(name, "classic")
        self.all_work("classic")
        for name, protocol, kill in (("one", "consumer", True), ("two", "consumer", False), ("one", "classic", False), ("two", "classic", False)):
            _, member = self.members[name]
            if not kill:
                member.terminate()
                member.wait(30)
            self.kill(member)
            self.begin(name, protocol)
            self.all_work(f"{name}-{protocol}")
        self.assertEqual(self.sent, {value for name in self.called() for _, value in self.read(name)})


class OneEngineTest(FolderTest):
    def test_two_members_on_one_engine_join_without_waiting_for_each_other(self):
        ottla("topics", "create", "-p", 6, "-r", 3, "one-engine")
        for assignor in ("range", "cooperative-sticky"):
            with self.subTest(assignor):
                ledger = self.folder / assignor
                words = ["--workload", "pair", "--bootstrap", cluster().bootstrap, "--topic", "one-engine", "--partitions", 6]
                words += ["--group", f"one-engine-{assignor}", "--assignor", assignor, "--ledger", ledger]
                subprocess.run([CLIENT, *map(str, words)], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, timeout=100, check=True)
                told = ledger.read_text()
                self.assertRegex(told, re.compile(r"^N joined after \d+ ms\nEND\n$", re.M))


if __name__ == "__main__":
    unittest.main()
