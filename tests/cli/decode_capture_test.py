"""`ottla decode` of captures: the frames of recorded conversations come back, however the packets were captured."""

import json
import random
import signal
import tempfile
import time
import unittest
from dataclasses import replace
from pathlib import Path

import captures
from captures import ACK, BROKER, CLIENT, RST, SYN, Conversation, Segment, data_of, packets, pcap, pcapng, segments
from programs import DONE, FAILED, USAGE, Mock, end_of, ottla, start

PLACE = ("frame", "time", "client", "broker")


def transcript(conversation: Conversation) -> bytes:
    return b"".join((b"> " if who == CLIENT else b"< ") + data.hex().encode() + b"\n" for who, data in conversation.frames)


def without_place(line: str) -> dict:
    return {name: value for name, value in json.loads(line).items() if name not in PLACE}


def by_id(rows: list) -> list:
    return sorted(rows, key=lambda row: (row["correlation_id"], row["direction"]))


class CaptureTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        """A producer's conversation with a broker, told by `decode` from a transcript."""
        with Mock("-t", "lines:1") as mock, captures.recorder(mock.servers) as (address, conversations):
            lines = b"".join(b"line %d of some\n" % i for i in range(3000))
            result = ottla("produce", "-b", address, "-t", "lines", "-X", "batch.size=8000", "-X", "linger.ms=0", stdin=lines)
            assert result.status == DONE, result
        cls.talk = max(conversations, key=lambda c: len(c.sent_by(CLIENT)))
        told = ottla("decode", stdin=transcript(cls.talk))
        assert told.status == DONE, told
        cls.rows = [without_place(line) for line in told.lines]
        cls.segments = segments(cls.talk)

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.file = Path(folder.name) / "capture"

    def decode(self, capture: bytes, *options, status: int = DONE):
        self.file.write_bytes(capture)
        result = ottla("decode", self.file, *options)
        self.assertEqual(status, result.status, result)
        for line in [] if "--pretty" in options else result.lines:
            json.loads(line)
        return result

    def test_the_conversation_is_worth_testing_with(self):
        apis = [row["api"] for row in self.rows]
        self.assertGreater(apis.count("Produce"), 12)
        self.assertIn("ApiVersions", apis)
        self.assertGreater(len(self.talk.sent_by(CLIENT)), 50_000)

    def test_link_types_addresses_and_file_formats(self):
        for link in captures.LINKS:
            for ip, ends in ((captures.ipv4, ("10.0.0.1:40000", "10.0.0.2:9092")), (captures.ipv6, ("[fe80::1]:40000", "[fe80::2]:9092"))):
                for write in (pcap, pcapng):
                    with self.subTest(link=link.name, ip=ip.__name__, format=write.__name__):
                        lines = self.decode(write(packets(self.segments, link, ip), link)).lines
                        self.assertEqual(self.rows, [without_place(line) for line in lines])
                        first = json.loads(lines[0])
                        self.assertEqual(ends, (first["client"], first["broker"]))
                        self.assertEqual((1, "2023-11-14T22:13:20.000300Z"), (first["frame"], first["time"]))

    def test_packets_out_of_order_twice_and_overlapping(self):
        for seed in range(40):
            rng = random.Random(seed)
            mixed = []
            for segment in self.segments:
                mixed.append(segment)
                if segment.payload and rng.random() < 0.2:  # sent again, together with some of what came before
                    mixed.append(segment)
                if len(segment.payload) > 10 and rng.random() < 0.2:
                    mixed.append(replace(segment, sequence=(segment.sequence + 5) % 2**32, payload=segment.payload[5:-1]))
            order = sorted(range(len(mixed)), key=lambda i: i + rng.uniform(0, 6) * (3 < i < len(mixed) - 3))
            with self.subTest(seed=seed):
                result = self.decode(pcap(packets([mixed[i] for i in order])))
                self.assertEqual(by_id(self.rows), by_id([without_place(line) for line in result.lines]))

    def test_a_lost_segment_costs_one_frame(self):
        # Of a request larger than a segment, one in its middle: behind each frame comes an acknowledgement.
        full = {i for i in data_of(self.segments, CLIENT) if len(self.segments[i].payload) == 500}
        middle = next(i for i in sorted(full) if i > 60 and i - 1 in full)
        result = self.decode(pcap(packets(self.segments[:middle] + self.segments[middle + 1 :])), status=FAILED)
        rows = [without_place(line) for line in result.lines]
        bad = [row for row in rows if "error" in row]
        self.assertEqual(["Produce"], [row["api"] for row in bad])
        self.assertRegex(bad[0]["error"], r"^500 of its \d+ bytes are missing$")
        self.assertEqual(len(self.rows) - 1, sum(row in self.rows for row in rows))
        self.assertRegex(result.errors, r"ottla: frame \d+, request at byte \d+ of client 10.0.0.1:40000 and broker 10.0.0.2:9092: 500 of")

    def test_any_lost_segment_leaves_most_of_the_rest(self):
        rng = random.Random(5)
        for lost in rng.sample(data_of(self.segments, CLIENT) + data_of(self.segments, BROKER), 25):
            with self.subTest(lost=lost):
                result = self.decode(pcap(packets(self.segments[:lost] + self.segments[lost + 1 :])), status=FAILED)
                good = [row for row in map(without_place, result.lines) if "error" not in row]
                self.assertTrue(all(row in self.rows for row in good))
                self.assertGreater(len(good), len(self.rows) - 6)

    def test_a_short_snapshot_length(self):
        result = self.decode(pcap(packets(self.segments), snaplen=140), status=FAILED)
        rows = [json.loads(line) for line in result.lines]
        produced = [row for row in rows if row.get("api") == "Produce" and row["direction"] == "request"]
        self.assertEqual(
            [row["correlation_id"] for row in self.rows if row["api"] == "Produce" and row["direction"] == "request"],
            [row["correlation_id"] for row in produced],
        )
        self.assertTrue(all("bytes are missing" in row["error"] for row in produced))
        result = self.decode(pcap(packets(self.segments), snaplen=40), status=FAILED)
        self.assertIn("packets were captured too short to be used", result.errors)

    def test_a_capture_that_begins_in_mid_stream(self):
        for ports in ((40000, 9092), (40000, 19092)):  # known by its number, and not
            there = captures.other_port(self.segments, ports)
            for begin in (3, 20, 33, 50):
                with self.subTest(ports=ports, begin=begin):
                    self.file.write_bytes(pcap(packets(there[begin:])))
                    result = ottla("decode", self.file)
                    rows = [without_place(line) for line in result.lines]
                    good = [row for row in rows if "error" not in row]
                    self.assertTrue(all(row in self.rows for row in good))
                    self.assertGreater(len(good), len(self.rows) - 14)
                    self.assertEqual(f"10.0.0.2:{ports[1]}", json.loads(result.lines[-1])["broker"])

    def test_the_broker_is_who_accepted(self):
        lines = self.decode(pcap(packets(captures.other_port(self.segments, (40000, 5000))))).lines
        self.assertEqual(self.rows, [without_place(line) for line in lines])
        self.assertEqual("10.0.0.2:5000", json.loads(lines[0])["broker"])

    def test_ports_and_other_traffic(self):
        web = Conversation([(CLIENT, b"GET / HTTP/1.1\r\n\r\n"), (BROKER, b"HTTP/1.1 200 OK\r\n\r\n")])
        noise = packets(segments(web, (40001, 80))) + [captures.ETHERNET.wrap(captures.ipv4(self.segments[0], protocol=17)), b"\xff" * 60, b""]
        kafka = packets(captures.other_port(self.segments, (40000, 5000)))
        mixed = [packet for pair in zip(kafka, noise + kafka) for packet in pair]
        both = noise + kafka
        self.assertEqual(self.rows, [without_place(line) for line in self.decode(pcap(both)).lines])
        self.assertEqual(self.rows, [without_place(line) for line in self.decode(pcap(both), "--port", 5000).lines])
        self.assertEqual(len(self.rows), len(self.decode(pcap(mixed)).lines))
        result = self.decode(pcap(both), "--port", 5001, status=FAILED)
        self.assertEqual((b"", True), (result.out, "is to a broker at that port" in result.errors), result)
        result = self.decode(pcap(noise), status=FAILED)
        self.assertIn("none of the 1 connections in the capture speaks Kafka's protocol", result.errors)
        result = self.decode(pcap(noise), "--port", 80, status=FAILED)
        self.assertIn("it looks like HTTP", result.errors)
        self.assertIn("there is no TCP connection with data", self.decode(pcap([]), status=FAILED).errors)

    def test_tls_at_the_usual_port_is_named(self):
        hello = Conversation([(CLIENT, b"\x16\x03\x01\x02\x00\x01" + bytes(511)), (BROKER, b"\x16\x03\x03\x00\x7a" + bytes(122))])
        result = self.decode(pcap(packets(segments(hello))), status=FAILED)
        self.assertEqual(2, len(result.lines))
        self.assertIn("it looks like TLS", result.errors)

    def test_the_same_ends_once_more(self):
        again = segments(self.talk, begin=77)
        for first in (self.segments, self.segments[:-3] + [Segment(CLIENT, 0, 0, RST, b"")], self.segments[:-3]):
            lines = self.decode(pcap(packets(first + again))).lines
            self.assertEqual(self.rows * 2, [without_place(line) for line in lines])

    def test_fragments_are_counted(self):
        capture = packets(self.segments) + [captures.ETHERNET.wrap(captures.ipv4(self.segments[5], fragment=0x2000))]
        self.assertIn("1 fragments of IP packets are left out", self.decode(pcap(capture), status=FAILED).errors)

    def test_a_file_that_is_cut(self):
        for write in (pcap, pcapng):
            whole = write(packets(self.segments))
            for size in (5, 30, len(whole) // 2, len(whole) - 1):
                with self.subTest(format=write.__name__, size=size):
                    result = self.decode(whole[:size], status=FAILED)
                    rows = [row for row in map(without_place, result.lines) if "error" not in row]
                    self.assertTrue(all(row in self.rows for row in rows))
                    self.assertTrue(len(rows) > 5 or size < 100)
                    self.assertRegex(result.errors, "truncated|unknown file format")

    def test_damaged_files(self):
        """Anything may come of them, but an end, and JSON."""
        whole = pcap(packets(self.segments[:60]))
        for seed in range(150):
            rng = random.Random(seed)
            damaged = bytearray(whole)
            for _ in range(rng.randint(1, 30)):
                damaged[rng.randrange(4, len(damaged))] = rng.randrange(256)
            self.file.write_bytes(damaged)
            result = ottla("decode", self.file, "--records")
            self.assertIn(result.status, (DONE, FAILED), f"seed {seed}: {result}")
            for line in result.lines:
                json.loads(line)

    def test_link_types_that_are_not_known(self):
        result = self.decode(pcap([bytes(100)], captures.Link("wifi", 105, bytes)), status=FAILED)
        self.assertRegex(result.errors, r"packets of link type 105 \(IEEE802_11\) cannot be read")

    def test_frames_are_told_as_they_come(self):
        capture = pcap(packets(self.segments))
        process = start("decode", stdin=-1)
        self.addCleanup(end_of, process)
        process.stdin.write(capture[:4000])
        process.stdin.flush()
        self.assertEqual(self.rows[0], without_place(process.stdout.readline().decode()))
        process.stdin.write(capture[4000:])
        process.stdin.close()
        self.assertEqual(self.rows[1:], [without_place(line.decode()) for line in process.stdout])
        self.assertEqual((DONE, b""), (process.wait(timeout=30), process.stderr.read()))

    def test_an_interrupt_ends_it_in_order(self):
        capture = pcap(packets(self.segments))
        for begin in (b"", capture[:4000]):
            process = start("decode", stdin=-1)
            self.addCleanup(end_of, process)
            process.stdin.write(begin)
            process.stdin.flush()
            first = process.stdout.readline() if begin else time.sleep(0.5)
            process.send_signal(signal.SIGINT)
            rest = process.stdout.read()
            self.assertIn(process.wait(timeout=30), (DONE, FAILED))
            self.assertEqual(bool(begin), bool(first))
            self.assertTrue(all(json.loads(line) for line in rest.splitlines()))
            self.assertNotIn("truncated", process.stderr.read().decode())

    def test_filters_and_forms(self):
        capture = pcap(packets(self.segments))
        produced = [row for row in self.rows if row["api"] == "Produce"]
        self.assertEqual(produced, [without_place(line) for line in self.decode(capture, "--api", "produce").lines])
        two = self.decode(capture, "--api", 0, "--api", "ApiVersions").lines
        self.assertEqual({"Produce", "ApiVersions"}, {json.loads(line)["api"] for line in two})
        pretty = self.decode(capture, "--api", "ApiVersions", "--pretty").out.decode()
        self.assertIn('\n  "api": "ApiVersions",\n', pretty)

    def test_records_one_by_one(self):
        lines = []
        for line in self.decode(pcap(packets(self.segments)), "--records", "--api", "Produce").lines:
            row = json.loads(line)
            for topic in row["body"].get("topicData", []):
                for partition in topic["partitionData"]:
                    for batch in partition["records"]["batches"]:
                        self.assertTrue(batch["crcOk"])
                        lines += [record["value"] for record in batch["records"]]
        self.assertEqual([f"line {i} of some" for i in range(3000)], lines)

    def test_options_that_do_not_fit(self):
        self.file.write_bytes(pcap(packets(self.segments)))
        result = ottla("decode", self.file, "--response", "--api", "Fetch", "--api-version", 1)
        self.assertEqual(USAGE, result.status)
        self.assertIn("--response", result.errors)


if __name__ == "__main__":
    unittest.main()
