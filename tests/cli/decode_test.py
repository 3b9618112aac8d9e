"""`ottla decode` of hex text and of plain frames, and of what is neither."""

import json
import os
import struct
import subprocess
import tempfile
import unittest
from pathlib import Path

from programs import DONE, FAILED, OTTLA, USAGE, ottla


def frame(body: bytes) -> bytes:
    return struct.pack(">i", len(body)) + body


def text(value: str) -> bytes:
    return struct.pack(">h", len(value)) + value.encode()


def heartbeat(correlation_id: int) -> bytes:
    """A Heartbeat request, version 0."""
    return frame(struct.pack(">hhi", 12, 0, correlation_id) + text("me") + text("group") + struct.pack(">i", 3) + text("member"))


def heartbeat_response(correlation_id: int, error: int = 0) -> bytes:
    return frame(struct.pack(">ih", correlation_id, error))


class DecodeTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def decode(self, data, *options, status: int = DONE):
        result = ottla("decode", *options, stdin=data if isinstance(data, bytes) else data.encode())
        self.assertEqual(status, result.status, result)
        return result

    def ids(self, data, *options, **how) -> list:
        return [json.loads(line)["correlation_id"] for line in self.decode(data, *options, **how).lines]

    def test_a_request(self):
        row = self.decode(heartbeat(7).hex()).json
        self.assertEqual(
            {
                "frame": 1,
                "direction": "request",
                "api": "Heartbeat",
                "api_key": 12,
                "version": 0,
                "correlation_id": 7,
                "client_id": "me",
                "bytes": 35,
                "body": {"groupId": "group", "generationId": 3, "memberId": "member"},
            },
            row,
        )

    def test_ways_to_write_hex(self):
        digits = heartbeat(1).hex() + heartbeat(2).hex()
        pairs = [digits[i : i + 2] for i in range(0, len(digits), 2)]
        words = [digits[i : i + 4] for i in range(0, len(digits), 4)]
        for written in (
            digits,
            digits.upper() + "\n",
            " ".join(pairs),
            "\r\n".join(words),
            ":".join(pairs),
            "0x" + digits,
            ", ".join("0x" + pair for pair in pairs),
            ", ".join("0X" + pair for pair in pairs),
            "".join("\\x" + pair for pair in pairs),
            "# a comment: 12 zz\n\n" + "\n".join(f"{word} # and more" for word in words),
            "\t" + digits[:9] + digits[9:],
            "> " + digits,
        ):
            with self.subTest(written=written[:60]):
                self.assertEqual([1, 2], self.ids(written))

    def test_a_transcript(self):
        told = self.decode(
            "# who asked what\n"
            f"> {heartbeat(1).hex()}\n"
            f"{heartbeat(2).hex()[:20]}\n"
            f"  > {heartbeat(2).hex()[20:]}\n"
            f"< {heartbeat_response(1).hex()}\n"
            f"  {heartbeat_response(2, 25).hex()}\n"
        )
        rows = [json.loads(line) for line in told.lines]
        self.assertEqual(
            [("request", 1), ("request", 2), ("response", 1), ("response", 2)],
            [(row["direction"], row["correlation_id"]) for row in rows],
        )
        self.assertEqual(25, rows[3]["body"]["errorCode"])

    def test_one_end_that_makes_no_sense(self):
        result = self.decode(f"> ffffffff\n< {heartbeat_response(1).hex()}\n> {heartbeat(1).hex()}\n", status=FAILED)
        rows = [json.loads(line) for line in result.lines]
        self.assertEqual(["request", "response"], [row["direction"] for row in rows])

    def test_a_lone_response(self):
        for api in ("Heartbeat", "heartbeat", "12"):
            row = self.decode(heartbeat_response(9, 25).hex(), "--response", "--api", api, "--api-version", 0).json
            self.assertEqual(("response", 9, {"errorCode": 25}), (row["direction"], row["correlation_id"], row["body"]))
        self.assertIn("--response", self.decode(heartbeat_response(9).hex(), status=FAILED).errors)  # said when it is not given
        result = self.decode(heartbeat_response(9).hex(), "--response", "--api", "Heartbeat", "--api-version", 1, status=FAILED)
        self.assertIn("HeartbeatResponse v1", result.errors)

    def test_plain_frames(self):
        both = heartbeat(1) + heartbeat(2)
        self.assertEqual([1, 2], self.ids(both))
        path = self.folder / "frames"
        path.write_bytes(both * 5000)
        result = ottla("decode", path)
        self.assertEqual((DONE, 10000), (result.status, len(result.lines)))
        self.assertEqual([9], self.ids(heartbeat_response(9), "--format", "raw", "--response", "--api", "12", "--api-version", "0"))

    def test_the_frame_and_its_place_are_named(self):
        result = self.decode(heartbeat(1) + heartbeat(2)[:-3], status=FAILED)
        self.assertIn("ottla: frame 2, request at byte 35: 3 of its 35 bytes are missing", result.errors)
        self.assertEqual(2, len(result.lines))
        self.assertEqual("3 of its 35 bytes are missing", json.loads(result.lines[1])["error"])

    def test_many_errors_are_counted(self):
        unknown = frame(struct.pack(">hhi", 3000, 0, 1))
        result = self.decode(unknown * 50, status=FAILED)
        self.assertEqual(50, len(result.lines))
        self.assertIn("frame 1, request at byte 0: API 3000 is unknown", result.errors)
        self.assertIn("30 more such messages are left out", result.errors)

    def test_what_is_no_hex_text(self):
        for written, problem in (
            ("0000000g", "line 1, column 8: 'g' is no hexadecimal digit"),
            ("00 00\n00 0", "line 2, column 5: an odd number of hexadecimal digits"),
            ("00 0 00", "line 1, column 5: an odd number of hexadecimal digits"),
            ("hello", "line 1, column 1: 'h' is no hexadecimal digit"),
            ("00 > 00", "line 1, column 4: '>' is no hexadecimal digit"),
            ("00 \u00e4", "line 1, column 4: byte c3 is no hexadecimal digit"),
        ):
            with self.subTest(written=written):
                self.assertIn("stdin: " + problem, self.decode(written, status=FAILED).errors)
        # What stands before the mistake is told.
        result = self.decode(heartbeat(4).hex() + "\nzz", status=FAILED)
        self.assertEqual(4, json.loads(result.lines[0])["correlation_id"])

    def test_garbage(self):
        jpeg = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00" + bytes(500)
        for data, problem in (
            (jpeg, "it looks like a JPEG image"),
            (b"\x1f\x8b\x08\0" + bytes(50), "gzip: decompress it first"),
            (b"\x16\x03\x01\x02\x00\x01\x00", "it looks like TLS"),
            (b"HTTP/1.1 200 OK\r\n\r\n\0", "it looks like HTTP"),
            (bytes(100), "a request of 0 bytes cannot be"),
            (b"\0\0\0\x08" + b"\xff" * 8, "API -1 is unknown"),
            (b"\0", "1 bytes are no whole frame"),
            (b"\0\0\1\0", "256 of its 260 bytes are missing"),
        ):
            with self.subTest(data=data[:8]):
                result = self.decode(data, status=FAILED)
                self.assertIn(problem, result.errors)
                self.assertEqual(problem in json.loads(result.lines[0])["error"], True)

    def test_endless_garbage_ends(self):
        for _ in range(20):
            result = ottla("decode", "/dev/urandom")
            self.assertEqual(FAILED, result.status, result)
        self.assertEqual(FAILED, ottla("decode", "/dev/zero").status)
        result = self.decode(b"00 00\n" * 50_001, status=FAILED)
        self.assertNotIn("line", result.errors)

    def test_a_large_empty_file(self):
        path = self.folder / "sparse"
        with open(path, "wb") as file:
            file.truncate(1 << 30)
        for options in ([], ["--format", "raw"], ["--format", "hex"], ["--format", "pcap"]):
            result = ottla("decode", path, *options)
            self.assertEqual(FAILED, result.status, result)
            self.assertLess(result.seconds, 5)

    def test_nothing_to_read(self):
        for data in (b"", b"\n \n", b"# nothing but this\n"):
            self.assertIn("stdin", self.decode(data, status=USAGE).errors)
        self.assertIn(f"{self.folder} is a folder", ottla("decode", self.folder).errors)
        self.assertEqual(USAGE, ottla("decode", self.folder).status)
        result = ottla("decode", self.folder / "nowhere")
        self.assertEqual(USAGE, result.status)
        self.assertIn("nowhere: No such file or directory", result.errors)
        closed = subprocess.run([OTTLA, "decode"], preexec_fn=lambda: os.close(0), capture_output=True, text=True, timeout=30, check=False)
        self.assertEqual(FAILED, closed.returncode)
        self.assertIn("cannot read stdin", closed.stderr)

    def test_wrong_options(self):
        for options, name in (
            (["--format", "docx"], "--format"),
            (["--api", "Prduce"], "--api Prduce"),
            (["--response"], "--api"),
            (["--response", "--api", "Fetch"], "--api-version"),
            (["--response", "--api", "Fetch", "--api", "Produce", "--api-version", "1"], "one --api"),
            (["--api-version", "1"], "--response"),
            (["--port", "0"], "--port"),
            (["--port", "9092"], "--port is for captures"),
            ([""], "file"),
        ):
            with self.subTest(options=options):
                self.assertIn(name, self.decode(heartbeat(1).hex(), *options, status=USAGE).errors)

    def test_a_reader_that_goes(self):
        path = self.folder / "frames"
        path.write_bytes(heartbeat(1) * 100_000)
        process = subprocess.Popen([OTTLA, "decode", path], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        process.stdout.readline()
        process.stdout.close()
        self.assertEqual(b"", process.stderr.read())
        self.assertEqual(DONE, process.wait(timeout=30))
        process.stderr.close()
        with open("/dev/full", "wb") as nowhere:
            full = subprocess.run([OTTLA, "decode", path], stdout=nowhere, stderr=subprocess.PIPE, text=True, timeout=30, check=False)
        self.assertEqual(FAILED, full.returncode)
        self.assertIn("cannot write to stdout", full.stderr)


if __name__ == "__main__":
    unittest.main()
