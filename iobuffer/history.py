"""What each channel did in the last day: rates and queues, for plots.

Floor 2. Every five seconds one value goes into each series, whatever passes through; a
series is three rings in one array of 4 KiB, so two hundred channels with one
destination each take 2.5 MB. Nothing is written to the disk: a restart forgets.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Mapping, Sequence
from math import isnan, nan

import attrs

__all__ = ["POINTS", "SPANS", "STEP_SECONDS", "History", "Look", "Plot", "Span"]

#: Every this often a value is taken.
STEP_SECONDS = 5.0
#: A timer that comes a little early is not sent away for another second.
_SLACK_SECONDS = 0.5
#: After a standstill longer than an hour history begins anew.
_LONGEST_GAP_STEPS = 720


@attrs.frozen
class Span:
    """How far back: `values` of `steps_each` steps, in the ring that begins there."""

    name: str
    steps_each: int
    values: int
    begins_at: int

    @property
    def step_seconds(self) -> float:
        """What one value stands for."""
        return STEP_SECONDS * self.steps_each


_QUARTER = Span("15m", 1, 180, 0)
_HOUR = Span("1h", 6, 120, 180)
_DAY = Span("24h", 24, 720, 300)
_VALUES = 1020

#: By name. A ring each: whoever looks at an hour wants more of it than of a day.
SPANS: Mapping[str, Span] = {each.name: each for each in (_QUARTER, _HOUR, _DAY)}

#: A coarse value is made of so many of the finer ring; they lie side by side in it.
_MADE_OF = ((_HOUR, _QUARTER, 6), (_DAY, _HOUR, 4))

#: How many points the last quarter of an hour can be shown in, and of which ring.
POINTS: Mapping[int, Span] = {30: _HOUR, 180: _QUARTER}


@attrs.frozen
class Look:
    """A channel at one moment, by the series' names: `totals` only grow (one that is
    smaller than before has begun anew, from 0), `levels` go up and down."""

    totals: Mapping[str, int]
    levels: Mapping[str, int]


@attrs.frozen
class Plot:
    """Values by name, oldest first, None where nothing is known: of a total, per
    second; of a level, its most. The last value ends at `end_at`, epoch seconds."""

    step_seconds: float
    end_at: float
    series: Mapping[str, list[float | None]]


class History:
    """All channels of a gateway, looked at on one beat.

    Whoever has a timer asks `is_due`, about once a second, and then owes `take`.
    """

    def __init__(self) -> None:
        self._channels: dict[str, dict[str, _Series]] = {}
        self._steps = 0
        self._beat_at: float | None = None
        self._looked_at = 0.0
        self._end_at = 0.0

    def is_due(self, seconds: float) -> bool:
        """Whether it is time to look; `seconds` of the monotonic clock."""
        beat_at = self._beat_at
        return beat_at is None or seconds - beat_at >= STEP_SECONDS - _SLACK_SECONDS

    def take(self, seconds: float, wall: float, looks: Mapping[str, Look]) -> None:
        """All channels as they are now; what is not named is forgotten.

        A series begins with the second look at it. What lies between looks that are
        further apart than a step (the machine stood still) stays unknown, but for the
        last step, which has the rate over all of it.
        """
        passed = 0
        if self._beat_at is not None:
            passed = int((seconds - self._beat_at + _SLACK_SECONDS) // STEP_SECONDS)
        if self._beat_at is None or passed > _LONGEST_GAP_STEPS:
            self._channels = {}
            self._beat_at, passed = seconds, 0
        elapsed_seconds, self._looked_at = seconds - self._looked_at, seconds
        self._beat_at += passed * STEP_SECONDS
        self._end_at = wall
        before, self._steps = self._steps, self._steps + passed
        self._channels = {
            channel: _followed(
                self._channels.get(channel, {}), look, before, passed, elapsed_seconds
            )
            for channel, look in looks.items()
        }

    def plot(self, channel: str, span: Span) -> Plot:
        """Every series of one channel; none of a channel that is not known."""
        known = self._channels.get(channel, {})
        return Plot(
            span.step_seconds,
            self._ended_at(span.steps_each),
            {
                name: _shown(each.ring(span, self._steps))
                for name, each in known.items()
            },
        )

    def overview(self, name: str, points: int) -> Plot:
        """One series of every channel, by channel, over the last quarter of an hour, in
        so many points (one of POINTS)."""
        span = POINTS[points]
        series = {
            channel: _shown(known[name].ring(span, self._steps)[-points:])
            for channel, known in self._channels.items()
            if name in known
        }
        return Plot(span.step_seconds, self._ended_at(span.steps_each), series)

    @property
    def held_bytes(self) -> int:
        """What the values take, without the names."""
        return sum(
            each.held_bytes
            for known in self._channels.values()
            for each in known.values()
        )

    def _ended_at(self, steps_each: int) -> float:
        return self._end_at - self._steps % steps_each * STEP_SECONDS


class _Series:
    """One line of a plot, in all spans.

    Args:
        total: of what only grows, where it begins.
        gather: makes one value of several.
    """

    __slots__ = ("_gather", "_total", "_values")

    def __init__(self, total: int, gather: Callable[[Sequence[float]], float]) -> None:
        self._total = total
        self._gather = gather
        self._values = array("f", [nan]) * _VALUES

    def grown(self, total: int) -> int:
        """By how much, since the last call."""
        grown = total - self._total if total >= self._total else total
        self._total = total
        return grown

    def put(self, before: int, passed: int, value: float) -> None:
        """The value of the last of the steps that have passed since `before`."""
        values = self._values
        for step in range(before, before + passed):
            last = step == before + passed - 1
            values[step % _QUARTER.values] = value if last else nan
            for span, finer, count in _MADE_OF:
                if (step + 1) % span.steps_each:
                    break
                end = finer.begins_at + step // finer.steps_each % finer.values + 1
                at = step // span.steps_each % span.values
                values[span.begins_at + at] = self._gather(values[end - count : end])

    def ring(self, span: Span, steps: int) -> list[float]:
        """The values of a span, oldest first, after so many steps in all."""
        begin, at = span.begins_at, steps // span.steps_each % span.values
        ring = self._values[begin : begin + span.values].tolist()
        return ring[at:] + ring[:at]

    @property
    def held_bytes(self) -> int:
        return self._values.itemsize * len(self._values)


def _followed(
    known: Mapping[str, _Series],
    look: Look,
    before: int,
    passed: int,
    elapsed_seconds: float,
) -> dict[str, _Series]:
    found = {}
    for name, total in look.totals.items():
        series = known.get(name)
        if series is None:
            series = _Series(total, _mean)
        elif passed:
            series.put(before, passed, series.grown(total) / elapsed_seconds)
        found[name] = series
    for name, level in look.levels.items():
        series = known.get(name)
        if series is None:
            series = _Series(0, _most)
        else:
            series.put(before, passed, float(level))
        found[name] = series
    return found


def _mean(values: Sequence[float]) -> float:
    known = [value for value in values if not isnan(value)]
    return sum(known) / len(known) if known else nan


def _most(values: Sequence[float]) -> float:
    return max((value for value in values if not isnan(value)), default=nan)


def _shown(values: Sequence[float]) -> list[float | None]:
    return [None if isnan(value) else round(value, 3) for value in values]
