"""The watch over a link that is up and through which nothing goes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

__all__ = ["StallWatch"]

#: How often it is looked, within the time that makes a stall.
_LOOKS = 4


class StallWatch:
    """Calls `stalled` when there has been no progress for so long.

    Args:
        reactor: for callLater and seconds.
        stall_seconds: how long is too long.
        look: called at each look; whether the link ought to get on now.
        link_progress_at: when the link itself has last seen some, by the reactor.
        stalled: the link gets nowhere; the watch begins anew.
    """

    def __init__(
        self,
        reactor: Any,
        stall_seconds: float,
        *,
        look: Callable[[], bool],
        link_progress_at: Callable[[], float],
        stalled: Callable[[], None],
    ) -> None:
        self._reactor = reactor
        self._stall_seconds = stall_seconds
        self._ought = look
        self._link_progress_at = link_progress_at
        self._stalled = stalled
        self._progress_at = 0.0
        self._call: Any = None

    def start(self) -> None:
        """Look from now on."""
        self.progress()
        self._look_later()

    def stop(self) -> None:
        """Look no more."""
        if self._call is not None:
            self._call.cancel()
            self._call = None

    def progress(self) -> None:
        """Something has gone through, or begins only now."""
        self._progress_at = self._reactor.seconds()

    def _look_later(self) -> None:
        self._call = self._reactor.callLater(self._stall_seconds / _LOOKS, self._look)

    def _look(self) -> None:
        self._look_later()
        now = self._reactor.seconds()
        if not self._ought():
            self._progress_at = now
        elif now - max(self._progress_at, self._link_progress_at()) >= (
            self._stall_seconds
        ):
            self._progress_at = now
            self._stalled()
