"""Rates from counters: over the last second and over the last minute.

Floor 2. Whoever counts is looked at once a second; nothing is done per message. The
minute is kept in steps of five seconds: a thousand channels need not hold sixty samples
each.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping

__all__ = ["Meter"]

_STEP_SECONDS = 5.0
_STEPS = 12

_Sample = tuple[float, dict[str, int]]


class Meter:
    """Looks at totals that only grow, and tells how fast.

    A total that has become smaller began anew (its part was started again), and counts
    from 0.
    """

    def __init__(self) -> None:
        self._last: deque[_Sample] = deque(maxlen=2)
        self._steps: deque[_Sample] = deque(maxlen=_STEPS + 1)

    def take(self, at: float, totals: Mapping[str, int]) -> None:
        """The totals as they are at `at`, monotonic seconds."""
        sample = (at, dict(totals))
        self._last.append(sample)
        if not self._steps or at - self._steps[-1][0] >= _STEP_SECONDS:
            self._steps.append(sample)

    def last_second(self) -> dict[str, float]:
        """Per second, by name, between the last two looks."""
        if len(self._last) < 2:
            return {}
        return _between(self._last[0], self._last[1])

    def last_minute(self) -> dict[str, float]:
        """Per second, by name, over the last minute, or as long as there is."""
        if not self._last or self._steps[0] is self._last[-1]:
            return {}
        return _between(self._steps[0], self._last[-1])


def _between(first: _Sample, last: _Sample) -> dict[str, float]:
    seconds = last[0] - first[0]
    if seconds <= 0:
        return {}
    found = {}
    for name, total in last[1].items():
        before = first[1].get(name, 0)
        grown = total - before if total >= before else total
        found[name] = round(grown / seconds, 3)
    return found
