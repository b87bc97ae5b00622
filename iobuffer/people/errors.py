"""What can go wrong with people, and must be said to one of them."""

from __future__ import annotations

from ..errors import IobufferError

__all__ = ["AuditError", "PeopleError", "StateFileError", "TryLater"]


class PeopleError(IobufferError):
    """What was asked for is not allowed or not possible; the message says why."""


class StateFileError(PeopleError):
    """A file of the state directory cannot be read or written; names it, with the
    remedy. Nothing was changed."""


class AuditError(PeopleError):
    """The audit log cannot be written, so what was to be written down must not be
    done either. Messages go on all the same."""


class TryLater(PeopleError):
    """Too many wrong passwords: the next attempt is heard after `seconds`.

    `first` is True once each time that a pause begins: worth a line in the audit log.
    """

    def __init__(self, seconds: float, *, first: bool = False) -> None:
        self.seconds = seconds
        self.first = first
        super().__init__(
            f"too many failed attempts; try again in {int(seconds) + 1} seconds"
        )
