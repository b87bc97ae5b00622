"""What was: a channel's log, its plots, and the alarms that are on, for the API.

Floor 4. All of it is in memory; the store is not asked.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import attrs

from .channel_log import Line
from .gateway import Gateway
from .history import SPANS
from .pair import ChannelPair

__all__ = ["Past"]

#: Of all channels together, what whoever follows the logs is told at once. It is more
#: than anybody reads; what is left out stays in the channel's log.
_FOLLOWED_LINES = 200


class Past:
    """Implements `web.base.Past` over a gateway.

    Args:
        pair: a channel by name, or a Problem (404).
    """

    def __init__(self, gateway: Gateway, pair: Callable[[str], ChannelPair]) -> None:
        self._gateway = gateway
        self._pair = pair

    def log(self, name: str, limit: int) -> dict[str, Any]:
        """`log`: the last lines of one channel, the newest first."""
        lines = self._pair(name).voice.log.newest(limit)
        return {"log": [_shown(name, line) for line in lines]}

    def skipped_sample(self, name: str) -> bytes:
        """The last bytes that no framing could use. They are payload."""
        source = self._pair(name).counters().get("source", {})
        sample: bytes = source.get("skipped_sample", b"")
        return sample

    def log_totals(self) -> dict[str, int]:
        """How many lines each channel has ever had: where to follow from."""
        return {
            name: pair.voice.log.total for name, pair in self._gateway.pairs.items()
        }

    def said_since(self, totals: Mapping[str, int]) -> list[dict[str, Any]]:
        """What was said of any channel since log_totals() were these, the oldest first;
        of a flood the newest."""
        found: list[tuple[str, Line]] = []
        for name, pair in self._gateway.pairs.items():
            log, seen = pair.voice.log, totals.get(name, 0)
            if log.total != seen:
                # A channel that was removed and made anew has begun to count anew.
                lines = log.since(seen if seen < log.total else 0)
                found += [(name, line) for line in lines]
        found.sort(key=lambda each: each[1].at)
        return [_shown(name, line) for name, line in found[-_FOLLOWED_LINES:]]

    def history(self, name: str, span: str) -> dict[str, Any]:
        """Rates and queues of one channel over one of history.SPANS, the oldest value
        first, None where nothing is known."""
        settings = self._pair(name).settings
        plot = self._gateway.history.plot(name, SPANS[span])
        unknown = [None] * SPANS[span].values

        def of_each(kind: str) -> dict[str, Any]:
            return {
                destination: plot.series.get(f"{kind}:{destination}", unknown)
                for destination in settings.destinations
            }

        return {
            "span": span,
            "step_seconds": plot.step_seconds,
            "end_at": plot.end_at or self._gateway.wall(),
            "series": {
                "in": plot.series.get("in", unknown),
                "out": of_each("out"),
                "queued": of_each("queued"),
            },
        }

    def overview(self, points: int) -> dict[str, Any]:
        """What came into each channel in the last quarter of an hour, as so many rates
        (one of history.POINTS)."""
        plot = self._gateway.history.overview("in", points)
        unknown = [None] * points
        return {
            "step_seconds": plot.step_seconds,
            "end_at": plot.end_at or self._gateway.wall(),
            "channels": {
                name: {"in": plot.series.get(name, unknown)}
                for name in sorted(self._gateway.pairs)
            },
        }

    def alarms(self) -> list[dict[str, Any]]:
        """The alarms that are on, the oldest first."""
        return [alarm.as_json() for alarm in self._gateway.watch.raised]


def _shown(channel: str, line: Line) -> dict[str, Any]:
    return {"channel": channel} | attrs.asdict(line)
