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
    """Nothing was looked at: too many attempts failed, or too many come at once. The
    next one is heard after `seconds`."""

    def __init__(self, seconds: float, why: str = "too many failed attempts") -> None:
        self.seconds = seconds
        super().__init__(f"{why}; try again in {int(seconds) + 1} seconds")
