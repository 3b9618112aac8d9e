"""What bench/compare measures: the rows of each suite."""

from harness.runs import Row

SIZES = {10: "10 B", 100: "100 B", 1024: "1 KiB", 10_240: "10 KiB", 1_048_576: "1 MiB"}
CODECS = ("none", "lz4", "zstd")
KIB = 1024


def count_for(size: int, codec: str, scale: float) -> int:
    """About a second of work, so that quick and slow rows weigh the same."""
    slow = {"none": 1, "lz4": 2, "zstd": 6}[codec] * max(1, size / 400)
    return max(50, int(max(min(10_000, 2e9 / size), 3_000_000 / slow) * scale))


def throughput(mode: str, size: int, codec: str, scale: float, also: dict | None = None, name: str = "") -> Row:
    count = count_for(size, codec, scale)
    options = {"size": size, "count": count, "warmup": count // 5, "compression": codec, **(also or {})}
    name = f"{mode} {SIZES[size]}" + ("" if codec == "none" else f" {codec}") + name
    return Row(name, mode, options, floor=mode if codec == "none" and not also else "", codec=codec)


def all_throughput(mode: str, scale: float) -> list:
    sizes = [size for size in SIZES if size <= 10_240]
    return [throughput(mode, size, codec, scale) for size in sizes for codec in CODECS if size > 10 or codec == "none"]


def matrix(scale: float) -> list:
    rows = []
    for size in (10, 100, KIB, 10 * KIB):
        for codec in CODECS:
            for partitions in (1, 24):
                for keys in (0, 1):
                    for threads in (1, 2):
                        name = f", {partitions} partition{'s' if partitions > 1 else ''}{', keyed' if keys else ''}, {threads} thread{'s' if threads > 1 else ''}"
                        also = {"partitions": partitions, "keys": keys, "threads": threads}
                        rows.append(throughput("produce", size, codec, scale, also, name))
    return rows


def calls(scale: float) -> list:
    """Ways to call produce that are not the usual one. `copy-max`: a smaller value is copied although it is lent."""
    return [
        throughput("produce", 100, "none", scale, {"many": 64}, ", 64 a call"),
        throughput("produce", KIB, "none", scale, {"many": 64}, ", 64 a call"),
        throughput("produce", 10 * KIB, "none", scale, {"lend": 0, "threads": 1}, ", copied"),
        throughput("produce", 10 * KIB, "none", scale, {"lend": 1}, ", lent, default settings"),
        throughput("produce", 10 * KIB, "none", scale, {"lend": 1, "copy-max": 4096}, ", lent, not copied"),
        throughput("produce", 1024 * KIB, "none", scale, {"lend": 0, "threads": 1}, ", copied"),
        throughput("produce", 1024 * KIB, "none", scale, {"lend": 1}, ", lent"),
        throughput("produce", 100, "none", scale, {"threads": 2}, ", 2 threads"),
        throughput("produce", 100, "none", scale, {"threads": 2, "many": 64}, ", 2 threads, 64 a call"),
        throughput("produce", 100, "none", scale, {"threads": 2, "partitions": 24}, ", 2 threads, 24 partitions"),
    ]


def latency(mode: str, rate: int, metric: str, scale: float, embedded: bool = False) -> Row:
    options = {"rate": rate, "duration": max(2, 4 * scale), "size": 100, "linger-ms": 0}
    name = "produce to report" if mode == "latency" else "end to end"
    if embedded:
        options["embedded"] = 1
        name += ", embedded"
    name += f", {rate:,}/s, {metric.removesuffix('_us').replace('p999', 'p99.9')}"
    return Row(name, mode, options, metric, "us", null=mode == "latency", floor="latency" if mode == "latency" and not embedded else "")


def latencies(scale: float) -> list:
    kinds = (("latency", False), ("latency", True), ("e2e", False), ("e2e", True))
    return [
        latency(mode, rate, metric, scale, embedded)
        for mode, embedded in kinds
        for rate in (1000, 10_000, 50_000)
        for metric in ("p50_us", "p99_us", "p999_us")
    ]


def turns(scale: float) -> list:
    """Only ours: the peers bring threads of their own."""
    rows = []
    for codec in ("none", "zstd", "gzip"):
        for partitions in (1, 24):
            count = max(2000, int({"none": 300_000, "zstd": 100_000, "gzip": 30_000}[codec] * scale))
            options = {"size": KIB, "count": count, "compression": codec, "partitions": partitions, "batch-size": 1_000_000, "linger-ms": 20}
            name = f"turn, {codec}, {partitions} partition{'s' if partitions > 1 else ''}, "
            for metric in ("p50_us", "p99_us", "p999_us", "max_us", "cpu_p999_us"):
                words = metric.removesuffix("_us").replace("p999", "p99.9").replace("cpu_", "CPU time, ")
                rows.append(Row(name + words, "turn", options, metric, "us", peers=False))
    return rows


def memory(scale: float) -> list:
    rows = []
    for size in (100, KIB, 10 * KIB):
        options = {"size": size, "queue-kbytes": 64 * KIB, "duration": max(1, 4 * scale)}
        name = f"stalled broker, 64 MiB of {SIZES[size]}, "
        rows += [
            Row(name + "peak memory", "stalled", options, "maxrss_kb", "kB"),
            Row(name + "messages that fit", "stalled", options, "count", ""),
        ]
    return rows


def start(role: str) -> Row:
    # The consumer's first message is read from a null broker: an empty topic has none.
    return Row(f"start to first message, {role}", "first", {"role": role, "size": 100}, "first_ms", "ms")


def idle(role: str, metric: str, unit: str, scale: float) -> Row:
    options = {"role": role, "size": 100, "duration": max(3, 20 * scale)}
    return Row(f"idle {role}, {metric.replace('_', ' ')}", "idle", options, metric, unit, null=False)


def reading(scale: float) -> list:
    """Ways to read, for the client alone: whole batches, one message a call, up to a thousand a call; and one that is in a group."""
    rows = [throughput("consume", 100, "none", scale, {"api": api}, f", {name}") for api, name in (("poll", "one a call"), ("consume", "1,000 a call"))]
    rows += [throughput("consume", 100, "none", scale, {"partitions": 24}, ", 24 partitions"), start("consumer"), start("group")]
    many = {"role": "consumer", "size": 100, "partitions": 1000, "duration": max(3, 20 * scale)}
    for metric, unit in (("cpu_ms_s", "ms/s"), ("wakeups_s", "/s"), ("rss_mb", "MB")):
        rows.append(Row(f"idle consumer of 1,000 partitions, {metric.replace('_', ' ')}", "idle", many, metric, unit, null=False))
    return rows


def idles(scale: float) -> list:
    looked_at = (("cpu_ms_s", "ms/s"), ("wakeups_s", "/s"), ("rss_mb", "MB"), ("threads", ""))
    return [idle(role, metric, unit, scale) for role in ("producer", "consumer") for metric, unit in looked_at]


SUITES = {
    "first": lambda scale: [throughput("produce", 100, "none", scale), throughput("consume", 100, "none", scale), start("producer")],
    "matrix": matrix,
    "calls": calls,
    "produce": lambda scale: all_throughput("produce", scale),
    "consume": lambda scale: all_throughput("consume", scale),
    "reading": reading,
    "latency": latencies,
    "turn": turns,
    "memory": memory,
    "start": lambda _: [start("producer"), start("consumer")],
    "idle": idles,
}
ALL = ("produce", "consume", "reading", "calls", "latency", "turn", "memory", "start", "idle")
"""The suite `all`: everything but the long matrix and what is in others already."""


def rows_of(suite: str, scale: float) -> list:
    return [row for name in (ALL if suite == "all" else [suite]) for row in SUITES[name](scale)]
