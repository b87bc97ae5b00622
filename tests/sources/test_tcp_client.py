from __future__ import annotations

from typing import Any

from twisted.internet.error import ConnectionDone, ConnectionRefusedError
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.python.failure import Failure

from iobuffer.acks import NoAckConfig
from iobuffer.framing import FRAMINGS
from iobuffer.sources.tcp_client import TcpClientConfig, TcpClientSource, build
from iobuffer.state import Word
from tests.sources.source_fakes import SourceWorld


def started(**options: Any) -> tuple[SourceWorld, MemoryReactorClock, TcpClientSource]:
    reactor = MemoryReactorClock()
    world = SourceWorld(reactor)
    config = TcpClientConfig(
        host="192.168.1.100",
        port=6000,
        framing=FRAMINGS["line"](),
        ack=NoAckConfig(),
        **options,
    )
    source = build(config, world.context)
    source.start()
    return world, reactor, source


def connect(reactor: MemoryReactorClock) -> Any:
    protocol = reactor.tcpClients[-1][2].buildProtocol(None)
    protocol.makeConnection(StringTransport())
    return protocol


def refuse(reactor: MemoryReactorClock) -> None:
    connector: Any = None
    reactor.tcpClients[-1][2].clientConnectionFailed(
        connector, Failure(ConnectionRefusedError())
    )


def test_it_takes_what_the_server_sends() -> None:
    world, reactor, source = started()

    connect(reactor).dataReceived(b"one\ntwo\n")

    assert world.keeper.messages == [b"one", b"two"]
    assert world.counters.connections == 1
    assert source.peers()[0]["messages"] == 2


def test_a_lost_connection_is_dialled_again_and_counted() -> None:
    world, reactor, _ = started()
    connect(reactor).connectionLost(Failure(ConnectionDone()))
    assert world.counters.connections == 0
    assert world.state.word is Word.WAITING

    reactor.advance(0.5)
    connect(reactor)

    assert world.counters.reopens_total == 1
    assert world.counters.connections_total == 2


def test_the_first_bytes_shorten_the_pauses_again() -> None:
    _, reactor, _ = started()
    for _ in range(5):
        refuse(reactor)
        reactor.advance(60.0)
    protocol = connect(reactor)
    protocol.dataReceived(b"x\n")

    protocol.connectionLost(Failure(ConnectionDone()))

    (call,) = reactor.getDelayedCalls()
    assert call.getTime() - reactor.seconds() <= 0.5


def test_stop_between_attempts_dials_no_more() -> None:
    world, reactor, source = started()
    refuse(reactor)

    source.stop()

    assert world.state.word is Word.STOPPED
    assert not reactor.getDelayedCalls()


def test_timings_that_make_no_sense_are_problems() -> None:
    config = TcpClientConfig(host="x", port=1, connect_timeout=0.0, retry_max=0.1)

    assert [name for name, _ in config.problems()] == ["connect_timeout", "retry_max"]
