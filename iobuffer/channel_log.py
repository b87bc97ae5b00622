"""The last lines that were said of a channel, for whoever looks at it.

Floor 2. What is written to the log of the process is here too, and what would flood
that one: who connected and who left. A line costs what it costs per line; no message
makes one.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from itertools import islice
from typing import Protocol

import attrs

__all__ = ["LINES", "TEXT_CHARACTERS", "ChannelLog", "Line", "Say"]

#: Lines that a channel keeps, and how long its text may be, and what it quotes: about
#: 200 KiB a channel, if every line is as long as that, and twice that or four times
#: where a peer's own words are in another script than ours.
LINES = 200
TEXT_CHARACTERS = 400


@attrs.frozen
class Line:
    """Something that was said: `at` epoch seconds, `level` "info", "warn" or "error",
    `part` "" for the channel as a whole. `quoted` are a receiver's own words, which may
    repeat what a message says: not for everybody."""

    at: float
    level: str
    part: str
    text: str
    quoted: str = ""


class Say(Protocol):
    """What a part is given to speak with; see Line."""

    def __call__(self, level: str, text: str, quoted: str = "") -> None: ...


class ChannelLog:
    """A ring of lines; `total` counts all that ever were."""

    def __init__(self) -> None:
        self.total = 0
        self._lines: deque[Line] = deque(maxlen=LINES)

    def add(
        self, at: float, level: str, part: str, text: str, quoted: str = ""
    ) -> None:
        """One more; the oldest makes room."""
        self.total += 1
        self._lines.append(Line(at, level, part, _cut(text), _cut(quoted)))

    def newest(self, limit: int = LINES) -> list[Line]:
        """At most so many, the newest first."""
        return list(islice(reversed(self._lines), limit))

    def since(self, total: int) -> Iterable[Line]:
        """What was said since `total` was that, oldest first, as far as it is kept."""
        return reversed(self.newest(max(0, self.total - total)))


def _cut(text: str) -> str:
    return text if len(text) <= TEXT_CHARACTERS else text[: TEXT_CHARACTERS - 1] + "…"
