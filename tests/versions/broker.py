"""One broker of the Kafka release OTTLA_KAFKA_VERSION, what that release can do, ottla, and the release's own tools."""

import atexit
import functools
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "real"))

from real_cluster import RealCluster  # also makes the cluster scripts importable

import kafka_runtime as runtime

VERSION = os.environ.get("OTTLA_KAFKA_VERSION", "0.10.2.2")
NUMBER = runtime.parse_version(VERSION)
OTTLA = os.environ.get("OTTLA", str(Path(__file__).resolve().parents[2] / "build/release/bin/ottla"))
UNIT = "\x1f"
"""Separates fields in what the tools and ottla read and print."""
PARTITIONS = 3

TELLS_VERSIONS = NUMBER >= (0, 10)
NAMES_CONTROLLER = NUMBER >= (0, 10)
MAKES_TOPICS = NUMBER >= (0, 10, 1)
KNOWS_TIMES = NUMBER >= (0, 10, 1)
IDEMPOTENT = NUMBER >= (0, 11)
KNOWS_ZSTD = NUMBER >= (2, 1)
TOPIC_DEFAULTS = NUMBER >= (2, 4)
MAGIC = 0 if NUMBER < (0, 10) else 1 if NUMBER < (0, 11) else 2
CODECS = ["none", "gzip", "snappy", "lz4", *(["zstd"] if KNOWS_ZSTD else [])]
OLDER_FORMATS = [(0, "0.9.0"), (1, "0.10.2")][:MAGIC] if (0, 10) <= NUMBER < (3,) else []
"""Message formats that a topic of this release may have instead of its own (message.format.version)."""
SPEAKS_0_9 = NUMBER < (4,)
"""Whether it still takes the requests of a client made for 0.9 (KIP-896)."""

FALLBACK = [] if TELLS_VERSIONS else ["api.version.request=false", f"broker.version.fallback={VERSION}"]
"""Properties of a client of this release."""
SETTINGS = [f"num.partitions={PARTITIONS}", "delete.topic.enable=true"]


@functools.cache
def broker() -> RealCluster:
    """Started by the first call, gone when the tests end."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # unittest takes SystemExit for one failed test
    started = RealCluster(VERSION, 1, SETTINGS)
    atexit.register(started.close)
    return started


def ottla(*arguments, status: int = 0, seconds: float = 60, properties: list[str] = FALLBACK, before: list[str] = (), **options) -> subprocess.CompletedProcess:
    """Runs a command of ottla against the broker; a wrong exit status fails with what it said."""
    words = [str(word) for word in arguments]
    commands = 2 if words[0] == "topics" else 1
    settings = [word for one in properties for word in ("-X", one)]
    command = [*before, OTTLA, *words[:commands], "-b", broker().bootstrap, *settings, *words[commands:]]
    try:
        done = subprocess.run(command, capture_output=True, timeout=seconds, check=False, **options)
        told = f"exit status {done.returncode}, not {status}" if done.returncode != status else ""
        errors = done.stderr
    except subprocess.TimeoutExpired as late:
        told, errors = f"still there after {seconds} s", late.stderr or b""
    if told:
        raise AssertionError(f"ottla {words}: {told}\n{errors.decode(errors='replace')}\n{broker().log_tails()}")
    return done


def produce(*arguments, **options) -> subprocess.CompletedProcess:
    """Idempotently where the broker can."""
    return ottla("produce", *arguments, *([] if IDEMPOTENT else ["-X", "enable.idempotence=false"]), **options)


# -------- Kafka's own tools, of the same release


def kafka_tool(name: str, *arguments, stdin: bytes = b"") -> str:
    """What it printed. Each call starts a JVM."""
    folder = Path(broker().files.name)
    command = runtime.java_command(
        VERSION, runtime.find_class(VERSION, name), *arguments, options=runtime.log_options(VERSION, folder / "logging", "WARN"), brief=True
    )
    done = subprocess.run(command, input=stdin, capture_output=True, timeout=90, check=False)
    output = done.stdout.decode(errors="replace")
    if done.returncode:
        raise AssertionError(f"{name} {arguments}: exit status {done.returncode}\n{done.stderr.decode(errors='replace')}\n{output}")
    return output


def zookeeper() -> str:
    settings = (broker().folder / "node1/server.properties").read_text()
    return re.search(r"^zookeeper.connect=(\S+)", settings, re.M)[1]


def kafka_creates(topic: str) -> None:
    place = ["--bootstrap-server", broker().bootstrap] if NUMBER >= (2, 2) else ["--zookeeper", zookeeper()]
    kafka_tool("TopicCommand", "--create", *place, "--topic", topic, "--partitions", PARTITIONS, "--replication-factor", 1)


def kafka_produces(topic: str, codec: str, rows: list[tuple[str, str]]) -> None:
    """Keys and values."""
    place = "--bootstrap-server" if NUMBER >= (2, 5) else "--broker-list"
    kind = "--reader-property" if NUMBER >= (4, 2) else "--property"
    kafka_tool(
        "ConsoleProducer", place, broker().bootstrap, "--topic", topic, "--compression-codec", codec,
        "--request-required-acks", 1, kind, "parse.key=true", kind, f"key.separator={UNIT}",
        stdin="".join(f"{key}{UNIT}{value}\n" for key, value in rows).encode(),
    )  # fmt: skip


def kafka_consumes(topic: str, count: int) -> list[tuple[str, str]]:
    """Keys and values, "null" for null, in the order of their arrival."""
    if NUMBER < (0, 9):
        place = ["--zookeeper", zookeeper()]
    else:
        place = [*(["--new-consumer"] if NUMBER < (0, 10, 1) else []), "--bootstrap-server", broker().bootstrap, "--timeout-ms", 20000]
    kind = "--formatter-property" if NUMBER >= (4, 2) else "--property"
    output = kafka_tool(
        "ConsoleConsumer", *place, "--topic", topic, "--from-beginning", "--max-messages", count,
        kind, "print.key=true", kind, f"key.separator={UNIT}",
    )  # fmt: skip
    return [tuple(line.split(UNIT)) for line in output.splitlines()]


def stored(topic: str) -> set[tuple[int, str]]:
    """Message format and codec of what lies in the files of a topic."""
    files = sorted(broker().folder.glob(f"node1/data/{topic}-*/*.log"))
    dump = kafka_tool("DumpLogSegments", "--files", ",".join(map(str, files)))
    found = re.findall(r" magic: (\d).* compresscodec: (\w+)", dump)
    codecs = {"nocompressioncodec": "none"}
    return {(int(magic), codecs.get(codec.lower(), codec.lower().removesuffix("compressioncodec"))) for magic, codec in found}
