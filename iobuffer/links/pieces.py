"""A body in pieces, written as fast as the connection takes them.

A body of some MiB as one string would be copied whole by each layer that it passes,
into memory that is new each time: of two chained gateways that was a fifth of what the
first one costs.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.web.iweb import IBodyProducer
from zope.interface import implementer

__all__ = ["Pieces"]


@implementer(IBodyProducer)
class Pieces:
    """Writes `pieces` in order, each once the ones before it have left this process.

    A client's agent starts it; a server registers it with its request, as a streaming
    producer, and starts it then.
    """

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = [piece for piece in pieces if piece]
        self.length = sum(map(len, self._pieces))
        self._pieces.reverse()
        self._consumer: Any = None
        self._paused = False
        self._done: Deferred[None] | None = None

    def startProducing(self, consumer: Any) -> Deferred[None]:
        """Fires when the last piece is written; never, once stopProducing() came."""
        self._consumer = consumer
        done: Deferred[None] = Deferred()
        self._done = done
        self.resumeProducing()
        return done

    def resumeProducing(self) -> None:
        self._paused = False
        while self._pieces and not self._paused:
            self._consumer.write(self._pieces.pop())
        if not self._pieces and self._done is not None:
            done, self._done = self._done, None
            done.callback(None)

    def pauseProducing(self) -> None:
        self._paused = True

    def stopProducing(self) -> None:
        self._pieces.clear()
        self._done = None
