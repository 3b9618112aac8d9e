"""Which programs there are, and one run of one of them."""

import json
import select
import statistics
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

from harness.broker import Broker

ROOT = Path(__file__).resolve().parents[2]
PEERS = ROOT / "build/peers/peers.json"
PEER_NAMES = ("librdkafka", "franz-go", "java")


@dataclass
class Program:
    name: str
    command: list
    arguments: list = field(default_factory=list)
    version: str = ""


@dataclass
class Row:
    """One workload; `metric` is what is compared, lower is better."""

    name: str
    mode: str
    options: dict
    metric: str = "cpu_ns_msg"
    unit: str = "ns"
    null: bool = True
    floor: str = ""
    """Role of the floor mode that belongs to it."""
    peers: bool = True
    """Others can do it, too."""
    codec: str = "none"
    """Of what a null broker serves."""


def programs(build: Path, wanted: list) -> tuple[list, list]:
    """Ours first, then the peers that are there; and a word for each that is not."""
    ready = json.loads(PEERS.read_text()) if PEERS.exists() else {}
    found = [Program("ottla", [str(build / "bin/ottla-bench")])]
    missing = []
    for name in wanted:
        if name in ready and (Path(ready[name]["command"][0]).exists() or name == "java"):
            found.append(Program(name, **ready[name]))
        else:
            missing.append(f"{name} is left out: bench/peers/prepare {name} gets it")
    return found, missing


class Failed(Exception):
    pass


def run(program: Program, mode: str, options: dict, broker: Broker, limit: float) -> dict:
    """What the program measured, and what was seen of it from outside."""
    words = [*program.command, mode, *program.arguments, "--bootstrap", broker.bootstrap, "--topic", "bench"]
    for key, value in options.items():
        words += [f"--{key}", value]
    begin = time.monotonic()
    # Unbuffered, so that reading FIRST takes nothing of what follows away from `communicate`.
    process = subprocess.Popen([str(w) for w in words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0)
    try:
        seen = {}
        if mode in ("first", "idle", "stalled"):
            ready, _, _ = select.select([process.stdout], [], [], limit)
            if not ready or process.stdout.readline().strip() != b"FIRST":
                raise Failed(f"{program.name} {mode}: no FIRST")
            seen["first_ms"] = (time.monotonic() - begin) * 1000
            if mode == "stalled":
                broker.stall()
            if mode == "idle":
                seen |= watch_idle(process.pid, options["duration"])
        output, errors = (stream.decode(errors="replace") for stream in process.communicate(timeout=limit))
    except subprocess.TimeoutExpired:
        raise Failed(f"{program.name} {mode}: not done after {limit:.0f} s") from None
    finally:
        if mode == "stalled":
            broker.go_on()
        if process.poll() is None:
            process.kill()
            process.communicate()
    try:
        result = json.loads(output.strip().splitlines()[-1])
    except (IndexError, ValueError):
        raise Failed(f"{program.name} {mode}: {(errors or output).strip()[-300:]}") from None
    if result.get("errors"):
        raise Failed(f"{program.name} {mode}: {result['errors']} errors")
    return result | seen


def watch_idle(pid: int, duration: float) -> dict:
    """Samples a process that has nothing to do, between one second after its first message and its end."""
    time.sleep(1)
    before, at = sample(pid), time.monotonic()
    time.sleep(max(1, duration - 2))
    after, seconds = sample(pid), time.monotonic() - at
    return {
        "cpu_ms_s": (after["cpu_ms"] - before["cpu_ms"]) / seconds,
        "wakeups_s": (after["switches"] - before["switches"]) / seconds,
        "rss_mb": after["rss_mb"],
        "threads": after["threads"],
    }


def sample(pid: int) -> dict:
    status = {}
    switches, cpu = 0, 0.0
    tasks = list(Path(f"/proc/{pid}/task").iterdir())
    for task in tasks:
        for line in (task / "status").read_text().splitlines():
            name, _, value = line.partition(":")
            if name == "voluntary_ctxt_switches":
                switches += int(value)
            elif name == "VmRSS":
                status["rss_mb"] = int(value.split()[0]) / 1024
        cpu += int((task / "schedstat").read_text().split()[0]) / 1e6
    return {"switches": switches, "cpu_ms": cpu, "threads": len(tasks), **status}


def median(values: list) -> float:
    return statistics.median(values)
