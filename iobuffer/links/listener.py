"""Keeps one listening port, for ever, and decides who may come in."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Sequence
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Any

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IDelayedCall, IProtocol, IProtocolFactory
from twisted.internet.protocol import ServerFactory
from twisted.protocols.tls import TLSMemoryBIOFactory

from ..counters import SourceCounters
from ..state import Word
from .backoff import Backoff
from .complaints import Complaints
from .gate import Gate, GateFactory
from .place import place_of
from .status import Status
from .tcp import TcpTuning
from .tls import ServerTls, TlsConfig, TlsError
from .visits import Visits

__all__ = ["Listener", "Networks"]

Networks = Sequence[IPv4Network | IPv6Network]

#: Connections that the kernel keeps for us between two turns of the reactor.
_BACKLOG = 512


class Listener:
    """Listens on `host:port`, and tries again for ever while it cannot.

    A port that is in use and a certificate that is missing are states with the reason;
    they never stop the program. Who is not in `allow`, or comes when `max_connections`
    are there, is closed at accept: counted, and logged once per host until that host
    is let in.

    Args:
        port: 0 takes a free one; `port_number` tells which.
        factory: its protocols' connectionMade comes before the TLS handshake.
        allow: networks; empty lets everyone in.
        max_connections: at one time; 0 for no limit.
        max_connections_each: likewise, from one address.
        state: told of everything; None when the owner words its own.
        counters: connections, connections_total, connections_refused_total and
            handshake_failures_total are kept here.
        log: as in SourceContext.
        note: as in SourceContext; told who comes and goes.
        on_ready: called with the protocol of a connection that can be used.
    """

    def __init__(
        self,
        reactor: Any,
        host: str,
        port: int,
        *,
        tls: TlsConfig | None,
        tuning: TcpTuning,
        factory: IProtocolFactory,
        state: Status | None,
        log: Callable[[str, str], None],
        allow: Networks = (),
        max_connections: int = 0,
        max_connections_each: int = 0,
        counters: SourceCounters | None = None,
        backoff: Backoff | None = None,
        handshake_timeout_seconds: float = 10.0,
        on_ready: Callable[[IProtocol], None] = lambda protocol: None,
        note: Callable[[str, str], None] = lambda level, text: None,
    ) -> None:
        self.counters = counters if counters is not None else SourceCounters()
        self.place = place_of(host, port)
        self._reactor = reactor
        self._host = host
        self._port = port
        self._tls_config = tls if tls is not None and tls.enabled else None
        self._tls: ServerTls | None = None
        self._state = state
        self._log = log
        self._allow = tuple(allow)
        self._max_connections = max_connections
        self._max_connections_each = max_connections_each
        self._backoff = backoff if backoff is not None else Backoff()
        self._on_ready = on_ready
        self._gates = GateFactory(
            factory,
            reactor=reactor,
            tuning=tuning,
            tls=self._tls_config is not None,
            handshake_seconds=handshake_timeout_seconds,
            on_ready=self._ready,
            on_gone=self._gone,
        )
        self._complaints = Complaints(log)
        self._visits = Visits(note, reactor.seconds)
        self._crowded = False
        self._running = False
        self._listening: Any = None
        self._retry: IDelayedCall | None = None

    def start(self) -> None:
        """Listen, now or as soon as it can be done."""
        if not self._running:
            self._running = True
            self._listen()

    def stop(self) -> Deferred[None]:
        """Close the port, then every connection. Fires when all are gone."""
        self._running = False
        if self._retry is not None:
            self._retry.cancel()
            self._retry = None
        port, self._listening = self._listening, None
        closed = maybeDeferred(port.stopListening if port is not None else lambda: None)
        return closed.addCallback(lambda _: self._gates.close())

    @property
    def port_number(self) -> int | None:
        """The port in use; None while there is none."""
        return None if self._listening is None else self._listening.getHost().port

    @property
    def certificate_expires_at(self) -> float | None:
        """Epoch seconds; None without TLS, or while its files cannot be used."""
        return None if self._tls is None else self._tls.expires_at

    def reload_certificates(self) -> None:
        """Look at the certificate's files now, not at the next connection."""
        if self._tls is not None:
            self._tls.reload()

    def protocols(self) -> list[Any]:
        """The protocols of the connections that can be used now."""
        return [gate.inner for gate in self._gates.gates if gate.ready]

    # -- listening ---------------------------------------------------------------------

    def _listen(self) -> None:
        self._retry = None
        try:
            inner: IProtocolFactory = self._gates
            if self._tls_config is not None:
                self._tls = ServerTls(
                    self._tls_config, seconds=self._reactor.seconds, say=self._log
                )
                inner = TLSMemoryBIOFactory(
                    self._tls, False, self._gates, self._reactor
                )
            self._listening = self._reactor.listenTCP(
                self._port, _Door(self._admit, inner), _BACKLOG, self._host
            )
        except TlsError as error:
            self._later(str(error))
        except CannotListenError as error:
            self._later(self._explain(error))
        else:
            self._backoff.reset()
            self.place = place_of(self._host, self.port_number or self._port)
            self._tell(Word.RUNNING, f"listening on {self.place}")

    def _later(self, why: str) -> None:
        seconds = self._backoff.next()
        self._tell(Word.FAILED, f"{why}; trying again in {seconds:.2g} s")
        self._retry = self._reactor.callLater(seconds, self._listen)

    def _explain(self, error: CannotListenError) -> str:
        number = getattr(error.socketError, "errno", None)
        if number == errno.EADDRINUSE:
            return f"port {self._port} is in use by another program or channel"
        if number == errno.EACCES:
            return (
                f"Port {self._port} may not be opened by this program: ports below "
                "1024 need CAP_NET_BIND_SERVICE (AmbientCapabilities= in the systemd "
                "unit); or choose a higher port"
            )
        if number == errno.EADDRNOTAVAIL:
            return f"Address {self._host} is not one of this machine"
        words = os.strerror(number) if number and number > 0 else error.socketError
        return f"Cannot listen on {self.place}: {words}"

    def _tell(self, word: Word, reason: str) -> None:
        if self._state is not None:
            self._state.set(word, reason)

    # -- who comes in ------------------------------------------------------------------

    def _admit(self, address: Any) -> bool:
        host = getattr(address, "host", "")
        if self._allow and not _within(host, self._allow):
            self.counters.connections_refused_total += 1
            self._complaints.say(host, f"connection from {host} refused: not in allow")
            return False
        if (
            self._max_connections
            and len(self._gates.protocols) >= self._max_connections
        ):
            self.counters.connections_refused_total += 1
            if not self._crowded:
                self._crowded = True
                self._log(
                    "warn",
                    f"{self._max_connections} connections, as many as max_connections "
                    f"allows: {host} and those who follow are refused",
                )
            return False
        if self._max_connections_each and (
            sum(gate.getPeer().host == host for gate in self._gates.gates)
            >= self._max_connections_each
        ):
            self.counters.connections_refused_total += 1
            self._complaints.say(
                host,
                f"connection from {host} refused: it has "
                f"{self._max_connections_each}, as many as one address may",
            )
            return False
        return True

    def _ready(self, gate: Gate) -> None:
        self.counters.connections += 1
        self.counters.connections_total += 1
        peer = gate.getPeer()
        self._visits.came(place_of(peer.host, peer.port))
        if self._complaints.forget(peer.host):
            self._log("info", f"{peer.host} is connected again")
        self._on_ready(gate.inner)

    def _gone(self, gate: Gate, why: str) -> None:
        if gate.ready:
            self.counters.connections -= 1
            peer = gate.getPeer()
            self._visits.left(place_of(peer.host, peer.port), why)
        elif self._running:
            self.counters.handshake_failures_total += 1
            host = gate.getPeer().host
            self._complaints.say(host, f"no TLS with {host}: {why}")
        gates = self._gates.protocols
        # Told once on leaving, and not at every connection that comes and goes at the
        # limit itself.
        if self._crowded and len(gates) < self._max_connections * 0.9:
            self._crowded = False
            self._log("info", f"{len(gates)} connections: new ones are let in again")


class _Door(ServerFactory):
    """Asks before anything is built for a connection, TLS included."""

    noisy = False

    def __init__(self, admit: Callable[[Any], bool], inner: IProtocolFactory) -> None:
        self._admit = admit
        self._inner = inner

    def buildProtocol(self, addr: Any) -> Any:
        return self._inner.buildProtocol(addr) if self._admit(addr) else None

    def doStart(self) -> None:
        self._inner.doStart()

    def doStop(self) -> None:
        self._inner.doStop()


def _within(host: str, networks: Networks) -> bool:
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return False
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return any(address in network for network in networks)
