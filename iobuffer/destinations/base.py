"""What a destination is: a link that carries batches, and the words between it and its
delivery.

`Delivery` (delivery.py) reads the channel, keeps the cursor, retries, parks and watches
for a stall; a `Link` only connects, writes and says how sure it is. `registry.KINDS`
names every kind and its `build`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import attrs
from twisted.internet.defer import Deferred

from ..batch import Batch
from ..channel import Confidence
from ..counters import DestinationCounters
from ..errors import IobufferError
from ..state import StateCell

__all__ = [
    "WINDOW_BYTES",
    "Dropped",
    "Link",
    "LinkContext",
    "LinkLost",
    "LinkUser",
    "Refused",
]


#: What a fast link has in flight; it bounds what this process holds for it.
WINDOW_BYTES = 2 * 1024 * 1024


class _PartlyDelivered(IobufferError):
    """The first `delivered` messages of a batch went through, as `confidence` says."""

    def __init__(
        self,
        reason: str,
        delivered: int = 0,
        confidence: Confidence = Confidence.RECEIVED,
    ) -> None:
        self.reason = reason
        self.delivered = delivered
        self.confidence = confidence
        super().__init__(reason)


class LinkLost(_PartlyDelivered):
    """The connection ended, or the device went, with messages unconfirmed.

    `delivered` messages at the start of that batch had been confirmed before, as
    `confidence` says; the rest will be sent again.
    """


class Refused(IobufferError):
    """The peer (or our own encoder) will not have a message.

    `index` is its place in the batch; the messages before it were delivered, as
    `confidence` says, those behind it were not sent. `final` means that sending it
    again cannot help (AR, HTTP 400, bytes that the framing cannot carry).
    """

    def __init__(
        self,
        index: int,
        reason: str,
        *,
        final: bool = False,
        confidence: Confidence = Confidence.ACKNOWLEDGED,
    ) -> None:
        self.index = index
        self.reason = reason
        self.final = final
        self.confidence = confidence
        super().__init__(reason)


class Dropped(_PartlyDelivered):
    """Nobody will have these messages, and the config says to let them go.

    The first `delivered` of the batch were delivered, as `confidence` says; the rest
    is counted as dropped, for `reason`.
    """


class LinkUser(Protocol):
    """What a link tells the delivery that uses it."""

    def link_up(self) -> None:
        """It can be sent to: connected, and the TLS handshake done. Also called again
        when a link that was not `writable` has become so."""

    def link_down(self, reason: str) -> None:
        """It cannot be sent to for now; every outstanding send fails with LinkLost
        (the link sees to that) before this call."""


def _no_epoch() -> str:
    return ""


def _no_note(level: str, text: str) -> None:
    """Nobody keeps it."""


@attrs.frozen(kw_only=True)
class LinkContext:
    """What the assembly hands to a destination's `build(config, context)`.

    `framing` is the resolved framing config (never None) when the kind has one.
    `reactor` runs on the monotonic clock, `wall` gives epoch seconds for labels.
    `epoch` is the store's: with channel and sequence number it names a message for
    good. `note` is for lines that would flood the log; see SourceContext.
    """

    reactor: Any
    channel: str
    name: str
    framing: Any
    counters: DestinationCounters
    state: StateCell
    wall: Callable[[], float]
    log: Callable[[str, str], None]
    note: Callable[[str, str], None] = _no_note
    epoch: Callable[[], str] = _no_epoch


class Link(Protocol):
    """A way to one destination."""

    #: False while what was sent has not left this process: send nothing more until
    #: link_up() is called again. (Bounded memory: the transport's own buffer.)
    writable: bool

    @property
    def window_bytes(self) -> int:
        """Payload that may be sent and not yet confirmed, beside the window in
        messages: what may arrive twice after a loss. A slow line has little."""

    @property
    def progress_at(self) -> float:
        """When the peer last took some of what was sent, on the reactor's clock; 0.0
        where only a confirmation tells. A large batch on a slow line is no stall."""

    def start(self, user: LinkUser) -> None:
        """Open, and keep open: reconnect for ever with back-off. The link sets its
        state (connecting, waiting 8 s, failed: reason and remedy)."""

    def stop(self) -> Deferred[None]:
        """Close for good; outstanding sends fail with LinkLost."""

    def send(self, batch: Batch) -> Deferred[Confidence]:
        """Send every message of the batch, in order.

        Called only between link_up() and link_down() and while `writable`. Fires, in
        the order of the calls, once all of it is as sure as this link can be; fails
        with Refused, LinkLost or Dropped. After a LinkLost nothing is sent until
        link_up() is called again.
        """

    def reopen(self, reason: str) -> None:
        """Drop the connection and open it again: the delivery has stalled."""

    def peers(self) -> list[dict[str, Any]]:
        """Whom it is connected to now: peer, since (wall), and what the kernel tells of
        a TCP connection (`links.tcp.quality_of`); empty without connections."""

    def quality(self) -> dict[str, int]:
        """Errors on the line, as far as a driver or a terminal server counts them."""
