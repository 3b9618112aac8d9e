"""Compares what a client knows (its ledger) with what lies in the topics (read by Kafka's own consumer).

Nothing here starts or asks anything: text in, verdict out.
"""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

LEAST_ACKED = 1000
SHOWN = 30
"""Violations that are kept in words; the others are counted."""
LINE = re.compile(r"Partition:(\d+)\tOffset:(\d+)\t(.*)")

Log = dict[int, list[tuple[int, str]]]
"""What was read of a topic: by partition (offset, value) in the order of reading."""


class Unreadable(ValueError):
    """A ledger or a listing that is not whole, or not of the form that is expected."""


@dataclass
class Verdict:
    violations: list[str] = field(default_factory=list)
    violation_count: int = 0
    counts: Counter = field(default_factory=Counter)
    notes: Counter = field(default_factory=Counter)

    def violation(self, text: str) -> None:
        self.violation_count += 1
        if len(self.violations) < SHOWN:
            self.violations.append(text)

    def add(self, other: "Verdict") -> None:
        self.violation_count += other.violation_count
        self.violations = (self.violations + other.violations)[:SHOWN]
        self.counts += other.counts
        self.notes += other.notes

    @property
    def passed(self) -> bool:
        return self.violation_count == 0


def parse_log(lines: Iterable[str]) -> Log:
    """The output of the console consumer with print.partition and print.offset."""
    log: Log = {}
    for line in lines:
        found = LINE.fullmatch(line.rstrip("\n"))
        if not found:
            raise Unreadable(f"not a line of the console consumer: {line[:200]!r}")
        log.setdefault(int(found[1]), []).append((int(found[2]), found[3]))
    return log


@dataclass
class Ledger:
    acked: dict[tuple, int] = field(default_factory=dict)
    """The message's numbers to its offset. Of an idempotent producer (lane, partition, sequence), else (lane, partition,
    transaction, number)."""
    failed: dict[tuple, tuple[str, str]] = field(default_factory=dict)
    """The same to (n or p: not or possibly persisted, name of the error)."""
    accepted: dict[tuple[str, int], int] = field(default_factory=dict)
    """(lane, partition) to how many messages were accepted."""
    transactions: dict[tuple[str, int], tuple[int, str]] = field(default_factory=dict)
    """(lane, transaction) to (messages, c a or u: committed, aborted, unknown)."""
    verdict: Verdict = field(default_factory=Verdict)
    """What is wrong already without a look at the log."""


def numbers(words: list[str]) -> tuple:
    return (words[0], *map(int, words[1:]))


def parse_ledger(lines: Iterable[str]) -> Ledger:
    ledger = Ledger()
    ended = False
    for line in lines:
        if ended:
            raise Unreadable(f"a line after the end of the ledger: {line[:200]!r}")
        words = line.split()
        kind = words[0] if line.endswith("\n") and words else ""
        if kind == "+":
            _reported_once(ledger, numbers(words[1:-1]))
            ledger.acked[numbers(words[1:-1])] = int(words[-1])
        elif kind == "-":
            _reported_once(ledger, numbers(words[1:-2]))
            ledger.failed[numbers(words[1:-2])] = (words[-2], words[-1])
        elif kind == "=":
            ledger.accepted[words[1], int(words[2])] = int(words[3])
        elif kind == "T":
            ledger.transactions[words[1], int(words[2])] = (int(words[3]), words[4])
        elif kind == "N":
            ledger.verdict.notes[" ".join(words[1:])] += 1
        elif kind == "!":
            ledger.verdict.violation("the client says: " + " ".join(words[1:]))
        elif kind == "END":
            ended = True
        else:
            raise Unreadable(f"not a line of a ledger: {line[:200]!r}")
    if not ended:
        raise Unreadable("the ledger has no end: the client did not come to its end")
    return ledger


def _reported_once(ledger: Ledger, key: tuple) -> None:
    if key in ledger.acked or key in ledger.failed:
        ledger.verdict.violation(f"message {key} was reported twice")


def offsets_ascend(log: Log, verdict: Verdict) -> None:
    for partition, entries in log.items():
        for (before, _), (offset, _) in zip(entries, entries[1:]):
            if offset <= before:
                verdict.violation(f"the consumer read offset {offset} of partition {partition} after {before}")


def places_of(log: Log, width: int, verdict: Verdict) -> dict[tuple, list[int]]:
    """The messages of the log by the first `width` words of their values. The second word is the partition."""
    places: dict[tuple, list[int]] = {}
    for partition, entries in log.items():
        for offset, value in entries:
            key = numbers(value.split(" ")[:width])
            places.setdefault(key, []).append(offset)
            if key[1] != partition:
                verdict.violation(f"message {key} lies in partition {partition}")
    for key, offsets in places.items():
        if len(offsets) > 1:
            verdict.violation(f"message {key} lies there {len(offsets)} times, at {offsets}")
    verdict.counts["read"] += sum(map(len, log.values()))
    offsets_ascend(log, verdict)
    return places


def in_order(places: dict[tuple, list[int]], wanted: Iterable[tuple], verdict: Verdict) -> None:
    """Of each lane and partition the wanted messages lie in the order of their numbers."""
    last: dict[tuple, tuple[tuple, int]] = {}
    for key in sorted(wanted):
        if key not in places:
            continue
        before = last.get(key[:2])
        if before and places[key][0] <= before[1]:
            verdict.violation(f"message {key} at {places[key][0]} lies before {before[0]} at {before[1]}")
        last[key[:2]] = (key, places[key][0])


def acked_are_there(ledger: Ledger, places: dict[tuple, list[int]], wanted: Iterable[tuple], verdict: Verdict) -> None:
    for key in wanted:
        offset = ledger.acked[key]
        if key not in places:
            verdict.violation(f"message {key} was acknowledged at {offset} and is lost")
        elif offset >= 0 and offset not in places[key]:
            verdict.violation(f"message {key} was acknowledged at {offset} and lies at {places[key]}")
        elif offset < 0:
            verdict.counts["acked without offset"] += 1


def judge_idempotent(ledger: Ledger, log: Log, lane: str) -> Verdict:
    """One lane and its topic. Delivered messages are there once and in order, not persisted ones are not there."""
    verdict = Verdict()
    places = places_of(log, 3, verdict)
    acked = [key for key in ledger.acked if key[0] == lane]
    failed = {key: state for key, state in ledger.failed.items() if key[0] == lane}
    verdict.counts.update({"acked": len(acked), "failed": len(failed)})
    acked_are_there(ledger, places, acked, verdict)
    in_order(places, acked, verdict)
    for key, (status, error) in failed.items():
        verdict.notes[f"failed, {'not' if status == 'n' else 'possibly'} persisted: {error}"] += 1
        if status == "n" and key in places:
            verdict.violation(f"message {key} was reported as not persisted ({error}) and lies at {places[key]}")
    known = {(name, partition): 0 for name, partition in ledger.accepted if name == lane}
    if not known:
        verdict.violation(f"the ledger says nothing of what {lane} sent")
    for key in [*acked, *failed]:
        known[key[:2]] = known.get(key[:2], 0) + 1
    for place, count in known.items():
        if count != ledger.accepted.get(place):
            verdict.violation(f"{place}: {ledger.accepted.get(place)} messages were accepted and {count} reported")
    for key in places:
        if key not in ledger.acked and key not in ledger.failed:
            verdict.violation(f"message {key} lies there and was never reported")
    return verdict


def judge_transactional(ledger: Ledger, log: Log) -> Verdict:
    """Read with read_committed: committed transactions are whole, aborted ones are not there, unknown ones are either."""
    verdict = Verdict()
    places = places_of(log, 4, verdict)
    seen: dict[tuple, set[int]] = {}
    for lane, _, transaction, number in places:
        seen.setdefault((lane, transaction), set()).add(number)
    acked: dict[tuple, set[int]] = {}
    for lane, _, transaction, number in ledger.acked:
        acked.setdefault((lane, transaction), set()).add(number)
    names = {"c": "committed", "a": "aborted", "u": "unknown"}
    for key, (size, outcome) in ledger.transactions.items():
        verdict.counts[names[outcome]] += 1
        shown, whole = seen.get(key, set()), set(range(size))
        if outcome == "c":
            verdict.counts["acked"] += len(acked.get(key, ()))
            if acked.get(key, set()) != whole:
                verdict.violation(f"transaction {key} was committed, but {len(acked.get(key, ()))} of {size} messages acknowledged")
        if outcome == "u" and shown:
            verdict.counts["unknown, committed"] += 1
        if outcome == "c" and shown != whole or outcome == "u" and shown not in (set(), whole):
            verdict.violation(f"transaction {key} is {names[outcome]}, and {len(shown)} of its {size} messages are shown")
        if outcome == "a" and shown:
            verdict.violation(f"transaction {key} was aborted, and {len(shown)} of its {size} messages are shown")
    for key in seen.keys() - ledger.transactions.keys():
        verdict.violation(f"transaction {key} is shown, of which the ledger says nothing")
    visible = [key for key in ledger.acked if ledger.transactions.get((key[0], key[2]), (0, ""))[1] == "c"]
    acked_are_there(ledger, places, visible, verdict)
    in_order(places, places, verdict)
    return verdict


def judge_copy(ledger: Ledger, source: Log, copy: Log) -> Verdict:
    """The source is as its feeder says, and the copy (read_committed) has the very same values in the same order."""
    verdict = judge_idempotent(ledger, source, "feeder")
    places_of(copy, 3, verdict)
    for partition in sorted(source.keys() | copy.keys()):
        wanted = [value for _, value in source.get(partition, [])]
        got = [value for _, value in copy.get(partition, [])]
        verdict.counts["copied"] += len(got)
        if wanted == got:
            continue
        missing, more = Counter(wanted) - Counter(got), Counter(got) - Counter(wanted)
        for value in missing:
            verdict.violation(f"not copied: {value[:60]!r}")
        for value in more:
            verdict.violation(f"copied too often: {value[:60]!r}")
        if not missing and not more:
            at = next(i for i, pair in enumerate(zip(wanted, got)) if pair[0] != pair[1])
            verdict.violation(f"partition {partition} of the copy has {got[at][:60]!r} where {wanted[at][:60]!r} comes next")
    return verdict


def demand_minimums(verdict: Verdict, faults: dict[str, int], kinds: Iterable[str]) -> None:
    """A run in which nothing happened has shown nothing."""
    if not sum(faults.values()):
        verdict.violation("no fault was injected")
    for kind in kinds:
        if not faults.get(kind):
            verdict.violation(f"no fault of the kind {kind} was injected")
    if verdict.counts["acked"] <= LEAST_ACKED:
        verdict.violation(f"only {verdict.counts['acked']} messages were acknowledged")
    if not verdict.counts["read"]:
        verdict.violation("nothing was read back")
