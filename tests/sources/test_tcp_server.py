from __future__ import annotations

from twisted.internet.address import IPv4Address
from twisted.internet.testing import MemoryReactorClock, StringTransport

from iobuffer.acks import NoAckConfig
from iobuffer.framing import FRAMINGS
from iobuffer.links.tls import TlsConfig
from iobuffer.sources.tcp_server import TcpServerConfig, build
from iobuffer.state import Word
from tests.sources.source_fakes import SourceWorld


def test_tls_without_a_certificate_is_a_problem() -> None:
    config = TcpServerConfig(port=5000, tls=TlsConfig(enabled=True))

    assert [name for name, _ in config.problems()] == ["tls.cert"]


def test_timings_that_make_no_sense_are_problems() -> None:
    config = TcpServerConfig(
        port=5000, handshake_timeout=0.0, retry_max=0.1, keepalive=0.5
    )

    assert [name for name, _ in config.problems()] == [
        "keepalive",
        "handshake_timeout",
        "retry_max",
    ]


def test_defaults_are_no_problem() -> None:
    assert not list(TcpServerConfig(port=5000).problems())


def test_it_listens_takes_messages_pauses_and_stops() -> None:
    reactor = MemoryReactorClock()
    world = SourceWorld(reactor)
    source = build(
        TcpServerConfig(
            port=5000,
            host="127.0.0.1",
            framing=FRAMINGS["line"](),
            ack=NoAckConfig(),
        ),
        world.context,
    )
    source.start()
    assert str(world.state.current).startswith("running: listening on 127.0.0.1:")

    address = IPv4Address("TCP", "10.0.0.1", 40000)
    gate = reactor.tcpServers[0][1].buildProtocol(address)
    transport = StringTransport(peerAddress=address)
    gate.makeConnection(transport)
    gate.dataReceived(b"one\n")
    assert world.keeper.messages == [b"one"]
    assert world.counters.connections == 1

    source.pause()
    assert transport.producerState == "paused"
    assert world.state.word is Word.PAUSED

    source.resume()
    assert transport.producerState == "producing"
    assert world.state.word is Word.RUNNING

    source.stop()
    assert transport.disconnecting
