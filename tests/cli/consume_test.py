"""ottla consume: where it begins and ends, and how messages are printed."""

import base64
import json
import time
import unittest

from programs import FAILED, USAGE, ClusterTest


class PlaceTest(ClusterTest):
    """-o, -c, -e, -p."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.numbered = "numbered"
        test = cls()
        test.run_ottla("topics create", cls.numbered, "-p", 1)
        test.produce(cls.numbered, b"".join(b"%d\n" % n for n in range(100)))

    def numbers_of(self, *options) -> list[int]:
        return [int(line) for line in self.consume(self.numbered, *options).lines]

    def test_where_to_begin(self):
        everything = list(range(100))
        for offset, expected in {
            "beginning": everything,
            "earliest": everything,
            "0": everything,
            "97": [97, 98, 99],
            "-3": [97, 98, 99],
            "-1000": everything,
            "end": [],
            "latest": [],
            "100": [],
        }.items():
            with self.subTest(offset=offset):
                self.assertEqual(expected, self.numbers_of("-o", offset))
                self.assertEqual(expected, self.numbers_of(f"-o{offset}"))

    def test_the_default_is_the_beginning(self):
        self.assertEqual(list(range(100)), self.numbers_of())

    def test_an_offset_that_is_not_there(self):
        result = self.consume(self.numbered, "-o", "200", "-X", "auto.offset.reset=error", status=FAILED)
        self.assertIn("numbered[0] at offset 200: offset 200 is out of range", result.errors)
        self.assertEqual(list(range(100)), self.numbers_of("-o", "200", "-X", "auto.offset.reset=earliest"))

    def test_a_count(self):
        self.assertEqual([0, 1, 2], self.numbers_of("-c", "3"))
        self.assertEqual([98, 99], self.numbers_of("-o", "98", "-c", "3"))
        # It ends by itself, without -e.
        result = self.run_ottla("consume", "-t", self.numbered, "-o", "10", "-c", "2")
        self.assertEqual(["10", "11"], result.lines)

    def test_times(self):
        topic = self.make_topic(1)
        stamps = []
        for part in (b"one", b"two", b"three"):
            stamps.append(int(time.time() * 1000))
            time.sleep(0.05)  # messages get their times from a clock that advances in ticks
            self.produce(topic, part + b"\n")
        stamps.append(int(time.time() * 1000) + 1)
        for options, expected in (
            (["s@0"], ["one", "two", "three"]),
            ([f"s@{stamps[1]}"], ["two", "three"]),
            ([f"s@{stamps[3]}"], []),
            ([f"e@{stamps[1]}"], ["one"]),
            ([f"e@{stamps[3]}"], ["one", "two", "three"]),
            ([f"s@{stamps[1]}", f"e@{stamps[2]}"], ["two"]),
        ):
            with self.subTest(options=options):
                flags = [word for option in options for word in ("-o", option)]
                self.assertEqual(expected, self.consume(topic, *flags).lines)

    def test_an_end_time_needs_no_e(self):
        self.assertEqual(100, len(self.run_ottla("consume", "-t", self.numbered, "-o", "e@4000000000000").lines))

    def test_partitions(self):
        topic = self.make_topic(4)
        for partition in range(4):
            self.produce(topic, b"in %d\n" % partition, "-p", partition)
        self.assertEqual([f"in {n}" for n in range(4)], sorted(self.consume(topic).lines))
        self.assertEqual(["in 2"], self.consume(topic, "-p", 2).lines)
        self.assertEqual(["in 1", "in 3"], sorted(self.consume(topic, "-p", 1, "-p", 3).lines))
        self.assertEqual(["in 3"], self.consume(topic, "-p", 3, "-o", "-1").lines)

    def test_the_end_of_an_empty_topic(self):
        self.assertEqual(b"", self.consume(self.make_topic(12)).out)

    def test_what_comes_later_is_printed_at_once(self):
        topic = self.make_topic(1)
        process = self.start_consumer(topic, "-o", "beginning")
        for text in (b"one\n", b"two\n"):
            self.produce(topic, text)
            self.assertEqual(text, process.stdout.readline())

    def test_a_slow_stream_is_not_held_back(self):
        # Messages that come faster than the consumer looks for a pause must not wait for a full buffer.
        topic = self.make_topic(1)
        process = self.start_consumer(topic)
        producer = self.start("produce", "-t", topic, stdin=-1)
        begin = time.monotonic()
        got = 0
        for n in range(30):
            producer.stdin.write(b"%d\n" % n)
            producer.stdin.flush()
            time.sleep(0.05)
            if n == 20:
                while process.stdout.readline() != b"10\n":
                    got += 1
                self.assertLess(time.monotonic() - begin, 10)
        self.assertEqual(10, got)
        producer.stdin.close()

    def start_consumer(self, topic: str, *options):
        return self.start("consume", "-t", topic, *options)


class FormatTest(ClusterTest):
    """-f, -J, -K, -D, -Z."""

    def setUp(self):
        super().setUp()
        self.topic = self.make_topic(1)

    def test_every_token(self):
        before = int(time.time() * 1000)
        self.produce(self.topic, b"key:value\n", "-K", ":", "-H", "a=1", "-H", "b=2")
        got = self.consume(self.topic, "-f", "%t|%p|%o|%k|%s|%K|%S|%h|%%|%T\\n").out.decode()
        *rest, stamp = got.strip().split("|")
        self.assertEqual([self.topic, "0", "0", "key", "value", "3", "5", "a=1,b=2", "%"], rest)
        self.assertLessEqual(before - 20, int(stamp))  # the clock of messages advances in ticks
        self.assertLessEqual(int(stamp), int(time.time() * 1000))

    def test_escapes(self):
        self.produce(self.topic, b"v\n")
        self.assertEqual(b"v\n\r\t\0\\\x1f%n", self.consume(self.topic, "-f", "%s\\n\\r\\t\\0\\\\\\x1f%%n").out)

    def test_sizes_as_bytes(self):
        self.produce(self.topic, b"k:value\nk:\n", "-K", ":", "-Z")
        self.assertEqual(b"\0\0\0\x05value\xff\xff\xff\xff", self.consume(self.topic, "-f", "%R%s").out)

    def test_a_value_is_not_a_format(self):
        self.produce(self.topic, b"%s \\n %\n")
        self.assertEqual(b"%s \\n %;", self.consume(self.topic, "-f", "%s;").out)

    def test_wrong_formats(self):
        for text, complaint in {
            "%x": "-f: %x is not a token",
            "%s%": "-f: % is not a token",
            "\\q": "unknown escape \\q",
            "\\x1": "hexadecimal",
            "\\xzz": "hexadecimal",
        }.items():
            with self.subTest(text=text):
                self.assertIn(complaint, self.consume(self.topic, "-f", text, status=USAGE).errors)

    def test_nulls(self):
        self.produce(self.topic, b":\nk:v\n", "-K", ":", "-Z")
        self.assertEqual(b"|\nk|v\n", self.consume(self.topic, "-f", "%k|%s\\n").out)
        self.assertEqual(b"NULL|NULL\nk|v\n", self.consume(self.topic, "-Z", "-f", "%k|%s\\n").out)
        self.assertEqual(b"NULL\nv\n", self.consume(self.topic, "-Z").out)
        self.assertEqual(b"NULL=NULL\nk=v\n", self.consume(self.topic, "-Z", "-K", "=").out)

    def test_keys_and_delimiters(self):
        self.produce(self.topic, b"k1:v1\nv2\n", "-K", ":")
        self.assertEqual(b"k1\tv1;\tv2;", self.consume(self.topic, "-K", "\\t", "-D", ";").out)
        self.assertEqual(b"v1v2", self.consume(self.topic, "-D", "").out)

    def test_json(self):
        self.produce(self.topic, "schlüssel:wert \"\\ \x01\n".encode(), "-K", ":", "-H", "a=1", "-H", "b")
        self.produce(self.topic, b":\n", "-K", ":", "-Z")
        first, second = (json.loads(line) for line in self.consume(self.topic, "-J").lines)
        stamp = first.pop("ts")
        self.assertLess(abs(stamp - time.time() * 1000), 60_000)
        self.assertEqual(
            {
                "topic": self.topic,
                "partition": 0,
                "offset": 0,
                "tstype": "create",
                "headers": ["a", "1", "b", None],
                "key": "schlüssel",
                "payload": 'wert "\\ \x01',
            },
            first,
        )
        self.assertEqual((1, None, None), (second["offset"], second["key"], second["payload"]))
        self.assertNotIn("headers", second)

    def test_json_of_bytes_that_are_no_text(self):
        key, value = b"k\xff", bytes(byte for byte in range(256) if byte != 0x0A)
        self.produce(self.topic, key + b"<>" + value + b"\n", "-K", "<>")
        (line,) = self.consume(self.topic, "-J").out.splitlines()
        message = json.loads(line.decode())  # UTF-8 in any case
        # What is no text is shown as well as can be, and exactly beside it.
        self.assertEqual("k\ufffd", message["key"])
        self.assertEqual(key, base64.b64decode(message["key_base64"], validate=True))
        self.assertIn("0123456789", message["payload"])
        self.assertEqual(value, base64.b64decode(message["payload_base64"], validate=True))

    def test_json_of_random_bytes_is_valid_and_loses_nothing(self):
        state = 12345
        values = []
        for size in list(range(1, 40)) * 3:
            value = bytearray()
            for _ in range(size):
                state = (state * 1103515245 + 12345) & 0x7FFFFFFF
                value.append(b"ab\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\xed\xa0\xff\x00\x80"[state >> 16 & 15])
            values.append(bytes(value))
        self.produce(self.topic, b"<->".join(values), "-D", "<->")
        got = []
        for line in self.consume(self.topic, "-J").out.splitlines():
            message = json.loads(line.decode())
            encoded = message.get("payload_base64")
            got.append(base64.b64decode(encoded) if encoded else message["payload"].encode())
        self.assertEqual(values, got)


if __name__ == "__main__":
    unittest.main()
