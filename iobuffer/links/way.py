"""What keeps one connection open, whatever it runs over."""

from __future__ import annotations

from typing import Protocol

from twisted.internet.defer import Deferred

__all__ = ["Way"]


class Way(Protocol):
    """A Dialer or a serial Line, to whoever uses its connection."""

    def start(self) -> None:
        """Open, now and whenever the connection is lost."""

    def hold(self) -> None:
        """Open no more; what is open stays."""

    def stop(self) -> Deferred[None]:
        """Close for good. Fires when it is closed."""

    def reopen(self, reason: str) -> None:
        """Drop the connection, whatever it still holds, and open it again."""

    def reset_backoff(self) -> None:
        """The connection works: open soon when it is lost."""
