"""ottla produce: how bytes become messages, and what is said about them."""

import unittest

from programs import FAILED, ClusterTest


def text(lines: int, width: int = 40) -> bytes:
    return b"".join(b"%d %s\n" % (n, b"abcdefghij"[n % 10 : n % 10 + 1] * (n % width)) for n in range(lines))


class LinesTest(ClusterTest):
    def assert_back(self, topic: str, values: list[bytes], **how):
        """That the messages of the topic have these values; a separator that occurs in none of them."""
        got = self.consume(topic, "-D", "\\x00\\x01\\x02", **how).out.split(b"\x00\x01\x02")
        self.assertEqual(values + [b""], got)

    def test_each_line_is_a_message_and_they_come_back_byte_for_byte(self):
        topic = self.make_topic()
        data = text(20_000)
        self.produce(topic, data)
        self.assertEqual(data, self.consume(topic).out)

    def test_every_codec(self):
        data = text(5_000)
        for codec in ("none", "gzip", "snappy", "lz4", "zstd"):
            with self.subTest(codec=codec):
                topic = self.make_topic()
                self.produce(topic, data, "-z", codec)
                self.assertEqual(data, self.consume(topic).out)

    def test_a_file_without_a_last_newline(self):
        topic = self.make_topic()
        self.produce(topic, b"", self.write("a", b"one\ntwo"))
        self.assert_back(topic, [b"one", b"two"])

    def test_a_last_newline_ends_the_last_message_and_begins_none(self):
        topic = self.make_topic()
        self.produce(topic, b"", self.write("a", b"one\ntwo\n"))
        self.assert_back(topic, [b"one", b"two"])

    def test_empty_lines_are_empty_messages(self):
        topic = self.make_topic()
        self.produce(topic, b"\n\none\n\n")
        self.assert_back(topic, [b"", b"", b"one", b""])
        self.assertEqual(b"0 0 3 0 ", self.consume(topic, "-f", "%S ").out)

    def test_empty_input_sends_nothing(self):
        topic = self.make_topic()
        self.assertEqual(0, self.produce(topic, b"", "-J").json["accepted"])
        self.produce(topic, b"", self.write("empty", b""))
        self.assert_back(topic, [])

    def test_lines_of_more_than_a_megabyte(self):
        topic = self.make_topic(1, "-c", "max.message.bytes=10000000")
        long = bytes(range(11, 256)) * 12_000  # 2.9 MB without a newline
        self.produce(topic, b"before\n" + long + b"\nafter", "-X", "message.max.bytes=5000000")
        self.assert_back(topic, [b"before", long, b"after"])

    def test_bytes_that_are_no_text(self):
        topic = self.make_topic()
        value = bytes(byte for byte in range(256) if byte != 0x0A)
        self.produce(topic, value + b"\n")
        self.assertEqual(value + b"\n", self.consume(topic).out)

    def test_carriage_returns_belong_to_the_line(self):
        topic = self.make_topic()
        self.produce(topic, b"one\r\ntwo\r\n")
        self.assert_back(topic, [b"one\r", b"two\r"])

    def test_another_delimiter(self):
        for option, delimiter in ((";", b";"), ("--", b"--"), ("\\x00", b"\0"), ("\\t", b"\t"), ("end\\n", b"end\n")):
            with self.subTest(delimiter=delimiter):
                topic = self.make_topic()
                self.produce(topic, delimiter.join([b"one", b"", b"two\nlines"]), "-D", option)
                self.assert_back(topic, [b"one", b"", b"two\nlines"])

    def test_a_delimiter_across_two_reads(self):
        topic = self.make_topic(1, "-c", "max.message.bytes=10000000")
        values = [b"x" * n for n in (1_048_575, 1_048_574, 3, 1_048_576)]
        self.produce(topic, b"<->".join(values), "-D", "<->", "-X", "message.max.bytes=2000000")
        self.assert_back(topic, values)

    def test_several_files_and_stdin_among_them(self):
        topic = self.make_topic()
        first, last = self.write("first", b"1\n2"), self.write("last", b"5\n")
        self.produce(topic, b"3\n4\n", first, "-", last)
        self.assert_back(topic, [b"1", b"2", b"3", b"4", b"5"])

    def test_whole_files(self):
        topic = self.make_topic()
        first, second = self.write("first", b"1\n2\n"), self.write("second", b"")
        self.produce(topic, b"from\nstdin", "--whole", first, second, "-")
        self.assert_back(topic, [b"1\n2\n", b"", b"from\nstdin"])

    def test_lines_as_kcat_users_write_it(self):
        topic = self.make_topic()
        self.produce(topic, b"", "-l", self.write("a", b"one\ntwo\n"))
        self.assert_back(topic, [b"one", b"two"])

    def test_a_count_is_of_messages_over_all_files(self):
        topic = self.make_topic()
        first, second = self.write("first", b"1\n2\n3\n"), self.write("second", b"4\n5\n")
        self.assertEqual(2, self.produce(topic, b"", "-c", 2, "-J", first, second).json["delivered"])
        self.assertEqual(2, self.produce(topic, b"", "-c", 2, "-J", "--whole", first, second, first).json["delivered"])
        self.assert_back(topic, [b"1", b"2", b"1\n2\n3\n", b"4\n5\n"])


class PartsTest(ClusterTest):
    """Keys, headers, nulls, partitions."""

    def test_keys(self):
        topic = self.make_topic()
        self.produce(topic, b"k1:v1\n:v2\nk3:\nv4\nk5:v:5\n", "-K", ":")
        self.assertEqual(b"k1|v1|2\n|v2|0\nk3||2\n|v4|-1\nk5|v:5|2\n", self.consume(topic, "-f", "%k|%s|%K\\n").out)

    def test_keys_behind_a_longer_delimiter(self):
        topic = self.make_topic()
        self.produce(topic, b"k1=>v1\nk2=v2=>\n", "-K", "=>")
        self.assertEqual(b"k1|v1\nk2=v2|\n", self.consume(topic, "-f", "%k|%s\\n").out)

    def test_empty_keys_and_values_as_null(self):
        topic = self.make_topic()
        self.produce(topic, b"k:\n:v\n:\n\n", "-K", ":", "-Z")
        self.assertEqual(b"1 -1\n-1 1\n-1 -1\n-1 -1\n", self.consume(topic, "-f", "%K %S\\n").out)

    def test_headers(self):
        topic = self.make_topic()
        self.produce(topic, b"one\ntwo\n", "-H", "a=1", "-H", "b=x=y", "-H", "empty=", "-H", "null", "-H", "a=2")
        self.assertEqual(b"a=1,b=x=y,empty=,null=NULL,a=2\n" * 2, self.consume(topic, "-f", "%h\\n").out)

    def test_a_header_without_a_name_is_refused(self):
        topic = self.make_topic()
        self.assertIn("-H", self.produce(topic, b"one\n", "-H", "=1", status=2).errors)

    def test_one_partition(self):
        topic = self.make_topic(4)
        self.produce(topic, b"one\ntwo\n", "-p", 2)
        self.assertEqual(b"2 0 one\n2 1 two\n", self.consume(topic, "-f", "%p %o %s\\n").out)

    def test_a_key_goes_to_one_partition(self):
        topic = self.make_topic(8)
        self.produce(topic, b"".join(b"k%d:%d\n" % (n % 50, n) for n in range(1000)), "-K", ":")
        places: dict[str, set[str]] = {}
        values: dict[str, list[int]] = {}
        for line in self.consume(topic, "-f", "%p %k %s\\n").lines:
            partition, key, value = line.split()
            places.setdefault(key, set()).add(partition)
            values.setdefault(key, []).append(int(value))
        self.assertEqual(50, len(places))
        self.assertTrue(all(len(where) == 1 for where in places.values()), places)
        self.assertGreater(len(set.union(*places.values())), 1)
        self.assertTrue(all(order == sorted(order) for order in values.values()))

    def test_the_partitioner_of_java(self):
        topic = self.make_topic(8)
        self.produce(topic, b"key:a\n", "-K", ":", "-X", "partitioner=murmur2_random")
        # toPositive(murmur2("key")) % 8, from the definition of the hash.
        self.assertEqual([str(murmur2(b"key") % 8)], self.consume(topic, "-f", "%p\\n").lines)


def murmur2(data: bytes) -> int:
    """Java's Utils.murmur2 with the sign bit off."""
    m, mask = 0x5BD1E995, 0xFFFFFFFF
    h = (0x9747B28C ^ len(data)) & mask
    whole = len(data) // 4 * 4
    for at in range(0, whole, 4):
        k = int.from_bytes(data[at : at + 4], "little") * m & mask
        k = (k ^ k >> 24) * m & mask
        h = (h * m & mask) ^ k
    if rest := data[whole:]:
        h = (h ^ int.from_bytes(rest, "little")) * m & mask
    h = (h ^ h >> 13) * m & mask
    return (h ^ h >> 15) & 0x7FFFFFFF


class ReportTest(ClusterTest):
    def test_the_summary(self):
        topic = self.make_topic()
        summary = self.produce(topic, b"one\nthree\n", "--json").json
        self.assertEqual(
            {"accepted": 2, "delivered": 2, "failed": 0, "bytes": 8}, {k: summary[k] for k in ("accepted", "delivered", "failed", "bytes")}
        )
        self.assertGreater(summary["seconds"], 0)
        self.assertGreater(summary["latency_ms_mean"], 0)
        self.assertGreaterEqual(summary["latency_ms_max"], summary["latency_ms_mean"])

    def test_nothing_is_said_without_need(self):
        topic = self.make_topic()
        result = self.produce(topic, b"one\n")
        self.assertEqual((b"", ""), (result.out, result.errors))

    def test_without_acknowledgements(self):
        topic = self.make_topic()
        self.assertEqual(100, self.produce(topic, text(100), "-X", "acks=0", "-J").json["delivered"])
        self.assertEqual(text(100), self.consume(topic).out)

    def test_what_was_read_before_a_failure_is_sent(self):
        topic = self.make_topic()
        result = self.produce(topic, b"", self.write("a", b"one\ntwo\n"), self.folder / "missing", "-J", status=FAILED)
        self.assertIn(f"{self.folder}/missing: No such file", result.errors)
        self.assertEqual(2, result.json["delivered"])
        self.assertEqual(b"one\ntwo\n", self.consume(topic).out)

    def test_a_folder_is_no_file(self):
        topic = self.make_topic()
        for how in ("--lines", "--whole"):
            with self.subTest(how=how):
                result = self.produce(topic, b"", how, self.folder, status=FAILED)
                self.assertIn(f"{self.folder}: Is a directory", result.errors)
        self.assertEqual(b"", self.consume(topic).out)


if __name__ == "__main__":
    unittest.main()
