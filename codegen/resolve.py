"""From specs to C++: names, types, defaults, and structs in an order in which each is defined before its use."""

import re
from dataclasses import dataclass
from typing import Dict, List, Optional

from spec import LAST, Field, Spec, SpecError, Versions

KEYWORDS = frozenset(
    "alignas and asm auto bool break case catch char class const continue default delete do double else enum explicit "
    "export extern false float for friend goto if inline int long mutable namespace new not operator or private "
    "protected public register return short signed sizeof static struct switch template this throw true try typedef "
    "union unsigned using virtual void volatile while xor".split()
)
TOP_RESERVED = frozenset(["name", "api_key", "min_version", "max_version", "first_flexible", "info"])
"""Static members of every top struct."""

CPP_TYPES = {
    "bool": "bool",
    "int8": "int8_t",
    "int16": "int16_t",
    "uint16": "uint16_t",
    "int32": "int32_t",
    "int64": "int64_t",
    "float64": "double",
    "uuid": "Uuid",
    "string": "std::string",
    "bytes": "std::vector<uint8_t>",
    "records": "wire::Records",
}
INTEGERS = {"int8": 8, "int16": 16, "uint16": 16, "int32": 32, "int64": 64}


def snake_case(name: str) -> str:
    """FetchOffset -> fetch_offset, isKRaftController -> is_kraft_controller, ISRs -> isrs."""
    name = name.replace("KRaft", "Kraft").replace("ISRs", "Isrs")
    name = re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", name)
    name = re.sub(r"([A-Z]+)([A-Z][a-z])", r"\1_\2", name)
    return name.lower()


def json_name(name: str) -> str:
    """The name in Kafka's JSON form: only the first letter is lowered."""
    return name[0].lower() + name[1:]


@dataclass
class Member:
    """A member of a C++ struct and the row of the table that describes it."""

    name: str
    json: str
    type: str
    initializer: str  # "= -1", "" and the like
    kind: str
    struct: Optional[str]  # name of the element struct
    versions: Versions
    nullable: Versions
    default_null: bool
    default_value: int
    tag: Optional[int]
    ignorable: bool
    never_flexible: bool


@dataclass
class Struct:
    name: str
    versions: Versions
    members: List[Member]
    is_top: bool = False


@dataclass
class Message:
    """One message, ready to be written out."""

    name: str
    kind: str
    api_key: Optional[int]
    versions: Versions
    first_flexible: int  # LAST if none
    structs: List[Struct]  # the top struct is the last one

    @property
    def namespace(self) -> str:
        return snake_case(self.name)

    @property
    def api_name(self) -> str:
        """Produce for ProduceRequest; the whole name for headers and data."""
        return re.sub(r"(Request|Response)$", "", self.name) if self.api_key is not None else self.name


def integer_default(field: Field) -> int:
    value = int(field.default, 0) if field.default else 0
    bits = INTEGERS[field.type]
    low, high = (0, 2**bits - 1) if field.type == "uint16" else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
    if not low <= value <= high:
        raise SpecError("%s: default %d does not fit %s" % (field.name, value, field.type))
    return value


def integer_literal(value: int, kind: str) -> str:
    if kind == "int32" and value == -(2**31):
        return "std::numeric_limits<int32_t>::min()"
    if kind == "int64" and value == 2**63 - 1:
        return "std::numeric_limits<int64_t>::max()"
    return str(value)


def member_name(name: str, is_top: bool) -> str:
    name = snake_case(name)
    return name + "_" if name in KEYWORDS or (is_top and name in TOP_RESERVED) else name


def resolve_member(field: Field, parent: Versions, is_top: bool) -> Member:
    versions = field.versions.within(parent)
    nullable = field.nullable.within(parent)
    default_null = field.default == "null"
    value, initializer = 0, ""
    if default_null and not nullable:
        raise SpecError("%s: the default is null but the field never is" % field.name)

    base = field.type if field.is_struct else CPP_TYPES[field.type]
    if field.is_array:
        if field.default not in (None, "null"):
            raise SpecError("%s: default of an array" % field.name)
        base = "std::vector<%s>" % base
    elif field.type in INTEGERS:
        value = integer_default(field)
        initializer = " = " + integer_literal(value, field.type)
    elif field.type == "bool":
        value = 1 if (field.default or "").lower() == "true" else 0
        initializer = " = true" if value else " = false"
    elif field.type == "float64":
        if field.default not in (None, "0"):
            raise SpecError("%s: default of a float64" % field.name)
        initializer = " = 0"
    elif field.default not in (None, "", "null"):
        raise SpecError("%s: default %r of a %s" % (field.name, field.default, field.type))

    cpp = base
    if nullable:
        if field.type == "records":
            if default_null:
                initializer = "{.null = true}"
        else:
            cpp = "std::optional<%s>" % base
            if not default_null:
                initializer = "{std::in_place}"
    return Member(
        name=member_name(field.name, is_top),
        json=json_name(field.name),
        type=cpp,
        initializer=initializer,
        kind=field.type if not field.is_struct else "structure",
        struct=field.type if field.is_struct else None,
        versions=versions,
        nullable=nullable,
        default_null=default_null,
        default_value=value,
        tag=field.tag,
        ignorable=field.ignorable,
        never_flexible=field.never_flexible,
    )


def resolve(spec: Spec) -> Message:
    """Checks one spec and lays out its structs."""
    common = {s.name: s.fields for s in spec.common}
    done: Dict[str, Struct] = {}

    def visit(name: str, fields: List[Field], parent: Versions, is_top: bool) -> None:
        if name in done:
            return
        for field in fields:
            if field.is_struct:
                inner = field.fields if field.fields else common.get(field.type)
                if inner is not None:
                    visit(field.type, inner, parent, False)
                elif field.type not in done:
                    raise SpecError("%s.%s: no struct %s" % (name, field.name, field.type))
        members = [resolve_member(f, parent, is_top) for f in fields]
        members = [m for m in members if m.versions]
        names = [m.name for m in members]
        tags = [m.tag for m in members if m.tag is not None]
        if len(set(names)) != len(names) or len(set(tags)) != len(tags):
            raise SpecError("%s: a name or tag occurs twice" % name)
        # Tagged fields in the order of the wire, after the others.
        members.sort(key=lambda m: -1 if m.tag is None else m.tag)
        done[name] = Struct(name, parent, members, is_top)

    try:
        visit(spec.name, spec.fields, spec.versions, True)
    except SpecError as error:
        raise SpecError("%s: %s" % (spec.name, error)) from error
    flexible = spec.flexible.within(spec.versions)
    if flexible and flexible.last != LAST:
        raise SpecError("%s: flexible versions end" % spec.name)
    return Message(
        name=spec.name,
        kind=spec.kind,
        api_key=spec.api_key,
        versions=spec.versions,
        first_flexible=flexible.first if flexible else LAST,
        structs=list(done.values()),
    )
