"""A run of the workload `group`: a producer, five members of one group that come and go, and Kafka's tool as witness in calm moments."""

import shutil
import time
from pathlib import Path

import judge
import report
from client import TOPIC, Client, RunFailed
from faults import LEADERS_RETURN, NODES, Injector, Targets
from group_judge import judge_group, parse_member
from group_tool import PARTITIONS, GroupTool, commits, compile_java, disagreement
from members import GROUP, Members
from real_cluster import SETTINGS, RealCluster
from view import View
from witness import Witness

AGREE_SECONDS = 120
"""From the last fault on until all agree who holds what. A member that was killed is out after 6 s; the tool takes some, too."""
ANSWERS, TOOL_SECONDS = 3, 300
"""So many answers of the tool are waited for, so much longer; each takes seconds, on a busy machine many."""
LAG_SECONDS = 120
GROUP_SETTINGS = ["group.initial.rebalance.delay.ms=200"]
NEW_PROTOCOL_SETTINGS = [
    "group.consumer.min.session.timeout.ms=6000", "group.consumer.session.timeout.ms=6000",
    "group.consumer.min.heartbeat.interval.ms=1000", "group.consumer.heartbeat.interval.ms=1000",
]  # fmt: skip


class GroupInjector(Injector):
    """After every other fault, at random, it waits until all agree; else the next one comes before the group has settled."""

    def __init__(self, run: "GroupRun", view: View, seed: int, members: Members, nodes: int):
        super().__init__(view, Targets(TOPIC, PARTITIONS, groups=[GROUP]), seed, members.special, nodes)
        self.run_ = run

    def between(self) -> None:
        if self.chance.random() < 0.5:
            self.now = "waiting for the group"
            self.run_.agree()
            self.now = "calm"


class GroupRun:
    def __init__(self, options, folder: Path):
        self.options, self.folder = options, folder
        self.nodes = NODES if options.nodes_too else 1
        self.progress = report.Progress(f"group {options.version}")
        self.violations: list[str] = []
        self.agreements = 0

    def go(self) -> dict:
        options = self.options
        self.progress.say(f"seed {options.seed}; starting {self.nodes} node(s)")
        settings = SETTINGS + GROUP_SETTINGS + (LEADERS_RETURN if self.nodes > 1 else [])
        settings += NEW_PROTOCOL_SETTINGS if options.protocol != "classic" else []
        cluster = RealCluster(options.version, self.nodes, settings)
        try:
            self.view = View(cluster.folder)
            self.witness = Witness(options.version, cluster.bootstrap, self.folder)
            self.tool = GroupTool(self.witness, GROUP, TOPIC)
            self.witness.make_topic(TOPIC, PARTITIONS, min(self.nodes, 3), cluster.zookeeper())
            classes = compile_java(options.version, self.folder)
            feeder = Client(options, cluster.bootstrap, self.folder, "feeder", partitions=PARTITIONS)
            self.members = Members(options, cluster.bootstrap, classes, self.folder)
            try:
                injector = self.disturb(feeder)
            finally:
                feeder.kill()
                self.members.end()
            told = commits(options.version, cluster.bootstrap, GROUP, classes)
            return self.judge(feeder, injector, told, self.view.ends(TOPIC))
        finally:
            for log in cluster.folder.glob("node*/output.log"):
                shutil.copy(log, self.folder / f"{log.parent.name}.log")
            cluster.close()

    def disturb(self, feeder: Client) -> Injector:
        injector = GroupInjector(self, self.view, self.options.seed, self.members, self.nodes)
        self.agree()
        end = time.monotonic() + self.options.seconds
        injector.start()
        while time.monotonic() < end and injector.is_alive():
            feeder.check()
            self.members.check()
            self.progress.show(feeder.counters | {"agreements": self.agreements}, sum(injector.done.values()), injector.now)
            time.sleep(0.2)
        self.progress.say("healing")
        injector.finish()
        self.progress.say(f"healed after {sum(injector.done.values())} faults; the producer ends")
        feeder.finish()
        self.agree()
        self.progress.say("the members come to the end")
        self.no_lag(LAG_SECONDS)
        self.members.finish()
        self.no_lag(0)
        return injector

    def agree(self) -> None:
        deadline, seen, what = time.monotonic() + AGREE_SECONDS, 0, "the tool has not answered"
        while True:
            claims = self.members.claims()
            owners = sorted(partition for some in claims.values() for partition in some)
            if owners == list(range(PARTITIONS)):
                try:
                    offsets, told = self.tool.offsets(), self.tool.members()
                except judge.Unreadable as error:
                    what = str(error)
                else:
                    seen += 1
                    what = disagreement(claims, offsets, told) or ("" if claims == self.members.claims() else "what the members hold changes")
                if not what:
                    self.agreements += 1
                    return
            else:
                what = f"the members hold {claims}"
            late = time.monotonic() - deadline
            if late > 0 and (owners != list(range(PARTITIONS)) or seen >= ANSWERS):
                self.violations.append(f"no agreement {AGREE_SECONDS} s after the last fault: {what}")
                return
            if late > TOOL_SECONDS:
                raise RunFailed(f"no agreement, and too few answers of Kafka's tool: {what}")
            time.sleep(0.3)

    def no_lag(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while True:
            try:
                found = self.tool.offsets()
            except judge.Unreadable as error:  # it has its own time limits, and the machine may be slow
                if time.monotonic() > deadline + TOOL_SECONDS:
                    raise RunFailed(str(error)) from None
                continue
            if len(found) == PARTITIONS and all(row.lag == 0 for row in found.values()):
                return
            if time.monotonic() > deadline:
                self.violations.append(f"the group has not come to the end: {found}")
                return
            time.sleep(0.3)

    def judge(self, feeder: Client, injector: Injector, told: list[tuple[int, int, int]], ends: dict[int, int]) -> dict:
        options = self.options
        with open(feeder.ledger) as lines:
            sent = judge.parse_ledger(lines)
        ledgers = []
        for one in self.members.all:
            with open(one.ledger) if one.ledger.exists() else open("/dev/null") as lines:
                ledgers.append(parse_member(lines, one.ledger.stem, None if one.closed else one.ended_ms, one.stopped))
            if one.closed and not ledgers[-1].whole:
                raise RunFailed(f"{one.ledger} has no end")
        verdict = judge_group(sent.acked, ends, ledgers, told)
        verdict.add(sent.verdict)
        verdict.counts["read"] = verdict.counts["worked"]
        verdict.counts["agreements with Kafka's tool"] = self.agreements
        for violation in self.violations + self.members.violations:
            verdict.violation(violation)
        judge.demand_minimums(verdict, injector.done, injector.kinds if options.minutes >= 3 else [])
        for name in self.members.now:
            if not any(ledger.worked for ledger in ledgers if ledger.name.startswith(name)):
                verdict.violation(f"{name} has never had anything to do")
        kind = {"classic": options.assignor, "consumer": "group.protocol=consumer", "both": f"both protocols, {options.assignor}"}[options.protocol]
        if options.protocol == "both":
            verdict.counts["passages to the other protocol"] = self.members.passages
        return {
            "version": options.version, "workload": "group", "kind": kind + (", nodes too" if options.nodes_too else "") + (", ours only" if options.ours_only else ""), "minutes": options.minutes, "seed": options.seed,
            "faults": dict(injector.done), "counts": dict(verdict.counts), "notes": dict(verdict.notes),
            "violation_count": verdict.violation_count, "violations": verdict.violations,
            "events": injector.events, "folder": str(self.folder),
        }  # fmt: skip
