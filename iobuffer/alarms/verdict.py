"""What a check is asked and what it answers.

A check belongs to one channel, or to one of its parts, and is asked every few seconds.
It answers with a verdict: raise, clear, or leave it as it is (what lies between the two
is the hysteresis). Counters only grow while a part lives; one that has become less
belongs to a part that was started anew.
"""

from __future__ import annotations

import enum
from collections import deque
from typing import Protocol, TypeVar

import attrs

from ..figures import ChannelFigures

__all__ = [
    "DAY_SECONDS",
    "LEAVE",
    "MOST_SAMPLES",
    "OFF",
    "AlarmKind",
    "Check",
    "Now",
    "Verdict",
    "has_grown",
    "slide",
    "spoken",
]

_T = TypeVar("_T")

DAY_SECONDS = 86400.0
#: Samples in a window; one more lets the oldest go.
MOST_SAMPLES = 240


class AlarmKind(enum.Enum):
    """What is wrong; the value is its name in metrics, API and messages."""

    LINK_DOWN = "link_down"
    SILENCE = "silence"
    FULL = "full"
    QUEUE = "queue"
    QUEUE_AGE = "queue_age"
    STALLED = "stalled"
    NAKS = "naks"
    CERTIFICATE = "certificate"
    DAMAGED = "damaged"
    KERNEL_DROPS = "kernel_drops"


@attrs.frozen
class Now:
    """The moment of a look: wall time, the monotonic clock, and what the clock on the
    wall shows (Monday is 0, minutes since midnight)."""

    at: float
    seconds: float
    weekday: int
    minute: int


@attrs.frozen
class Verdict:
    """`is_on` is True to raise, False to clear, None to leave it as it is. `step`
    grows when it gets worse: it is then raised once more. `text` is a sentence with
    the remedy, or why it is over."""

    is_on: bool | None
    text: str = ""
    step: int = 0


LEAVE = Verdict(None)
OFF = Verdict(False, "switched off")


class Check(Protocol):
    """See the module's docstring."""

    def look(self, now: Now, channel: ChannelFigures, part: str) -> Verdict:
        """How it is; `part` is "" for a check of the channel."""


def spoken(seconds: float) -> str:
    """A duration as people say it: 40 s, 5 min, 3 h, 12 days."""
    if seconds < 120:
        return f"{max(0.0, seconds):.0f} s"
    if seconds < 7200:
        return f"{seconds / 60:.0f} min"
    if seconds < 2 * DAY_SECONDS:
        return f"{seconds / 3600:.0f} h"
    return f"{seconds / DAY_SECONDS:.0f} days"


def has_grown(total: int, before: int) -> bool:
    """Whether a counter has counted since it was `before`, also where its part was
    started anew in between, and counts from 0."""
    return total > before or 0 < total < before


def slide(
    samples: deque[tuple[float, _T]], seconds: float, window_seconds: float
) -> None:
    """Let go what is older than the window, but for the newest of it."""
    while len(samples) > 1 and samples[1][0] <= seconds - window_seconds:
        samples.popleft()
