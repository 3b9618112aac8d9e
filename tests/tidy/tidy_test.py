"""Rules that the compiler does not check: who may include whom, where clocks and Asio may be named, sizes, words."""

import re
import subprocess
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

# Floors (docs/INTERNALS.md). A folder of src/ includes itself, lower floors, and what is listed here beside that.
FLOORS = {
    "base": 0,
    "wire": 1,
    "codec": 1,
    "config": 1,
    "stats": 1,
    "record": 2,
    "accumulator": 3,
    "inspect": 3,
    "serdes": 3,
    "core": 4,
    "mock": 4,
    "engine": 5,
    "client": 6,
    "cli": 7,
    "tools": 7,
}
# The two wings: the brokers must not share the client's logic, or both would share a mistake.
FORBIDDEN = {("mock", "accumulator"), ("mock", "config"), ("engine", "mock"), ("client", "mock"), ("config", "wire")}
PUBLIC_ONLY = {"cli"}
# Asio and clocks.
MAY_NAME_ASIO = ("src/engine/", "src/mock/server/", "src/client/", "include/ottla/")
MAY_READ_CLOCKS = ("src/engine/", "src/accumulator/", "src/mock/server/", "src/client/", "src/cli/")
VOCABULARY = ("error.hpp", "log.hpp", "types.hpp", "record.hpp", "config.hpp", "buffer.hpp")
LONGEST_FILE = 800
LONG_REASON = re.compile(r"\s*(//|#|<!--)\s*long: \w")
GENERATED = {ROOT / "docs/CONFIGURATION.md"}

INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.M)


def without_comments(text: str) -> str:
    return re.sub(r"//[^\n]*|/\*.*?\*/", "", text, flags=re.S)


def sources(*folders: str) -> list[Path]:
    return sorted(p for folder in folders for p in (ROOT / folder).rglob("*") if p.suffix in (".hpp", ".cpp"))


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def tracked_files() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    names = [name for name in listed.stdout.decode().split("\0") if name]
    if not names:  # not a checkout: whatever lies here
        return [p for p in ROOT.rglob("*") if p.is_file() and not {"build", ".git"} & set(p.relative_to(ROOT).parts)]
    return [ROOT / name for name in names if (ROOT / name).is_file()]


def is_written_by_hand(path: Path) -> bool:
    """C++, other languages, shell, CMake and pages; neither data nor what is generated."""
    if path in GENERATED:
        return False
    if path.suffix in (".hpp", ".cpp", ".java", ".go", ".py", ".sh", ".cmake", ".md") or path.name == "CMakeLists.txt":
        return True
    return path.suffix == "" and path.read_bytes().startswith(b"#!")


def length_problem(text: str) -> str:
    """Empty for a file that is short enough, or whose first lines have a comment `long: REASON`."""
    lines = text.count("\n")
    if lines <= LONGEST_FILE or any(LONG_REASON.match(line) for line in text.splitlines()[:10]):
        return ""
    return f"{lines} lines: look for the second idea, or give the reason in a comment `long: ...` in the first ten lines"


def arrow_is_allowed(source: str, target: str) -> bool:
    if source == target:
        return True
    if source in PUBLIC_ONLY or (source, target) in FORBIDDEN:
        return False
    return FLOORS[target] < FLOORS[source]


class ArrowsTest(unittest.TestCase):
    def test_every_folder_has_a_floor(self):
        folders = {p.name for p in (ROOT / "src").iterdir() if p.is_dir()}
        self.assertEqual(set(), folders - set(FLOORS))

    def test_includes_point_down_only(self):
        for path in sources("src"):
            source = path.relative_to(ROOT / "src").parts[0]
            for include in INCLUDE.findall(path.read_text()):
                target = include.split("/")[0]
                if "/" not in include or target not in FLOORS or (path.parent / include).exists():
                    continue
                if not arrow_is_allowed(source, target):
                    self.fail(f"{name_of(path)} includes {include}: src/{source} may not see src/{target}")

    def test_public_headers_do_not_look_into_src(self):
        for path in sources("include", "examples"):
            for include in INCLUDE.findall(path.read_text()):
                self.assertTrue((path.parent / include).exists(), f"{name_of(path)} includes {include}")

    def test_cores_include_no_other_core(self):
        # Through cluster, net and call.hpp they speak; produce and fetch do not know each other.
        for path in sources("src/core/produce", "src/core/fetch"):
            other = "core/fetch/" if "produce" in path.parts else "core/produce/"
            for include in INCLUDE.findall(path.read_text()):
                self.assertFalse(include.startswith(other), f"{name_of(path)} includes {include}")


class WordsTest(unittest.TestCase):
    def test_asio_is_named_only_where_sockets_live(self):
        for path in sources("src", "include"):
            name = name_of(path)
            allowed = name.startswith(MAY_NAME_ASIO) and path.name not in VOCABULARY
            if not allowed and re.search(r"boost/asio|\basio::", without_comments(path.read_text())):
                self.fail(f"{name} names Asio")

    def test_clocks_are_read_only_in_the_outer_rings(self):
        for path in sources("src", "include"):
            name = name_of(path)
            text = without_comments(path.read_text())
            if not name.startswith(MAY_READ_CLOCKS) and re.search(r"::now\(\)|clock_gettime|gettimeofday", text):
                self.fail(f"{name} reads a clock: time comes in as an argument")

    def test_cores_have_no_locks_and_no_threads(self):
        for path in sources("src/core", "src/record", "src/wire", "src/codec"):
            text = without_comments(path.read_text())
            found = re.search(r"std::(mutex|thread|condition_variable|this_thread)\b", text)
            self.assertIsNone(found, f"{name_of(path)}: {found and found[0]}")

    def test_no_file_is_too_long(self):
        checked = [path for path in tracked_files() if is_written_by_hand(path)]
        kinds = {path.suffix for path in checked}
        self.assertLessEqual({".cpp", ".hpp", ".java", ".go", ".py", ".sh", ".cmake", ".md", ".txt", ""}, kinds)
        for path in checked:
            problem = length_problem(path.read_text(errors="replace"))
            self.assertEqual("", problem, name_of(path))

    def test_a_long_file_needs_a_reason(self):
        long = "line\n" * (LONGEST_FILE + 1)
        self.assertEqual("", length_problem("line\n" * LONGEST_FILE))
        self.assertIn("801 lines", length_problem(long))
        for mark in ("// long:", "# long:", "<!-- long:"):
            self.assertEqual("", length_problem(f"first\n{mark} one table, which is read as one\n{long}"))
            self.assertIn("lines", length_problem(f"{mark}\n{long}"))  # no reason
            self.assertIn("lines", length_problem("line\n" * 10 + f"{mark} too far below\n{long}"))

    def test_headers_are_guarded(self):
        for path in sources("src", "include"):
            if path.suffix == ".hpp":
                self.assertIn("#pragma once", path.read_text(), name_of(path))

    def test_nothing_is_left_undone_or_tied_to_one_machine(self):
        # Put together here, so that this file does not find itself.
        words = ["TO" + "DO", "FIX" + "ME", "/wo" + "rk/", "/ro" + "ot/", "/ho" + "me/"]
        for path in tracked_files():
            if path.suffix in (".gz", ".png", ".jsonl"):
                continue
            text = path.read_text(errors="replace")
            for word in words:
                if word in text:
                    line = text[: text.index(word)].count("\n") + 1
                    self.fail(f"{name_of(path)}:{line} has {word}")

    def test_no_build_product_is_kept(self):
        for path in tracked_files():
            bad = path.suffix in (".o", ".a", ".so", ".pyc", ".jar") or path.relative_to(ROOT).parts[0] == "build"
            self.assertFalse(bad, name_of(path))


if __name__ == "__main__":
    unittest.main()
