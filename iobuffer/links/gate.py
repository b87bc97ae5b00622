"""What every TCP connection of ours passes through, either way it was made.

    socket -> [TLS ->] Gate -> the protocol of a source or destination

The gate tunes the socket, gives a TLS handshake its time limit, and tells its owner
when the connection is ready for use and when it is gone. It costs one call per chunk.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.internet.error import ConnectionAborted, ConnectionDone
from twisted.internet.interfaces import (
    IDelayedCall,
    IHalfCloseableProtocol,
    IHandshakeListener,
    IProtocol,
    IProtocolFactory,
)
from twisted.protocols.policies import ProtocolWrapper, WrappingFactory
from twisted.python.failure import Failure
from zope.interface import alsoProvides, implementer

from .tcp import TcpTuning, tune
from .tls_words import TlsNote, explain_tls

__all__ = ["CLOSE_SECONDS", "Gate", "GateFactory"]

#: How long a peer may take to answer our goodbye before the socket is simply closed.
CLOSE_SECONDS = 5.0


@implementer(IHandshakeListener)
class Gate(ProtocolWrapper):
    """One connection. `ready` once it can be used; `inner` is the protocol within."""

    factory: GateFactory

    def __init__(self, factory: GateFactory, wrappedProtocol: IProtocol) -> None:
        super().__init__(factory, wrappedProtocol)
        self.inner: Any = wrappedProtocol
        self.ready = False
        #: Written by the TLS layer below (see tls.py) when it refuses a certificate.
        self.note = TlsNote()
        self._why = ""
        self._timer: IDelayedCall | None = None
        self._has_producer = False
        self._peer_has_finished = False
        self._show_half_close()

    def makeConnection(self, transport: Any) -> None:
        owner = self.factory
        tune(
            transport,
            keepalive_seconds=owner.tuning.keepalive,
            user_timeout_seconds=owner.tuning.user_timeout,
        )
        if owner.tls:
            self._arm(
                owner.handshake_seconds,
                f"TLS handshake not done within {owner.handshake_seconds:g} s",
            )
            self._connect(transport)
        else:
            self._connect(transport)
            self._set_ready()

    def readConnectionLost(self) -> None:
        """The peer has said that it will send no more, and may still be listening."""
        self._peer_has_finished = True
        self.inner.readConnectionLost()

    def writeConnectionLost(self) -> None:
        self.inner.writeConnectionLost()

    def handshakeCompleted(self) -> None:
        self._disarm()
        self._set_ready()

    def loseConnection(self) -> None:
        # A peer that reads nothing, or never answers the goodbye of TLS, would keep
        # the socket for as long as it likes.
        if not self.disconnecting:
            self._disarm()
            self._arm(CLOSE_SECONDS, "")
            # TLS says no goodbye while somebody may still want to write.
            if self._has_producer:
                self.unregisterProducer()
        super().loseConnection()

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        self._has_producer = True
        super().registerProducer(producer, streaming)

    def unregisterProducer(self) -> None:
        self._has_producer = False
        super().unregisterProducer()

    def connectionLost(self, reason: Failure) -> None:  # type: ignore[override]
        self._disarm()
        why = self._explain(reason)
        super().connectionLost(reason)
        self.factory.gone(self, why)

    def abort(self, why: str = "") -> None:
        """Close at once, dropping what is unsent; `why` is told to the owner."""
        self._why = self._why or why
        self.transport.abortConnection()  # type: ignore[union-attr]

    def _connect(self, transport: Any) -> None:
        super().makeConnection(transport)
        # The wrapper has just replaced what it provides by what its transport does.
        self._show_half_close()

    def _show_half_close(self) -> None:
        # Twisted closes at the peer's FIN unless the protocol asks for more; we ask
        # when the one within does.
        if IHalfCloseableProtocol.providedBy(self.inner):
            alsoProvides(self, IHalfCloseableProtocol)

    def _set_ready(self) -> None:
        self.ready = True
        self.factory.on_ready(self)

    def _arm(self, seconds: float, why: str) -> None:
        self._timer = self.factory.reactor.callLater(seconds, self._time_is_up, why)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _time_is_up(self, why: str) -> None:
        self._timer = None
        self.abort(why)

    def _explain(self, reason: Failure) -> str:
        if self._why:
            return self._why
        if self.note.problem and not self.ready:
            return self.note.problem
        error = reason.value
        if isinstance(error, ConnectionDone):
            if self.disconnecting and not self._peer_has_finished:
                return "closed"
            if self.ready or not self.factory.tls:
                return "closed by the peer"
        if isinstance(error, ConnectionAborted):
            return "closed"
        words = explain_tls(error)
        if not words and self.factory.tls and not self.ready:
            words = "closed by the peer during the TLS handshake"
        return words or "lost: the peer reset it, or does not answer"


class GateFactory(WrappingFactory[Gate]):
    """Makes gates, and knows those that are open (`gates`).

    Args:
        tls: whether a TLS layer lies below, and a handshake is to be waited for.
        on_ready: called once a connection can be used.
        on_gone: called after the connection has ended, with why; `gate.ready` tells
            whether it had ever been of use.
    """

    protocol = Gate
    noisy = False

    def __init__(
        self,
        wrapped: IProtocolFactory,
        *,
        reactor: Any,
        tuning: TcpTuning,
        tls: bool,
        handshake_seconds: float,
        on_ready: Callable[[Gate], None],
        on_gone: Callable[[Gate, str], None],
    ) -> None:
        super().__init__(wrapped)
        self.reactor = reactor
        self.tuning = tuning
        self.tls = tls
        self.handshake_seconds = handshake_seconds
        self.on_ready = on_ready
        self.on_gone = on_gone

        self._closing: list[Deferred[None]] = []

    @property
    def gates(self) -> list[Gate]:
        return list(self.protocols)

    def close(self) -> Deferred[None]:
        """Close every connection. Fires when all are gone, `on_gone` told of each."""
        gates = self.gates
        if not gates:
            return succeed(None)
        # Each caller gets a Deferred of its own.
        closed: Deferred[None] = Deferred()
        self._closing.append(closed)
        if len(self._closing) == 1:
            for gate in gates:
                gate.loseConnection()
        return closed

    def gone(self, gate: Gate, why: str) -> None:
        """The gate calls it at its end."""
        self.on_gone(gate, why)
        if not self.protocols:
            closing, self._closing = self._closing, []
            for closed in closing:
                closed.callback(None)
