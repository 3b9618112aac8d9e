"""ottla-bench keeps its command-line contract: modes, keys of the result line, bad input. Small counts, no judgement of speed."""

import json
import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "bench"))
from harness.broker import Broker  # noqa: E402
from harness.runs import Program, run  # noqa: E402

BUILD = Path(os.environ.get("OTTLA_BUILD", ROOT / "build/release"))
KEYS = {"client", "mode", "count", "errors", "wall_s", "msg_s", "mb_s", "cpu_ns_msg", "user_ns_msg", "sys_ns_msg", "csw", "maxrss_kb", "threads"}
PERCENTILES = {"p50_us", "p90_us", "p99_us", "p999_us", "max_us"}


def bench(*words, **environment) -> subprocess.CompletedProcess:
    command = [BUILD / "bin/ottla-bench", *words]
    return subprocess.run(
        [str(word) for word in command], capture_output=True, text=True, timeout=120, check=False, env={**os.environ, **environment}
    )


class NullBrokerTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.broker = Broker(BUILD, null=True, partitions=3, arguments=("--codec", "lz4"))

    @classmethod
    def tearDownClass(cls):
        cls.broker.close()

    def result(self, mode: str, *words, **environment) -> dict:
        done = bench(mode, "--bootstrap", self.broker.bootstrap, "--some-other-key", "1", *words, **environment)
        self.assertEqual(0, done.returncode, done.stderr + done.stdout)
        lines = done.stdout.splitlines()
        if mode in ("first", "idle"):
            self.assertEqual("FIRST", lines.pop(0))
        self.assertEqual(1, len(lines))
        result = json.loads(lines[0])
        self.assertLessEqual(KEYS, set(result))
        self.assertEqual(("ottla", mode, 0), (result["client"], result["mode"], result["errors"]))
        return result

    def test_produce(self):
        for words in (["--keys", 1], ["--compression", "zstd"], ["--idempotence", 0], ["--batch-size", 20_000, "--linger-ms", 0]):
            result = self.result("produce", "--count", 20_000, "--warmup", 1000, "--size", 50, "--partitions", 3, *words)
            self.assertEqual(20_000, result["count"])
            self.assertEqual(2, result["threads"])

    def test_calls_of_produce(self):
        lent = ["--lend", 1, "--size", 10_000, "--copy-max", 1000]
        for words in (["--threads", 2], ["--many", 7], lent, ["--threads", 3, "--many", 10, "--keys", 1], [*lent, "--threads", 2, "--many", 3]):
            with self.subTest(words=words):
                result = self.result("produce", "--count", 1001, "--warmup", 100, "--partitions", 3, *words)
                self.assertEqual(1001, result["count"])

    def test_outstanding_messages_are_limited(self):
        self.assertEqual(2000, self.result("produce", "--count", 2000, "--max-outstanding", 1, "--linger-ms", 0)["count"])

    def test_consume_in_each_way(self):
        for api in ("records", "poll", "consume"):
            result = self.result("consume", "--count", 20_000, "--partitions", 3, "--api", api)
            self.assertGreaterEqual(result["count"], 20_000)
            self.assertGreater(result["touched"], 0)

    def test_latency_leaves_the_first_second_out(self):
        result = self.result("latency", "--rate", 500, "--duration", 1.5, "--warmup-s", 0.5, "--linger-ms", 0)
        self.assertEqual(500, result["count"])
        self.assertLessEqual(PERCENTILES, set(result))
        self.assertTrue(0 < result["p50_us"] <= result["p90_us"] <= result["p99_us"] <= result["p999_us"] <= result["max_us"])

    def test_latency_in_a_loop_of_the_application(self):
        words = ["--rate", 500, "--duration", 1.5, "--warmup-s", 0.5, "--linger-ms", 0, "--embedded", 1]
        result = self.result("latency", *words)
        self.assertEqual((500, 1), (result["count"], result["threads"]))
        self.assertTrue(0 < result["p50_us"] <= result["p999_us"])

    def test_first_and_idle(self):
        for role in ("producer", "consumer"):
            self.result("first", "--role", role)
            self.result("idle", "--role", role, "--duration", 0.2)

    def test_turns_of_an_embedding_loop(self):
        for codec, partitions in (("none", 3), ("zstd", 1), ("gzip", 3)):
            result = self.result("turn", "--count", 3000, "--size", 500, "--batch-size", 300_000, "--compression", codec, "--partitions", partitions)
            self.assertEqual((3000, 1), (result["count"], result["threads"]))
            self.assertGreater(result["turns"], 0)
            self.assertLessEqual(PERCENTILES | {f"cpu_{name}" for name in PERCENTILES}, set(result))
            self.assertTrue(0 < result["cpu_p50_us"] <= result["cpu_p999_us"] <= result["cpu_max_us"])

    def test_pieces_of_a_codec(self):
        for codec, level in (("gzip", 1), ("snappy", -1), ("lz4", 9), ("zstd", -1)):
            result = self.result("compress", "--compression", codec, "--level", level, "--batch-size", 200_000, "--piece", 10_000, "--count", 3)
            self.assertEqual(3, result["count"])
            self.assertGreater(result["ratio"], 1)
            self.assertGreater(result["bytes_us"], 0)
            self.assertLessEqual(PERCENTILES, set(result))

    def test_floor(self):
        for role in ("produce", "consume"):
            self.assertGreaterEqual(self.result("floor", "--role", role, "--count", 30_000)["count"], 30_000)
        self.assertLessEqual(PERCENTILES, set(self.result("floor", "--role", "latency", "--rate", 500, "--duration", 1, "--warmup-s", 0.5)))

    def test_allocations_are_counted_when_the_counter_is_loaded(self):
        result = self.result("produce", "--count", 50_000, LD_PRELOAD=str(BUILD / "bench/libmalloccount.so"))
        self.assertTrue(0 < result["allocs_msg"] < 1)
        self.assertGreater(result["alloc_bytes_msg"], 0)
        self.assertNotIn("allocs_msg", self.result("produce", "--count", 1000))


class StoringBrokerTest(unittest.TestCase):
    def test_end_to_end(self):
        with Broker(BUILD, null=False, partitions=2) as broker:
            words = ["--rate", 500, "--duration", 1.5, "--warmup-s", 0.5, "--linger-ms", 0, "--partitions", 2, "--size", 40]
            done = bench("e2e", "--bootstrap", broker.bootstrap, *words)
            self.assertEqual(0, done.returncode, done.stderr)
            result = json.loads(done.stdout)
            self.assertEqual((500, 0), (result["count"], result["errors"]))
            self.assertLessEqual(KEYS | PERCENTILES, set(result))


class StalledBrokerTest(unittest.TestCase):
    def test_the_queue_fills_and_stays_at_its_limit(self):
        with Broker(BUILD, null=True) as broker:
            options = {"size": 1000, "queue-kbytes": 200, "duration": 0.3, "warmup-s": 0.3}
            result = run(Program("ottla", [str(BUILD / "bin/ottla-bench")]), "stalled", options, broker, 60)
            self.assertLessEqual(KEYS, set(result))
            self.assertTrue(150 <= result["count"] <= 204, result["count"])
            self.assertGreater(result["refused"], 0)


class CompareTest(unittest.TestCase):
    """bench/compare, with ottla alone: whole suites, next to nothing of each."""

    def compare(self, *words) -> subprocess.CompletedProcess:
        command = [ROOT / "bench/compare", "--build", BUILD, *words]
        return subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=300, check=False)

    def test_each_suite_gives_a_table(self):
        rows = [
            ("matrix", "100 B lz4, 24 partitions, keyed", 2),
            ("calls", "lent|64 a call", 6),
            ("latency", "report.* 1,000/s", 6),
            ("turn", "zstd, 1 partition,", 5),
            ("memory", "1 KiB", 2),
            ("first", "produce|start", 2),
        ]
        for suite, expression, count in rows:
            with self.subTest(suite=suite), tempfile.TemporaryDirectory() as folder:
                words = ["--suite", suite, "--rows", expression, "--rounds", 1, "--scale", 0.01, "--peers", "", "--out", folder]
                done = self.compare(*words)
                self.assertEqual(0, done.returncode, done.stderr + done.stdout)
                lines = [line for line in done.stdout.splitlines() if line.startswith("|")]
                self.assertEqual(2 + count, len(lines), done.stdout)
                self.assertNotIn("| - |", lines[2].removesuffix(" - |"))
                self.assertIn("round 1 of 1", done.stderr)
                self.assertEqual(done.stdout, (Path(folder) / f"{suite}.md").read_text())
                self.assertEqual(count, len(json.loads((Path(folder) / f"{suite}.json").read_text())["rows"]))

    def test_json_is_printed(self):
        with tempfile.TemporaryDirectory() as folder:
            done = self.compare("--rows", "produce", "--rounds", 2, "--scale", 0.001, "--peers", "", "--out", folder, "--json")
            self.assertEqual(0, done.returncode, done.stderr)
            rounds = json.loads(done.stdout)["rows"][0]["rounds"]
            self.assertEqual(2, len(rounds))
            self.assertEqual(0, rounds[1]["ottla"]["errors"])

    def test_rows_are_named(self):
        done = self.compare("--suite", "matrix", "--list", "--rows", "^produce 10 B, 1 ")
        names = ["1 thread", "2 threads", "keyed, 1 thread", "keyed, 2 threads"]
        self.assertEqual((0, [f"produce 10 B, 1 partition, {name}" for name in names]), (done.returncode, done.stdout.splitlines()))

    def test_what_makes_no_sense_is_refused(self):
        rows = [
            (["--suite", "dance"], "invalid choice: 'dance'"),
            (["--rounds", "0"], "--rounds: at least 1"),
            (["--rounds", "few"], "invalid int value: 'few'"),
            (["--scale", "0"], "--scale: above 0"),
            (["--scale", "nan"], "--scale: above 0"),
            (["--limit", "-1"], "--limit: above 0"),
            (["--peers", "rdkafka"], "--peers: rdkafka is none of librdkafka, franz-go, java"),
            (["--rows", "("], "--rows: (: "),
            (["--rows", "nothing like it"], "no row of suite first"),
            (["--build", "/does/not/exist"], "/does/not/exist/bin has no ottla-bench"),
        ]
        for words, text in rows:
            with self.subTest(words=words):
                done = self.compare(*words)
                self.assertEqual(2, done.returncode, done.stderr)
                self.assertIn(text, done.stderr)


class BadInputTest(unittest.TestCase):
    def test_what_makes_no_sense_is_refused(self):
        rows = [
            ([], "MODE is one of: compress consume e2e first floor idle latency produce stalled turn"),
            (["dance"], "MODE is one of"),
            (["produce", "count", "1"], "expected --key value, found count"),
            (["produce", "--count"], "--count has no value"),
            (["produce", "--count", "many"], "--count: not a number: many"),
            (["produce", "--count", "1.5"], "--count: not a whole number: 1.5"),
            (["produce", "--size", "0"], "--size: between 1 and"),
            (["consume", "--partitions", "0"], "--partitions: between 1 and"),
            (["latency", "--duration", "1"], "nothing would be measured"),
            (["produce", "--text", "/does/not/exist"], "--text /does/not/exist: cannot be read"),
            (["first", "--role", "queen"], "--role queen"),
            (["produce", "--threads", "0"], "--threads: between 1 and 64"),
            (["produce", "--many", "10001"], "--many: between 1 and 10000"),
            (["produce", "--many", "10", "--max-outstanding", "5"], "--max-outstanding: less than"),
            (["stalled", "--queue-kbytes", "0"], "--queue-kbytes: between 1 and"),
            (["compress", "--compression", "rle"], "--compression rle"),
            (["compress", "--compression", "none"], "nothing to measure"),
            (["compress", "--level", "23"], "--level: -1 to 22 for zstd"),
        ]
        for words, text in rows:
            with self.subTest(words=words):
                done = bench(*words)
                self.assertEqual(2, done.returncode, done.stderr)
                self.assertIn(text, done.stderr)

    def test_a_broker_that_cannot_be_reached_ends_the_run(self):
        modes = [["produce"], ["consume"], ["latency", "--duration", "1.1"], ["e2e"], ["first"], ["idle", "--role", "consumer"]]
        modes += [["produce", "--threads", "2"], ["latency", "--embedded", "1", "--duration", "1.1"], ["stalled"], ["turn"]]
        for mode in modes:
            with self.subTest(mode=mode):
                done = bench(*mode, "--bootstrap", "127.0.0.1:1", "--patience-s", 1)
                self.assertEqual(1, done.returncode, done.stdout)
                self.assertIn("nothing came from 127.0.0.1:1 for 1 s", done.stderr)


if __name__ == "__main__":
    unittest.main()
