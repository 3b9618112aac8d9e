"""Kafka's own command-line tools, the independent witnesses: run by their class names, in one JVM (Tools.java)."""

import contextlib
import queue
import re
import subprocess
import sys
import threading
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "cluster"))

import kafka_runtime as runtime  # noqa: E402

NULL = "<null>"
"""What stands for a null key, value or header in what the console tools read and print."""
UNIT = "\x1f"
"""Separates fields in what the console tools and ottla print."""


class ToolFailed(AssertionError):
    """A tool of Kafka ended with a status other than 0, or did not end."""


class KafkaTools:
    """Calls are made one at a time; the first starts the JVM, `close` ends it."""

    def __init__(self, version: str, bootstrap: str, folder: Path):
        self.version, self.bootstrap, self.folder = version, bootstrap, folder
        self.calls = 0
        self.jvm = None

    def start(self) -> None:
        jars = runtime.class_path_dir(self.version)
        tools = jars / f"kafka-tools-{self.version}.jar"
        path = ":".join(str(jar) for jar in sorted(jars.glob("*.jar")) if jar != tools)
        command = [runtime.java_binary(), "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]
        command += ["-Djava.net.preferIPv4Stack=true", *runtime.log_options(self.version, self.folder / "logging", "WARN")]
        with open(self.folder / "jvm.log", "ab") as log:
            self.jvm = subprocess.Popen(
                [*command, "-cp", path, HERE / "Tools.java", tools],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                encoding="utf-8",
                bufsize=1,
            )
        self.answers = queue.Queue()
        threading.Thread(target=self._read_answers, args=(self.jvm, self.answers), daemon=True).start()

    @staticmethod
    def _read_answers(jvm: subprocess.Popen, answers: queue.Queue) -> None:
        with jvm.stdout:
            for line in jvm.stdout:
                answers.put(line.strip())
        answers.put("")

    def close(self, seconds: float = 10) -> None:
        if not self.jvm:
            return
        with contextlib.suppress(OSError):
            self.jvm.stdin.close()
        try:
            self.jvm.wait(seconds)
        except subprocess.TimeoutExpired:
            self.jvm.kill()
            self.jvm.wait()
        self.jvm = None

    def run(self, tool: str, *arguments, stdin: Path | None = None, seconds: float = 90, may_fail: bool = False) -> Path:
        """Returns the file with what the tool printed. `tool` is a class name, with or without its package."""
        self.calls += 1
        out, err = (self.folder / f"call{self.calls}.{kind}" for kind in ("out", "err"))
        call = [stdin or "/dev/null", out, err, runtime.find_class(self.version, tool), *arguments]
        if not self.jvm:
            self.start()
        try:
            self.jvm.stdin.write("\x1e".join(map(str, call)) + "\n")
            status = self.answers.get(timeout=seconds)
        except BrokenPipeError:
            status = ""
        except queue.Empty:
            status = f"none after {seconds} s"
        if not status.isdigit():
            self.close(seconds=0)  # nothing else can be run in it
        if status != "0" and not (may_fail and status.isdigit()):
            log = (self.folder / "jvm.log").read_text(errors="replace")[-2000:]
            told = (err.read_text(errors="replace") + out.read_text(errors="replace"))[-3000:] if err.exists() else ""
            raise ToolFailed(f"{tool} {' '.join(map(repr, map(str, arguments)))}: exit status {status or 'unknown'}\n{told}{log}")
        return out

    def text(self, tool: str, *arguments, **options) -> str:
        """What the tool printed, for the tools that talk to a cluster."""
        return self.run(tool, "--bootstrap-server", self.bootstrap, *arguments, **options).read_text()

    # -------- the two console clients

    def produce(self, topic: str, lines: Path, codec: str = "none", keyed: bool = False, headers: bool = False) -> None:
        """Each line a message: [headers UNIT] [key UNIT] value."""
        properties = [f"parse.key={str(keyed).lower()}", f"parse.headers={str(headers).lower()}", f"null.marker={NULL}"]
        properties += [f"key.separator={UNIT}", f"headers.delimiter={UNIT}"]
        self.run(
            "ConsoleProducer", "--bootstrap-server", self.bootstrap, "--topic", topic, "--compression-codec", codec,
            *(word for one in properties for word in ("--reader-property", one)),
            "--batch-size", 65536, "--request-timeout-ms", 30000, "--message-send-max-retries", 1000000, stdin=lines,
        )  # fmt: skip

    def consume(self, topic: str, count: int, *properties: str) -> Path:
        """`count` messages from the beginning; without properties of the formatter just their values."""
        settings = [f"key.separator={UNIT}", f"null.literal={NULL}", *properties]
        return self.run(
            "ConsoleConsumer", "--bootstrap-server", self.bootstrap, "--topic", topic, "--from-beginning",
            "--max-messages", count, "--timeout-ms", 20000,
            *(word for one in settings for word in ("--formatter-property", one)),
        )  # fmt: skip

    # -------- what is there

    def describe(self, topic: str) -> dict[int, dict]:
        """The partitions of a topic as TopicCommand tells them; empty if there is no such topic (yet)."""
        rows = {}
        for line in self.text("TopicCommand", "--describe", "--if-exists", "--topic", topic).splitlines():
            if found := re.match(r"\s*Topic: \S+\s+Partition: (\d+)\s+Leader: (\S+)\s+Replicas: (\S+)\s+Isr: (\S*)", line):
                replicas, isr = ([int(node) for node in found[i].split(",") if node] for i in (3, 4))
                rows[int(found[1])] = {
                    "leader": int(found[2]) if found[2].isdigit() else -1,
                    "replicas": replicas,
                    "isr": isr,
                }
        return rows

    def topics(self) -> set[str]:
        return set(self.text("TopicCommand", "--list").split())

    def end_offsets(self, topic: str, time: str = "latest") -> dict[int, int]:
        lines = self.text("GetOffsetShell", "--topic", topic, "--time", time).splitlines()
        return {int(p): int(offset or -1) for _, p, offset in (line.rsplit(":", 2) for line in lines)}

    def batches(self, log_folder: Path) -> list[dict]:
        """The record batches of one replica, from its files."""
        files = ",".join(str(file) for file in sorted(log_folder.glob("*.log")))
        lines = self.run("DumpLogSegments", "--files", files).read_text().splitlines()
        pairs = [re.findall(r"(\w+): (\S+)", line) for line in lines if line.startswith("baseOffset:")]
        return [dict(row) for row in pairs]
