"""What has gone through a channel: for its rates, its plots and its ledger.

Floor 4.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from .counters import DestinationCounters, SourceCounters
from .rates import Meter

__all__ = ["Counted"]


class Counted:
    """Adds up what the parts of a channel count, whichever of them run.

    The sums only grow: what a part had counted stays when it is stopped, and a new one
    begins on top of it. Or a destination that is stopped would look as if all that the
    others ever sent had gone in this second.
    """

    def __init__(self) -> None:
        self.meter = Meter()
        self._ended: Counter[str] = Counter()
        self._tallied: dict[str, int] = {}

    def pushed(self, messages: int, size_bytes: int) -> None:
        """They came from another instance, beside the source."""
        self._ended["messages_in"] += messages
        self._ended["bytes_in"] += size_bytes

    def source_ended(self, counters: SourceCounters) -> None:
        """It counts no more; `for_the_ledger` has had all of it."""
        self.pushed(counters.messages_in_total, counters.bytes_in_total)
        self._tallied = {}

    def destination_ended(self, name: str, counters: DestinationCounters) -> None:
        """It counts no more."""
        self._ended["messages_out"] += counters.messages_out_total
        self._ended["bytes_out"] += counters.bytes_out_total
        self._ended[f"messages_out:{name}"] += counters.messages_out_total

    def totals(
        self,
        source: SourceCounters | None,
        destinations: Mapping[str, DestinationCounters | None],
    ) -> dict[str, int]:
        """All that has gone in and out so far, and out by destination; None is a part
        that does not run."""
        ended = self._ended
        found = {
            name: ended[name]
            for name in ("messages_in", "bytes_in", "messages_out", "bytes_out")
        }
        if source is not None:
            found["messages_in"] += source.messages_in_total
            found["bytes_in"] += source.bytes_in_total
        for name, counters in destinations.items():
            out = f"messages_out:{name}"
            found[out] = ended[out]
            if counters is not None:
                found[out] += counters.messages_out_total
                found["messages_out"] += counters.messages_out_total
                found["bytes_out"] += counters.bytes_out_total
        return found

    def for_the_ledger(self, source: SourceCounters) -> dict[str, int]:
        """What the source has counted since the last call.

        The ledger's `bytes in = framed + skipped` is kept by these. What is held of
        unfinished messages is neither yet, and is left for a later call.
        """
        now = {
            "bytes_framed": source.framed_bytes_total,
            "bytes_skipped": source.skipped_bytes_total,
            "bytes_in": source.bytes_in_total - source.partial_bytes,
            "oversize": source.oversize_total,
            "kernel_drops": source.kernel_drops_total,
        }
        grown = {
            name: total - self._tallied.get(name, 0)
            for name, total in now.items()
            if total != self._tallied.get(name, 0)
        }
        self._tallied = now
        return grown
