"""What follows when a peer refuses a message, and how much of that is told.

Again after a pause, `attempts` times; then as `refused` says. A wrong framing has every
message refused: the first is told, and of the others how many there were.
"""

from __future__ import annotations

from enum import Enum

from ..channel_log import Say
from ..links.backoff import Backoff
from .base import Refused
from .policy import WhenRefused

__all__ = ["Refusals", "Then"]


class Then(Enum):
    """What is to be done about a message that was refused."""

    AGAIN = "again"
    PARK = "park"
    HALT = "halt"


class Refusals:
    """The refusals of one delivery.

    Args:
        when: what follows when one was refused `attempts` times.
        retry_max_seconds: the longest pause before the next attempt.
        log: for what an operator must know.
        note: for what would flood that; see LinkContext.
    """

    def __init__(
        self,
        when: WhenRefused,
        attempts: int,
        retry_max_seconds: float,
        log: Say,
        note: Say,
    ) -> None:
        #: How often the message that is being tried was refused.
        self.count = 0
        self._when = when
        self._attempts = attempts
        self._backoff = Backoff(max_seconds=retry_max_seconds)
        self._log = log
        self._note = note
        self._seq = 0
        # Since the last tick(): whether one was told, what was not.
        self._noted = False
        self._parked_logged = False
        self._parked_unlogged = 0

    def refused(self, seq: int, error: Refused) -> Then:
        """This message was refused once more."""
        if seq != self._seq:
            self._seq = seq
            self.forget()
        self.count += 1
        if not error.final and self.count < self._attempts:
            return self._again(seq, error.reason)
        if self._when is WhenRefused.STOP:
            return Then.HALT
        # To retry for ever what can never be accepted would hold up all the others.
        if self._when is WhenRefused.PARK or error.final:
            self._tell_parked(seq, error.reason)
            return Then.PARK
        return self._again(seq, error.reason)

    def delivered(self) -> None:
        """Something was accepted."""
        self.count = 0

    def forget(self) -> None:
        """Begin anew, with the first attempt and the shortest pause."""
        self.count = 0
        self._backoff.reset()

    def pause_seconds(self) -> float:
        """Until the next attempt; the pause after that is longer."""
        return self._backoff.next()

    def tick(self) -> None:
        """Some time has passed: tell what was not told since the last time."""
        self._noted = False
        self.tell_more_parked()

    def tell_more_parked(self) -> None:
        """How many were parked since the one that was told, if any."""
        count, self._parked_unlogged = self._parked_unlogged, 0
        if count:
            messages = "message was" if count == 1 else "messages were"
            self._log("warn", f"{count} more {messages} parked since")
        else:
            self._parked_logged = False

    def _again(self, seq: int, reason: str) -> Then:
        if not self._noted:
            self._noted = True
            self._note("warn", f"message {seq} was refused", reason)
        return Then.AGAIN

    def _tell_parked(self, seq: int, reason: str) -> None:
        if self._parked_logged:
            self._parked_unlogged += 1
        else:
            self._parked_logged = True
            self._log("warn", f"message {seq} is parked", reason)
