"""One trial: how long it may last, who listens, and how it ends."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from twisted.internet.defer import Deferred, maybeDeferred, succeed
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from ..settings.claims import Claim
from .told import Attempt, Listener, Told

__all__ = ["LONELY_SECONDS", "Trial"]

_TICK_SECONDS = 0.1

#: Without anybody who listens a trial ends; and what it has told is kept as long after
#: its end, for a listener that is only just coming.
LONELY_SECONDS = 10.0

_log = Logger(namespace="iobuffer")


class Trial:
    """Runs an attempt until somebody, or its time, ends it.

    Args:
        id: what it is asked for by.
        claims: what it takes for itself while it runs.
        seconds: how long it may last.
        reactor: with monotonic timers.
        on_forgotten: called once nobody can listen to it any more.
    """

    def __init__(
        self,
        id: str,
        attempt: Attempt,
        told: Told,
        *,
        claims: Sequence[Claim],
        seconds: float,
        reactor: Any,
        on_forgotten: Callable[[Trial], None],
    ) -> None:
        self.id = id
        self.claims = tuple(claims)
        self.ending = False
        self._attempt = attempt
        self._told = told
        self._seconds = seconds
        self._reactor = reactor
        self._on_forgotten = on_forgotten
        self._listeners: dict[Listener, int] = {}
        self._waiting: list[Deferred[None]] = []
        self._ended_at: float | None = None
        self._heard = False
        self._started_at = self._alone_since = reactor.seconds()
        self._ticking = LoopingCall(self._tick)
        self._ticking.clock = reactor

    def start(self) -> None:
        """Open what is tried."""
        # First: whatever that comes to, the trial ends by itself.
        self._ticking.start(_TICK_SECONDS, now=False)
        self._attempt.start()

    @property
    def ended(self) -> bool:
        """Whether it is closed, and only kept for who has not heard of it."""
        return self._ended_at is not None

    # -- who listens -------------------------------------------------------------------

    def join(self, listener: Listener) -> None:
        """Tell this one everything, from the beginning."""
        self._listeners[listener] = 0
        self._flush()

    def leave(self, listener: Listener) -> None:
        """It listens no longer."""
        self._listeners.pop(listener, None)
        if not self._listeners:
            self._alone_since = self._reactor.seconds()

    # -- the end -----------------------------------------------------------------------

    def end(self, reason: str) -> Deferred[None]:
        """Close what is tried, and say why. Fires once it is closed."""
        if self.ended:
            return succeed(None)
        waiting: Deferred[None] = Deferred()
        self._waiting.append(waiting)
        if not self.ending:
            self.ending = True
            stopping = maybeDeferred(self._attempt.stop)
            stopping.addErrback(self._not_stopped)
            stopping.addCallback(lambda _: self._closed(reason))
        return waiting

    def forget(self) -> None:
        """Let everybody go, now: the gateway stops."""
        if self._ticking.running:
            self._ticking.stop()
            for listener in tuple(self._listeners):
                listener.close()
            self._listeners.clear()
            self._on_forgotten(self)

    def _not_stopped(self, failure: Failure) -> None:
        _log.failure("a trial could not be closed in good order", failure)

    def _closed(self, reason: str) -> None:
        self._ended_at = self._reactor.seconds()
        self._told.end(self._attempt.ok, reason)
        self._flush()
        waiting, self._waiting = self._waiting, []
        for each in waiting:
            each.callback(None)

    # -- ten times a second ------------------------------------------------------------

    def _tick(self) -> None:
        now = self._reactor.seconds()
        if not self.ending:
            self._look(now)
            if now - self._started_at >= self._seconds:
                self.end(f"its {self._seconds:g} s are over")
            elif not self._listeners and now - self._alone_since >= LONELY_SECONDS:
                self.end(f"nobody has looked at it for {LONELY_SECONDS:g} s")
        self._flush()
        if self._ended_at is not None:
            told = self._heard and not self._listeners
            if told or now - self._ended_at >= LONELY_SECONDS:
                self.forget()

    def _look(self, now: float) -> None:
        try:
            self._attempt.look(now)
        except Exception as error:
            # Or nothing would end it, and what it has taken would stay taken.
            _log.failure("a trial has failed")
            self.end(f"ended by a fault that the log shows: {error}")

    def _flush(self) -> None:
        for listener, number in tuple(self._listeners.items()):
            for each, event, data in self._told.after(number):
                if not listener.ready:
                    break
                listener.send(event, data)
                number = each
            if listener not in self._listeners:
                continue
            self._listeners[listener] = number
            if self.ended and number == self._told.last:
                self._heard = True
                listener.close()
                self._listeners.pop(listener, None)
