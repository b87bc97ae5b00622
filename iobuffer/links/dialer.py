"""Keeps one outgoing connection, for ever."""

from __future__ import annotations

import errno
from collections.abc import Callable
from ipaddress import ip_address
from typing import Any, cast

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.endpoints import (
    HostnameEndpoint,
    TCP4ClientEndpoint,
    TCP6ClientEndpoint,
    wrapClientTLS,
)
from twisted.internet.error import (
    ConnectError,
    ConnectionRefusedError,
    DNSLookupError,
    TCPTimedOutError,
    TimeoutError,
    UnknownHostError,
)
from twisted.internet.interfaces import IDelayedCall, IProtocol, IStreamClientEndpoint
from twisted.internet.protocol import Factory
from twisted.python.failure import Failure

from ..counters import DestinationCounters
from ..state import Word
from .backoff import STEADY_SECONDS, Backoff
from .gate import Gate, GateFactory
from .place import place_of
from .status import Status
from .tcp import TcpTuning
from .tls import TlsConfig, TlsError, client_creator

__all__ = ["Dialer"]


class Dialer:
    """Keeps ONE connection to `host:port`, dialling again whenever it is lost.

    It is up once TCP is connected and, with TLS, the handshake is done: a certificate
    that does not fit never counts as a connection. The pauses between attempts grow;
    they become short again when a connection has lasted, or when its user says that it
    works (`reset_backoff`, after the first byte or the first confirmed delivery).

    Args:
        build: makes the protocol of one connection. Its connectionMade comes before
            the TLS handshake; `on_up` is what to wait for.
        on_up: called with that protocol.
        on_down: called with the reason, once for each on_up.
        state: told of everything; None when the owner words its own.
        counters: connects_total, connect_failures_total, disconnects_total and
            connections are kept here.
        connect_timeout_seconds: for TCP, and once more for the TLS handshake.
        log: as in SourceContext.
    """

    def __init__(
        self,
        reactor: Any,
        host: str,
        port: int,
        *,
        tls: TlsConfig | None,
        tuning: TcpTuning,
        build: Callable[[], IProtocol],
        on_up: Callable[[IProtocol], None],
        on_down: Callable[[str], None],
        state: Status | None,
        log: Callable[[str, str], None],
        backoff: Backoff | None = None,
        counters: DestinationCounters | None = None,
        connect_timeout_seconds: float = 10.0,
    ) -> None:
        self.place = place_of(host, port)
        self.counters = counters if counters is not None else DestinationCounters()
        self._reactor = reactor
        self._host = host
        self._port = port
        self._tls = tls if tls is not None and tls.enabled else None
        self._on_up = on_up
        self._on_down = on_down
        self._state = state
        self._log = log
        self._backoff = backoff if backoff is not None else Backoff()
        self._timeout_seconds = connect_timeout_seconds
        protocols = Factory.forProtocol(cast(Any, build))
        protocols.noisy = False
        self._factory = GateFactory(
            protocols,
            reactor=reactor,
            tuning=tuning,
            tls=self._tls is not None,
            handshake_seconds=connect_timeout_seconds,
            on_ready=self._ready,
            on_gone=self._gone,
        )
        self._running = False
        self._attempt: Deferred[Any] | None = None
        self._retry: IDelayedCall | None = None
        self._up_at: float | None = None

    def start(self) -> None:
        """Dial, now and whenever the connection is lost."""
        if self._running:
            return
        self._running = True
        if self._tls is not None and not self._tls.verify:
            self._log(
                "warn",
                f"TLS to {self.place} is not verified (tls.verify = no): anybody "
                "between here and there can read and change the messages",
            )
        self._tell(Word.WAITING, f"connecting to {self.place}")
        self._dial()

    def hold(self) -> None:
        """Dial no more; a connection that is there stays."""
        self._running = False
        if self._retry is not None:
            self._retry.cancel()
            self._retry = None
        if self._attempt is not None:
            self._attempt.cancel()

    def stop(self) -> Deferred[None]:
        """Hang up and dial no more. Fires when the connection is gone."""
        self.hold()
        return self._factory.close()

    def reopen(self, reason: str) -> None:
        """Drop the connection, whatever it still holds, and dial again.

        `reason` is what `on_down` will say. Between two attempts it changes nothing.
        """
        for gate in self._factory.gates:
            gate.abort(reason)

    def reset_backoff(self) -> None:
        """The connection works: dial soon when it is lost."""
        self._backoff.reset()

    # -- one attempt -------------------------------------------------------------------

    def _dial(self) -> None:
        self._retry = None
        try:
            endpoint = self._endpoint()
        except TlsError as error:
            self._failed(Word.FAILED, str(error))
            return
        attempt = self._attempt = endpoint.connect(self._factory)
        attempt.addBoth(self._answered)

    def _answered(self, result: Any) -> None:
        self._attempt = None
        if not isinstance(result, Failure):
            # Connected; the gate tells when it is ready or gone.
            return
        if result.check(CancelledError) or not self._running:
            return
        self._failed(*self._explain(result))

    def _ready(self, gate: Gate) -> None:
        self._up_at = self._reactor.seconds()
        self.counters.connects_total += 1
        self.counters.connections += 1
        self._tell(Word.RUNNING, f"connected to {self.place}")
        self._on_up(gate.inner)

    def _gone(self, gate: Gate, why: str) -> None:
        if gate.ready:
            assert self._up_at is not None
            if self._reactor.seconds() - self._up_at >= STEADY_SECONDS:
                self._backoff.reset()
            self._up_at = None
            self.counters.connections -= 1
            self.counters.disconnects_total += 1
            self._on_down(f"connection to {self.place} {why}")
        if self._running:
            if gate.ready:
                self._again(Word.WAITING, f"connection to {self.place} {why}")
            else:
                self._failed(Word.FAILED, f"no TLS with {self.place}: {why}")

    def _failed(self, word: Word, why: str) -> None:
        self.counters.connect_failures_total += 1
        self._again(word, why)

    def _again(self, word: Word, why: str) -> None:
        seconds = self._backoff.next()
        self._tell(word, f"{why}; next try in {seconds:.2g} s")
        self._retry = self._reactor.callLater(seconds, self._dial)

    def _tell(self, word: Word, reason: str) -> None:
        if self._state is not None:
            self._state.set(word, reason)

    def _endpoint(self) -> IStreamClientEndpoint:
        reactor, seconds = self._reactor, self._timeout_seconds
        try:
            version = ip_address(self._host).version
        except ValueError:
            endpoint: Any = HostnameEndpoint(
                reactor, self._host, self._port, timeout=seconds
            )
        else:
            kind = TCP4ClientEndpoint if version == 4 else TCP6ClientEndpoint
            endpoint = kind(reactor, self._host, self._port, timeout=seconds)
        if self._tls is None:
            return endpoint
        return wrapClientTLS(client_creator(self._tls, self._host), endpoint, reactor)

    def _explain(self, failure: Failure) -> tuple[Word, str]:
        place, error = self.place, failure.value
        if isinstance(error, DNSLookupError | UnknownHostError):
            return Word.FAILED, f"the name {self._host} is not known to the DNS"
        if isinstance(error, ConnectionRefusedError):
            return Word.WAITING, f"connection refused by {place}: nothing listens there"
        if isinstance(error, TCPTimedOutError | TimeoutError):
            return Word.WAITING, f"no answer from {place}"
        number = error.osError if isinstance(error, ConnectError) else None
        if number in (errno.ENETUNREACH, errno.EHOSTUNREACH):
            return Word.WAITING, f"no route to {place}: look at cable and network"
        return Word.WAITING, f"cannot connect to {place}: {error}"
