"""Batches on their way to several clients at once, and when each counts as received."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence

import attrs
from twisted.internet.defer import Deferred

from ..channel import Confidence
from ..framing.base import Encoder
from ._framed import Framed, frame, messages_within
from ._outlet import Outlet
from .base import Dropped, LinkLost

__all__ = ["NOBODY", "Copies"]

#: Why messages are dropped, in the ledger.
NOBODY = "nobody connected"


@attrs.define(eq=False)
class _Copied:
    """One batch, and what became of its copies."""

    framed: Framed
    done: Deferred[Confidence]
    #: Clients that may still get all of it, and how much the luckiest one has.
    holders: int
    sent_at: float
    best_bytes: int = 0


class Copies:
    """The batches under way, oldest first; they are settled in that order.

    A batch is received once every client that it was sent to has it or has gone, as
    long as one of them has it. It is lost when all have gone before.

    Args:
        seconds: monotonic clock.
        on_settled: called after each batch that was received.
    """

    def __init__(
        self,
        encoder: Encoder,
        *,
        seconds: Callable[[], float],
        on_settled: Callable[[], None],
    ) -> None:
        #: True while a message that cannot be framed waits for those before it: what
        #: follows must not overtake the decision about it.
        self.refusing = False
        self._encoder = encoder
        self._seconds = seconds
        self._on_settled = on_settled
        self._pending: deque[_Copied] = deque()

    def __bool__(self) -> bool:
        return bool(self._pending)

    @property
    def oldest_seconds(self) -> float:
        """For how long the oldest batch has been under way; 0 if none is."""
        return self._seconds() - self._pending[0].sent_at if self._pending else 0.0

    def send(
        self, messages: Sequence[bytes], clients: Sequence[Outlet]
    ) -> Deferred[Confidence]:
        """A copy to each client; fires or fails as `Link.send` says."""
        data, framed = frame(self._encoder, messages)
        copied = _Copied(framed, Deferred(), len(clients), self._seconds())
        self._pending.append(copied)
        self.refusing = framed.refusal is not None
        # One call per client and batch; the bytes are shared by all of them.
        for client in clients:
            client.send(data, lambda count_bytes: self._told(copied, count_bytes))
        return copied.done

    def settle(self) -> bool:
        """Tell of the batches that are received.

        Returns whether the one behind them is lost.
        """
        while self._pending and not self._pending[0].holders:
            copied = self._pending[0]
            if copied.best_bytes < copied.framed.size_bytes:
                return True
            self._pending.popleft()
            if copied.framed.refusal is None:
                copied.done.callback(Confidence.RECEIVED)
            else:
                self.refusing = False
                copied.done.errback(copied.framed.refusal)
            self._on_settled()
        return False

    def fail(self, reason: str) -> None:
        """Every batch under way is lost, whoever may still get it: those behind a lost
        one must come after it, and so be sent again."""
        lost = self._clear()
        for index, copied in enumerate(lost):
            delivered = 0 if index else self._delivered(copied)
            copied.done.errback(LinkLost(reason, delivered))

    def let_go(self) -> None:
        """Every batch under way is given up: what nobody is known to have is
        dropped."""
        for copied in self._clear():
            if copied.framed.refusal is None:
                copied.done.errback(Dropped(NOBODY, self._delivered(copied)))
            else:
                copied.done.errback(copied.framed.refusal)

    # -- within ------------------------------------------------------------------------

    def _told(self, copied: _Copied, count_bytes: int) -> None:
        copied.holders -= 1
        copied.best_bytes = max(copied.best_bytes, count_bytes)
        # A client that left tells of all its batches; its owner settles after that.
        if count_bytes == copied.framed.size_bytes:
            self.settle()

    def _delivered(self, copied: _Copied) -> int:
        return messages_within(self._encoder, copied.framed.messages, copied.best_bytes)

    def _clear(self) -> deque[_Copied]:
        pending, self._pending = self._pending, deque()
        self.refusing = False
        return pending
