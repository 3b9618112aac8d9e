"""Captures for tests of `ottla decode`: conversations recorded between a program and a cluster, TCP segments made of them, and
those written to files as tcpdump would have."""

import socket
import struct
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Callable, Iterator

from peers import peer, read_exactly

CLIENT, BROKER = 0, 1
FIN, SYN, RST, ACK = 1, 2, 4, 16
START = 1_700_000_000_000_000
"""Of the first packet, in microseconds."""


@dataclass
class Conversation:
    """What was sent on one connection, in order: frames of either end."""

    frames: list = field(default_factory=list)

    def sent_by(self, sender: int) -> bytes:
        return b"".join(data for who, data in self.frames if who == sender)


@contextmanager
def recorder(server: str) -> Iterator[tuple[str, list[Conversation]]]:
    """Stands before a broker, for all its clients do, and records what they say."""
    host, _, port = server.rpartition(":")
    conversations = []
    here = 0

    def copy(source: socket.socket, target: socket.socket, sender: int, into: Conversation, lock) -> None:
        try:
            while True:
                head = read_exactly(source, 4)
                frame = head + read_exactly(source, struct.unpack(">i", head)[0])
                if sender == BROKER and len(frame) < 2000:  # metadata, perhaps: clients shall come here
                    frame = frame.replace(struct.pack(">i", int(port)), struct.pack(">i", here))
                with lock:
                    into.frames.append((sender, frame))
                target.sendall(frame)
        except OSError:
            try:
                target.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # it has gone before

    def talk(client: socket.socket) -> None:
        conversation, lock = Conversation(), threading.Lock()
        conversations.append(conversation)
        with socket.create_connection((host, int(port))) as broker:
            back = threading.Thread(target=copy, args=(broker, client, BROKER, conversation, lock))
            back.start()
            copy(client, broker, CLIENT, conversation, lock)
            back.join()

    with peer(talk) as address:
        here = int(address.rpartition(":")[2])
        yield address, conversations


@dataclass(frozen=True)
class Segment:
    sender: int
    sequence: int
    acknowledged: int
    flags: int
    payload: bytes
    ports: tuple = (40000, 9092)
    """Of client and broker."""


def segments(
    conversation: Conversation, ports=(40000, 9092), largest: int = 500, begin: int = 2**32 - 700, polite: bool = True
) -> list[Segment]:
    """As they would go over a wire. The sequence numbers wrap."""
    at = [begin, (begin + 12345) % 2**32]
    out = []

    def send(sender: int, flags: int, payload: bytes = b"") -> None:
        out.append(Segment(sender, at[sender], at[1 - sender] if flags & ACK else 0, flags, payload, ports))
        at[sender] = (at[sender] + len(payload) + (flags & (SYN | FIN) != 0)) % 2**32

    send(CLIENT, SYN)
    send(BROKER, SYN | ACK)
    send(CLIENT, ACK)
    for sender, data in conversation.frames:
        for i in range(0, len(data), largest):
            send(sender, ACK, data[i : i + largest])
        if polite:
            send(1 - sender, ACK)
    send(CLIENT, FIN | ACK)
    send(BROKER, FIN | ACK)
    send(CLIENT, ACK)
    return out


def data_of(all_segments: list[Segment], sender: int) -> list[int]:
    """Indices of the segments with data of one end."""
    return [i for i, s in enumerate(all_segments) if s.sender == sender and s.payload]


def tcp(segment: Segment) -> bytes:
    source, target = segment.ports if segment.sender == CLIENT else segment.ports[::-1]
    return (
        struct.pack(">HHIIBBHHH", source, target, segment.sequence, segment.acknowledged, 8 << 4, segment.flags, 65535, 0, 0)
        + b"\x01\x01\x08\x0a" + bytes(8)  # options: time stamps
        + segment.payload
    )


def ipv4(segment: Segment, protocol: int = 6, fragment: int = 0) -> bytes:
    body = tcp(segment)
    source, target = ("10.0.0.1", "10.0.0.2") if segment.sender == CLIENT else ("10.0.0.2", "10.0.0.1")
    head = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(body), 1, fragment, 64, protocol, 0)
    return head + socket.inet_aton(source) + socket.inet_aton(target) + body


def ipv6(segment: Segment) -> bytes:
    body = bytes([6, 0]) + bytes(6) + tcp(segment)  # behind a hop-by-hop header
    source, target = ("fe80::1", "fe80::2") if segment.sender == CLIENT else ("fe80::2", "fe80::1")
    head = struct.pack(">IHBB", 6 << 28, len(body), 0, 64)
    return head + socket.inet_pton(socket.AF_INET6, source) + socket.inet_pton(socket.AF_INET6, target) + body


def type_of(packet: bytes) -> bytes:
    return b"\x86\xdd" if packet[0] >> 4 == 6 else b"\x08\x00"


@dataclass(frozen=True)
class Link:
    name: str
    number: int
    """In files."""
    wrap: Callable[[bytes], bytes]


ETHERNET = Link("ethernet", 1, lambda ip: (bytes(12) + type_of(ip) + ip).ljust(60, b"\0"))  # with padding
LINKS = [
    ETHERNET,
    Link("vlan", 1, lambda ip: bytes(12) + b"\x88\xa8\0\x05\x81\0\0\x07" + type_of(ip) + ip),
    Link("null", 0, lambda ip: struct.pack("<I", 10 if ip[0] >> 4 == 6 else 2) + ip),
    Link("loop", 108, lambda ip: struct.pack(">I", 24 if ip[0] >> 4 == 6 else 2) + ip),
    Link("raw", 101, lambda ip: ip),
    Link("sll", 113, lambda ip: bytes(14) + type_of(ip) + ip),
    Link("sll2", 276, lambda ip: type_of(ip) + bytes(18) + ip),
]


def packets(all_segments: list[Segment], link: Link = ETHERNET, ip: Callable[[Segment], bytes] = ipv4) -> list[bytes]:
    return [link.wrap(ip(segment)) for segment in all_segments]


def pcap(all_packets: list[bytes], link: Link = ETHERNET, snaplen: int = 262144, step_us: int = 100) -> bytes:
    out = [struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, snaplen, link.number)]
    for i, packet in enumerate(all_packets):
        time = START + i * step_us
        out.append(struct.pack("<IIII", time // 10**6, time % 10**6, min(len(packet), snaplen), len(packet)) + packet[:snaplen])
    return b"".join(out)


def pcapng(all_packets: list[bytes], link: Link = ETHERNET, snaplen: int = 262144, step_us: int = 100) -> bytes:
    def block(kind: int, body: bytes) -> bytes:
        body += bytes(-len(body) % 4)
        size = struct.pack("<I", 12 + len(body))
        return struct.pack("<I", kind) + size + body + size

    out = [block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1)), block(1, struct.pack("<HHI", link.number, 0, snaplen))]
    for i, packet in enumerate(all_packets):
        time = START + i * step_us
        head = struct.pack("<IIIII", 0, time >> 32, time & 0xFFFFFFFF, min(len(packet), snaplen), len(packet))
        out.append(block(6, head + packet[:snaplen]))
    return b"".join(out)


def other_port(all_segments: list[Segment], ports: tuple) -> list[Segment]:
    return [replace(segment, ports=ports) for segment in all_segments]
