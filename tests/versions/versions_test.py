"""ottla and one broker of any Kafka release, 0.8.2 to 4.3: what that release has works, what it lacks is told clearly."""

import json
import random
import re
import sys
import tempfile
import time
import unittest
from pathlib import Path

import broker as kafka
from broker import UNIT, broker, ottla, produce
from real_cluster import wait_until

FORMAT = "%T\\x1f%p\\x1f%o\\x1f%h\\x1f%K\\x1f%k\\x1f%S\\x1f%s\\n"
NEAR_LIMIT = 999_900
"""Bytes of a value: with its framing in any format less than message.max.bytes, 1000000."""
started = time.monotonic()

COLUMNS = ["release", "format", "codecs", "idempotence", "headers", "timestamps", "by time", "topics", "older formats", "seconds"]
proven = {"release": kafka.VERSION}
"""A row of the table in docs/COMPATIBILITY.md: each test notes what it has seen."""


def rows_of(count: int, name: str) -> list[tuple[str, str]]:
    """Keys and values that compress well; some are empty."""
    return [(f"{name}-{n % 50}" if n % 7 else "", f"{name} {n} größer 東京 " * 9 if n % 5 else "") for n in range(count)]


def read(topic: str, *arguments, **options) -> list[dict]:
    """All messages of a topic, in the order of each partition; its sizes tell null from empty."""
    names = "time partition offset headers key_size key value_size value".split()
    lines = ottla("consume", "-t", topic, "-e", "-f", FORMAT, *arguments, **options).stdout.decode().splitlines()
    found = [dict(zip(names, line.split(UNIT), strict=True)) for line in lines]
    for row in found:
        for size, text in (("key_size", "key"), ("value_size", "value")):
            assert int(row[size]) in (-1, len(row[text].encode())), row
            if row[size] == "-1":
                row[text] = "null"
    return sorted(found, key=lambda row: (int(row["partition"]), int(row["offset"])))


def pairs(found: list[dict]) -> list[tuple[str, str]]:
    return [(row["key"], row["value"]) for row in found]


def topics_listed(**options) -> set[str]:
    return {topic["topic"] for topic in json.loads(ottla("list", "--json", **options).stdout)["topics"]}


class VersionsTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        broker()  # one failure, not one a test, if it does not start

    @classmethod
    def tearDownClass(cls):
        proven["seconds"] = f"{time.monotonic() - started:.0f}"
        print("\n| " + " | ".join(proven.get(column, "FAILED") for column in COLUMNS) + " |", file=sys.stderr)

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="ottla-versions.")
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def write(self, name: str, content: bytes) -> Path:
        file = self.folder / name
        file.write_bytes(content)
        return file

    def write_rows(self, rows: list[tuple[str, str]]) -> Path:
        return self.write("rows", "".join(f"{key}{UNIT}{value}\n" for key, value in rows).encode())

    def create(self, topic: str, *arguments) -> None:
        """Through ottla where the broker lets clients do that; else it will make the topic by itself."""
        if kafka.MAKES_TOPICS:
            ottla("topics", "create", "-p", kafka.PARTITIONS, "-r", 1, *arguments, topic)

    def assert_lacks(self, *arguments, lacks: str, run=ottla, within: float = 5, **options) -> None:
        begin = time.monotonic()
        errors = run(*arguments, status=1, **options).stderr.decode()
        self.assertRegex(errors, lacks)
        self.assertLess(time.monotonic() - begin, within)

    # -------- reading and writing

    def test_what_ottla_produces_ottla_and_kafka_read(self):
        self.create("from-ottla")
        sent = []
        for codec in kafka.CODECS:
            rows = rows_of(400, codec)
            produce("-t", "from-ottla", "-z", codec, "-K", "\\x1f", "-X", "linger.ms=200", self.write_rows(rows))
            produce("-t", "from-ottla", "-z", codec, "-K", "\\x1f", "-X", "linger.ms=200", "-Z", self.write_rows(rows))
            sent += rows + [(key or "null", value or "null") for key, value in rows]
        found = read("from-ottla")
        self.assertEqual(sorted(sent), sorted(pairs(found)))
        self.assertEqual(set(range(kafka.PARTITIONS)), {int(row["partition"]) for row in found})
        for key in {key for key, _ in sent} - {"", "null"}:  # those without a key go anywhere
            self.assertEqual([v for k, v in sent if k == key], [row["value"] for row in found if row["key"] == key])
        self.assertEqual(sorted(sent), sorted(kafka.kafka_consumes("from-ottla", len(sent))))
        self.assertEqual({(kafka.MAGIC, codec) for codec in kafka.CODECS}, kafka.stored("from-ottla"))
        proven["format"] = str(kafka.MAGIC)

    def test_what_kafka_produces_ottla_reads(self):
        kafka.kafka_creates("from-kafka")
        sent = []
        for codec in kafka.CODECS:
            rows = rows_of(400, codec)
            kafka.kafka_produces("from-kafka", codec, rows)
            sent += rows
        self.assertEqual(sorted(sent), sorted(pairs(read("from-kafka"))))
        self.assertEqual({(kafka.MAGIC, codec) for codec in kafka.CODECS}, kafka.stored("from-kafka"))
        proven["codecs"] = ", ".join(kafka.CODECS[1:])

    def test_values_near_the_limit(self):
        self.create("big")
        chance = random.Random(1)
        values = [chance.randbytes(NEAR_LIMIT), b"0123456789abcdef" * (NEAR_LIMIT // 16), b"", chance.randbytes(NEAR_LIMIT)]
        files = [self.write(f"value{n}", value) for n, value in enumerate(values)]
        for partition, codec in enumerate(["none", "gzip", "lz4"]):
            produce("-t", "big", "-p", partition, "-z", codec, "--whole", *files)
            got = ottla("consume", "-t", "big", "-p", partition, "-e", "-D", "").stdout
            self.assertEqual(b"".join(values), got, codec)  # values of this size in a message say nothing
        # Before 0.10.1 a fetch that is smaller than a message brings a piece of it.
        got = ottla("consume", "-t", "big", "-p", 0, "-e", "-D", "", "-X", "fetch.message.max.bytes=10000").stdout
        self.assertEqual(b"".join(values), got)

    def test_every_kind_of_acknowledgement(self):
        self.create("acks")
        kinds = ["all", 1, 0]  # 0 last: a topic that the broker is still making would lose messages, and nobody would know
        lines = [f"{acks} {n}" for acks in kinds for n in range(100)]
        for acks in kinds:
            own = self.write("lines", "".join(line + "\n" for line in lines if line.split()[0] == str(acks)).encode())
            # Before 0.10.1 a broker forgets what it has not read yet when the client hangs up (KAFKA-3703): so not at once.
            slow_end = ["sh", "-c", '(cat "$0"; sleep 1) | "$@"', own]
            ottla("produce", "-t", "acks", "-X", f"acks={acks}", "-X", "enable.idempotence=false", before=slow_end)
        wait_until(lambda: len(read("acks")) >= len(lines), 10, "all messages")
        self.assertEqual(sorted(lines), sorted(row["value"] for row in read("acks")))

    def test_idempotence(self):
        self.create("idempotent")
        lines = self.write("lines", b"one\ntwo\n")
        sending = ["-t", "idempotent", "-X", "enable.idempotence=true", lines]
        if not kafka.IDEMPOTENT:
            self.assert_lacks("produce", *sending, lacks=r"enable.idempotence: .* does not have InitProducerId \(Kafka 0.11 or later\)")
            proven["idempotence"] = "refused"
            return
        ottla("produce", *sending)
        files = ",".join(map(str, broker().folder.glob("node1/data/idempotent-*/*.log")))
        ids = re.findall(r"producerId: (-?\d+)", kafka.kafka_tool("DumpLogSegments", "--files", files))
        self.assertTrue(ids)
        self.assertNotIn("-1", ids)
        proven["idempotence"] = "yes"

    def test_headers(self):
        self.create("headers")
        lines = self.write("lines", b"one\n")
        sending = ["-t", "headers", "-H", "größe=東京", "-H", "none", lines]
        if kafka.MAGIC < 2:
            self.assert_lacks(*sending, run=produce, lacks="_UNSUPPORTED_FEATURE: record headers need a broker from 0.11 on")
            proven["headers"] = "refused"
            return
        produce(*sending)
        self.assertEqual(["größe=東京,none=NULL"], [row["headers"] for row in read("headers")])
        proven["headers"] = "yes"

    def test_timestamps(self):
        self.create("times")
        before = int(time.time() * 1000)
        produce("-t", "times", self.write("lines", b"one\ntwo\n"))
        after = int(time.time() * 1000)
        for row in read("times"):
            if kafka.MAGIC == 0:
                self.assertEqual("-1", row["time"])
            else:
                self.assertTrue(before - 20 <= int(row["time"]) <= after + 20, row)
        proven["timestamps"] = "no" if kafka.MAGIC == 0 else "yes"

    def test_zstd_before_2_1(self):
        if kafka.KNOWS_ZSTD:
            self.skipTest("knows zstd: it is among the codecs")
        rows = rows_of(100, "zstd")
        done = produce("-t", "no-zstd", "-z", "zstd", "-K", "\\x1f", self.write_rows(rows))
        self.assertRegex(done.stderr.decode(), "does not know zstd .* uncompressed")
        self.assertEqual(sorted(rows), sorted(pairs(read("no-zstd"))))
        self.assertEqual({(kafka.MAGIC, "none")}, kafka.stored("no-zstd"))

    # -------- positions

    def test_offsets(self):
        self.create("offsets")
        produce("-t", "offsets", "-p", 1, self.write("lines", b"".join(b"%d\n" % n for n in range(100))))
        values = lambda *where: [row["value"] for row in read("offsets", "-p", 1, *where)]  # noqa: E731
        self.assertEqual(["97", "98", "99"], values("-o", -3))
        self.assertEqual(["98", "99"], values("-o", 98))
        self.assertEqual([], values("-o", "end"))
        self.assertEqual("0", values("-o", 5000, "-X", "auto.offset.reset=earliest")[0])
        self.assertEqual(100, len(values("-X", "isolation.level=read_committed")))

    def test_offsets_by_time(self):
        self.create("by-time")
        produce("-t", "by-time", "-p", 0, self.write("lines", b"old\n"))
        time.sleep(1.1)
        between = int(time.time() * 1000)
        time.sleep(0.1)
        produce("-t", "by-time", "-p", 0, self.write("lines", b"new\n"))
        values = lambda at: [row["value"] for row in read("by-time", "-p", 0, "-o", f"s@{at}")]  # noqa: E731
        self.assertEqual(["old", "new"], values(between - 3_600_000))
        self.assertEqual(["new"] if kafka.KNOWS_TIMES else ["old", "new"], values(between))  # before, of the segment
        self.assertEqual([], values(between + 3_600_000))
        proven["by time"] = "exact" if kafka.KNOWS_TIMES else "by segment"

    # -------- the cluster

    def test_list_shows_the_broker_and_creates_nothing(self):
        listed = json.loads(ottla("list", "--json").stdout)
        self.assertEqual([{"id": 1, "name": broker().bootstrap}], listed["brokers"])
        self.assertEqual(1 if kafka.NAMES_CONTROLLER else -1, listed["controllerid"])
        for command in (["list", "-t", "nowhere"], ["topics", "describe", "nowhere"], ["consume", "-t", "nowhere", "-e"]):
            self.assert_lacks(*command, lacks="UNKNOWN_TOPIC_OR_PART: nowhere")
        self.assertNotIn("nowhere", topics_listed())

    def test_topics(self):
        if not kafka.MAKES_TOPICS:
            self.assert_lacks("topics", "create", "-p", 3, "-r", 1, "made", lacks=r"does not have CreateTopics \(Kafka 0.10.1 or later\)")
            self.assert_lacks("topics", "delete", "made", lacks=r"does not have DeleteTopics \(Kafka 0.10.1 or later\)")
            proven["topics"] = "refused"
            return
        self.create("made", "-c", "retention.ms=3600000")
        (made,) = json.loads(ottla("topics", "describe", "--json", "made").stdout)
        self.assertEqual([(n, 1, [1]) for n in range(3)], [(p["partition"], p["leader"], p["replicas"]) for p in made["partitions"]])
        if kafka.TOPIC_DEFAULTS:
            ottla("topics", "create", "made-2")
        else:
            self.assert_lacks("topics", "create", "made-2", lacks=r"speaks CreateTopics .*\(Kafka 2.4 or later\)")
        ottla("topics", "delete", "made")
        wait_until(lambda: "made" not in topics_listed(), 20, "the topic gone")
        proven["topics"] = "yes" if kafka.TOPIC_DEFAULTS else "with -p and -r"

    # -------- releases that meet

    def test_clients_that_take_it_for_a_newer_one(self):
        if kafka.TELLS_VERSIONS:
            self.skipTest("it tells its versions")
        self.assert_lacks("list", "-m", 2, lacks="a broker before 0.10 wants api.version.request=false", properties=[])
        # Asked first, 0.8 hangs up and 0.9 is silent; then the broker is met as of the release that was named.
        late = [f"broker.version.fallback={kafka.VERSION}", "api.version.request.timeout.ms=500"]
        produce("-t", "asked-first", self.write("lines", b"one\n"), properties=late)
        self.assertEqual(["one"], [row["value"] for row in read("asked-first", properties=late)])
        self.assertIn("asked-first", topics_listed(properties=late))

    def test_topics_in_an_older_format(self):
        if not kafka.OLDER_FORMATS:
            proven["older formats"] = "-"
            self.skipTest("topics have one format")
        formats = []
        for magic, version in kafka.OLDER_FORMATS:
            topic = f"format-{magic}"
            with self.subTest(version):
                self.create(topic, "-c", f"message.format.version={version}")
                sent = []
                one = self.write("lines", b"one\n")
                if kafka.IDEMPOTENT:
                    self.assert_lacks("produce", "-t", topic, one, lacks=f"UNSUPPORTED_FOR_MESSAGE_FORMAT: {topic}")
                for codec in kafka.CODECS[:4]:
                    rows = rows_of(200, codec)
                    options = ["-z", codec, "-K", "\\x1f", "-X", "linger.ms=200", "-X", "enable.idempotence=false"]
                    ottla("produce", "-t", topic, *options, self.write_rows(rows))
                    sent += rows
                self.assertEqual(sorted(sent), sorted(pairs(read(topic))))
                self.assertEqual({(magic, codec) for codec in kafka.CODECS[:4]}, kafka.stored(topic))
                formats.append(str(magic))
        proven["older formats"] = ", ".join(formats)

    def test_a_client_that_takes_it_for_0_9(self):
        if not kafka.TELLS_VERSIONS:
            self.skipTest("all tests take it for what it is")
        old = ["api.version.request=false", "broker.version.fallback=0.9.0"]
        self.create("two-ages")
        if not kafka.SPEAKS_0_9:
            sending = ["-t", "two-ages", "-X", "enable.idempotence=false", "-X", "message.timeout.ms=1500"]
            self.assert_lacks(
                "produce", *sending, self.write("lines", b"one\n"), properties=old,
                lacks="not acknowledged within message.timeout.ms; .* versions are assumed from broker.version.fallback",
            )  # fmt: skip
            return
        new_rows, old_rows = rows_of(200, "new"), rows_of(200, "old")
        for codec in kafka.CODECS[:4]:
            produce("-t", "two-ages", "-z", codec, "-K", "\\x1f", "-X", "linger.ms=200", self.write_rows(new_rows))
            options = ["-z", codec, "-K", "\\x1f", "-X", "linger.ms=200", "-X", "enable.idempotence=false"]
            ottla("produce", "-t", "two-ages", *options, self.write_rows(old_rows), properties=old)
        expected = sorted((new_rows + old_rows) * 4)
        self.assertEqual(expected, sorted(pairs(read("two-ages"))))
        self.assertEqual(expected, sorted(pairs(read("two-ages", properties=old))))


if __name__ == "__main__":
    unittest.main()
