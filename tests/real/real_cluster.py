"""One cluster of three Kafka brokers for all tests here: started when the first test asks, gone when the tests end."""

import atexit
import functools
import json
import re
import select
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from kafka_tools import KafkaTools  # also makes the cluster scripts importable

from kafka_cluster import Cluster

VERSION = "4.3.0"
SCRIPT = Path(__file__).resolve().parents[1] / "cluster/kafka_cluster.py"
SETTINGS = ["auto.create.topics.enable=false", "broker.session.timeout.ms=5000", "broker.heartbeat.interval.ms=1000"]
"""The session is shorter than Kafka's 9 s so that the tests wait less for new leaders."""
START_SECONDS = 400
"""The first use of a version also fetches its jars."""


class RealCluster:
    """The script takes the brokers down and deletes their folder when the pipe to it closes, however this process ends."""

    def __init__(self, version: str = VERSION, nodes: int = 3, settings: list[str] = SETTINGS):
        self.nodes = range(1, nodes + 1)
        words = [word for setting in settings for word in ("--config", setting)]
        command = [sys.executable, "-B", SCRIPT, "run", "--version", version, "--nodes", str(nodes), *words]
        self.keeper = subprocess.Popen(
            [*command, "--", "sh", "-c", 'echo "$KAFKA_CLUSTER_JSON"; exec cat'],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        if not select.select([self.keeper.stdout], [], [], START_SECONDS)[0]:
            self.keeper.terminate()
            raise RuntimeError(f"no cluster after {START_SECONDS} s")
        state = self.keeper.stdout.readline().strip()
        if not state:
            raise RuntimeError(f"the cluster did not start (exit status {self.keeper.wait(30)})")
        self.folder = Path(state).parent
        self.state = json.loads(Path(state).read_text())
        self.bootstrap = self.state["bootstrap"]["plaintext"]
        self.files = tempfile.TemporaryDirectory(prefix="ottla-real.")
        self.tools = KafkaTools(version, self.bootstrap, Path(self.files.name))

    def close(self) -> None:
        self.tools.close()
        self.keeper.stdin.close()
        try:
            self.keeper.wait(60)
        except subprocess.TimeoutExpired:
            self.keeper.terminate()
            self.keeper.wait(30)
        self.keeper.stdout.close()
        self.files.cleanup()

    def zookeeper(self) -> str:
        """Its address; empty if the cluster has none."""
        settings = (self.folder / "node1/server.properties").read_text()
        found = re.search(r"^zookeeper.connect=(\S+)", settings, re.M)
        return found[1] if found else ""

    def log_folder(self, node: int, topic: str, partition: int) -> Path:
        return self.folder / f"node{node}/data" / f"{topic}-{partition}"

    # -------- disturbing it

    def node(self, action: str, node: int) -> None:
        """kill, stop, start, pause or resume."""
        command = [sys.executable, "-B", SCRIPT, action, str(node), "--dir", self.folder]
        done = subprocess.run(command, capture_output=True, text=True, timeout=200, check=False)
        if done.returncode:
            raise AssertionError(f"{action} {node}: {done.stderr}{done.stdout}")

    def heal(self) -> None:
        """All nodes run, and every partition has all its replicas in sync."""
        for node in self.nodes:
            self.node("resume" if Cluster.load(self.folder).alive(f"node{node}") else "start", node)
        wait_until(self.is_whole, 90, "replicas in sync", self.log_tails)

    def is_whole(self) -> bool:
        listed = self.tools.text("TopicCommand", "--describe", "--under-replicated-partitions")
        return not listed.strip()

    def log_tails(self, lines: int = 12) -> str:
        parts = []
        for node in self.nodes:
            text = (self.folder / f"node{node}/output.log").read_text(errors="replace").splitlines()
            parts.append(f"-- the end of the log of node {node}:\n" + "\n".join(text[-lines:]))
        return "\n".join(parts)


def wait_until(condition, seconds: float, what: str, explain=lambda: "") -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"{what}: not after {seconds} s\n{explain()}")
        time.sleep(0.1)


@functools.cache
def _start() -> RealCluster | Exception:
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # unittest takes SystemExit for one failed test
    try:
        started = RealCluster()
    except Exception as error:  # told to each test, without trying again
        return error
    atexit.register(started.close)
    return started


def cluster() -> RealCluster:
    started = _start()
    if isinstance(started, Exception):
        raise started
    return started
