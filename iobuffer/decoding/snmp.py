"""SNMP notifications (v1 and v2c), read to be looked at.

Of v3 what stands before the security parameters is shown: the rest is for whoever has
the keys.
"""

from __future__ import annotations

from itertools import islice

from .ber import Element, element_at, elements, integer, oid, shown
from .snmp_words import GENERIC_TRAPS, PDUS, VERSIONS, named
from .values import Decoded, Field, Segment, Space

__all__ = ["decode_snmp"]

_SEQUENCE, _INTEGER, _OCTETS = 0x30, 0x02, 0x04
_TRAP_V1 = 0xA4
_TRAP_OID = "1.3.6.1.6.3.1.1.4.1.0"
_V1_HEAD = (
    "Enterprise",
    "Agent address",
    "Generic trap",
    "Specific trap",
    "Time since the agent started",
)
_V2_HEAD = ("Request ID", "Error status", "Error index")


def decode_snmp(message: bytes) -> Decoded | None:
    """Version, PDU and variables of a datagram that begins as SNMP does; None for
    others."""
    whole = element_at(message, 0, len(message))
    if whole is None or whole.tag != _SEQUENCE:
        return None
    parts = elements(message, whole)
    first = next(parts, None)
    if first is None or first.tag != _INTEGER or first.end - first.start != 1:
        return None
    version = VERSIONS.get(message[first.start])
    if version is None:
        return None
    space = Space()
    if not whole.whole:
        space.note("The datagram is cut off.")
    if version == "v3":
        space.note("What an SNMPv3 message says is for whoever has its keys.")
        return space.decoded("snmp", "SNMPv3", [_head(first, version, "")])
    community = next(parts, None)
    if community is None or community.tag != _OCTETS:
        return space.decoded("snmp", f"SNMP{version}", [_head(first, version, "")])
    segments = [_head(first, version, shown(message, community)[1])]
    pdu = next(parts, None)
    words = [f"SNMP{version}"]
    if pdu is not None and pdu.tag in PDUS:
        words.append(PDUS[pdu.tag])
        head, variables = _pdu(message, pdu, space)
        segments.append(head)
        segments += variables
        words.append(_what(head, variables))
    elif pdu is not None:
        space.note(f"A PDU of tag {pdu.tag:#04x} is not known.")
    return space.decoded("snmp", " ".join(word for word in words if word), segments)


def _head(version: Element, name: str, community: str) -> Segment:
    fields = [Field("version", "Version", name)]
    if community:
        fields.append(Field("community", "Community", community))
    return Segment("message", "SNMP message", version.at, tuple(fields))


def _pdu(message: bytes, pdu: Element, space: Space) -> tuple[Segment, list[Segment]]:
    titles = _V1_HEAD if pdu.tag == _TRAP_V1 else _V2_HEAD
    fields: list[Field] = []
    variables: list[Segment] = []
    for number, each in enumerate(islice(elements(message, pdu), len(titles) + 1)):
        if not each.whole:
            space.note("The datagram is cut off.")
        if number < len(titles):
            value = shown(message, each)[1]
            if titles[number] == "Generic trap" and each.tag == _INTEGER:
                value = _generic(integer(message, each))
            fields.append(Field(titles[number], "", space.value(_with_name(value))))
        elif each.tag == _SEQUENCE:
            variables = _variables(message, each, space)
    return Segment(PDUS[pdu.tag], "PDU", pdu.at, tuple(fields)), variables


def _generic(number: int) -> str:
    known = 0 <= number < len(GENERIC_TRAPS)
    return f"{number} ({GENERIC_TRAPS[number]})" if known else str(number)


def _variables(message: bytes, listed: Element, space: Space) -> list[Segment]:
    found = []
    for each in elements(message, listed):
        if not space.take():
            break
        pair = list(islice(elements(message, each), 2))
        if not pair or pair[0].tag != 0x06:
            continue
        name = oid(message, pair[0])
        fields: tuple[Field, ...] = ()
        if len(pair) == 2:
            kind, value = shown(message, pair[1])
            fields = (Field("value", kind, space.value(_with_name(value))),)
        found.append(Segment(name, named(name), each.at, fields))
    return found


def _with_name(value: str) -> str:
    """An object identifier with its name behind it."""
    name = named(value) if value.startswith("1.3.") else ""
    return f"{value} ({name})" if name else value


def _what(head: Segment, variables: list[Segment]) -> str:
    """Which notification it is: its name if it has one, else its numbers."""
    for each in variables:
        if each.name == _TRAP_OID and each.fields:
            return _short(each.fields[0].value)
    values = {each.name: each.value for each in head.fields}
    generic = values.get("Generic trap", "")
    if generic and not generic.startswith("6"):
        return generic.partition("(")[2].rstrip(")") or generic
    words = [_short(values.get("Enterprise", "")), values.get("Specific trap", "")]
    return " ".join(word for word in words if word)


def _short(value: str) -> str:
    number, _, name = value.partition(" (")
    return name.rstrip(")") or number
