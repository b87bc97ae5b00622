"""Who connected and who left, for a channel's own log."""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["Visits"]

#: Some devices connect anew for each message: of these a few are told, and how many
#: more there were.
_LINES = 10
_WITHIN_SECONDS = 60.0


class Visits:
    """Tells of so many comings and goings a minute, and counts the others.

    Args:
        note: `note(level, text)`.
        seconds: the monotonic clock.
    """

    def __init__(
        self, note: Callable[[str, str], None], seconds: Callable[[], float]
    ) -> None:
        self._note = note
        self._seconds = seconds
        self._told = 0
        self._untold = 0
        self._minute_ends_at = 0.0

    def came(self, peer: str) -> None:
        """It is connected, and with TLS the handshake is done."""
        self._tell(f"{peer} is connected")

    def left(self, peer: str, why: str) -> None:
        """Its connection has ended."""
        self._tell(f"{peer} has gone: {why}")

    def _tell(self, text: str) -> None:
        now = self._seconds()
        if now >= self._minute_ends_at:
            if self._untold:
                self._note("info", f"{self._untold} more have come or gone since then")
            self._told = self._untold = 0
            self._minute_ends_at = now + _WITHIN_SECONDS
        if self._told < _LINES:
            self._told += 1
            self._note("info", text)
        else:
            self._untold += 1
