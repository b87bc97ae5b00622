"""What was sent and is not confirmed yet, in the order of the sends."""

from __future__ import annotations

from collections import deque

from twisted.python.failure import Failure

from ..batch import Batch
from ..channel import Confidence

__all__ = ["Flight", "Sent"]


class Sent:
    """A batch in flight, over which connection, and what the link has said of it."""

    __slots__ = ("batch", "connection", "outcome")

    def __init__(self, batch: Batch, connection: int) -> None:
        self.batch = batch
        self.connection = connection
        self.outcome: Confidence | Failure | None = None


class Flight:
    """The batches in flight; true while there is one."""

    def __init__(self) -> None:
        self.messages = 0
        self.size_bytes = 0
        self._sent: deque[Sent] = deque()

    def __bool__(self) -> bool:
        return bool(self._sent)

    def add(self, batch: Batch, connection: int) -> Sent:
        """This one is sent now, behind the others."""
        sent = Sent(batch, connection)
        self._sent.append(sent)
        self.messages += len(batch)
        self.size_bytes += batch.size_bytes
        return sent

    def landed(self) -> Sent | None:
        """The first of all, taken off, if its outcome is known."""
        if not self._sent or self._sent[0].outcome is None:
            return None
        sent = self._sent.popleft()
        self.messages -= len(sent.batch)
        self.size_bytes -= sent.batch.size_bytes
        return sent
