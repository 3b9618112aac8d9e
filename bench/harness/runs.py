"""Which programs there are and what they are given to do: the suites of bench/compare."""

import json
import os
import select
import statistics
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PEERS = ROOT / "build/peers/peers.json"
TICKS = os.sysconf("SC_CLK_TCK")


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


SIZES = {10: "10 B", 100: "100 B", 1000: "1000 B", 10_000: "10 kB"}


def throughput(mode: str, size: int, codec: str, scale: float) -> Row:
    slow = {"none": 1, "lz4": 2, "zstd": 6}[codec] * max(1, size / 400)
    count = int(max(10_000, 3_000_000 / slow) * scale)
    options = {"size": size, "count": count, "warmup": count // 5, "compression": codec}
    name = f"{mode} {SIZES[size]}" + ("" if codec == "none" else f" {codec}")
    return Row(name, mode, options, floor=mode if codec == "none" else "")


def all_throughput(mode: str, scale: float) -> list:
    rows = [throughput(mode, size, codec, scale) for size in SIZES for codec in ("none", "lz4", "zstd")]
    return [row for row in rows if not (row.options["size"] == 10 and row.options["compression"] != "none")]


def latency(mode: str, rate: int, metric: str, scale: float) -> Row:
    options = {"rate": rate, "duration": max(2, 4 * scale), "size": 100, "linger-ms": 0}
    name = f"{'produce to report' if mode == 'latency' else 'end to end'}, {rate:,}/s, {metric.removesuffix('_us')}"
    return Row(name, mode, options, metric, "us", null=mode == "latency", floor="latency" if mode == "latency" else "")


def start(role: str) -> Row:
    # The consumer's first message is read from a null broker: an empty topic has none.
    return Row(f"start to first message, {role}", "first", {"role": role, "size": 100}, "first_ms", "ms")


def idle(role: str, metric: str, unit: str, scale: float) -> Row:
    options = {"role": role, "size": 100, "duration": max(3, 20 * scale)}
    return Row(f"idle {role}, {metric.replace('_', ' ')}", "idle", options, metric, unit, null=False)


def rows_of(suite: str, scale: float) -> list:
    starts = [start("producer"), start("consumer")]
    first = [throughput("produce", 100, "none", scale), throughput("consume", 100, "none", scale), starts[0]]
    suites = {
        "first": first,
        "produce": all_throughput("produce", scale),
        "consume": all_throughput("consume", scale),
        "latency": [
            latency(mode, rate, metric, scale)
            for mode in ("latency", "e2e")
            for rate in (1000, 10_000, 50_000)
            for metric in ("p50_us", "p99_us")
        ],
        "start": starts,
        "idle": [
            idle(role, metric, unit, scale)
            for role in ("producer", "consumer")
            for metric, unit in (("cpu_ms_s", "ms/s"), ("wakeups_s", "/s"), ("rss_mb", "MB"), ("threads", ""))
        ],
    }
    if suite == "all":
        return [row for name in ("produce", "consume", "latency", "start", "idle") for row in suites[name]]
    return suites[suite]


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


def run(program: Program, mode: str, options: dict, bootstrap: str, limit: float) -> dict:
    """What the program measured, and what was seen of it from outside."""
    words = [*program.command, mode, *program.arguments, "--bootstrap", bootstrap, "--topic", "bench"]
    for key, value in options.items():
        words += [f"--{key}", value]
    begin = time.monotonic()
    # Unbuffered, so that reading FIRST takes nothing of what follows away from `communicate`.
    process = subprocess.Popen([str(w) for w in words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0)
    try:
        seen = {}
        if mode in ("first", "idle"):
            ready, _, _ = select.select([process.stdout], [], [], limit)
            if not ready or process.stdout.readline().strip() != b"FIRST":
                raise Failed(f"{program.name} {mode}: no FIRST")
            seen["first_ms"] = (time.monotonic() - begin) * 1000
            if mode == "idle":
                seen |= watch_idle(process.pid, options["duration"])
        output, errors = (stream.decode(errors="replace") for stream in process.communicate(timeout=limit))
    except subprocess.TimeoutExpired:
        raise Failed(f"{program.name} {mode}: not done after {limit:.0f} s") from None
    finally:
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
