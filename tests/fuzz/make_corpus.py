#!/usr/bin/env python3
"""Writes a seed corpus for the fuzzers from the golden vectors.

    make_corpus.py tests/golden/vectors OUT     makes OUT/message, OUT/frame, OUT/records,
                                                OUT/conversation and OUT/consumer_protocol

Message seeds start with the index of the message (request and response of each key, then headers and data by name) and
the version; frame seeds with API key, version, read size and direction; record sets with the limit of decompression. Conversations
are a request and a response, in pieces.
"""

import gzip
import hashlib
import json
import sys
from pathlib import Path

LONGEST = 1500
"""Longer vectors slow the fuzzer down and teach it nothing."""


def lines(folder: Path):
    for path in sorted(folder.glob("*.jsonl.gz")):
        if path.name.startswith(("messages-", "frames-", "records", "hostile")):
            with gzip.open(path, "rt", encoding="utf-8") as texts:
                for text in texts:
                    yield json.loads(text)


def seed(line, others):
    """The fuzzer's name and the bytes; None for lines that are not for these fuzzers."""
    kind = "frame" if "bodyOffset" in line else "records" if "batches" in line else "message" if "api" in line else None
    target = line.get("target", kind)
    if target not in ("message", "frame", "records") or len(line["hex"]) > 2 * LONGEST:
        return None
    body = bytes.fromhex(line["hex"])
    if target == "records":
        return "records", bytes([12]) + body
    if target == "frame":
        return "frame", bytes([line["apiKey"], line["version"], 255, line.get("kind") == "request"]) + body
    if "apiKey" in line:
        index = 2 * line["apiKey"] + (line["kind"] == "response")
    else:
        index = others.index(line["api"])
    return "message", bytes([index, line["version"]]) + body


def conversations(vectors: Path):
    """A request of each API and version, and a response that takes over its correlation id."""
    requests = {}
    for line in lines(vectors):
        if "bodyOffset" not in line or "target" in line or len(line["hex"]) > 2 * LONGEST:
            continue
        key, frame = (line["apiKey"], line["version"]), bytes.fromhex(line["hex"])
        if line["kind"] == "request":
            requests[key] = frame
        elif key in requests:
            request = requests[key]
            for options in (0, 1, 128):
                yield bytes([options]) + pieces(0, request) + pieces(1, frame[:4] + request[8:12] + frame[8:])


def protocol_texts():
    """Subscriptions of versions 0 to 3, alone and two at once, an assignment, and user data of the sticky assignors."""
    text = lambda s: len(s).to_bytes(2, "big") + s
    topics = (2).to_bytes(4, "big") + text(b"a") + text(b"orders")
    nothing = b"\xff\xff\xff\xff"
    held = (1).to_bytes(4, "big") + text(b"a") + (2).to_bytes(4, "big") + bytes(4) + (1).to_bytes(4, "big")
    subscriptions = [
        version.to_bytes(2, "big") + topics + nothing + (held, b"")[version < 1] + ((7).to_bytes(4, "big"), b"")[version < 2]
        + (text(b"r"), b"")[version < 3]
        for version in range(4)
    ]
    sticky = bytes(2) + topics + (len(held) + 4).to_bytes(4, "big") + held + (7).to_bytes(4, "big")
    for texts in (*([one] for one in subscriptions), subscriptions[2:], [sticky, subscriptions[0]], [bytes(2) + held + nothing],
                  [held + (3).to_bytes(4, "big")], [held], [(9).to_bytes(4, "big")]):
        yield b"".join(bytes([-(-len(one) // 8)]) + one + bytes(-len(one) % 8) for one in texts)


def pieces(kind: int, data: bytes) -> bytes:
    return b"".join(bytes([kind, len(part)]) + part for part in (data[i : i + 255] for i in range(0, len(data), 255)))


def write(folder: Path, data: bytes) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / hashlib.sha1(data).hexdigest()).write_bytes(data)


def main(vectors: Path, out: Path) -> None:
    messages = [json.loads(p.read_text(encoding="utf-8"))
                for p in sorted((vectors.parents[2] / "protocol" / "messages").glob("*.json"))]
    keyed = [m for m in messages if "apiKey" in m]
    others = [None] * len(keyed) + [m["name"] for m in messages if "apiKey" not in m]
    for line in lines(vectors):
        made = seed(line, others)
        if made:
            write(out / made[0], made[1])
    for data in conversations(vectors):
        write(out / "conversation", data)
    for data in protocol_texts():
        write(out / "consumer_protocol", data)


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve(), Path(sys.argv[2]))
