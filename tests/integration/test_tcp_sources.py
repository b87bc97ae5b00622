"""The TCP sources over real sockets, with senders that are not ours."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import deferLater
from twisted.internet.utils import getProcessOutputAndValue

from iobuffer.acks import AutoAckConfig, BytesAckConfig, NoAckConfig
from iobuffer.framing import FRAMINGS
from iobuffer.links.tcp import socket_of
from iobuffer.sources.tcp_client import TcpClientConfig, TcpClientSource
from iobuffer.sources.tcp_server import TcpServerConfig, TcpServerSource
from iobuffer.state import Word
from tests.sources.source_fakes import SourceWorld

HL7 = b"\x0bMSH|^~\\&|A|B|C|D|20260101||ADT^A01|42|P|2.3\r\x1c\r"


async def until(reactor: Any, true: Callable[[], Any]) -> None:
    """Wait; the test's own deadline ends it if it never is."""
    while not true():
        await deferLater(reactor, 0.01)


class Sender(Protocol):
    """A plain TCP peer that keeps what it hears."""

    def __init__(self) -> None:
        self.heard = b""
        self.closed = False

    def dataReceived(self, data: bytes) -> None:
        self.heard += data

    def connectionLost(self, reason: Any = None) -> None:
        self.closed = True


async def connect(reactor: Any, port: int) -> Any:
    endpoint = TCP4ClientEndpoint(reactor, "127.0.0.1", port)
    return await endpoint.connect(Factory.forProtocol(Sender))


def server(world: SourceWorld, **options: Any) -> TcpServerSource:
    options.setdefault("framing", FRAMINGS["line"]())
    options.setdefault("ack", NoAckConfig())
    options.setdefault("port", 0)
    config = TcpServerConfig(host="127.0.0.1", **options)
    source = TcpServerSource(config, world.context)
    source.start()
    return source


def port_of(source: TcpServerSource) -> int:
    port = source.listener.port_number
    assert port is not None
    return port


async def test_ncat_gets_its_ack_although_it_has_finished_sending(
    reactor: Any, tmp_path: Any
) -> None:
    world = SourceWorld(reactor)
    source = server(world, framing=FRAMINGS["auto"](), ack=AutoAckConfig())
    (tmp_path / "hl7").write_bytes(HL7)

    out, _, code = await getProcessOutputAndValue(
        "/bin/sh",
        ("-c", f"ncat 127.0.0.1 {port_of(source)} < {tmp_path}/hl7"),
        env={"PATH": "/usr/bin:/bin"},
        reactor=reactor,
    )

    assert code == 0
    assert b"MSA|AA|42" in out
    assert world.keeper.messages == [HL7[1:-2]]
    await source.stop()
    assert world.state.word is Word.STOPPED


async def test_large_chunks_become_large_batches_in_order(reactor: Any) -> None:
    world = SourceWorld(reactor)
    source = server(world)
    sender = await connect(reactor, port_of(source))
    lines = [b"%08d " % number + b"x" * 191 for number in range(20_000)]

    sender.transport.write(b"\n".join(lines) + b"\n")
    await until(reactor, lambda: world.counters.messages_in_total == len(lines))

    assert world.keeper.messages == lines
    assert max(len(batch) for batch in world.keeper.batches) > 330
    (peer,) = source.peers()
    assert peer["messages"] == len(lines)
    assert peer["round_trip_seconds"] > 0
    assert peer["unacknowledged_bytes"] == peer["retransmits"] == 0
    sender.transport.loseConnection()
    await source.stop()


async def test_a_pressed_channel_stops_the_sender_and_loses_nothing(
    reactor: Any,
) -> None:
    world = SourceWorld(reactor)
    source = server(world)
    sender = await connect(reactor, port_of(source))
    world.keeper.pressed = True
    total = 32 * 2**20

    sender.transport.write(b"".join(b"%07d\n" % n for n in range(total // 8)))
    await until(reactor, lambda: world.counters.bytes_in_total)
    await deferLater(reactor, 0.3)
    assert world.counters.bytes_in_total <= 2**18
    assert world.counters.pauses_total == 1

    world.keeper.pressed = False
    world.channel.relieved()
    await until(reactor, lambda: world.counters.bytes_in_total == total)
    assert world.keeper.messages[-1] == b"%07d" % (total // 8 - 1)
    sender.transport.loseConnection()
    await source.stop()


async def test_pause_keeps_the_connection_and_resume_takes_what_waited(
    reactor: Any,
) -> None:
    world = SourceWorld(reactor)
    source = server(world)
    sender = await connect(reactor, port_of(source))
    await until(reactor, source.peers)

    source.pause()
    sender.transport.write(b"waits\n")
    await deferLater(reactor, 0.2)
    assert world.keeper.messages == []
    assert world.state.word is Word.PAUSED

    source.resume()
    await until(reactor, lambda: world.keeper.messages)
    assert world.keeper.messages == [b"waits"]
    assert world.state.word is Word.RUNNING
    sender.transport.loseConnection()
    await source.stop()


async def test_a_port_in_use_is_failed_until_it_is_free(reactor: Any) -> None:
    taken = socket.create_server(("127.0.0.1", 0))
    port = taken.getsockname()[1]
    world = SourceWorld(reactor)
    source = server(world, port=port)
    assert f"port {port} is in use by another program" in str(world.state.current)

    taken.close()
    await until(reactor, lambda: world.state.word is Word.RUNNING)

    assert source.listener.port_number == port
    await source.stop()


async def test_a_peer_that_vanishes_is_found_by_the_kernel(reactor: Any) -> None:
    world = SourceWorld(reactor)
    source = server(world, keepalive=12.0, user_timeout=7.0)
    sender = await connect(reactor, port_of(source))
    await until(reactor, source.peers)

    (stream,) = source.listener.protocols()
    sock = socket_of(stream.transport)
    assert sock is not None
    assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 7000
    assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1

    sender.transport.loseConnection()
    await source.stop()


async def test_who_is_not_allowed_is_closed_before_a_byte_is_read(
    reactor: Any,
) -> None:
    from ipaddress import ip_network

    world = SourceWorld(reactor)
    source = server(world, allow=(ip_network("10.0.0.0/8"),))
    sender = await connect(reactor, port_of(source))
    sender.transport.write(b"let me in\n")

    await until(reactor, lambda: sender.closed)

    assert world.counters.connections_refused_total == 1
    assert world.keeper.messages == []
    await source.stop()


async def test_a_sender_that_reads_no_answers_is_stopped(reactor: Any) -> None:
    world = SourceWorld(reactor)
    answer = BytesAckConfig(ok=b"Y" * 64, error=b"N")
    source = server(world, ack=answer)
    sender = await connect(reactor, port_of(source))
    sender.transport.pauseProducing()

    sender.transport.write(b"x\n" * 4_000_000)
    last = -1
    while last != world.counters.bytes_in_total or not last:
        last = world.counters.bytes_in_total
        await deferLater(reactor, 0.3)

    assert last < 8_000_000
    sender.transport.abortConnection()
    await until(reactor, lambda: not source.peers())
    await source.stop()


class Feed(Factory):
    """A server that sends what it is given to whoever connects."""

    noisy = False

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.connections: list[Any] = []

    def buildProtocol(self, addr: Any) -> Any:
        protocol = Sender()
        self.connections.append(protocol)
        protocol.connectionMade = (  # type: ignore[method-assign]
            lambda: protocol.transport.write(self.data)  # type: ignore[union-attr]
        )
        return protocol


def client(world: SourceWorld, port: int, **options: Any) -> TcpClientSource:
    config = TcpClientConfig(
        host="localhost",
        port=port,
        framing=FRAMINGS["line"](),
        ack=NoAckConfig(),
        **options,
    )
    source = TcpClientSource(config, world.context)
    source.start()
    return source


async def test_a_client_takes_what_the_server_sends_and_reconnects(
    reactor: Any,
) -> None:
    feed = Feed(b"one\ntwo\n")
    port = reactor.listenTCP(0, feed, interface="127.0.0.1")
    world = SourceWorld(reactor)
    source = client(world, port.getHost().port)

    await until(reactor, lambda: len(world.keeper.messages) == 2)
    assert world.state.word is Word.RUNNING
    feed.connections[0].transport.loseConnection()
    await until(reactor, lambda: len(world.keeper.messages) == 4)

    assert world.counters.reopens_total == 1
    assert world.counters.connections_total == 2
    assert source.peers()[0]["messages"] == 2
    await source.stop()
    await until(reactor, lambda: all(each.closed for each in feed.connections))
    await port.stopListening()


async def test_a_client_survives_a_server_that_is_away_at_first(reactor: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as reserved:
        number = reserved.getsockname()[1]
    world = SourceWorld(reactor)
    source = client(world, number)
    await until(reactor, lambda: "refused" in str(world.state.current))

    feed = Feed(b"hello\n")
    port = reactor.listenTCP(number, feed, interface="127.0.0.1")
    await until(reactor, lambda: world.keeper.messages)

    await source.stop()
    await until(reactor, lambda: all(each.closed for each in feed.connections))
    await port.stopListening()


async def test_a_silent_server_is_connected_anew_after_no_data_for(
    reactor: Any,
) -> None:
    feed = Feed(b"")
    port = reactor.listenTCP(0, feed, interface="127.0.0.1")
    world = SourceWorld(reactor)
    source = client(world, port.getHost().port, no_data_for=0.2)

    await until(reactor, lambda: len(feed.connections) == 2)

    await source.stop()
    await until(reactor, lambda: all(each.closed for each in feed.connections))
    await port.stopListening()


async def test_stop_answers_what_was_read_before_it_hangs_up(reactor: Any) -> None:
    world = SourceWorld(reactor)
    world.keeper.at_once = False
    source = server(world, ack=BytesAckConfig())
    sender = await connect(reactor, port_of(source))
    sender.transport.write(b"last words\n")
    await until(reactor, lambda: world.keeper.waiting)

    stopped: Deferred[None] = source.stop()
    world.keeper.commit()
    await stopped

    await until(reactor, lambda: sender.closed)
    assert sender.heard == b"\x06"
