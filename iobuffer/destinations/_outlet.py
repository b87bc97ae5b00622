"""One connection that we send over, TCP or TLS, and how much of it has arrived.

The peer's TCP has what was written, less what Twisted still buffers, less what the
kernel has not been acknowledged for (`SIOCOUTQ`). The kernel does not tell when that
shrinks, so it is asked: every few milliseconds while something is unconfirmed, more
seldom the longer nothing moves, and never while there is nothing to confirm.

Reading is always armed, so a FIN or RST of the peer is seen at once and not with the
next write. A peer that half-closes is a lost connection (Twisted closes, because we are
no IHalfCloseableProtocol): who will not read answers may, but who shuts down its side
of a feed has gone in practice, and a message twice is better than none.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.interfaces import IPushProducer
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from ..links.place import place_of
from ..links.tcp import quality_of, raise_write_bytes, unsent_bytes
from ._confirm import Received, Unconfirmed

__all__ = ["Outlet"]

#: What the transport may hold, and send at once: a few rows of the store, so that the
#: next one is at hand when one has gone out.
_WRITE_BYTES = 1024 * 1024

#: A local peer acknowledges within this; a delayed ACK of TCP takes 40 ms.
_SHORTEST_POLL_SECONDS = 0.005
#: A peer that has not moved for 2 s is asked for this often.
_LONGEST_POLL_SECONDS = 0.25
_POLLS_PER_PAUSE = 8


@implementer(IPushProducer)
class Outlet(Protocol):
    """Writes, and tells of each write once the peer's TCP has all of it.

    Args:
        reactor: on the monotonic clock.
        on_chunk: called with each chunk that the peer sends.
        on_writable: called when `writable` has changed.
        on_gone: called once when the connection has ended; the caller then owes
            `give_up`.
        unsent: bytes of a transport that the peer's TCP does not have yet.
        hold_seconds: confirm nothing before this long after the first write. A TLS 1.3
            server turns a client down only after that one counts itself connected; its
            TCP has acknowledged our bytes by then, and nobody has read them.
    """

    transport: Any

    def __init__(
        self,
        reactor: Any,
        *,
        on_chunk: Callable[[bytes], None],
        on_writable: Callable[[], None],
        on_gone: Callable[[Outlet], None] = lambda outlet: None,
        unsent: Callable[[Any], int] = unsent_bytes,
        hold_seconds: float = 0.0,
    ) -> None:
        #: False while Twisted's buffer is above `_WRITE_BYTES`, or the connection
        #: is gone: write nothing more until `on_writable`.
        self.writable = False
        #: Who is at the other end, such as "10.0.0.5:41612".
        self.peer = ""
        #: Wall time since when it is in use; its owner sets it.
        self.since = 0.0
        #: True once `abort` was called; the end follows in the reactor's next turn.
        self.aborted = False
        #: When the peer last took something, or had everything; the reactor's clock.
        self.progress_at = reactor.seconds()
        #: Told when it is looked after unconfirmed bytes, with how long nothing moved.
        self.on_stuck: Callable[[float], None] = lambda seconds: None
        self._reactor = reactor
        self._on_chunk = on_chunk
        self._on_writable = on_writable
        self._on_gone = on_gone
        self._unsent = unsent
        self._hold_seconds = hold_seconds
        self._confirm_from: float | None = None
        self._unconfirmed = Unconfirmed()
        self._timer: Any = None
        self._gone = False

    @property
    def settled(self) -> bool:
        """Nothing that was sent waits for the peer's TCP."""
        return not self._unconfirmed

    def unsent_bytes(self) -> int:
        """Bytes that the peer's TCP does not have now; confirms nothing, unlike
        `measure`, so that nobody is called back."""
        return 0 if self._gone else self._unsent(self.transport)

    def seen(self) -> dict[str, Any]:
        """What `Link.peers` tells of this connection."""
        return {"peer": self.peer, "since": self.since, **quality_of(self.transport)}

    def write(self, data: bytes) -> None:
        """Write what needs no confirmation by the peer's TCP."""
        self.transport.write(data)

    def send(self, data: bytes, received: Received) -> None:
        """Write; `received` is told once, in the order of the calls."""
        if self._gone:
            received(0)
            return
        now = self._reactor.seconds()
        if self._confirm_from is None:
            self._confirm_from = now + self._hold_seconds
        if not self._unconfirmed:
            self.progress_at = now
        if not self.aborted:
            self.transport.write(data)
        self._unconfirmed.add(len(data), received)
        self._arm()

    def measure(self) -> None:
        """Ask how much has arrived, and tell whose writes that confirms."""
        # After an abort nothing more is written, so offsets mean nothing any more.
        if self._gone or self.aborted or self._confirm_from is None:
            return
        now = self._reactor.seconds()
        if now < self._confirm_from:
            return
        arrived = self._unconfirmed.written_bytes - self._unsent(self.transport)
        if self._unconfirmed.confirm(arrived):
            self.progress_at = now

    def abort(self) -> None:
        """Drop the connection and whatever it still holds."""
        if not self.aborted and not self._gone:
            self.aborted = True
            self.writable = False
            self.transport.abortConnection()

    def finish(self) -> None:
        """Write nothing more: a close then need not wait for us."""
        if not self._gone:
            self.transport.unregisterProducer()

    def give_up(self) -> None:
        """Tell every write that is unconfirmed how much of it had arrived.

        For whoever made this, once the connection is gone: that one knows why.
        """
        self._end()
        self._unconfirmed.lost()

    # -- what Twisted calls ------------------------------------------------------------

    def connectionMade(self) -> None:
        self.writable = True
        self.peer = _words(self.transport.getPeer())
        raise_write_bytes(self.transport, _WRITE_BYTES)
        self.transport.registerProducer(self, True)

    def dataReceived(self, data: bytes) -> None:
        self._on_chunk(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._end()
        self._on_gone(self)

    def pauseProducing(self) -> None:
        self.writable = False
        self._on_writable()

    def resumeProducing(self) -> None:
        if self._gone or self.aborted:
            return
        self.measure()
        self.writable = True
        self._on_writable()

    def stopProducing(self) -> None:
        self.writable = False

    # -- within ------------------------------------------------------------------------

    def _end(self) -> None:
        # A socket that is gone has nothing unsent: it must not be asked any more.
        self._gone = True
        self.writable = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _arm(self) -> None:
        if self._timer is None and self._unconfirmed and not self._gone:
            still_seconds = self._reactor.seconds() - self.progress_at
            pause_seconds = min(
                max(still_seconds / _POLLS_PER_PAUSE, _SHORTEST_POLL_SECONDS),
                _LONGEST_POLL_SECONDS,
            )
            self._timer = self._reactor.callLater(pause_seconds, self._poll)

    def _poll(self) -> None:
        self._timer = None
        self.measure()
        if self._unconfirmed:
            self.on_stuck(self._reactor.seconds() - self.progress_at)
        self._arm()


def _words(address: Any) -> str:
    host, port = getattr(address, "host", ""), getattr(address, "port", 0)
    return place_of(host, port)
