"""Each public header compiles alone, with every warning on, and names nothing of src/."""

import os
import subprocess
import sys
import tempfile
import unittest
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
WARNINGS = ["-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Wshadow", "-Werror"]


def generate(folder: Path) -> None:
    """The generated headers that public ones include."""
    subprocess.run(
        [sys.executable, "-B", ROOT / "codegen/main.py", "--protocol", ROOT / "protocol", "--out", folder, "--sources", "20"],
        check=True,
        stdout=subprocess.DEVNULL,
    )


def compile_alone(header: Path, generated: str) -> str:
    """The compiler's complaints; empty if there are none."""
    name = header.relative_to(ROOT / "include")
    command = [os.environ.get("CXX", "g++"), "-std=c++20", "-fsyntax-only", *WARNINGS, f"-I{ROOT}/include", f"-I{generated}", "-x", "c++", "-"]
    done = subprocess.run(command, input=f"#include <{name}>\n#include <{name}>\n", capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else done.stderr


class HeadersTest(unittest.TestCase):
    def test_each_compiles_alone(self):
        headers = sorted((ROOT / "include").rglob("*.hpp"))
        self.assertTrue(headers)
        with tempfile.TemporaryDirectory() as generated, ThreadPoolExecutor(os.cpu_count()) as pool:
            generate(Path(generated))
            complaints = list(pool.map(lambda header: compile_alone(header, generated), headers))
        for header, complaint in zip(headers, complaints):
            with self.subTest(header=header.name):
                self.assertEqual("", complaint)


if __name__ == "__main__":
    unittest.main()
