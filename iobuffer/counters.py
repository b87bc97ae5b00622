"""Plain integers with unit-bearing names, advanced once per batch.

Every `_total` only grows, from the start of the process; what must survive a restart is
tallied in the store (`Store.tally`). The names are the same in logs, API and metrics.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

import attrs

__all__ = [
    "DestinationCounters",
    "Histogram",
    "HistogramFigures",
    "SourceCounters",
]


@attrs.define(eq=False)
class SourceCounters:
    """What one source has seen."""

    bytes_in_total: int = 0
    framed_bytes_total: int = 0
    skipped_bytes_total: int = 0
    #: Held now, of messages that are not complete yet.
    partial_bytes: int = 0
    messages_in_total: int = 0
    batches_in_total: int = 0
    oversize_total: int = 0
    empty_total: int = 0
    #: Messages that began and did not end, and those whose check was wrong: skipped.
    quarantined_total: int = 0
    bad_check_total: int = 0
    #: Answers by kind: yes after the commit, no, never.
    acks_positive_total: int = 0
    acks_negative_total: int = 0
    #: Messages that the store would not take and the sender was told so.
    refused_messages_total: int = 0
    connections: int = 0
    connections_total: int = 0
    connections_refused_total: int = 0
    handshake_failures_total: int = 0
    #: Times that reading was paused for want of room.
    pauses_total: int = 0
    reopens_total: int = 0
    #: UDP: datagrams that the kernel dropped because its buffer was full, and the
    #: size of that buffer as the kernel reports it.
    kernel_drops_total: int = 0
    receive_buffer_bytes: int = 0
    last_message_at: float = 0.0
    #: The last bytes that no framing could use.
    skipped_sample: bytes = b""

    def snapshot(self) -> dict[str, int | float | bytes]:
        """The counters by name, as they are now."""
        return attrs.asdict(self)


@attrs.define(eq=False)
class DestinationCounters:
    """What one destination has done."""

    messages_out_total: int = 0
    bytes_out_total: int = 0
    batches_out_total: int = 0
    #: Messages given to the link again after a lost connection.
    resent_messages_total: int = 0
    refused_total: int = 0
    parked_total: int = 0
    dropped_total: int = 0
    connects_total: int = 0
    connect_failures_total: int = 0
    disconnects_total: int = 0
    stalls_total: int = 0
    #: Answers of the peer that matched no message of ours.
    unmatched_answers_total: int = 0
    connections: int = 0
    last_delivery_at: float = 0.0

    def snapshot(self) -> dict[str, int | float]:
        """The counters by name, as they are now."""
        return attrs.asdict(self)


@attrs.frozen
class HistogramFigures:
    """How many durations were at most each bound; `counts` has one more than `bounds`,
    for what was longer than the last."""

    bounds_seconds: tuple[float, ...]
    counts: tuple[int, ...]
    sum_seconds: float


class Histogram:
    """Durations, counted by how long they were.

    One thread observes; another may take figures at any time, and is at most one
    observation behind in one of them.
    """

    def __init__(self, bounds_seconds: Sequence[float]) -> None:
        self._bounds_seconds = tuple(bounds_seconds)
        self._counts = [0] * (len(self._bounds_seconds) + 1)
        self._sum_seconds = 0.0

    def observe(self, seconds: float) -> None:
        """Count one."""
        self._counts[bisect_left(self._bounds_seconds, seconds)] += 1
        self._sum_seconds += seconds

    def figures(self) -> HistogramFigures:
        """What was counted so far."""
        return HistogramFigures(
            self._bounds_seconds, tuple(self._counts), self._sum_seconds
        )
