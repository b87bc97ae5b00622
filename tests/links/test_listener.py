from __future__ import annotations

import errno
from ipaddress import ip_network
from typing import Any

import pytest
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.error import CannotListenError, ConnectionDone
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.python.failure import Failure

from iobuffer.links.backoff import Backoff
from iobuffer.links.listener import Listener
from iobuffer.links.tcp import TcpTuning
from iobuffer.links.tls import TlsConfig
from iobuffer.state import StateCell, Word


class _Reactor(MemoryReactorClock):
    """Cannot listen while `trouble` is set."""

    def __init__(self) -> None:
        super().__init__()
        self.trouble: int | None = None

    def listenTCP(  # type: ignore[override]
        self, port: int, factory: Any, backlog: int = 50, interface: str = ""
    ) -> Any:
        if self.trouble is not None:
            raise CannotListenError(interface, port, OSError(self.trouble, "no"))
        return super().listenTCP(port, factory, backlog, interface)


class World:
    def __init__(self, **options: Any) -> None:
        self.reactor = _Reactor()
        self.state = StateCell(lambda: 0.0, lambda old, new: None)
        self.log: list[str] = []
        self.listener = Listener(
            self.reactor,
            "0.0.0.0",
            options.pop("port", 5000),
            tls=options.pop("tls", None),
            tuning=TcpTuning(),
            factory=Factory.forProtocol(Protocol),
            state=self.state,
            backoff=Backoff(initial_seconds=4.0, random=lambda: 0.0),
            log=lambda level, text: self.log.append(text),
            **options,
        )

    def knock(self, host: str) -> Any:
        """A connection from there: its protocol, or None if it was refused."""
        kind = IPv6Address if ":" in host else IPv4Address
        address = kind("TCP", host, 40000)
        factory = self.reactor.tcpServers[-1][1]
        protocol = factory.buildProtocol(address)
        if protocol is not None:
            protocol.makeConnection(StringTransport(peerAddress=address))
        return protocol


def test_a_port_in_use_is_failed_and_tried_again_until_it_is_free() -> None:
    world = World()
    world.reactor.trouble = errno.EADDRINUSE

    world.listener.start()
    assert str(world.state.current) == (
        "failed: port 5000 is in use by another program or channel; trying again in 4 s"
    )

    world.reactor.advance(4.0)
    assert world.state.word is Word.FAILED

    world.reactor.trouble = None
    world.reactor.advance(8.0)
    assert world.state.word is Word.RUNNING


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.EACCES, "CAP_NET_BIND_SERVICE"),
        (errno.EADDRNOTAVAIL, "Address 0.0.0.0 is not one of this machine"),
        (errno.ENOBUFS, "No buffer space"),
    ],
)
def test_why_it_cannot_listen_comes_with_the_remedy(number: int, words: str) -> None:
    world = World(port=514)
    world.reactor.trouble = number

    world.listener.start()

    assert words in world.state.current.reason


def test_a_missing_certificate_is_failed_and_tried_again(tmp_path: Any) -> None:
    cert = str(tmp_path / "chem.pem")
    world = World(tls=TlsConfig(enabled=True, cert=cert))

    world.listener.start()

    assert world.state.current.reason == (
        f"certificate {cert} is not there; trying again in 4 s"
    )
    assert len(world.reactor.getDelayedCalls()) == 1


def test_only_allowed_networks_come_in_and_others_are_logged_once() -> None:
    world = World(allow=(ip_network("10.1.0.0/16"), ip_network("fd00::/8")))
    world.listener.start()

    for _ in range(5):
        assert world.knock("192.168.7.20") is None
    assert world.knock("10.1.2.3") is not None
    assert world.knock("fd00::1") is not None

    assert world.log == ["connection from 192.168.7.20 refused: not in allow"]
    assert world.listener.counters.connections_refused_total == 5


def test_ipv4_through_an_ipv6_socket_is_looked_up_as_ipv4() -> None:
    world = World(allow=(ip_network("10.1.0.0/16"),))
    world.listener.start()

    assert world.knock("::ffff:10.1.2.3") is not None
    assert world.knock("::ffff:10.2.2.3") is None


def test_one_address_cannot_take_every_connection() -> None:
    world = World(max_connections=10, max_connections_each=2)
    world.listener.start()
    assert all([world.knock("10.0.0.1"), world.knock("10.0.0.1")])
    assert world.knock("10.0.0.1") is None
    assert world.knock("10.0.0.2") is not None
    assert world.listener.counters.connections_refused_total == 1
    assert "10.0.0.1 refused: it has 2" in world.log[-1]


def test_beyond_max_connections_they_are_refused_and_that_is_logged_once() -> None:
    world = World(max_connections=2)
    world.listener.start()
    first = world.knock("10.0.0.1")
    world.knock("10.0.0.2")

    for _ in range(3):
        assert world.knock("10.0.0.3") is None
    assert len(world.log) == 1

    first.connectionLost(Failure(ConnectionDone()))
    assert world.knock("10.0.0.3") is not None
    assert len(world.log) == 2
    assert world.listener.counters.connections_refused_total == 3


def test_connections_are_counted_while_they_last() -> None:
    world = World()
    world.listener.start()
    first = world.knock("10.0.0.1")
    world.knock("10.0.0.2")
    assert world.listener.counters.connections == 2
    assert len(world.listener.protocols()) == 2

    first.connectionLost(Failure(ConnectionDone()))

    assert world.listener.counters.connections == 1
    assert world.listener.counters.connections_total == 2


def test_stop_closes_port_and_connections_and_leaves_no_timer() -> None:
    world = World()
    world.listener.start()
    gate = world.knock("10.0.0.1")

    stopped = world.listener.stop()
    done: list[object] = []
    stopped.addCallback(done.append)
    assert gate.transport.disconnecting
    assert not done

    gate.connectionLost(Failure(ConnectionDone()))
    assert done
    assert not world.reactor.getDelayedCalls()


def test_each_who_stops_it_is_told_once_all_have_gone() -> None:
    world = World()
    world.listener.start()
    gates = [world.knock("10.0.0.1"), world.knock("10.0.0.2")]
    stopped = [world.listener.stop(), world.listener.stop()]

    gates[0].connectionLost(Failure(ConnectionDone()))
    assert not any(one.called and not one.paused for one in stopped)

    gates[1].connectionLost(Failure(ConnectionDone()))
    assert all(one.called and not one.paused for one in stopped)


def test_stop_while_it_cannot_listen_leaves_no_timer() -> None:
    world = World()
    world.reactor.trouble = errno.EADDRINUSE
    world.listener.start()

    assert world.listener.stop().called
    assert not world.reactor.getDelayedCalls()
