"""Kills and stops brokers, one at a time, by a plan that is drawn from a seed; waits in between until all replicas are in sync."""

import random
import signal
import threading
import time
from collections import Counter
from dataclasses import dataclass, field

from view import GROUPS, TRANSACTIONS, Cluster, View

NODES = 3
LEADERS_RETURN = ["leader.imbalance.check.interval.seconds=15", "replica.lag.time.max.ms=10000"]
"""Settings of brokers: leadership goes back to a node that has returned, so that the next fault finds leaders there."""
PAUSE_SECONDS = 8
"""Longer than the time limit of the clients' requests (5 s) and than the brokers' session (5 or 6 s)."""
SESSION_SECONDS = 8
"""A little more than a broker's session with ZooKeeper."""
DOWN_SECONDS = (0.5, 10)
CALM_SECONDS = (0.5, 4)
WHOLE_SECONDS = 180


@dataclass
class Targets:
    topic: str
    partitions: int
    transactional_ids: list[str] = field(default_factory=list)
    groups: list[str] = field(default_factory=list)


class Deck:
    """Draws kinds at random, but each once before any comes again, so that a short run has them all."""

    def __init__(self, kinds: list[str], chance: random.Random):
        self.kinds, self.chance, self.left = kinds, chance, []

    def draw(self) -> str:
        if not self.left:
            self.left = self.chance.sample(self.kinds, len(self.kinds))
        return self.left.pop()


class NotWhole(RuntimeError):
    """The cluster itself did not recover: the run tells nothing of the client."""


class Injector(threading.Thread):
    """Injects faults from `start` on until `finish`, which returns when the cluster is whole again.

    `special`: faults of the workload's own, name to function of a random.Random. A single node is left alone.
    """

    def __init__(self, view: View, targets: Targets, seed: int, special: dict | None = None, nodes: int = NODES):
        super().__init__(daemon=True)
        self.view, self.targets, self.special, self.nodes = view, targets, special or {}, nodes
        self.chance = random.Random(seed)
        kinds = ["kill leader", "stop leader"] if nodes > 1 else []
        if targets.transactional_ids:
            kinds += ["kill transaction coordinator", "stop transaction coordinator"]
        if targets.groups and nodes > 1:
            kinds += ["kill group coordinator"]
        self.kinds = kinds + list(self.special)
        self.deck = Deck(self.kinds, self.chance)
        self.done = Counter()
        self.events = []
        self.now = "starting"
        self.error = None
        self.ending = threading.Event()
        self.began = time.monotonic()

    def run(self) -> None:
        try:
            while not self.ending.wait(self.chance.uniform(*CALM_SECONDS)):
                self.inject(self.deck.draw())
                self.wait_whole()
                self.between()
        except Exception as error:  # told by finish()
            self.error = error

    def between(self) -> None:
        """Between two faults."""

    def finish(self) -> None:
        self.ending.set()
        self.join()
        if self.error:
            raise self.error
        self.wait_whole()

    def wait_whole(self) -> None:
        """Twice in a row, as a broker that has just come back is at first believed to have been there all the time."""
        self.now = "waiting for replicas"
        deadline, seen = time.monotonic() + WHOLE_SECONDS, 0
        while seen < 2:
            seen = seen + 1 if self.view.is_whole(self.nodes) else 0
            if time.monotonic() > deadline:
                raise NotWhole(f"not all replicas are in sync {WHOLE_SECONDS} s after the last fault")
            time.sleep(0.5)
        self.now = "calm"

    def inject(self, kind: str) -> None:
        if kind in self.special:
            self.note(kind, 0)
            self.special[kind](self.chance)
            self.done[kind] += 1
            return
        node = self.target(kind)
        if node < 0:
            return  # nobody has that role at the moment
        cluster, name = Cluster.load(self.view.folder), f"node{node}"
        self.note(kind, node)
        if kind.startswith("kill"):
            cluster.signal(name, signal.SIGKILL)
            cluster.wait_gone([name], 10)
            down = self.chance.uniform(*DOWN_SECONDS)
            if "zookeeper" in cluster.state["processes"]:
                down += SESSION_SECONDS  # until then its old self is registered, and a new one ends at once
            time.sleep(down)
            cluster.start_node(name)
        else:
            cluster.signal(name, signal.SIGSTOP)
            time.sleep(PAUSE_SECONDS)
            cluster.signal(name, signal.SIGCONT)
        self.done[kind] += 1

    def target(self, kind: str) -> int:
        if kind.endswith("transaction coordinator"):
            return self.view.coordinator(TRANSACTIONS, self.chance.choice(self.targets.transactional_ids))
        if kind.endswith("group coordinator"):
            return self.view.coordinator(GROUPS, self.chance.choice(self.targets.groups))
        return self.view.leader(self.targets.topic, self.chance.randrange(self.targets.partitions))

    def note(self, kind: str, node: int) -> None:
        self.now = f"{kind} (node {node})" if node else kind
        self.events.append({"second": round(time.monotonic() - self.began, 1), "kind": kind, "node": node})
