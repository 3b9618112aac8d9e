"""Compares what was acknowledged, what the members of a group have worked on, and what was committed. Text in, verdict out."""

import bisect
from collections.abc import Iterable
from dataclasses import dataclass, field

from judge import Unreadable, Verdict

NEVER = 1 << 62


@dataclass
class Interval:
    """A time in which a member held a partition, in ms since 1970; both ends belong to it."""

    partition: int
    begin: int
    end: int = NEVER
    how: str = ""
    """R: given up, L: lost, empty: the process ended."""
    first: tuple[int, int] | None = None
    """Time and offset of the first record that was worked on."""
    next: int | None = None
    """The offset after the last one."""


@dataclass
class MemberLedger:
    name: str
    stopped: bool = False
    mode: str = ""
    worked: list[tuple[int, int, int, tuple]] = field(default_factory=list)
    """(time, partition, offset, message) of each record."""
    in_hand: tuple[int, int, int] | None = None
    """(time, partition, offset) of the record that had been handed out, and was not worked on when the process ended."""
    intervals: list[Interval] = field(default_factory=list)
    whole: bool = False
    verdict: Verdict = field(default_factory=Verdict)


def parse_member(lines: Iterable[str], name: str, ended_ms: int | None = None, stopped: bool = False) -> MemberLedger:
    """`ended_ms`: of a process that was killed. What it holds ends then."""
    ledger = MemberLedger(name, stopped)
    held: dict[int, Interval] = {}
    for line in lines:
        words = line.split()
        if not line.endswith("\n"):
            break  # killed while it wrote
        kind = words[0]
        if kind == "P":
            work(ledger, held, int(words[1]), int(words[2]), int(words[3]), (words[4], int(words[5]), int(words[6])))
        elif kind == "G":
            ledger.in_hand = (int(words[1]), int(words[2]), int(words[3]))
        elif kind == "A":
            for partition in map(int, words[2:]):
                if partition in held:
                    ledger.verdict.violation(f"{name} was given partition {partition}, which it held")
                held[partition] = Interval(partition, int(words[1]))
                ledger.intervals.append(held[partition])
        elif kind in ("R", "L"):
            for partition in map(int, words[2:]):
                if partition not in held:
                    ledger.verdict.violation(f"{name} was asked to give up partition {partition}, which it did not hold")
                    continue
                held[partition].end, held[partition].how = int(words[1]), kind
                del held[partition]
        elif kind == "N":
            ledger.verdict.notes[" ".join(words[1:])] += 1
        elif kind == "!":
            ledger.verdict.violation(f"{name} says: " + " ".join(words[1:]))
        elif kind == "#":
            ledger.mode = " ".join(words[2:])
        elif kind == "END":
            ledger.whole = True
        else:
            raise Unreadable(f"not a line of a member's ledger: {line[:200]!r}")
    for interval in held.values():
        if ended_ms is None:
            ledger.verdict.violation(f"{name} has ended in good order, and not given up partition {interval.partition}")
        interval.end = ended_ms or NEVER
    return ledger


def work(ledger: MemberLedger, held: dict[int, Interval], at: int, partition: int, offset: int, message: tuple) -> None:
    done = at
    if ledger.in_hand and ledger.in_hand[1:] == (partition, offset):
        done, ledger.in_hand = ledger.in_hand[0], None  # what was handed out may be committed
    ledger.worked.append((done, partition, offset, message))
    interval = held.get(partition)
    if not interval:
        ledger.verdict.violation(f"{ledger.name} worked on offset {offset} of partition {partition}, which it did not hold")
        return
    if interval.next is not None and offset != interval.next:
        ledger.verdict.violation(f"{ledger.name} worked on offset {offset} of partition {partition} where {interval.next} comes next")
    if interval.first is None:
        interval.first = (at, offset)
    interval.next = offset + 1


def one_owner(ledgers: list[MemberLedger], verdict: Verdict) -> None:
    """But for members that were stopped, or lost what they held before they knew."""
    by_partition: dict[int, list[tuple[int, int, MemberLedger, Interval]]] = {}
    for ledger in ledgers:
        for one in ledger.intervals:
            by_partition.setdefault(one.partition, []).append((one.begin, one.end, ledger, one))
    for partition, spans in by_partition.items():
        spans.sort(key=lambda span: span[:2])
        for (_, end, before, one), (begin, _, after, _) in zip(spans, spans[1:]):
            if begin >= end:
                continue
            if before.stopped or one.how == "L":
                verdict.counts["owners that did not know"] += 1
            else:
                verdict.violation(f"{after.name} was given partition {partition} {end - begin} ms before {before.name} had it no more")


Commit = tuple[int, int, int]
"""Time in ms, partition, offset to be read next."""


def commits_cover_what_was_done(commits: list[Commit], first_done: dict[tuple[int, int], int], verdict: Verdict) -> None:
    """No commit passes a record on which nobody had worked by then; none goes back."""
    known: dict[int, int] = {}
    """By partition: all below this offset is known to be done."""
    latest: dict[int, int] = {}
    """By partition: when the last of them was."""
    for at, partition, offset in commits:
        before = known.get(partition, 0)
        if offset < before:
            verdict.violation(f"partition {partition}: {offset} was committed after {before}")
            continue
        for one in range(before, offset):
            done = first_done.get((partition, one), NEVER)
            if done > at:
                when = "never" if done == NEVER else f"{done - at} ms later"
                verdict.violation(f"partition {partition}: {offset} was committed at {at}, and offset {one} worked on {when}")
            latest[partition] = max(latest.get(partition, 0), done)
        known[partition] = offset


def begin_where_committed(ledgers: list[MemberLedger], commits: list[Commit], verdict: Verdict) -> None:
    """Whoever gets a partition goes on where the group had got to."""
    times: dict[int, list[int]] = {}
    offsets: dict[int, list[int]] = {}
    for at, partition, offset in commits:
        times.setdefault(partition, []).append(at)
        offsets.setdefault(partition, [0]).append(offset)
    for ledger in ledgers:
        for one in ledger.intervals:
            if not one.first:
                continue
            some = times.get(one.partition, [])
            # What was committed when it was assigned, and meanwhile; a tick of the clock more before.
            low, high = bisect.bisect_left(some, one.begin), bisect.bisect_right(some, one.first[0])
            allowed = offsets.get(one.partition, [0])[max(0, low - 1) : high + 1]
            if one.first[1] not in allowed:
                verdict.violation(
                    f"{ledger.name} began partition {one.partition} at {one.first[1]}, where the group had got to {sorted(set(allowed))}"
                )


def judge_group(acked: dict[tuple, int], ends: dict[int, int], ledgers: list[MemberLedger], commits: list[Commit]) -> Verdict:
    """`acked`: message to offset; the message's second word is its partition."""
    verdict = Verdict()
    first_done: dict[tuple[int, int], int] = {}
    messages: dict[tuple[int, int], tuple] = {}
    for ledger in ledgers:
        verdict.add(ledger.verdict)
        for at, partition, offset, message in ledger.worked:
            where = (partition, offset)
            if messages.setdefault(where, message) != message:
                verdict.violation(f"offset {offset} of partition {partition} is {messages[where]} and, for {ledger.name}, {message}")
            if at < first_done.get(where, NEVER):
                first_done[where] = at
            if offset >= ends.get(partition, 0):
                verdict.violation(f"{ledger.name} worked on offset {offset} of partition {partition}, which ends at {ends.get(partition)}")
        verdict.counts["worked"] += len(ledger.worked)
        verdict.counts["assignments"] += len(ledger.intervals)
        verdict.counts[f"worked by {ledger.mode}"] += len(ledger.worked)
    verdict.counts["worked on again"] = verdict.counts["worked"] - len(first_done)
    for ledger in ledgers:
        if ledger.in_hand and not ledger.whole and ledger.in_hand[1:] not in first_done:
            verdict.counts["in hand when killed"] += 1
            first_done[ledger.in_hand[1:]] = ledger.in_hand[0]
    for message, offset in acked.items():
        where = (message[1], offset)
        if where not in first_done:
            verdict.violation(f"message {message} was acknowledged at {offset}, and nobody has worked on it")
        elif messages.get(where, message) != message:
            verdict.violation(f"message {message} was acknowledged at {offset}, where {messages[where]} was worked on")
    verdict.counts["acked"] = len(acked)
    verdict.counts["commits"] = len(commits)
    one_owner(ledgers, verdict)
    commits_cover_what_was_done(commits, first_done, verdict)
    begin_where_committed(ledgers, commits, verdict)
    return verdict
