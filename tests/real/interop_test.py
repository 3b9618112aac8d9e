"""What ottla produces, Kafka's consumer reads; what Kafka's producer writes, ottla reads: codecs, headers, nulls."""

import tempfile
import unittest
from pathlib import Path

from kafka_tools import NULL, UNIT
from program import CODECS, ottla
from real_cluster import cluster

PARTITIONS = [1, 24]
FORMAT = "%T\\x1f%p\\x1f%o\\x1f%h\\x1f%K\\x1f%k\\x1f%S\\x1f%s"
PRINTED = [f"print.{part}=true" for part in ("timestamp", "partition", "offset", "headers", "key")]
HEADERS = [("trace", "abc"), ("trace", "def"), ("empty", ""), ("none", None), ("größe", "東京")]
"""A name given twice, an empty value, no value, and more than ASCII."""


def texts(count: int) -> list[tuple[str | None, str | None]]:
    """Keys and values: missing, empty and present, in every combination."""
    some = []
    for n in range(count):
        key = [None, "", f"key-{n % 50}", f"ключ-{n}"][n % 4]
        value = [None, "", f"value {n} " * 20, f"{n}: 値"][n // 4 % 4]
        some.append((key, value))
    return some


def field(text: str | None) -> str:
    return NULL if text is None else text


def shown_headers(headers, name_end: str, null: str) -> str:
    return ",".join(name + name_end + (null if value is None else value) for name, value in headers)


def read_with_kafka(topic: str, count: int) -> list[tuple]:
    """(timestamp, partition, offset, headers, key, value) of each message, in order within partitions."""
    rows = []
    for line in cluster().tools.consume(topic, count, *PRINTED).read_text().splitlines():
        time, partition, offset, headers, key, value = line.split(UNIT)
        place = int(partition.removeprefix("Partition:")), int(offset.removeprefix("Offset:"))
        headers = "" if headers == "NO_HEADERS" else headers
        rows.append((int(time.removeprefix("CreateTime:")), *place, headers, key, value))
    return sorted(rows, key=lambda row: row[1:3])


def read_with_ottla(topic: str) -> list[tuple]:
    """The same of what ottla prints; its sizes tell null from empty."""
    rows = []
    done = ottla("consume", "-t", topic, "-o", "beginning", "-e", "-f", FORMAT + "\\n")
    for line in done.stdout.decode().splitlines():
        time, partition, offset, headers, key_size, key, value_size, value = line.split(UNIT)
        headers = headers.replace("=NULL", f":{NULL}").replace("=", ":")
        texts = [NULL if int(size) < 0 else text for size, text in ((key_size, key), (value_size, value))]
        for size, text in ((key_size, key), (value_size, value)):
            assert int(size) in (-1, len(text.encode())), line
        rows.append((int(time), int(partition), int(offset), headers, *texts))
    return sorted(rows, key=lambda row: row[1:3])


class InteropTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="ottla-interop.")
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def create_topics(self, prefix: str) -> list[tuple[str, str, int]]:
        topics = [(f"{prefix}-{codec}-{partitions}", codec, partitions) for codec in CODECS for partitions in PARTITIONS]
        for partitions in PARTITIONS:
            ottla("topics", "create", "-p", partitions, "-r", 2, *(name for name, _, n in topics if n == partitions))
        return topics

    def write(self, lines: list[str]) -> Path:
        file = self.folder / "lines"
        file.write_text("".join(line + "\n" for line in lines))
        return file

    def produce_with_ottla(self, topic: str, codec: str) -> list[tuple[str, str, str]]:
        """Returns what was sent: (headers, key, value)."""
        rows = [(key, value or "") for key, value in texts(320)]
        lines = [value if key is None else key + UNIT + value for key, value in rows]
        headers = [f"{name}={value}" if value is not None else name for name, value in HEADERS]
        words = [word for header in headers for word in ("-H", header)]
        # A batch of a few small messages would not become smaller, and goes out as it is: so they wait for each other.
        produce = ["produce", "-t", topic, "-z", codec, "-K", "\\x1f", "-X", "linger.ms=500"]
        ottla(*produce, *words, self.write(lines))
        sent = [(shown_headers(HEADERS, ":", NULL), field(key), value) for key, value in rows]
        # Then those which have null for empty, and no headers.
        rows = [(key or None, value or None) for key, value in texts(320)]
        ottla(*produce, "-Z", self.write([(k or "") + UNIT + (v or "") for k, v in rows]))
        return sent + [("", field(key), field(value)) for key, value in rows]

    def produce_with_kafka(self, topic: str, codec: str) -> list[tuple[str, str, str]]:
        sent = []
        for n, (key, value) in enumerate(texts(320)):
            sent.append((shown_headers(HEADERS[: n % 6], ":", NULL), field(key), field(value)))
        lines = [UNIT.join((headers or NULL, key, value)) for headers, key, value in sent]
        cluster().tools.produce(topic, self.write(lines), codec, keyed=True, headers=True)
        return sent

    def assert_partitions_are_used(self, rows: list[tuple], partitions: int) -> None:
        used = {row[1] for row in rows}
        self.assertLessEqual(used, set(range(partitions)))
        self.assertGreaterEqual(len(used), partitions - 4)

    def assert_codec(self, topic: str, codec: str) -> None:
        """Of every batch in the files of partition 0's leader."""
        leader = cluster().tools.describe(topic)[0]["leader"]
        batches = cluster().tools.batches(cluster().log_folder(leader, topic, 0))
        self.assertTrue(batches)
        self.assertEqual({codec}, {batch["compresscodec"].lower() for batch in batches})
        self.assertEqual([], [batch for batch in batches if int(batch["producerId"]) < 0 or batch["isvalid"] != "true"])

    def check_one(self, topic: str, codec: str, partitions: int, produce) -> None:
        sent = produce(topic, codec)
        kafka, ours = read_with_kafka(topic, len(sent)), read_with_ottla(topic)
        self.assertEqual(kafka, ours)  # also times and offsets
        got = [row[3:] for row in ours]
        self.assertEqual(sorted(sent), sorted(got))
        if partitions == 1:
            self.assertEqual(sent, got)
        self.assert_partitions_are_used(ours, partitions)
        self.assert_codec(topic, codec)

    def test_kafka_reads_what_ottla_produces(self):
        for topic, codec, partitions in self.create_topics("from-ottla"):
            with self.subTest(codec=codec, partitions=partitions):
                self.check_one(topic, codec, partitions, self.produce_with_ottla)

    def test_ottla_reads_what_kafka_produces(self):
        for topic, codec, partitions in self.create_topics("from-kafka"):
            with self.subTest(codec=codec, partitions=partitions):
                self.check_one(topic, codec, partitions, self.produce_with_kafka)

    def test_keys_go_where_kafka_puts_them(self):
        ottla("topics", "create", "-p", 24, "-r", 1, "keys-ottla", "keys-kafka")
        keys = ["", *(f"key-{n}" for n in range(500)), *(f"{n} ключ" for n in range(100))]
        lines = self.write([key + UNIT + "v" for key in keys])
        ottla("produce", "-t", "keys-ottla", "-X", "partitioner=murmur2_random", "-K", "\\x1f", lines)
        cluster().tools.produce("keys-kafka", lines, keyed=True)
        places = [{row[4]: row[1] for row in read_with_ottla(topic)} for topic in ("keys-kafka", "keys-ottla")]
        self.assertEqual(set(keys), set(places[0]))
        self.assertEqual(*places)


if __name__ == "__main__":
    unittest.main()
