"""Text files of OTTLA_REAL_MB megabytes with each codec: byte for byte and in order, from ottla to Kafka and back."""

import json
import tempfile
import unittest
from pathlib import Path

from kafka_tools import UNIT
from program import CODECS, MEGABYTES, assert_same_files, ottla, write_text
from real_cluster import cluster

KEYS = 1000


class VolumeTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix="ottla-volume.")
        cls.addClassCleanup(folder.cleanup)
        cls.folder = Path(folder.name)
        cls.text = cls.folder / "text"
        cls.lines = write_text(cls.text, MEGABYTES)

    def make_topic(self, name: str, partitions: int) -> None:
        ottla("topics", "create", "-p", partitions, "-r", 1, name)
        self.addCleanup(ottla, "topics", "delete", name)

    def produce(self, topic: str, codec: str, file: Path, lines: int, *options) -> None:
        told = json.loads(ottla("produce", "-t", topic, "-z", codec, "--json", *options, file).stdout)
        self.assertEqual((lines, lines, 0), (told["accepted"], told["delivered"], told["failed"]))

    def consume(self, topic: str, *options) -> Path:
        back = self.folder / "back"
        with open(back, "wb") as out:
            ottla("consume", "-t", topic, "-o", "beginning", "-e", *options, stdout=out)
        return back

    def test_one_partition_keeps_every_byte_in_order(self):
        for codec in CODECS:
            with self.subTest(codec=codec):
                topic = f"text-{codec}"
                self.make_topic(topic, 1)
                self.produce(topic, codec, self.text, self.lines)
                assert_same_files(self, self.text, self.consume(topic, "-p", 0), "ottla to ottla")
                assert_same_files(self, self.text, cluster().tools.consume(topic, self.lines), "ottla to Kafka's consumer")
                self.assertEqual({0: self.lines}, cluster().tools.end_offsets(topic))

    def test_what_kafka_sends_comes_back_in_order(self):
        for codec in CODECS:
            with self.subTest(codec=codec):
                topic = f"kafka-text-{codec}"
                self.make_topic(topic, 1)
                cluster().tools.produce(topic, self.text, codec)
                assert_same_files(self, self.text, self.consume(topic, "-p", 0), "Kafka's producer to ottla")

    def test_keys_keep_their_order_over_24_partitions(self):
        keyed = self.folder / "keyed"
        lines = write_text(keyed, MEGABYTES, KEYS)
        expected = self.by_key(keyed.read_text().splitlines(), "\t")
        self.make_topic("keyed", 24)
        self.produce("keyed", "lz4", keyed, lines, "-K", "\\t")
        ours = self.consume("keyed", "-f", "%p\\x1f%k\\x1f%s\\n").read_text().splitlines()
        self.assert_keys_are_in_order(expected, [line.split(UNIT, 1) for line in ours])
        kafka = cluster().tools.consume("keyed", lines, "print.partition=true", "print.key=true").read_text().splitlines()
        self.assert_keys_are_in_order(expected, [line.removeprefix("Partition:").split(UNIT, 1) for line in kafka])

    @staticmethod
    def by_key(lines: list[str], separator: str) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for line in lines:
            key, _, value = line.partition(separator)
            found.setdefault(key, []).append(value)
        return found

    def assert_keys_are_in_order(self, expected: dict[str, list[str]], rows: list[list[str]]) -> None:
        """`rows`: partition, and key UNIT value."""
        places: dict[str, set[str]] = {}
        for partition, line in rows:
            places.setdefault(line.partition(UNIT)[0], set()).add(partition)
        self.assertEqual({}, {key: found for key, found in places.items() if len(found) > 1})
        self.assertEqual(24, len(set.union(*places.values())))
        got = self.by_key([line for _, line in rows], UNIT)
        self.assertEqual(expected.keys(), got.keys())
        for key, values in expected.items():
            if values != got[key]:
                self.assertEqual(values[:20], got[key][:20], key)
                self.fail(f"{key}: {len(got[key])} messages, or their order, are not what was sent ({len(values)})")


if __name__ == "__main__":
    unittest.main()
