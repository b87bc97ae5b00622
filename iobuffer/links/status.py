"""Where a link says how it is, when an operator can hold it as well."""

from __future__ import annotations

from typing import Protocol

from ..state import Word

__all__ = ["PausableStatus", "Status"]


class Status(Protocol):
    """What a link needs of a `StateCell`."""

    def set(self, word: Word, reason: str = "") -> None:
        """Enter a state."""


class PausableStatus:
    """Shows PAUSED while an operator holds the source, and then what is so by then."""

    def __init__(self, status: Status) -> None:
        self._status = status
        self._paused = False
        self._pause_reason = ""
        self._latest: tuple[Word, str] = (Word.STARTING, "")

    def set(self, word: Word, reason: str = "") -> None:
        """What the link says of itself. Trouble shows even while it is paused."""
        self._latest = (word, reason)
        if not self._paused or word in (Word.FAILED, Word.STOPPED):
            self._status.set(word, reason)
        else:
            self._status.set(Word.PAUSED, self._pause_reason)

    def pause(self, reason: str = "") -> None:
        """Held by an operator, who is named in the reason."""
        self._paused = True
        self._pause_reason = reason
        self.set(*self._latest)

    def resume(self) -> None:
        """Undo pause()."""
        self._paused = False
        self.set(*self._latest)
