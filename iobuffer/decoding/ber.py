"""BER (X.690) as SNMP uses it: definite lengths, tags of one byte."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address

import attrs

__all__ = ["Element", "element_at", "elements", "integer", "oid", "shown"]

_MAX_OID_ARCS = 128
_MAX_INTEGER_BYTES = 16

_INTEGERS = {
    0x02: "INTEGER",
    0x41: "Counter32",
    0x42: "Gauge32",
    0x43: "TimeTicks",
    0x46: "Counter64",
}
_ABSENT = {
    0x05: "NULL",
    0x80: "noSuchObject",
    0x81: "noSuchInstance",
    0x82: "endOfMibView",
}
_OCTETS, _OID, _ADDRESS = 0x04, 0x06, 0x40


@attrs.frozen
class Element:
    """`start` to `end` is what it holds; `whole` is False where that is cut off."""

    tag: int
    at: int
    start: int
    end: int
    whole: bool


def element_at(data: bytes, at: int, limit: int) -> Element | None:
    """The element that begins at `at` and ends at `limit` at the latest; None when
    there is not even its header, or its length is of no form that SNMP sends."""
    if at + 2 > limit:
        return None
    tag, length, start = data[at], data[at + 1], at + 2
    if length >= 0x80:
        width = length & 0x7F
        if not 1 <= width <= 4 or start + width > limit:
            return None
        length = int.from_bytes(data[start : start + width], "big")
        start += width
    end = start + length
    return Element(tag, at, start, min(end, limit), end <= limit)


def elements(data: bytes, within: Element) -> Iterator[Element]:
    """What a constructed element holds, as far as it can be read."""
    at = within.start
    while (found := element_at(data, at, within.end)) is not None:
        yield found
        at = found.end


def integer(data: bytes, element: Element) -> int:
    """INTEGER is signed, the counters are not. Larger than any of SNMP: its end."""
    held = data[element.start : element.end][-_MAX_INTEGER_BYTES:]
    return int.from_bytes(held, "big", signed=element.tag == 0x02)


def oid(data: bytes, element: Element) -> str:
    """An object identifier in numbers and dots."""
    arcs: list[int] = []
    number = 0
    for byte in data[element.start : element.end]:
        number = number << 7 | byte & 0x7F
        if number >> 64 or len(arcs) >= _MAX_OID_ARCS:
            return "not an object identifier"
        if byte < 0x80:
            if arcs:
                arcs.append(number)
            else:
                # X.690, 8.19.4: the first two share a number.
                first = min(number // 40, 2)
                arcs += [first, number - 40 * first]
            number = 0
    return ".".join(map(str, arcs))


def shown(data: bytes, element: Element) -> tuple[str, str]:
    """A simple value: its type, and itself in words."""
    tag, held = element.tag, data[element.start : element.end]
    if tag in _ABSENT:
        return _ABSENT[tag], ""
    if tag == 0x43:
        return "TimeTicks", _duration(integer(data, element))
    if tag in _INTEGERS:
        return _INTEGERS[tag], str(integer(data, element))
    if tag == _OID:
        return "OBJECT IDENTIFIER", oid(data, element)
    if tag == _ADDRESS and len(held) == 4:
        return "IpAddress", str(ip_address(held))
    if tag == _OCTETS:
        return "OCTET STRING", _octets(held)
    return f"type {tag:#04x}", held.hex(":")


def _octets(held: bytes) -> str:
    text = held.rstrip(b"\0").decode("utf-8", "replace")
    readable = all(each.isprintable() or each in "\r\n\t" for each in text)
    return (
        text if readable and "\N{REPLACEMENT CHARACTER}" not in text else held.hex(":")
    )


def _duration(hundredths: int) -> str:
    seconds, rest = divmod(hundredths, 100)
    minutes, second = divmod(seconds, 60)
    hours, minute = divmod(minutes, 60)
    days, hour = divmod(hours, 24)
    clock = f"{hour}:{minute:02}:{second:02}.{rest:02}"
    return f"{days} d {clock}" if days else clock
