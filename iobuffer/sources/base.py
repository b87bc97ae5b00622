"""What a source is, and what it gets.

A source turns bytes into batches and gives them to its channel; it knows nothing of
stores and destinations. `registry.KINDS` names every kind and its `build`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import attrs
from twisted.internet.defer import Deferred, succeed

from ..channel import Channel
from ..counters import SourceCounters
from ..state import StateCell

__all__ = ["Source", "SourceContext"]


def _no_epoch() -> str:
    return ""


def _no_note(level: str, text: str) -> None:
    """Nobody keeps it."""


def _no_marks() -> Deferred[dict[str, bytes]]:
    return succeed({})


@attrs.frozen(kw_only=True)
class SourceContext:
    """What the assembly hands to a source's `build(config, context)`.

    `reactor` runs its timers on the monotonic clock (DESIGN 11); `wall` gives epoch
    seconds, for labels only. `log` writes transitions: `log(level, text)` with level
    "info", "warn" or "error"; the channel's name is added to it. `note` is the same for
    what would flood that log: it is kept only for whoever looks at the channel. `epoch`
    is the store's, and `marks` fires with what was committed for this channel
    (`Store.marks`). `on_chunk`, if any, is told each chunk of a peer before it is taken
    apart, and no bytes once the peer's connection has ended: a trial looks at them.
    """

    reactor: Any
    channel: Channel
    counters: SourceCounters
    state: StateCell
    wall: Callable[[], float]
    log: Callable[[str, str], None]
    note: Callable[[str, str], None] = _no_note
    epoch: Callable[[], str] = _no_epoch
    marks: Callable[[], Deferred[dict[str, bytes]]] = _no_marks
    on_chunk: Callable[[str, bytes], None] | None = None


class Source(Protocol):
    """A source's life. None of the calls raises for what the world does."""

    def start(self) -> None:
        """Open; what fails is a state with reason and remedy, and is tried again."""

    def stop(self) -> Deferred[None]:
        """Close for good. Fires when nothing more will be offered."""

    def pause(self, reason: str = "") -> None:
        """Stop taking bytes; connections stay, the senders feel the back-pressure. The
        state says the reason: who did it, and when."""

    def resume(self) -> None:
        """Undo pause()."""

    def peers(self) -> list[dict[str, Any]]:
        """Who is connected now: peer, since (wall), framing, bytes, messages; of a TCP
        connection also what the kernel tells of it (`links.tcp.quality_of`)."""

    def quality(self) -> dict[str, int]:
        """Errors on the line, as far as a driver or a terminal server counts them."""
