"""One run: cluster up, client at work, faults, healing, client at its end, everything read back and judged."""

import argparse
import json
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "real"))

import judge  # noqa: E402
import report  # noqa: E402
from client import PARTITIONS, TOPIC, Client, RunFailed  # noqa: E402
from copiers import Copiers  # noqa: E402
from faults import LEADERS_RETURN, NODES, Injector, NotWhole, Targets  # noqa: E402
from group_run import GroupRun  # noqa: E402
from members import ASSIGNORS, PROTOCOLS  # noqa: E402
from real_cluster import SETTINGS, RealCluster  # noqa: E402
from view import ClusterError, NoAnswer, View  # noqa: E402
from witness import Witness, read_to_the_end  # noqa: E402

CLIENT = HERE.parents[1] / "build/release/bin/chaos_client"


@dataclass
class Setting:
    """What a workload has: topics to read back, whether with read_committed, and what coordinates it."""

    topics: dict[str, bool]
    transactional_ids: list[str] = field(default_factory=list)
    groups: list[str] = field(default_factory=list)
    client: str = ""
    """The workload of chaos_client, if it has another name."""


WORKLOADS = {
    "idempotent": Setting({TOPIC: False, f"{TOPIC}-impatient": False}),
    "transactional": Setting({TOPIC: True}, [f"{TOPIC}-1", f"{TOPIC}-2"]),
    "copy": Setting({TOPIC: False, f"{TOPIC}-copy": True}, ["chaos-copier"], ["chaos-copy"], "feeder"),
}


def judge_run(workload: str, ledger: judge.Ledger, logs: dict[str, judge.Log]) -> judge.Verdict:
    if workload == "transactional":
        return judge.judge_transactional(ledger, logs[TOPIC])
    if workload == "copy":
        return judge.judge_copy(ledger, logs[TOPIC], logs[f"{TOPIC}-copy"])
    verdict = judge.judge_idempotent(ledger, logs[TOPIC], "patient")
    verdict.add(judge.judge_idempotent(ledger, logs[f"{TOPIC}-impatient"], "impatient"))
    return verdict


class Run:
    def __init__(self, options, folder: Path):
        self.options, self.folder = options, folder
        self.setting = WORKLOADS[options.workload]
        self.progress = report.Progress(f"{options.workload} {options.version}")

    def go(self) -> dict:
        options = self.options
        self.progress.say(f"seed {options.seed}; starting {NODES} nodes")
        cluster = RealCluster(options.version, NODES, SETTINGS + LEADERS_RETURN)
        try:
            self.view = View(cluster.folder)
            self.witness = Witness(options.version, cluster.bootstrap, self.folder)
            for topic in self.setting.topics:
                self.witness.make_topic(topic, PARTITIONS)
            client = self.start(cluster, self.setting.client or options.workload, "client")
            copiers = None
            try:
                if options.workload == "copy":
                    copiers = Copiers(lambda name: self.start(cluster, "copier", name), self.folder)
                injector = self.disturb(client, copiers)
            finally:
                client.kill()
                if copiers:
                    copiers.end()
            return self.judge(client, injector, copiers)
        finally:
            for log in cluster.folder.glob("node*/output.log"):
                shutil.copy(log, self.folder / f"{log.parent.name}.log")
            cluster.close()

    def start(self, cluster: RealCluster, workload: str, name: str) -> Client:
        return Client(self.options, cluster.bootstrap, self.folder, workload, name)

    def disturb(self, client: Client, copiers: Copiers | None) -> Injector:
        targets = Targets(TOPIC, PARTITIONS, self.setting.transactional_ids, self.setting.groups)
        injector = Injector(self.view, targets, self.options.seed, copiers.special if copiers else None)
        end = time.monotonic() + self.options.seconds
        injector.start()
        while time.monotonic() < end and injector.is_alive():
            client.check()
            if copiers:
                copiers.check()
            self.progress.show(client.counters | (copiers.counts() if copiers else {}), sum(injector.done.values()), injector.now)
            time.sleep(0.2)
        self.progress.say("healing")
        injector.finish()
        self.progress.say(f"healed after {sum(injector.done.values())} faults; the client ends")
        client.finish()
        if copiers:
            self.progress.say("the copier ends")
            copiers.finish()
        return injector

    def judge(self, client: Client, injector: Injector, copiers: Copiers | None) -> dict:
        with open(client.ledger) as lines:
            ledger = judge.parse_ledger(lines)
        logs = {}
        verdict = ledger.verdict
        for topic, committed in self.setting.topics.items():
            self.progress.say(f"the console consumer reads {topic}")
            logs[topic] = self.witness.read(topic, committed)
            read_to_the_end(self.view, topic, logs[topic], verdict, committed)
        verdict.add(judge_run(self.options.workload, ledger, logs))
        if copiers:
            verdict.counts.update(copiers.counts())
            verdict.notes.update(copiers.notes())
            for violation in copiers.violations:
                verdict.violation(violation)
        judge.demand_minimums(verdict, injector.done, ["kill leader", "stop leader"])
        options = self.options
        return {
            "version": options.version, "workload": options.workload, "minutes": options.minutes, "seed": options.seed,
            "faults": dict(injector.done), "counts": dict(verdict.counts), "notes": dict(verdict.notes),
            "violation_count": verdict.violation_count, "violations": verdict.violations,
            "events": injector.events, "folder": str(self.folder),
        }  # fmt: skip


def arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tests/chaos", description=__doc__)
    parser.add_argument("--workload", required=True, choices=sorted([*WORKLOADS, "group"]))
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--version", default="4.3.0", help="of Kafka (default %(default)s)")
    parser.add_argument("--seed", type=int, help="of the plan of faults; default: any")
    parser.add_argument("--rate", type=int, default=1000, help="messages a second (default %(default)s)")
    group = parser.add_argument_group("of the workload group")
    group.add_argument("--protocol", choices=list(PROTOCOLS), default="classic", help="both: members pass from the one to the other and back")
    group.add_argument("--assignor", choices=list(ASSIGNORS), default="range", help="of all members (default %(default)s)")
    group.add_argument("--debug", default="", help="the property debug of our members, such as cgrp")
    group.add_argument("--ours-only", action="store_true", help="all five members are ours: shows whose doing a violation is")
    group.add_argument("--nodes-too", action="store_true", help="three nodes, which are killed and stopped, too")
    parser.add_argument("--json", action="store_true", help="the result as JSON instead of a table")
    parser.add_argument("--keep", action="store_true", help="keep ledger, listings and logs of a run that passed, too")
    parser.add_argument("--client", type=Path, default=CLIENT, help="chaos_client (default build/release/bin/chaos_client)")
    options = parser.parse_args(argv)
    if not options.client.exists():
        parser.error(f"{options.client} is not built: cmake --build build/release --target chaos_client")
    if options.seed is None:
        options.seed = random.randrange(1, 1_000_000)
    options.seconds = int(options.minutes * 60)
    options.minutes = int(options.minutes) if options.minutes == int(options.minutes) else options.minutes
    return options


def main(argv: list[str] | None = None) -> int:
    """0: passed, 1: violations, 2: the run told nothing."""
    options = arguments(argv)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    folder = Path(tempfile.mkdtemp(prefix=f"chaos-{options.workload}-{options.version}-"))
    keep = True
    try:
        result = (GroupRun if options.workload == "group" else Run)(options, folder).go()
        report.show(result, options.json)
        (folder / "result.json").write_text(json.dumps(result, indent=2) + "\n")
        keep = options.keep or result["violation_count"] > 0
        return 1 if result["violation_count"] else 0
    except (RunFailed, NotWhole, ClusterError, NoAnswer, judge.Unreadable, RuntimeError, OSError, subprocess.SubprocessError) as error:
        print(f"tests/chaos: {error}", file=sys.stderr)
        return 2
    finally:
        if keep:
            print(f"kept in {folder}", file=sys.stderr)
        else:
            with suppress(OSError):
                shutil.rmtree(folder)
