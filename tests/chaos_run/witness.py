"""Kafka's own tools: makes topics, and reads all of them with the console consumer."""

import re
import subprocess
from pathlib import Path

import judge
from view import View  # also makes the cluster scripts importable

import kafka_runtime as runtime

SILENCE_MS = 15000
"""The console consumer ends after so long without a message."""
READ_SECONDS = 900


class Witness:
    def __init__(self, version: str, bootstrap: str, folder: Path):
        self.version, self.bootstrap, self.folder = version, bootstrap, folder

    def tool(self, name: str, *arguments, out: Path) -> str:
        """Returns what it said on stderr; its output is in `out`."""
        options = runtime.log_options(self.version, self.folder / "logging", "ERROR")
        place = [] if "--zookeeper" in arguments else ["--bootstrap-server", self.bootstrap]
        words = [runtime.find_class(self.version, name), *place, *arguments]
        command = runtime.java_command(self.version, *words, options=options)
        with open(out, "wb") as file:
            done = subprocess.run(
                command, stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.PIPE, timeout=READ_SECONDS, check=False
            )
        told = done.stderr.decode(errors="replace")
        if done.returncode:
            raise RuntimeError(f"{name}: exit status {done.returncode}\n{told}\n{out.read_text(errors='replace')[-2000:]}")
        return told

    def make_topic(self, name: str, partitions: int, replicas: int = 3, zookeeper: str = "") -> None:
        """`zookeeper`: its address, for releases before 2.2."""
        settings = ["--config", f"min.insync.replicas={min(replicas, 2)}", "--config", "unclean.leader.election.enable=false"]
        shape = ["--partitions", str(partitions), "--replication-factor", str(replicas)]
        shape += ["--zookeeper", zookeeper] if runtime.parse_version(self.version) < (2, 2) else []
        self.tool("TopicCommand", "--create", "--topic", name, *shape, *settings, out=self.folder / f"create-{name}")

    def read(self, topic: str, committed: bool) -> judge.Log:
        out = self.folder / f"{topic}.read"
        printing = "--formatter-property" if runtime.parse_version(self.version) >= (4, 2) else "--property"
        wanted = [word for one in ("partition", "offset") for word in (printing, f"print.{one}=true")]
        isolation = "read_committed" if committed else "read_uncommitted"
        told = self.tool(
            "ConsoleConsumer", "--topic", topic, "--from-beginning", "--timeout-ms", str(SILENCE_MS),
            "--isolation-level", isolation, *wanted, out=out,
        )  # fmt: skip
        with open(out, encoding="utf-8") as lines:
            log = judge.parse_log(lines)
        count = sum(map(len, log.values()))
        said = re.search(r"Processed a total of (\d+) messages", told)
        if not said or int(said[1]) != count:
            raise judge.Unreadable(f"the console consumer printed {count} messages of {topic}, and says: {told[-500:]}")
        return log


def read_to_the_end(view: View, topic: str, log: judge.Log, verdict: judge.Verdict, transactional: bool) -> None:
    """No transaction is open any more, and without transactions the last message read is the last there is."""
    ends, stable = view.ends(topic), view.ends(topic, stable=True)
    if not any(ends.values()):
        verdict.violation(f"{topic} is empty")
    if ends != stable:
        verdict.violation(f"a transaction is still open in {topic}: the log ends at {ends}, what may be read at {stable}")
    for partition, end in ends.items():
        last = log[partition][-1][0] if log.get(partition) else -1
        if last + 1 != end and not transactional or last >= end:
            verdict.violation(f"{topic}-{partition} ends at {end}, and the console consumer read up to {last}")
