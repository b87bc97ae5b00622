"""The same bytes, cut by one framing after another: which of them fits?

Floor 1 like every framing: the times in a recording are whoever's who makes it, only
their differences are looked at.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import attrs

from ..options import REQUIRED, specs
from .base import Framer

__all__ = ["Cut", "Recording", "best_of", "cut", "side_by_side"]

#: Framings whose messages are as the network or the clock has cut them: they fit
#: anything, so that they fit says nothing.
_FIT_ANYTHING = frozenset({"auto", "idle", "raw"})

#: What tells apart by more than line ends, and so is meant where it fits.
_TELLING = ("mllp", "stx_etx", "netstring", "length_prefix")
_BY_ENDS = {"syslog": 2, "datagram": 3, "line": 4}


@attrs.frozen
class _Chunk:
    at: float
    peer: str
    data: bytes


class Recording:
    """The first chunks of a source, as they came.

    Args:
        max_bytes: of payload; what comes behind is left out.
        max_chunks: bounds what chunks of a byte each would take.
    """

    def __init__(self, max_bytes: int = 65536, max_chunks: int = 4096) -> None:
        self.chunks: list[_Chunk] = []
        self.size_bytes = 0
        self._max_bytes = max_bytes
        self._max_chunks = max_chunks

    @property
    def full(self) -> bool:
        """Whether nothing more is kept."""
        return (
            self.size_bytes >= self._max_bytes or len(self.chunks) >= self._max_chunks
        )

    def add(self, at: float, peer: str, data: bytes) -> bytes:
        """Keep what there is room for, and return that. No bytes: the connection of
        this peer has ended."""
        if self.full:
            return b""
        kept = data[: self._max_bytes - self.size_bytes]
        self.chunks.append(_Chunk(at, peer, kept))
        self.size_bytes += len(kept)
        return kept


@attrs.frozen
class Cut:
    """What one framing makes of a recording.

    `found` is `name`, or for `auto` what it has found (still "auto" before that).
    `faults` counts messages that were too long, did not end or had a wrong check.
    `unfinished_bytes` may become a message yet. `first` is the first message.
    """

    name: str
    found: str
    messages: int
    skipped_bytes: int
    unfinished_bytes: int
    faults: int
    first: bytes

    @property
    def fits(self) -> bool:
        """Whether it made messages of all that came, and could not have of anything."""
        return (
            self.messages > 0
            and not self.skipped_bytes
            and not self.faults
            and self.found not in _FIT_ANYTHING
        )


def cut(recording: Recording, config: Any, now: float, *, datagrams: bool) -> Cut:
    """What the framing of this config makes of the recording, as of `now`.

    With `datagrams` each chunk stands alone; else the chunks of a peer follow one
    another, and its silences end what silence ends.
    """
    counts = _Counts()
    framers: dict[str, Framer] = {}
    last_at: dict[str, float] = {}
    for chunk in recording.chunks:
        framer = framers.get(chunk.peer)
        if framer is None:
            framer = framers[chunk.peer] = config.framer()
        elif not datagrams:
            counts.silence(framer, chunk.at - last_at[chunk.peer])
        counts.take(framer.feed(chunk.data) if chunk.data else [])
        if datagrams or not chunk.data:
            counts.take(framer.finish())
            counts.settle(framers.pop(chunk.peer))
        last_at[chunk.peer] = chunk.at
    for peer, framer in framers.items():
        counts.silence(framer, now - last_at[peer])
        counts.settle(framer)
    return Cut(
        name=config.type_name,
        found=counts.found or config.type_name,
        messages=counts.messages,
        skipped_bytes=counts.skipped_bytes,
        unfinished_bytes=counts.unfinished_bytes,
        faults=counts.faults,
        first=counts.first,
    )


def side_by_side(
    recording: Recording,
    framings: Mapping[str, type],
    configured: Any,
    now: float,
    *,
    datagrams: bool,
) -> list[Cut]:
    """What each framing that needs no option makes of it, and the configured one with
    its own options; in the table's order."""
    cuts = []
    for name, config_class in framings.items():
        own = configured is not None and configured.type_name == name
        if not own and (name in _unfit(datagrams) or _needs_options(config_class)):
            continue
        config = configured if own else config_class()
        cuts.append(cut(recording, config, now, datagrams=datagrams))
    return cuts


def best_of(cuts: Iterable[Cut]) -> Cut | None:
    """The one that fits and tells most: framings with marks before those that go by
    line ends. None when nothing fits."""

    def rank(found: Cut) -> tuple[int, int]:
        if found.name in _TELLING:
            return int(found.unfinished_bytes > 0), _TELLING.index(found.name)
        return _BY_ENDS.get(found.name, 9), 0

    # Syslog without a priority is lines like any other.
    fitting = [
        each
        for each in cuts
        if each.fits and (each.name != "syslog" or each.first.startswith(b"<"))
    ]
    return min(fitting, key=rank, default=None)


def _unfit(datagrams: bool) -> frozenset[str]:
    """What needs no comparison: it would only tell how the bytes came."""
    if datagrams:
        return frozenset({"auto", "idle", "raw"})
    return frozenset({"auto", "datagram", "raw"})


def _needs_options(config_class: type) -> bool:
    return any(
        getattr(spec, "default", None) is REQUIRED
        for _, spec in specs(config_class).values()
    )


@attrs.define
class _Counts:
    messages: int = 0
    skipped_bytes: int = 0
    unfinished_bytes: int = 0
    faults: int = 0
    first: bytes = b""
    found: str = ""

    def take(self, messages: list[bytes]) -> None:
        if messages and not self.messages:
            self.first = messages[0]
        self.messages += len(messages)

    def silence(self, framer: Framer, seconds: float) -> None:
        wait = framer.idle_seconds
        if wait is not None and seconds >= wait:
            self.take(framer.idle())

    def settle(self, framer: Framer) -> None:
        self.skipped_bytes += framer.skipped_bytes
        self.unfinished_bytes += framer.partial_bytes
        self.faults += (
            framer.oversize_total + framer.quarantined_total + framer.bad_check_total
        )
        if framer.name != "auto":
            self.found = framer.name
