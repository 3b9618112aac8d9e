"""ottla's list, topics and offsets agree with TopicCommand, GetOffsetShell and ConsoleConsumer."""

import json
import tempfile
import time
import unittest
from pathlib import Path

from program import ottla
from real_cluster import cluster, wait_until


def described_by_ottla(topic: str) -> dict[int, dict]:
    """As KafkaTools.describe."""
    (found,) = json.loads(ottla("topics", "describe", "--json", topic).stdout)
    return {
        row["partition"]: {"leader": row["leader"], "replicas": row["replicas"], "isr": row["isrs"]}
        for row in found["partitions"]
    }


def listed_by_ottla() -> dict:
    return json.loads(ottla("list", "--json").stdout)


def topics_listed_by_ottla() -> set[str]:
    return {topic["topic"] for topic in listed_by_ottla()["topics"]}


class TopicsTest(unittest.TestCase):
    def assert_same_description(self, topic: str, partitions: int, replicas: int) -> None:
        def agree():
            self.kafka, self.ours = cluster().tools.describe(topic), described_by_ottla(topic)
            return self.kafka == self.ours

        try:
            wait_until(agree, 10, "the same description")  # replicas may still be joining
        except AssertionError:
            self.assertEqual(self.kafka, self.ours)
        self.assertEqual(set(range(partitions)), set(self.ours))
        self.assertEqual({replicas}, {len(set(row["replicas"])) for row in self.ours.values()})

    def test_what_ottla_creates_kafka_describes(self):
        ottla("topics", "create", "-p", 24, "-r", 3, "-c", "cleanup.policy=compact", "-c", "max.message.bytes=123456", "made-by-ottla")
        self.assert_same_description("made-by-ottla", 24, 3)
        told = cluster().tools.text("TopicCommand", "--describe", "--topic", "made-by-ottla").splitlines()[0]
        self.assertIn("cleanup.policy=compact", told)
        self.assertIn("max.message.bytes=123456", told)

    def test_one_bad_record_of_a_batch_is_named_and_the_others_are_told_apart(self):
        """KIP-467: a compacted topic takes no message without a key, and its whole batch falls with it."""
        ottla("topics", "create", "-p", 1, "-r", 1, "-c", "cleanup.policy=compact", "compacted")
        lines = b"a:1\nno key\nc:3\n"
        done = ottla("produce", "-t", "compacted", "-K", ":", "-X", "linger.ms=1000", input=lines, status=1)
        told = done.stderr.decode()
        self.assertIn("3 of 3 messages were not delivered; the first: compacted[0]: INVALID_RECORD: Compacted topic", told)
        ottla("produce", "-t", "compacted", "-K", ":", input=b"a:1\nc:3\n")

    def test_what_kafka_creates_ottla_describes(self):
        create = ["TopicCommand", "--create", "--topic", "made-by-kafka"]
        cluster().tools.text(*create, "--replica-assignment", "3:1,2:3,1:2")
        self.assert_same_description("made-by-kafka", 3, 2)
        self.assertEqual([3, 1], described_by_ottla("made-by-kafka")[0]["replicas"])
        told = cluster().tools.text("TopicCommand", "--describe", "--topic", "made-by-kafka")
        (listed,) = [topic for topic in listed_by_ottla()["topics"] if topic["topic"] == "made-by-kafka"]
        self.assertIn(f"TopicId: {listed['id']}", told)

    def test_list_shows_the_brokers_and_the_topics_of_the_cluster(self):
        ottla("topics", "create", "-p", 1, "-r", 1, "listed")
        listed = listed_by_ottla()
        places = cluster().bootstrap.split(",")
        self.assertEqual({1: places[0], 2: places[1], 3: places[2]}, {row["id"]: row["name"] for row in listed["brokers"]})
        self.assertIn(listed["controllerid"], (1, 2, 3))
        wait_until(lambda: cluster().tools.topics() == topics_listed_by_ottla(), 10, "the same topics")
        table = ottla("list", "-t", "listed").stdout.decode()
        self.assertIn(" 3 brokers", table)
        self.assertIn("listed: 1 partitions", table)

    def test_deleted_topics_are_gone(self):
        names = ["gone-1", "gone-2", "gone-3"]
        ottla("topics", "create", "-p", 2, "-r", 1, *names)
        wait_until(lambda: cluster().tools.topics() >= set(names), 10, "three topics more")
        ottla("topics", "delete", *names[:2])
        wait_until(lambda: cluster().tools.topics() & set(names) == {"gone-3"}, 10, "two topics gone")
        cluster().tools.text("TopicCommand", "--delete", "--topic", "gone-3")
        wait_until(lambda: "gone-3" not in topics_listed_by_ottla(), 10, "gone-3 gone")

    def test_refusals_name_the_topic_and_the_reason(self):
        ottla("topics", "create", "-p", 1, "-r", 1, "there")
        for command, topic, reason in (
            (["create", "-p", 1, "-r", 1, "there", "fresh"], "there", "already exists"),
            (["create", "-p", 1, "-r", 4, "too-many-replicas"], "too-many-replicas", "replication factor"),
            (["create", "-p", 1, "-r", 1, "b@d"], "b@d", "topic name"),
            (["create", "-p", 1, "-r", 1, "-c", "no.such=1", "odd"], "odd", "no.such"),
            (["delete", "nobody-made-this"], "nobody-made-this", "does not"),
        ):
            with self.subTest(command=command):
                told = ottla("topics", *command, status=1).stderr.decode()
                self.assertIn(topic, told)
                self.assertIn(reason, told.lower())
        wait_until(lambda: "fresh" in cluster().tools.topics(), 10, "the topic beside a refused one")
        described = ottla("topics", "describe", "nobody-made-this", status=1)
        self.assertIn("nobody-made-this", (described.stdout + described.stderr).decode())


class OffsetsTest(unittest.TestCase):
    """Where to begin and to end: 3 partitions; in the middle of what is sent the clock moves on."""

    @classmethod
    def setUpClass(cls):
        ottla("topics", "create", "-p", 3, "-r", 1, "offsets")
        with tempfile.TemporaryDirectory() as folder:
            for part in ("early", "late"):
                lines = Path(folder, part)
                lines.write_text("".join(f"{n}\t{part} {n}\n" for n in range(100)))
                ottla("produce", "-t", "offsets", "-K", "\\t", lines)
                if part == "early":
                    time.sleep(0.05)
                    cls.between_ms = int(time.time() * 1000)
                    time.sleep(0.05)

    def read(self, *options) -> dict[int, list[int]]:
        """The offsets that ottla shows of each partition."""
        done = ottla("consume", "-t", "offsets", "-e", "-f", "%p %o\\n", *options)
        rows = [tuple(map(int, line.split())) for line in done.stdout.decode().splitlines()]
        return {partition: [o for p, o in rows if p == partition] for partition in (0, 1, 2)}

    def test_the_ends_are_those_that_kafka_tells(self):
        ends = cluster().tools.end_offsets("offsets")
        self.assertEqual(200, sum(ends.values()))
        self.assertEqual({p: list(range(end)) for p, end in ends.items()}, self.read("-o", "beginning"))
        self.assertEqual({p: [] for p in ends}, self.read("-o", "end"))
        self.assertEqual({p: list(range(end - 5, end)) for p, end in ends.items()}, self.read("-o", "-5"))
        self.assertEqual({p: list(range(7, end)) for p, end in ends.items()}, self.read("-o", "7"))

    def test_times_are_looked_up_as_kafka_does(self):
        ends = cluster().tools.end_offsets("offsets")
        middle = cluster().tools.end_offsets("offsets", time=str(self.between_ms))
        self.assertEqual(100, sum(middle.values()))
        self.assertEqual({p: list(range(middle[p], end)) for p, end in ends.items()}, self.read("-o", f"s@{self.between_ms}"))
        self.assertEqual({p: list(range(middle[p])) for p in ends}, self.read("-o", "beginning", "-o", f"e@{self.between_ms}"))

    def test_one_partition_from_an_offset_on(self):
        tool = ["ConsoleConsumer", "--bootstrap-server", cluster().bootstrap, "--topic", "offsets", "--partition", 1]
        kafka = cluster().tools.run(*tool, "--offset", 20, "--max-messages", 15, "--timeout-ms", 20000)
        ours = ottla("consume", "-t", "offsets", "-p", 1, "-o", 20, "-c", 15).stdout.decode()
        self.assertEqual(kafka.read_text(), ours)
        self.assertEqual(15, ours.count("\n"))


if __name__ == "__main__":
    unittest.main()
