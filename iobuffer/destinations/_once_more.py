"""Batches that are sent once more by request, between the others."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import Deferred, DeferredLock, fail
from twisted.python.failure import Failure

from ..batch import Batch
from ..channel import Confidence
from .base import LinkLost

__all__ = ["OnceMore"]


class OnceMore:
    """One at a time, for as many as ask; true while there is one.

    Args:
        why_not: why none can be sent now, or empty.
        pump: there is one to be sent: to be fetched with `begin`.
    """

    def __init__(self, why_not: Callable[[], str], pump: Callable[[], None]) -> None:
        self._why_not = why_not
        self._pump = pump
        self._asked = DeferredLock()
        self._batch: Batch | None = None
        self._begun = False
        self._done: Deferred[Confidence] = Deferred()

    def __bool__(self) -> bool:
        return self._batch is not None

    def ask(self, batch: Batch) -> Deferred[Confidence]:
        """Have this batch sent, after those that were asked for before."""
        asked: Deferred[Confidence] = self._asked.run(self._take, batch)
        return asked

    def begin(self) -> Batch | None:
        """The batch that is to be sent now, once."""
        if self._begun:
            return None
        self._begun = self._batch is not None
        return self._batch

    def end(self, outcome: Confidence | Failure) -> None:
        """What became of it."""
        self._batch = None
        # A Failure goes to the errbacks.
        self._done.callback(outcome)

    def give_up(self, why: str) -> None:
        """Nothing can be sent any more. What has begun comes back by itself."""
        if self._batch is not None and not self._begun:
            self._batch = None
            self._done.errback(LinkLost(why))

    def _take(self, batch: Batch) -> Deferred[Confidence]:
        why = self._why_not()
        if why:
            return fail(LinkLost(why))
        self._batch, self._begun, self._done = batch, False, Deferred()
        done = self._done
        self._pump()
        return done
