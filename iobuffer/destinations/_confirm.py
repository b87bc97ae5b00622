"""What has been written to a connection and not yet confirmed, by byte offset.

A TCP peer confirms bytes, not messages. So each write is remembered by where it ends in
the stream, and is confirmed once the peer's TCP has acknowledged that far. One entry
per write, which is per batch.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

__all__ = ["Received", "Unconfirmed"]

#: Told once how many bytes of its write the peer's TCP has: all of them, or, when the
#: connection is lost, as many as were known to have arrived.
Received = Callable[[int], None]


class Unconfirmed:
    """The writes of one connection that wait for the peer's TCP, oldest first."""

    def __init__(self) -> None:
        #: Bytes given to the connection, and bytes of these that the peer's TCP has.
        self.written_bytes = 0
        self.confirmed_bytes = 0
        self._waiting: deque[tuple[int, int, Received]] = deque()

    def __bool__(self) -> bool:
        return bool(self._waiting)

    @property
    def size_bytes(self) -> int:
        """Bytes written and not confirmed."""
        return self.written_bytes - self.confirmed_bytes

    def add(self, size_bytes: int, received: Received) -> None:
        """A write of that size follows; `received` is told in the order of writes.

        A write of nothing is confirmed with the one before it, at once if there is
        none.
        """
        self.written_bytes += size_bytes
        self._waiting.append((self.written_bytes, size_bytes, received))
        if self.written_bytes == self.confirmed_bytes:
            self.confirm(self.confirmed_bytes)

    def confirm(self, upto_bytes: int) -> bool:
        """The peer's TCP has the first `upto_bytes` of the stream.

        Returns whether that is more than was known.
        """
        progress = upto_bytes > self.confirmed_bytes
        if progress:
            self.confirmed_bytes = upto_bytes
        # Whoever is told may write again, so the end is looked up each time.
        while self._waiting and self._waiting[0][0] <= self.confirmed_bytes:
            _, size_bytes, received = self._waiting.popleft()
            received(size_bytes)
        return progress

    def lost(self) -> None:
        """The connection is gone: each write is told how much of it had arrived.

        Only what was confirmed before counts. What the peer's TCP took in the last
        moment may have gone down with it, and a message twice is better than none.
        """
        waiting, self._waiting = self._waiting, deque()
        for end, size_bytes, received in waiting:
            received(max(0, self.confirmed_bytes - (end - size_bytes)))
