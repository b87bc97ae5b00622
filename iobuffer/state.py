"""How a source, a destination or a channel is, in a word and a sentence.

One variable, one setter; whoever made the cell is told of every transition, once on
entering and once on leaving, and logs it. No clock of its own: `now` is wall time.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum

import attrs

__all__ = ["State", "StateCell", "Word", "with_quoted"]


class Word(Enum):
    """The states of DESIGN 10 and PAGE.md; each is a light on the page."""

    #: Not started yet.
    STARTING = "starting"
    #: Doing its work, or ready to.
    RUNNING = "running"
    #: Will go on by itself: connecting, nobody connected, back-off.
    WAITING = "waiting"
    #: Something a person must see to; it is tried again all the same, unless the
    #: reason says otherwise.
    FAILED = "failed"
    #: Held by an operator.
    PAUSED = "paused"
    #: Ended, by an operator, by config, or by `refused = stop`.
    STOPPED = "stopped"


@attrs.frozen
class State:
    """`reason` is a sentence with the remedy where there is one, or empty. `quoted` are
    a receiver's own words, which may repeat what a message says: not for everybody."""

    word: Word
    reason: str
    since: float
    quoted: str = ""

    def __str__(self) -> str:
        reason = with_quoted(self.reason, self.quoted)
        return f"{self.word.value}: {reason}" if reason else self.word.value


def with_quoted(reason: str, quoted: str) -> str:
    """The reason for those who may read what a receiver said."""
    return f"{reason}. The receiver said: {quoted}" if quoted else reason


class StateCell:
    """Holds one State and tells of each change.

    Args:
        now: wall time in epoch seconds.
        on_change: called with (old, new) when the word or the reason changes.
    """

    def __init__(
        self, now: Callable[[], float], on_change: Callable[[State, State], None]
    ) -> None:
        self._now = now
        self._on_change = on_change
        self.current = State(Word.STARTING, "", now())

    def set(self, word: Word, reason: str = "") -> None:
        """Enter a state; entering the one it is in already changes nothing."""
        old = self.current
        if old.word is word and old.reason == reason:
            return
        # A new reason within one word keeps the time since when it is so.
        since = old.since if old.word is word else self._now()
        self.current = State(word, reason, since)
        self._on_change(old, self.current)

    @property
    def word(self) -> Word:
        return self.current.word
