"""What Kafka's own tools say of a group: who holds what, how far it has come, and all it has ever committed."""

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

import view  # noqa: F401 -- makes the cluster scripts importable

import kafka_runtime as runtime
from judge import Unreadable

HERE = Path(__file__).resolve().parent
TOOL = "ConsumerGroupCommand"
PARTITIONS = 12
"""Of the topic that the group reads."""


@dataclass
class Row:
    """Of a partition."""

    committed: int | None
    end: int | None
    lag: int | None
    client: str
    """client.id of the member that holds it; empty: nobody."""


def table(text: str) -> list[dict[str, str]]:
    """The rows below a head line. Columns are separated by blanks; what is missing is a dash."""
    rows, head = [], None
    for line in text.splitlines():
        words = line.split()
        if "CLIENT-ID" in words:
            head = words
        elif head and len(words) == len(head):
            rows.append(dict(zip(head, words)))
        elif head and words:
            raise Unreadable(f"not a row of the group tool: {line!r}")
    return rows


def number(word: str) -> int | None:
    return None if word in ("-", "unknown") else int(word)


def parse_offsets(text: str, topic: str) -> dict[int, Row]:
    """The output of --describe."""
    return {
        int(row["PARTITION"]): Row(
            number(row["CURRENT-OFFSET"]),
            number(row["LOG-END-OFFSET"]),
            number(row["LAG"]),
            "" if row["CLIENT-ID"] == "-" else row["CLIENT-ID"],
        )
        for row in table(text)
        if row.get("TOPIC") == topic and row["PARTITION"] != "-"
    }


def parse_members(text: str, topic: str) -> dict[str, set[int]]:
    """The output of --describe --members --verbose: client.id to its partitions, as chaos(0,1), chaos:0,1, or, by 3.9, (0,1)."""
    found: dict[str, set[int]] = {}
    for row in table(text):
        told = row.get("CURRENT-ASSIGNMENT") or row.get("ASSIGNMENT") or "-"
        partitions = re.findall(rf"(?:^|,|\b{re.escape(topic)})[(:]([\d,]*)", told)
        found.setdefault(row["CLIENT-ID"], set()).update(int(one) for some in partitions for one in some.split(",") if one)
    return found


def disagreement(claims: dict[str, set[int]], offsets: dict[int, Row], told: dict[str, set[int]] | None) -> str:
    """Empty: each partition has one owner, and the members and Kafka say the same."""
    for partition in range(PARTITIONS):
        owners = [name for name, some in claims.items() if partition in some]
        if len(owners) != 1:
            return f"partition {partition} is claimed by {owners or 'nobody'}"
        if partition not in offsets or offsets[partition].client != owners[0]:
            return f"partition {partition}: {owners[0]} claims it, Kafka says {offsets.get(partition)}"
    if told is not None and told != claims:
        return f"the members hold {claims}, Kafka says {told}"
    return ""


class GroupTool:
    def __init__(self, witness, group: str, topic: str):
        self.witness, self.group, self.topic = witness, group, topic
        self.number = runtime.parse_version(witness.version)

    def describe(self, *more: str) -> str:
        out = self.witness.folder / "group-tool"
        new = ["--new-consumer"] if self.number < (1,) else []
        told = self.witness.tool(TOOL, *new, "--describe", "--group", self.group, "--timeout", "30000", *more, out=out)
        text = out.read_text(errors="replace")
        if "CLIENT-ID" not in text:
            raise Unreadable(f"Kafka's group tool says: {(text + told).strip()[-1000:]}")
        return text

    def offsets(self) -> dict[int, Row]:
        return parse_offsets(self.describe(), self.topic)

    def members(self) -> dict[str, set[int]] | None:
        """None: this release does not tell."""
        return parse_members(self.describe("--members", "--verbose"), self.topic) if self.number >= (2,) else None


def compile_java(version: str, folder: Path) -> Path:
    """Against the clients' jar of that release. Returns the folder with the classes."""
    classes = folder / "classes"
    jar = runtime.class_path_dir(version) / f"kafka-clients-{version}.jar"
    command = [f"{runtime.java_binary()}c", "-nowarn", "-cp", jar, "-d", classes, *sorted((HERE / "java").glob("*.java"))]
    runtime.check_output(command)
    return classes


def commits(version: str, bootstrap: str, group: str, classes: Path) -> list[tuple[int, int, int]]:
    """(time in ms, partition, offset) of every commit, in their order."""
    command = [
        runtime.java_binary(), "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1",
        *runtime.log_options(version, classes / "logging", "ERROR"),
        "-cp", f"{classes}:{runtime.class_path_dir(version)}/*", "Commits", bootstrap, group,
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    lines = done.stdout.splitlines()
    if done.returncode or not lines or lines[-1] != "END":
        raise Unreadable(f"the commits of {group} were not told: {done.stderr[-1000:]}")
    return [tuple(map(int, line.split())) for line in lines[:-1]]
