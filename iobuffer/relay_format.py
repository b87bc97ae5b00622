"""Batches on their way between two instances, as bytes.

A parcel is a run of batches of one channel, in order. Integers are big-endian, but for
the lengths, which are as the store has them; text is UTF-8 behind its length as u16:

    "ioBr"  u8 version = 1  u8 0  text gateway  text channel  u64 after  u32 batches
    batch:  u64 first_seq  u32 count  f64 received_at  u32 runs  u64 payload bytes
            run: text peer, u32 count
            count x u32 little-endian length, then the messages joined
    u32 CRC-32 of everything before it

`gateway` is the epoch of the store that the batches are read from, and `after` the
sequence number that the sender's side holds to be the last one before this parcel:
between it and the first message nothing is left there. A peer carries the trail of the
gateways that the messages have come through (see relay_order.py).

Nothing here is done per message but the slices that are the messages.
"""

from __future__ import annotations

import math
import struct
import sys
from array import array
from itertools import accumulate, pairwise
from zlib import crc32

import attrs

from .batch import Batch, Peers

__all__ = [
    "CONTENT_TYPE",
    "Malformed",
    "Parcel",
    "decode",
    "encode",
    "encode_pieces",
]

#: The media type of a parcel.
CONTENT_TYPE = "application/vnd.iobuffer.batches"

_MAGIC = b"ioBr"
_VERSION = 1
_HEAD = struct.Struct(">4sBB")
_TEXT = struct.Struct(">H")
_PLACE = struct.Struct(">QI")
_BATCH = struct.Struct(">QIdIQ")
_COUNT = struct.Struct(">I")

#: Batches are encoded together until they make this.
_PIECE_BYTES = 64 * 1024

#: A name or a peer with its trail is never longer.
_MAX_TEXT_BYTES = 4096
#: SQLite has no larger integer.
_MAX_SEQ = 2**63 - 1
#: 9999-12-31: no calendar goes further.
_MAX_TIME = 253_402_300_799.0

_SWAP = sys.byteorder == "big"


@attrs.frozen(eq=False)
class Parcel:
    """Batches of `channel` of `gateway`, in order and numbered; may hold none, which
    asks only where the receiver is."""

    gateway: str
    channel: str
    after: int
    batches: tuple[Batch, ...]

    @property
    def last_seq(self) -> int:
        """The last message's number; `after`, if there is none."""
        return self.batches[-1].last_seq if self.batches else self.after


@attrs.frozen
class Malformed:
    """Why bytes are no parcel, as a value: whoever sent them is told."""

    reason: str


def encode(parcel: Parcel) -> bytes:
    """The parcel as bytes."""
    return b"".join(encode_pieces(parcel))


def encode_pieces(parcel: Parcel) -> list[bytes]:
    """The same in pieces, to be sent one behind the other: in one copy of the payload,
    and none of them much larger than the largest batch."""
    pieces: list[bytes] = []
    crc = size_bytes = 0
    parts = [
        _HEAD.pack(_MAGIC, _VERSION, 0),
        _text(parcel.gateway),
        _text(parcel.channel),
        _PLACE.pack(parcel.after, len(parcel.batches)),
    ]
    for batch in parcel.batches:
        lengths = array("I", map(len, batch.messages))
        if _SWAP:
            lengths.byteswap()
        count = len(batch)
        parts.append(
            _BATCH.pack(
                batch.first_seq,
                count,
                batch.received_at,
                len(batch.peers),
                batch.size_bytes,
            )
        )
        for peer, of_peer in batch.peers:
            parts += (_text(peer), _COUNT.pack(of_peer))
        parts.append(lengths.tobytes())
        parts += batch.messages
        size_bytes += batch.size_bytes
        if size_bytes >= _PIECE_BYTES:
            pieces.append(b"".join(parts))
            crc = crc32(pieces[-1], crc)
            parts = []
            size_bytes = 0
    pieces.append(b"".join(parts))
    crc = crc32(pieces[-1], crc)
    pieces.append(_COUNT.pack(crc))
    return pieces


def decode(data: bytes) -> Parcel | Malformed:
    """Take the bytes of a parcel apart; never raises for what is in them.

    What it allocates is bounded by the bytes that are there, whatever they claim.
    """
    if len(data) < _HEAD.size + _COUNT.size:
        return Malformed(f"{len(data)} bytes are no parcel of batches")
    magic, version, _ = _HEAD.unpack_from(data)
    if magic != _MAGIC:
        return Malformed(
            "this is no parcel of batches: is the address an iobuffer's, and nothing "
            "in between that answers for it?"
        )
    if version != _VERSION:
        return Malformed(
            f"the other instance speaks version {version} of the relay format, this "
            f"one version {_VERSION}: upgrade the older of the two"
        )
    end = len(data) - _COUNT.size
    if crc32(memoryview(data)[:end]) != _COUNT.unpack_from(data, end)[0]:
        return Malformed("the checksum is wrong: the parcel was changed on its way")
    try:
        return _Reader(data, end).parcel()
    except _Bad as bad:
        return Malformed(str(bad))


class _Bad(Exception):
    """Within this module only: what `decode` gives as a value."""


class _Reader:
    """Reads on from `_at`, and never beyond the end."""

    def __init__(self, data: bytes, end: int) -> None:
        self._data = data
        self._end = end
        self._at = _HEAD.size

    def parcel(self) -> Parcel:
        gateway, channel = self._text(), self._text()
        after, count = self._unpack(_PLACE)
        if after > _MAX_SEQ:
            raise _Bad("a sequence number beyond all others")
        if not gateway or not channel:
            raise _Bad("a parcel without gateway or channel")
        batches = []
        last_seq = after
        # A batch takes more than a byte, so a count that lies ends with the bytes.
        for _ in range(count):
            batch = self._batch()
            if batch.first_seq <= last_seq:
                raise _Bad("the batches are not in order")
            last_seq = batch.last_seq
            batches.append(batch)
        if self._at != self._end:
            raise _Bad("there are bytes behind the last batch")
        return Parcel(gateway, channel, after, tuple(batches))

    def _batch(self) -> Batch:
        first_seq, count, received_at, runs, size_bytes = self._unpack(_BATCH)
        if not count:
            raise _Bad("a batch without messages")
        if first_seq + count > _MAX_SEQ:
            raise _Bad("a sequence number beyond all others")
        if not (math.isfinite(received_at) and 0 <= received_at <= _MAX_TIME):
            raise _Bad("a time that is none")
        peers = self._peers(runs, count)
        lengths = array("I", self._take(4 * count))
        if _SWAP:
            lengths.byteswap()
        if sum(lengths) != size_bytes:
            raise _Bad("the lengths do not add up to the payload")
        start = self._at
        self._take(size_bytes, copy=False)
        data = self._data
        ends = accumulate(lengths, initial=start)
        messages = [data[here:there] for here, there in pairwise(ends)]
        return Batch(messages, received_at, peers, size_bytes, first_seq)

    def _peers(self, runs: int, count: int) -> Peers:
        peers: list[tuple[str, int]] = []
        of_all = 0
        for _ in range(runs):
            peer = self._text()
            (of_peer,) = self._unpack(_COUNT)
            if not of_peer:
                raise _Bad("a peer without messages")
            of_all += of_peer
            peers.append((peer, of_peer))
        if of_all != count:
            raise _Bad("the peers do not add up to the messages")
        return tuple(peers)

    def _text(self) -> str:
        (size,) = self._unpack(_TEXT)
        if size > _MAX_TEXT_BYTES:
            raise _Bad("a name that is too long")
        try:
            return self._take(size).decode()
        except UnicodeDecodeError:
            raise _Bad("a name that is no text") from None

    def _unpack(self, form: struct.Struct) -> tuple[int, ...]:
        return form.unpack(self._take(form.size))

    def _take(self, size: int, copy: bool = True) -> bytes:
        start = self._at
        if size > self._end - start:
            raise _Bad("the parcel ends too early")
        self._at = start + size
        return self._data[start : self._at] if copy else b""


def _text(text: str) -> bytes:
    # Surrogates stand for bytes of a device's name that are no UTF-8.
    data = text.encode("utf-8", "replace")[:_MAX_TEXT_BYTES]
    if len(data) == _MAX_TEXT_BYTES:
        data = data.decode("utf-8", "ignore").encode()
    return _TEXT.pack(len(data)) + data
