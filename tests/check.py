"""The parts of ./check: each is run, timed and counted; a failed one shows its output."""

import os
import re
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LEVELS = ["quick", "default", "full"]
OLD_KAFKA = "0.10.2.2"
"""Run by default, besides the three brokers of tests/real: ZooKeeper, message sets, none of the newer requests."""
EVERY_KAFKA = ["4.3.0", "4.2.0", "4.1.1", "3.9.1", "2.8.2", "1.1.1", "0.11.0.3", "0.10.2.2", "0.9.0.1", "0.8.2.2"]
LINES_SHOWN = 120
"""Of the output of a part that failed."""


@dataclass
class Count:
    passed: int = 0
    failed: int = 0
    skipped: int = 0

    def __add__(self, other: "Count") -> "Count":
        return Count(self.passed + other.passed, self.failed + other.failed, self.skipped + other.skipped)

    def __str__(self) -> str:
        text = f"{self.passed} passed, {self.failed} failed"
        return f"{text}, {self.skipped} skipped" if self.skipped else text


def count_catch(output: str) -> Count:
    """Catch2's last lines, of either generation."""
    if found := re.search(r"All tests passed \(\d+ assertions? in (\d+) test cases?\)", output):
        return Count(passed=int(found[1]))
    if found := re.search(r"^test cases:(.*)$", output, re.M):
        parts = {word: int(number) for number, word in re.findall(r"(\d+) (passed|failed|skipped)", found[1])}
        return Count(parts.get("passed", 0), parts.get("failed", 0), parts.get("skipped", 0))
    return Count()


def count_unittest(output: str) -> Count:
    """Python's unittest."""
    found = re.findall(r"^Ran (\d+) tests? in", output, re.M)
    total = sum(map(int, found))
    bad = sum(int(n) for n in re.findall(r"(?:failures|errors)=(\d+)", output))
    skipped = sum(int(n) for n in re.findall(r"skipped=(\d+)", output))
    return Count(max(0, total - bad - skipped), bad, skipped)


def count_plain(output: str) -> Count:
    """A line `N passed, N failed[, N skipped]`."""
    found = re.findall(r"^(\d+) passed, (\d+) failed(?:, (\d+) skipped)?$", output, re.M)
    return sum((Count(int(p), int(f), int(s or 0)) for p, f, s in found), Count())


def count_one(_: str) -> Count:
    return Count(passed=1)


class Check:
    def __init__(self, level: str):
        self.level = LEVELS.index(level)
        self.total = Count()
        self.failed_parts = []
        self.jobs = str(os.cpu_count() or 2)
        self.environment = dict(os.environ, CCACHE_BASEDIR=str(ROOT), CCACHE_NOHASHDIR="1")
        self.start = time.monotonic()

    def run(self, command: list, **environment: str) -> tuple[int, str]:
        done = subprocess.run(
            [str(word) for word in command],
            cwd=ROOT,
            env={**self.environment, **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
        )
        return done.returncode, done.stdout

    def part(self, name: str, commands: list, counter, **environment: str) -> bool:
        """Runs the commands one after the other; one that fails without a counted failure is one failure."""
        start = time.monotonic()
        count = Count()
        bad_output = ""
        for command in commands:
            status, output = self.run(command, **environment)
            one = counter(output) if status == 0 or counter is not count_one else Count()
            if status != 0 and one.failed == 0:
                one.failed = 1
            if status == 0 and one.passed + one.failed + one.skipped == 0:
                one.failed = 1
                output += "\nno test was run"
            if one.failed:
                bad_output += f"$ {' '.join(map(str, command))}   (exit status {status})\n{output}\n"
            count += one
        self.report(name, count, time.monotonic() - start)
        if bad_output:
            lines = bad_output.splitlines()
            if len(lines) > LINES_SHOWN:
                lines = [f"... {len(lines) - LINES_SHOWN} lines before"] + lines[-LINES_SHOWN:]
            print("\n".join("    | " + line for line in lines), flush=True)
        return not bad_output

    def report(self, name: str, count: Count, seconds: float, note: str = "") -> None:
        self.total += count
        if count.failed:
            self.failed_parts.append(name)
        state = "FAILED" if count.failed else "left out" if not count.passed and count.skipped else "ok"
        print(f"{state:>8}  {name:<34} {seconds / 60:5.1f} min   {note or count}", flush=True)

    def leave_out(self, name: str, why: str) -> None:
        self.report(name, Count(skipped=1), 0, why)

    def build(self, preset: str, targets: list, what: str, *options: str) -> bool:
        launcher = ["-DCMAKE_CXX_COMPILER_LAUNCHER=ccache"] if shutil.which("ccache") else []
        build = ["cmake", "--build", f"build/{preset}", "-j", self.jobs]
        return self.part(
            what,
            [["cmake", "--preset", preset, *launcher, *options], build + (["--target", *targets] if targets else [])],
            count_one,
        )

    def sanitizer(self, preset: str, what: str, programs: list, **options: str) -> None:
        if not self.build(preset, programs, f"build with {what}"):
            return
        for program in programs:
            self.part(f"{program} with {what}", [[f"build/{preset}/bin/{program}"]], count_catch, **options)


def sources_and_scripts(check: Check) -> None:
    unittest = [sys.executable, "-B", "-m", "unittest", "discover", "-p", "*_test.py", "-s"]
    check.part("rules of the sources", [[*unittest, "tests/tidy"]], count_unittest)
    check.part("code generator", [[*unittest, "codegen"]], count_unittest)
    check.part("public headers, each alone", [[*unittest, "tests/headers"]], count_unittest)
    check.part("judge of tests/chaos", [[*unittest, "tests/chaos_run"]], count_unittest)


def main_build(check: Check) -> None:
    binaries = ROOT / "build/release/bin"
    if not check.build("release", [], "build"):
        return
    check.part("unit tests", [[binaries / "unit"]], count_catch)
    check.part("golden files", [[binaries / "golden", *sorted((ROOT / "tests/golden/vectors").iterdir())]], count_plain)
    check.part("tests with the embedded cluster", [[binaries / "mock_tests"]], count_catch)
    if kcat := shutil.which("kcat") or shutil.which("kafkacat"):
        check.part("kcat and the embedded cluster", [[binaries / "mock_tests", "[kcat]"]], count_catch, OTTLA_KCAT=kcat)
    else:
        check.leave_out("kcat and the embedded cluster", "kcat is not installed")
    check.part("clients after fork", [[binaries / "fork_tests"]], count_catch)
    check.part("threads", [[binaries / "threads"]], count_catch)
    seeds = "1-20000" if check.level >= LEVELS.index("full") else "1-500"
    check.part("simulation", [[binaries / "ottla-sim", "--seeds", seeds, "--coverage"]], count_plain)
    check.part("simulation, planted bugs", [[binaries / "sim_tests"]], count_catch)
    examples = sorted(path.stem for path in (ROOT / "examples").glob("*.cpp"))
    check.part("examples", [[binaries / name] for name in examples if (binaries / name).exists()], count_one)
    unittest = [sys.executable, "-B", "-m", "unittest", "discover", "-p", "*_test.py", "-s"]
    check.part("command line", [[*unittest, "tests/cli"]], count_unittest, OTTLA=str(binaries / "ottla"))


def installed_package(check: Check) -> None:
    if not (ROOT / "build/release/src/libottla.so").exists():
        return
    unittest = [sys.executable, "-B", "-m", "unittest", "discover", "-p", "*_test.py", "-s", "tests/package"]
    check.part("installed package", [unittest], count_unittest)


def benchmarks(check: Check) -> None:
    if not (ROOT / "build/release/bin/ottla-bench").exists():
        return
    unittest = [sys.executable, "-B", "-m", "unittest", "discover", "-p", "*_test.py", "-s"]
    check.part("benchmark program", [[*unittest, "tests/bench"]], count_unittest)
    if shutil.which("valgrind"):
        check.part("instruction guard", [["bench/guard"]], count_plain)
    else:
        check.leave_out("instruction guard", "valgrind is not installed")


def memory_budget(check: Check) -> None:
    unittest = [sys.executable, "-B", "-m", "unittest", "discover", "-p", "*_test.py", "-s", "tests/budget"]
    check.part("memory budget", [unittest], count_unittest, OTTLA=str(ROOT / "build/release/bin/ottla"))


def real_brokers(check: Check) -> None:
    missing = [program for program in ("java", "mvn") if not shutil.which(program)]
    if missing:
        for what in ("three real Kafka brokers", "other releases of Kafka"):
            check.leave_out(what, f"{' and '.join(missing)} not installed")
        return
    check.part(
        "three real Kafka brokers",
        [[sys.executable, "-B", "-m", "unittest", "discover", "-p", "*_test.py", "-s", "tests/real"]],
        count_unittest,
        OTTLA=str(ROOT / "build/release/bin/ottla"),
        OTTLA_REAL_MB="100" if check.level >= LEVELS.index("full") else "10",
    )
    for version in EVERY_KAFKA if check.level >= LEVELS.index("full") else [OLD_KAFKA]:
        check.part(
            f"Kafka {version}",
            [[sys.executable, "-B", "-m", "unittest", "discover", "-p", "*_test.py", "-s", "tests/versions"]],
            count_unittest,
            OTTLA=str(ROOT / "build/release/bin/ottla"),
            OTTLA_KAFKA_VERSION=version,
        )


def fuzzing(check: Check) -> None:
    # Older ones do not know enough C++20.
    compiler = next(filter(shutil.which, [*(f"clang++-{version}" for version in range(22, 15, -1)), "clang++"]), None)
    if not compiler:
        check.leave_out("fuzzing", "clang++ is not installed")
        return
    targets = sorted(f"fuzz_{path.parent.name}" for path in (ROOT / "tests/fuzz").glob("*/*_fuzz.cpp"))
    if not check.build("fuzz", targets, "build of the fuzzers", f"-DCMAKE_CXX_COMPILER={compiler}"):
        return
    corpus = ROOT / "build/fuzz/corpus"
    check.part("seed corpus", [[sys.executable, "-B", "tests/fuzz/make_corpus.py", "tests/golden/vectors", corpus]], count_one)
    for target in targets:
        folder = corpus / target.removeprefix("fuzz_")
        command = [f"build/fuzz/bin/{target}", "-max_total_time=120", "-rss_limit_mb=2048", "-print_final_stats=0", folder]
        check.part(target, [command], count_one)


def main() -> int:
    level = sys.argv[1] if len(sys.argv) > 1 else "default"
    check = Check(level)
    print(f"Level {level}, {check.jobs} cores\n", flush=True)
    sources_and_scripts(check)
    main_build(check)
    benchmarks(check)
    if check.level >= LEVELS.index("default"):
        installed_package(check)
        memory_budget(check)
        real_brokers(check)
        check.sanitizer("asan", "AddressSanitizer and UBSan", ["unit", "mock_tests", "sim_tests"])
        for what in ("AddressSanitizer and UBSan", "ThreadSanitizer"):
            check.leave_out(f"fork_tests with {what}", "a child of a process with threads is beyond the sanitizer")
        check.sanitizer("tsan", "ThreadSanitizer", ["unit", "mock_tests", "threads"], TSAN_OPTIONS="halt_on_error=1")
    if check.level >= LEVELS.index("full"):
        fuzzing(check)
    print(f"\n{(time.monotonic() - check.start) / 60:.1f} minutes in all")
    if check.failed_parts:
        print("Failed: " + ", ".join(check.failed_parts))
    print(check.total)
    return 1 if check.total.failed else 0


if __name__ == "__main__":
    sys.exit(main())
