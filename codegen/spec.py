"""Message specs as Python objects: versions, fields, structs. Reads protocol/messages/*.json; decides nothing."""

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import List, Optional

LAST = 32767
"""The open end of a version range."""

PRIMITIVES = ("bool", "int8", "int16", "uint16", "int32", "int64", "float64", "uuid", "string", "bytes", "records")


class SpecError(Exception):
    """A spec that says something this generator does not understand."""


@dataclass(frozen=True)
class Versions:
    """An inclusive range of versions; empty when first > last."""

    first: int
    last: int

    @staticmethod
    def parse(text: Optional[str]) -> "Versions":
        """From "none", "3", "3-5" or "3+"."""
        if text is None or text == "none":
            return Versions(0, -1)
        match = re.fullmatch(r"(\d+)(?:(\+)|-(\d+))?", text)
        if not match:
            raise SpecError("bad version range %r" % text)
        first = int(match.group(1))
        if match.group(2):
            return Versions(first, LAST)
        return Versions(first, int(match.group(3)) if match.group(3) else first)

    def __bool__(self) -> bool:
        return self.first <= self.last

    def within(self, other: "Versions") -> "Versions":
        """The common part; its last version is open when it reaches the end of `other`."""
        first, last = max(self.first, other.first), min(self.last, other.last)
        if first > last:
            return Versions(0, -1)
        return Versions(first, LAST if last == other.last else last)


@dataclass
class Field:
    """One field of a struct, as the spec has it."""

    name: str
    type: str  # without the leading [] of arrays
    is_array: bool
    versions: Versions
    nullable: Versions
    default: Optional[str] = None
    tag: Optional[int] = None
    ignorable: bool = False
    map_key: bool = False
    never_flexible: bool = False
    fields: Optional[List["Field"]] = None

    @property
    def is_struct(self) -> bool:
        return self.type not in PRIMITIVES


@dataclass
class CommonStruct:
    """A struct shared by several fields of one message."""

    name: str
    fields: List[Field]


@dataclass
class Spec:
    """One message."""

    name: str
    kind: str  # request, response, header or data
    api_key: Optional[int]
    versions: Versions
    flexible: Versions
    fields: List[Field] = field(default_factory=list)
    common: List[CommonStruct] = field(default_factory=list)
    listeners: List[str] = field(default_factory=list)


def parse_field(raw: dict) -> Field:
    is_array = raw["type"].startswith("[]")
    tagged = Versions.parse(raw.get("taggedVersions"))
    versions = Versions.parse(raw["versions"])
    if "tag" in raw and tagged != versions:
        raise SpecError("field %s is tagged in some of its versions only" % raw["name"])
    return Field(
        name=raw["name"],
        type=raw["type"][2:] if is_array else raw["type"],
        is_array=is_array,
        versions=versions,
        nullable=Versions.parse(raw.get("nullableVersions")),
        default=str(raw["default"]) if "default" in raw else None,
        tag=raw.get("tag"),
        ignorable=raw.get("ignorable", False),
        map_key=raw.get("mapKey", False),
        never_flexible=raw.get("flexibleVersions") == "none",
        fields=[parse_field(f) for f in raw["fields"]] if "fields" in raw else None,
    )


def parse_spec(raw: dict) -> Spec:
    return Spec(
        name=raw["name"],
        kind=raw["type"],
        api_key=raw.get("apiKey"),
        versions=Versions.parse(raw["validVersions"]),
        flexible=Versions.parse(raw["flexibleVersions"]),
        fields=[parse_field(f) for f in raw["fields"]],
        common=[CommonStruct(s["name"], [parse_field(f) for f in s["fields"]]) for s in raw.get("commonStructs", [])],
        listeners=raw.get("listeners", []),
    )


def load_specs(folder: Path) -> List[Spec]:
    """All messages of a folder, by name."""
    specs = []
    for path in sorted(folder.glob("*.json")):
        try:
            specs.append(parse_spec(json.loads(path.read_text(encoding="utf-8"))))
        except (SpecError, KeyError, ValueError) as error:
            raise SpecError("%s: %s" % (path.name, error)) from error
    return specs
