"""What a run shows: one line while it goes on, a table at its end."""

import json
import sys
import time

EVERY_SECONDS = 30
"""Between the lines when nobody looks at a terminal."""


GROUP_COLUMNS = ["acked", "worked on again", "in hand when killed", "assignments", "commits", "agreements with Kafka's tool"]
"""Of the table of groups, behind the faults."""


class Progress:
    """On stderr: on a terminal one line that changes, else a line now and then."""

    def __init__(self, title: str):
        self.title, self.began, self.shown = title, time.monotonic(), -EVERY_SECONDS
        self.live = sys.stderr.isatty()

    def say(self, text: str) -> None:
        if self.live:
            sys.stderr.write("\r\x1b[K")
        sys.stderr.write(f"{self.clock()}  {text}\n")
        sys.stderr.flush()

    def clock(self) -> str:
        seconds = int(time.monotonic() - self.began)
        return f"{self.title}  {seconds // 60:02}:{seconds % 60:02}"

    def show(self, counters: dict, faults: int, now: str) -> None:
        words = [f"faults {faults}", *(f"{name.replace('_', ' ')} {value:,}" for name, value in counters.items() if value), now]
        if self.live:
            sys.stderr.write("\r\x1b[K" + (self.clock() + "  " + "  ".join(words))[:160])
            sys.stderr.flush()
        elif time.monotonic() - self.shown >= EVERY_SECONDS:
            self.shown = time.monotonic()
            self.say("  ".join(words))


def rows(title: str, values: dict) -> list[str]:
    if not values:
        return []
    width = max(max(map(len, values)), 24)
    return [title, *(f"  {name:<{width}} {value:>12,}" for name, value in sorted(values.items()))]


def table(result: dict) -> str:
    head = "{workload} on Kafka {version}, {minutes} min, seed {seed}".format(**result)
    lines = [head, *rows("faults", result["faults"]), *rows("messages and transactions", result["counts"])]
    lines += rows("what the client met", result["notes"])
    if result["violation_count"]:
        lines += [f"{result['violation_count']} violations", *("  " + one for one in result["violations"])]
        lines += ["kept in " + result["folder"]]
    passed = "every record worked on, no commit ahead of it, one owner each" if result.get("kind") else "none lost, none doubled, all in order"
    lines.append("FAILED" if result["violation_count"] else f"passed: {passed}")
    return "\n".join(lines)


def markdown(result: dict) -> str:
    """A row of the table in docs/RELIABILITY.md."""
    counts = result["counts"]
    faults = ", ".join(f"{number} {kind}" for kind, number in sorted(result["faults"].items()))
    ended = ", ".join(f"{counts[name]:,} {name}" for name in ("committed", "aborted", "unknown") if counts.get(name))
    verdict = f"{result['violation_count']} violations" if result["violation_count"] else "passed"
    if "kind" in result:
        seen = [f"{counts.get(name, 0):,}" for name in GROUP_COLUMNS]
        return "| " + " | ".join(map(str, [result["version"], result["kind"], result["minutes"], result["seed"], faults, *seen, verdict])) + " |"
    cells = [result["version"], result["workload"], result["minutes"], result["seed"], faults, f"{counts.get('acked', 0):,}", ended or "-"]
    return "| " + " | ".join(map(str, [*cells, verdict])) + " |"


def show(result: dict, as_json: bool) -> None:
    print(json.dumps(result, indent=2) if as_json else table(result) + "\n" + markdown(result), flush=True)
