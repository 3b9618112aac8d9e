"""The members of the workload `group`: three of ours and two of Kafka's own consumers, killed, stopped, closed, and begun anew."""

import itertools
import random
import signal
import subprocess
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import view  # noqa: F401 -- makes the cluster scripts importable
from client import TOPIC
from faults import Deck

import kafka_runtime as runtime

GROUP = "chaos-group"
OURS, THEIRS = ["ours1", "ours2", "ours3"], ["java1", "java2"]
MORE_OF_OURS = ["ours4", "ours5"]
"""Instead of theirs: shows whose doing a violation is."""
MODES = [
    "poll sync", "records async", "poll auto", "records auto", "poll stored", "consume auto",
    "records sync", "consume sync", "records stored", "poll async", "consume stored", "consume async",
]  # fmt: skip
"""How one of ours reads and commits."""
PROTOCOLS = {"classic": ["classic"], "consumer": ["consumer"], "both": ["classic", "consumer"]}
ASSIGNORS = {"range": "RangeAssignor", "roundrobin": "RoundRobinAssignor", "cooperative-sticky": "CooperativeStickyAssignor"}
STOPPED_SECONDS = 9
"""Longer than the members' session (6 s)."""
DOWN_SECONDS = (0, 10)
GONE_SECONDS = 40


def wall_clock_ms() -> int:
    return time.time_ns() // 1_000_000


@dataclass
class Member:
    """One process, and what its ledger says as far as it was read."""

    name: str
    ledger: Path
    process: subprocess.Popen
    protocol: str = "classic"
    ended_ms: int | None = None
    """Not later than its end, if it was killed."""
    stopped: bool = False
    """Stopped so long that the group went on without it."""
    closed: bool = False
    """Came to its end in good order."""
    claim: set[int] = field(default_factory=set)
    read_to: int = 0

    def follow(self) -> set[int]:
        """The partitions that it holds by its own account."""
        if self.ledger.exists():
            with open(self.ledger, "rb") as file:
                file.seek(self.read_to)
                lines = file.read()
            lines = lines[: lines.rfind(b"\n") + 1]
            self.read_to += len(lines)
            for line in lines.splitlines():
                if line[:2] == b"A ":
                    self.claim |= set(map(int, line.split()[2:]))
                elif line[:2] in (b"R ", b"L "):
                    self.claim -= set(map(int, line.split()[2:]))
        return self.claim

    def kill(self) -> None:
        self.ended_ms = wall_clock_ms()
        self.process.kill()
        self.process.wait()

    def close(self) -> str:
        """What is wrong with how it ended; empty: nothing."""
        self.process.stdin.close()
        try:
            status = self.process.wait(GONE_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            return f"{self.ledger.stem} has not ended {GONE_SECONDS} s after it was told to"
        self.closed = True
        return f"{self.ledger.stem} has ended with status {status}" if status else ""


class Members:
    """Faults come from one thread, all else from another."""

    def __init__(self, options, bootstrap: str, classes: Path, folder: Path):
        self.options, self.bootstrap, self.classes, self.folder = options, bootstrap, classes, folder
        chance = random.Random(options.seed)
        self.modes = Deck(MODES, chance)
        # By the new protocol Java's consumer commits in the background whatever poll has returned, worked off or not.
        self.java_modes = Deck(["sync", "auto"] if options.protocol == "classic" else ["sync"], chance)
        self.protocols = itertools.cycle(PROTOCOLS[options.protocol])
        self.protocol = next(self.protocols)
        """That those speak who begin from now on."""
        self.passages = 0
        """How often all members had come to speak one protocol, and the other one's turn came."""
        self.all: list[Member] = []
        self.now: dict[str, Member] = {}
        self.violations = []
        self.lock = threading.RLock()
        self.ours = OURS + MORE_OF_OURS if options.ours_only else OURS
        self.theirs = [] if options.ours_only else THEIRS
        for name in self.ours + self.theirs:
            self.begin(name)

    @property
    def special(self) -> dict:
        faults = {
            "kill ours": lambda chance: self.kill(chance, [chance.choice(self.ours)]),
            "kill theirs": lambda chance: self.kill(chance, [chance.choice(self.theirs)]),
            "kill two": lambda chance: self.kill(chance, chance.sample(self.ours + self.theirs, 2)),
            "stop ours": self.stop,
            "close ours": self.close_one,
        }
        if not self.theirs:
            del faults["kill theirs"]
        if self.options.protocol == "both":
            faults["migrate one"] = self.migrate_one
        return faults

    # -------- beginning

    def begin(self, name: str) -> None:
        number = sum(one.name == name for one in self.all) + 1
        ledger = self.folder / f"{name}-{number}.ledger"
        words = self.our_command(name, ledger) if name in self.ours else self.java_command(name, ledger)
        with open(self.folder / f"{ledger.stem}.log", "wb") as log:
            process = subprocess.Popen([str(word) for word in words], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=log)
        member = Member(name, ledger, process, self.protocol)
        self.all.append(member)
        self.now[name] = member

    def our_command(self, name: str, ledger: Path) -> list:
        options, (read, commit) = self.options, self.modes.draw().split()
        return [
            options.client, "--workload", "member", "--bootstrap", self.bootstrap, "--ledger", ledger, "--topic", TOPIC,
            "--name", name, "--group", GROUP, "--protocol", self.protocol, "--assignor", options.assignor,
            "--read", read, "--commit", commit, "--seed", options.seed + len(self.all), "--seconds", options.seconds + 3600, *(["--debug", options.debug] if options.debug else []),
        ]  # fmt: skip

    def java_command(self, name: str, ledger: Path) -> list:
        version = self.options.version
        properties = [
            f"bootstrap.servers={self.bootstrap}", f"group.id={GROUP}", f"client.id={name}", "auto.offset.reset=earliest",
            "auto.commit.interval.ms=100", "max.poll.interval.ms=60000",
        ]  # fmt: skip
        if self.protocol == "consumer":
            properties += ["group.protocol=consumer"]
        else:
            properties += ["session.timeout.ms=6000", "heartbeat.interval.ms=1000"]
            properties += [f"partition.assignment.strategy=org.apache.kafka.clients.consumer.{ASSIGNORS[self.options.assignor]}"]
        return [
            runtime.java_binary(), "-Xmx128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Djava.net.preferIPv4Stack=true",
            *runtime.log_options(version, self.folder / "logging", "WARN"),
            "-cp", f"{self.classes}:{runtime.class_path_dir(version)}/*", "Member", ledger, TOPIC, self.java_modes.draw(), *properties,
        ]  # fmt: skip

    # -------- faults

    def kill(self, chance: random.Random, names: list[str]) -> None:
        with self.lock:
            for name in names:
                self.now[name].kill()
            time.sleep(chance.uniform(*DOWN_SECONDS))
            for name in names:
                self.begin(name)

    def stop(self, chance: random.Random) -> None:
        member = self.now[chance.choice(self.ours)]
        member.stopped = True
        member.process.send_signal(signal.SIGSTOP)
        time.sleep(STOPPED_SECONDS)
        member.process.send_signal(signal.SIGCONT)

    def close_one(self, chance: random.Random) -> None:
        self.replace(chance.choice(self.ours))

    def migrate_one(self, chance: random.Random) -> None:
        """Closes one that speaks the other protocol, and begins it anew."""
        if all(one.protocol == self.protocol for one in self.now.values()):
            self.protocol = next(self.protocols)
            self.passages += 1
        self.replace(chance.choice([name for name, one in self.now.items() if one.protocol != self.protocol]))

    def replace(self, name: str) -> None:
        with self.lock:
            self.end_well(self.now[name])
            self.begin(name)

    def end_well(self, member: Member) -> None:
        if wrong := member.close():
            self.violations.append(wrong)

    # -------- looking

    def check(self) -> None:
        """A member that has ended by itself is told of once, and another begun."""
        with self.lock:
            for name, member in list(self.now.items()):
                if (status := member.process.poll()) is not None:
                    member.ended_ms = wall_clock_ms()
                    self.violations.append(f"{member.ledger.stem} has ended by itself, with status {status}")
                    self.begin(name)

    def claims(self) -> dict[str, set[int]]:
        """By name."""
        return {name: set(member.follow()) for name, member in self.now.items()}

    def finish(self) -> None:
        for member in self.now.values():
            self.end_well(member)

    def end(self) -> None:
        for member in self.all:
            if member.process.poll() is None:
                member.kill()
