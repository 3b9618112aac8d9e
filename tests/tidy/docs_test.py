"""What the pages say is so: their C++ is part of an example, their links lead somewhere, every option of the program is
told of."""

import re
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
NOT_YET = {ROOT / "docs/CONFIGURATION.md"}
"""Generated from the table of properties; linked before it is there."""


def code_lines(text: str) -> list[str]:
    """Without indentation and empty lines, as a page may quote from anywhere inside."""
    return [line.strip() for line in text.splitlines() if line.strip()]


def cpp_blocks(text: str) -> list[str]:
    return re.findall(r"^```cpp\n(.*?)^```$", text, re.M | re.S)


def contains(lines: list[str], part: list[str]) -> bool:
    return any(lines[i : i + len(part)] == part for i in range(len(lines) - len(part) + 1))


def anchors(text: str) -> set[str]:
    headings = re.findall(r"^#+ (.*)$", text, re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


class PagesTest(unittest.TestCase):
    def test_cpp_is_quoted_from_the_examples(self):
        examples = [code_lines(path.read_text()) for path in (ROOT / "examples").glob("*.cpp")]
        quotes = 0
        for page in PAGES:
            for block in cpp_blocks(page.read_text()):
                quotes += 1
                found = any(contains(example, code_lines(block)) for example in examples)
                self.assertTrue(found, f"{page.name} has C++ that is in no example:\n{block}")
        self.assertGreater(quotes, 10)

    def test_links_lead_somewhere(self):
        for page in PAGES:
            text = page.read_text()
            for target in re.findall(r"\]\(([^)\s]+)\)", text):
                if re.match(r"https?:", target):
                    continue
                path, _, anchor = target.partition("#")
                file = (page.parent / path).resolve() if path else page
                if file in NOT_YET and not file.exists():
                    continue
                self.assertTrue(file.exists(), f"{page.name} links to {target}")
                if anchor:
                    self.assertIn(anchor, anchors(file.read_text()), f"{page.name} links to {target}")

    def test_every_example_is_listed(self):
        text = (ROOT / "docs/GETTING-STARTED.md").read_text()
        for example in (ROOT / "examples").glob("*.cpp"):
            self.assertIn(f"(../examples/{example.name})", text)

    def test_every_page_is_listed(self):
        text = (ROOT / "README.md").read_text()
        for page in (ROOT / "docs").glob("*.md"):
            if page.name != "PROGRESS.md":
                self.assertIn(f"(docs/{page.name})", text)

    def test_every_option_of_the_program_is_told_of(self):
        text = (ROOT / "docs/CLI.md").read_text()
        options = 0
        for source in (ROOT / "src/cli").glob("*.cpp"):
            for names in re.findall(r"add_(?:option|flag)\(\s*\"([^\"]+)\"", source.read_text()):
                for name in names.split(","):
                    options += 1
                    if name.startswith("-"):
                        self.assertIn(f"`{name}`", text, f"{source.name}: {names}")
        self.assertGreater(options, 40)
        for source in (ROOT / "src/cli").glob("*.cpp"):
            for command in re.findall(r"add_subcommand\(\"(\w+)\"", source.read_text()):
                self.assertIn(f"ottla {command}", text, source.name)


if __name__ == "__main__":
    unittest.main()
