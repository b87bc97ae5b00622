"""The gateway in figures, at one moment: what metrics show and alarms look at.

Floor 2: values only. `watch.py` takes them; whatever it has not sampled yet is None.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from .counters import HistogramFigures
from .state import State
from .storage.base import ChannelState, DestinationLedger, StoreStats

__all__ = ["ChannelFigures", "GatewayFigures", "PartFigures"]


@attrs.frozen(kw_only=True)
class PartFigures:
    """A source or a destination. `counters` are those of `counters.py` by name, and
    `queued` for a destination; `certificate_expires_at` (epoch seconds) is of the
    certificate that it shows, and None without one."""

    state: State
    counters: Mapping[str, Any]
    certificate_expires_at: float | None = None


@attrs.frozen(kw_only=True)
class ChannelFigures:
    """A channel: its policy as configured, its parts as they are now, and what the
    store said a few seconds ago. `source` is None while it is stopped."""

    name: str
    policy: Any
    state: State
    source: PartFigures | None
    destinations: Mapping[str, PartFigures]
    #: Why nothing more is taken, for want of room; empty while there is room.
    full_reason: str = ""
    stored: ChannelState | None = None

    @property
    def parts(self) -> dict[str, PartFigures]:
        """`source`, if there is one, and each destination by name."""
        parts = {} if self.source is None else {"source": self.source}
        return parts | dict(self.destinations)

    @property
    def ledgers(self) -> Mapping[str, DestinationLedger]:
        """Of each destination, as the store knows it."""
        return {} if self.stored is None else self.stored.destinations

    @property
    def queued_messages(self) -> int:
        """What the slowest destination still has to get; also relays, and destinations
        that are no longer configured."""
        queued = [each.counters["queued"] for each in self.destinations.values()]
        if self.stored is not None:
            queued += self.stored.orphans.values()
            queued += [
                ledger.queued
                for name, ledger in self.stored.destinations.items()
                if name not in self.destinations
            ]
        return max(queued, default=0)

    @property
    def queued_bytes(self) -> int:
        """About what that takes in the store: its share of all that is stored."""
        stored = self.stored
        if stored is None or not stored.stored_messages:
            return 0
        share = min(1.0, self.queued_messages / stored.stored_messages)
        return int(stored.stored_bytes * share)


@attrs.frozen(kw_only=True)
class GatewayFigures:
    """All of it. `at` is wall time in epoch seconds, `seconds` the monotonic clock."""

    at: float
    seconds: float
    name: str
    started_at: float
    channels: Mapping[str, ChannelFigures]
    page_certificate_expires_at: float | None = None
    store: StoreStats | None = None
    pending_bytes: int = 0
    recent_bytes: int = 0
    commit_seconds: HistogramFigures | None = None
    #: How much later than asked a timer of the reactor came.
    reactor_seconds: HistogramFigures | None = None
