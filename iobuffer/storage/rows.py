"""A batch as one row: the body's coding and the CRC that chains the rows.

The body is `count` lengths as little-endian u32, then the messages joined; any byte may
be in them. Everything here is a handful of calls per batch, none per message but the
slices that are the messages.
"""

from __future__ import annotations

import json
import struct
import sys
from array import array
from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from zlib import crc32

from ..batch import Batch, Peers, cut

__all__ = [
    "LENGTH_BYTES",
    "MAX_BODY_BYTES",
    "Row",
    "encode_body",
    "encode_peers",
    "row_crc",
    "text_crc",
]

LENGTH_BYTES = 4

#: SQLite refuses a blob of 1,000,000,000 bytes; headers need a little of that.
MAX_BODY_BYTES = 999_000_000

#: What the CRC covers before peers and body: channel, first_seq, count, received_at,
#: prev_crc. See "The chain" in the docstring of `sqlite`.
_COVERED = struct.Struct("<qqqdI")

_SWAP = sys.byteorder == "big"


def encode_body(messages: Sequence[bytes]) -> bytes:
    """Lengths, then the messages, in one copy."""
    lengths = array("I", map(len, messages))
    if _SWAP:
        lengths.byteswap()
    return b"".join((lengths.tobytes(), *messages))


def encode_peers(peers: Peers) -> str:
    """`[["10.0.0.1:514",3],...]`, pure ASCII."""
    return json.dumps(peers, separators=(",", ":"))


def row_crc(
    channel_id: int,
    first_seq: int,
    count: int,
    received_at: float,
    peers: str,
    prev_crc: int,
    body: bytes,
) -> int:
    """The row's CRC-32: over its header, which holds the CRC of the row before it,
    then its peers, then its body."""
    head = _COVERED.pack(channel_id, first_seq, count, received_at, prev_crc)
    return crc32(body, crc32(head + peers.encode()))


def text_crc(*values: object) -> int:
    """The CRC-32 of a small row: its columns as text, joined by `|`."""
    return crc32("|".join(map(str, values)).encode("utf-8", "surrogateescape"))


class Row:
    """A row as it was read, checked once and then cut as often as wanted."""

    __slots__ = (
        "_offsets",
        "body",
        "count",
        "crc",
        "first_seq",
        "peers",
        "prev_crc",
        "received_at",
        "row_id",
        "size",
    )

    def __init__(
        self,
        row_id: int,
        first_seq: int,
        count: int,
        received_at: float,
        peers: str,
        crc: int,
        prev_crc: int,
        size: int,
        body: bytes,
    ) -> None:
        self.row_id = row_id
        self.first_seq = first_seq
        self.count = count
        self.received_at = received_at
        self.peers = peers
        self.crc = crc
        self.prev_crc = prev_crc
        self.size = size
        self.body = body
        self._offsets: list[int] | None = None

    @property
    def last_seq(self) -> int:
        return self.first_seq + self.count - 1

    def fault(self, channel_id: int) -> str:
        """What is wrong with the row in words; empty when it is as it was written."""
        if not (
            type(self.first_seq) is type(self.count) is int
            and type(self.crc) is type(self.prev_crc) is int
            and type(self.received_at) is float
            and type(self.peers) is str
            and type(self.body) is bytes
        ):
            return "a column has lost its type"
        if not 0 <= self.prev_crc < 1 << 32:
            return "the CRC of the row before it is none"
        found = row_crc(
            channel_id,
            self.first_seq,
            self.count,
            self.received_at,
            self.peers,
            self.prev_crc,
            self.body,
        )
        if found != self.crc:
            return f"the CRC is {found:08x}, the row says {self.crc:08x}"
        if self.size != len(self.body):
            return f"the body has {len(self.body)} bytes, the row says {self.size}"
        lengths = self.body[: self.count * LENGTH_BYTES]
        if self.count < 1 or len(lengths) != self.count * LENGTH_BYTES:
            return f"the body is too short for {self.count} lengths"
        if self.offsets()[-1] != len(self.body):
            return "the lengths do not add up to the body"
        return ""

    def offsets(self) -> list[int]:
        """Where each message begins in the body, and where the last one ends."""
        if self._offsets is None:
            lengths = array("I", self.body[: self.count * LENGTH_BYTES])
            if _SWAP:
                lengths.byteswap()
            self._offsets = list(accumulate(lengths, initial=self.count * LENGTH_BYTES))
        return self._offsets

    def batch(self, after: int, max_messages: int, max_bytes: int) -> Batch:
        """The messages behind `after`, as many as both limits allow, at least one."""
        offsets = self.offsets()
        start = max(0, after + 1 - self.first_seq)
        fitting = bisect_right(offsets, offsets[start] + max_bytes) - 1
        stop = min(self.count, max(start + 1, min(fitting, start + max_messages)))
        body = self.body
        ends = offsets[start + 1 : stop + 1]
        messages = [
            body[begin:end]
            for begin, end in zip(offsets[start:stop], ends, strict=True)
        ]
        return Batch(
            messages,
            self.received_at,
            self._peers(start, stop),
            offsets[stop] - offsets[start],
            self.first_seq + start,
        )

    def _peers(self, start: int, stop: int) -> Peers:
        runs: list[list[object]] = json.loads(self.peers)
        whole = tuple((str(peer), int(str(count))) for peer, count in runs)
        if start == 0 and stop == self.count:
            return whole
        # `cut` wants a list of the right length; which messages it holds is no matter.
        return cut(Batch([b""] * self.count, 0.0, whole, 0), start, stop).peers
