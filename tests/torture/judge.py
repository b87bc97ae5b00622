"""The judge: from what was sent, acknowledged and delivered, what went wrong.

A pure function of what was seen from outside of the gateway. A message is
`source | number | length | payload | crc`, so that it can be judged by itself.
"""

from __future__ import annotations

import random
import struct
import zlib
from collections import Counter
from collections.abc import Collection, Iterable

import attrs

__all__ = ["Verdict", "judge", "make_message", "parse_message"]

_HEAD = struct.Struct("<IQI")
_CRC = struct.Struct("<I")

#: (source, number)
Name = tuple[int, int]


def make_message(source: int, number: int, size: int = 60) -> bytes:
    """The message with that name: its payload is pseudo-random and follows from it."""
    payload = random.Random(source << 40 | number).randbytes(size)
    head = _HEAD.pack(source, number, size) + payload
    return head + _CRC.pack(zlib.crc32(head))


def parse_message(message: bytes) -> Name | None:
    """The message's name; None if it is not exactly what was made."""
    if len(message) < _HEAD.size + _CRC.size:
        return None
    source, number, size = _HEAD.unpack_from(message)
    if len(message) != _HEAD.size + size + _CRC.size:
        return None
    if _CRC.unpack_from(message, len(message) - _CRC.size)[0] != zlib.crc32(
        message[: -_CRC.size]
    ):
        return None
    return source, number


@attrs.frozen
class Verdict:
    """`lost`: acknowledged, not delivered. `phantom`: delivered, never sent. `corrupt`:
    how many deliveries were not whole. `duplicated`: deliveries beyond the first.
    `reordered`: first deliveries that came behind a later number of their source."""

    lost: frozenset[Name]
    phantom: frozenset[Name]
    corrupt: int
    duplicated: int
    reordered: int

    @property
    def is_clean(self) -> bool:
        """Nothing is wrong but, perhaps, duplicates."""
        return not (self.lost or self.phantom or self.corrupt or self.reordered)

    def __str__(self) -> str:
        return (
            f"lost {len(self.lost)}, phantom {len(self.phantom)}, corrupt "
            f"{self.corrupt}, duplicated {self.duplicated}, reordered {self.reordered}"
        )


def judge(
    sent: Collection[Name], acked: Iterable[Name], delivered: Iterable[bytes]
) -> Verdict:
    """Compare; `delivered` in the order of arrival."""
    seen: Counter[Name] = Counter()
    newest: dict[int, int] = {}
    corrupt = reordered = 0
    for message in delivered:
        name = parse_message(message)
        if name is None:
            corrupt += 1
            continue
        seen[name] += 1
        if seen[name] == 1:
            source, number = name
            if number < newest.get(source, number):
                reordered += 1
            newest[source] = max(newest.get(source, number), number)
    return Verdict(
        lost=frozenset(name for name in acked if name not in seen),
        phantom=frozenset(name for name in seen if name not in sent),
        corrupt=corrupt,
        duplicated=sum(seen.values()) - len(seen),
        reordered=reordered,
    )
