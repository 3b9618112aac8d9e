#!/usr/bin/env python3
"""Generates the message structs, their tables and the error codes.

    main.py --protocol protocol --out build/x/generated [--sources 20]

Prints the paths of the .cpp files, one a line. Files are written only when their content changes, so that nothing
is compiled again without need; files that are no longer made are removed.
"""

import argparse
import sys
from pathlib import Path
from typing import Dict, List

import emit
import errors
from resolve import Message, resolve
from spec import SpecError, load_specs


def grouped(messages: List[Message], count: int) -> List[List[Message]]:
    """`count` groups of about the same number of members; request and response stay together."""
    pairs: Dict[str, List[Message]] = {}
    for message in messages:
        pairs.setdefault(emit.header_name(message), []).append(message)
    weight = {name: sum(len(s.members) + 3 for m in pair for s in m.structs) for name, pair in pairs.items()}
    groups: List[List[Message]] = [[] for _ in range(count)]
    loads = [0] * count
    for name in sorted(pairs, key=lambda n: (-weight[n], n)):
        lightest = loads.index(min(loads))
        groups[lightest] += pairs[name]
        loads[lightest] += weight[name]
    return [g for g in groups if g]


def check_pairs(messages: List[Message]) -> None:
    """Requests and responses must come in pairs of the same versions, and keys without a hole."""
    requests = {m.api_key: m for m in messages if m.kind == "request"}
    responses = {m.api_key: m for m in messages if m.kind == "response"}
    if sorted(requests) != list(range(len(requests))) or sorted(responses) != sorted(requests):
        raise SpecError("API keys have a hole, or a request has no response")
    for key, request in requests.items():
        response = responses[key]
        if (request.versions, request.first_flexible, request.api_name) != (
            response.versions, response.first_flexible, response.api_name,
        ):
            raise SpecError("%s and its response have different versions" % request.name)


def outputs(protocol: Path, sources: int) -> Dict[str, str]:
    """All generated files: path below the output folder -> text."""
    messages = [resolve(s) for s in load_specs(protocol / "messages")]
    check_pairs(messages)
    files = {"ottla/msg/api_key.hpp": emit.api_key_header(messages), "messages/index.cpp": emit.index_source(messages)}
    headers: Dict[str, List[Message]] = {}
    for message in messages:
        headers.setdefault(emit.header_name(message), []).append(message)
    for name, group in headers.items():
        files["ottla/msg/%s.hpp" % name] = emit.header(group)
    for number, group in enumerate(grouped(messages, sources)):
        files["messages/tables_%02d.cpp" % number] = emit.source(group)
    codes = errors.load_errors(protocol / "errors.csv")
    files["ottla/errc.hpp"] = errors.errc_header(codes)
    files["ottla/errc_table.inc"] = errors.errc_table(codes)
    return files


def write(out: Path, files: Dict[str, str]) -> None:
    for name, text in files.items():
        path = out / name
        if path.exists() and path.read_text(encoding="utf-8") == text:
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    for path in sorted(out.rglob("*")):
        if path.is_file() and path.relative_to(out).as_posix() not in files:
            path.unlink()


def main(argv: List[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--protocol", type=Path, required=True, help="folder with messages/ and errors.csv")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--sources", type=int, default=20, help="number of .cpp files with tables (default %(default)s)")
    arguments = parser.parse_args(argv)
    try:
        files = outputs(arguments.protocol, arguments.sources)
    except SpecError as error:
        print("codegen: %s" % error, file=sys.stderr)
        return 1
    write(arguments.out, files)
    for name in files:
        if name.endswith(".cpp"):
            print((arguments.out / name).as_posix())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
