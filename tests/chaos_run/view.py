"""What the brokers say of the cluster, asked directly: leaders, replicas in sync, ends of logs. Independent of ottla."""

import contextlib
import struct
import sys
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "cluster"))

from kafka_cluster import Cluster  # noqa: E402
from kafka_runtime import ClusterError, Probe  # noqa: E402, F401

METADATA, LIST_OFFSETS = (3, 1), (2, 2)
TRANSACTIONS, GROUPS = "__transaction_state", "__consumer_offsets"


class NoAnswer(RuntimeError):
    """No broker answered, or not what was asked."""


class Reader:
    """Takes Kafka's primitive types from the front of an answer."""

    def __init__(self, data: bytes):
        self.data, self.at = data, 0

    def take(self, form: str):
        value = struct.unpack_from(">" + form, self.data, self.at)[0]
        self.at += struct.calcsize(">" + form)
        return value

    def string(self) -> str:
        size = max(0, self.take("h"))
        self.at += size
        return self.data[self.at - size : self.at].decode()

    def array(self, element) -> list:
        return [element() for _ in range(self.take("i"))]


def string(text: str) -> bytes:
    return struct.pack(">h", len(text)) + text.encode()


@dataclass
class Partition:
    leader: int
    replicas: list[int]
    isr: list[int]


def parse_metadata(data: bytes) -> dict[tuple[str, int], Partition]:
    reader = Reader(data)

    def broker():
        reader.take("i"), reader.string(), reader.take("i"), reader.string()

    def partition():
        reader.take("h")
        number, leader = reader.take("i"), reader.take("i")
        return number, Partition(leader, reader.array(lambda: reader.take("i")), reader.array(lambda: reader.take("i")))

    def topic():
        reader.take("h")
        name = reader.string()
        reader.take("b")
        return name, reader.array(partition)

    reader.array(broker)
    reader.take("i")
    return {(name, number): one for name, partitions in reader.array(topic) for number, one in partitions}


def parse_offsets(data: bytes) -> dict[int, int]:
    """Of one topic: partition to offset."""
    reader = Reader(data)
    reader.take("i")
    found = {}

    def partition():
        number, error = reader.take("i"), reader.take("h")
        reader.take("q")
        offset = reader.take("q")
        if error:
            raise NoAnswer(f"ListOffsets of partition {number}: error {error}")
        found[number] = offset

    def topic():
        reader.string(), reader.array(partition)

    reader.array(topic)
    return found


def java_hash(text: str) -> int:
    """String.hashCode, without its sign: what Kafka chooses the partition of a coordinator by."""
    value = 0
    for letter in text:
        value = (31 * value + ord(letter)) & 0xFFFFFFFF
    return value & 0x7FFFFFFF


class View:
    def __init__(self, folder: Path):
        self.folder = folder

    def ports(self) -> dict[int, int]:
        """Of the nodes whose process is alive."""
        cluster = Cluster.load(self.folder)
        nodes = cluster.state["nodes"]
        return {nodes[name]["id"]: nodes[name]["ports"]["INTERNAL"] for name in nodes if cluster.alive(name)}

    def metadata_of(self, port: int) -> dict[tuple[str, int], Partition]:
        with Probe(port, timeout=3) as probe:
            return parse_metadata(probe.call(*METADATA, struct.pack(">i", -1)))

    def partitions(self) -> dict[tuple[str, int], Partition]:
        """As the first broker that answers knows them."""
        for port in self.ports().values():
            with contextlib.suppress(OSError, struct.error):
                return self.metadata_of(port)
        raise NoAnswer("no broker tells its metadata")

    def is_whole(self, nodes: int) -> bool:
        """Every broker lives, answers, and knows of a leader and all replicas in sync for every partition."""
        ports = self.ports()
        if len(ports) < nodes:
            return False
        try:
            known = [self.metadata_of(port) for port in ports.values()]
        except (OSError, struct.error):
            return False
        return all(one.leader >= 0 and len(one.isr) == len(one.replicas) for view in known for one in view.values()) and any(known)

    def leader(self, topic: str, partition: int) -> int:
        """-1: none now."""
        one = self.partitions().get((topic, partition))
        return one.leader if one else -1

    def coordinator(self, topic: str, name: str) -> int:
        """Of a transactional.id (`TRANSACTIONS`) or of a group (`GROUPS`); -1: none now."""
        partitions = [number for found, number in self.partitions() if found == topic]
        return self.leader(topic, java_hash(name) % len(partitions)) if partitions else -1

    def ends(self, topic: str, stable: bool = False) -> dict[int, int]:
        """The end of each partition, asked from its leader; `stable`: of what read_committed may show."""
        ports, found = self.ports(), {}
        for (name, number), one in self.partitions().items():
            if name != topic:
                continue
            body = struct.pack(">ibi", -1, int(stable), 1) + string(topic) + struct.pack(">iiq", 1, number, -1)
            try:
                with Probe(ports[one.leader]) as probe:
                    found |= parse_offsets(probe.call(*LIST_OFFSETS, body))
            except (OSError, struct.error, KeyError) as error:
                raise NoAnswer(f"the end of {topic}-{number}: {error!r}") from None
        return found
