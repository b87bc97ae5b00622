"""The codec against the server that pyserial brings along, and against bad ones."""

from __future__ import annotations

import logging
from typing import Any

import pytest
import serial
import serial.rfc2217
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IPushProducer
from twisted.internet.protocol import Protocol, connectionDone
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from zope.interface import implementer

from iobuffer.links.rfc2217 import Rfc2217
from iobuffer.links.serial_options import SerialOptions

IAC_SB, IAC_SE = b"\xff\xfa", b"\xff\xf0"
DO_COM_PORT = b"\xff\xfd\x2c"


def settings(**options: Any) -> Any:
    return SerialOptions(port="rfc2217://nport-3:4001", **options).settings


class Inner(Protocol):
    """What is within: it remembers."""

    def __init__(self) -> None:
        self.made = 0
        self.lost = 0
        self.chunks = b""

    def connectionMade(self) -> None:
        self.made += 1

    def dataReceived(self, data: bytes) -> None:
        self.chunks += data

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.lost += 1


class Client:
    """A codec on a string transport."""

    def __init__(self, **options: Any) -> None:
        self.clock = Clock()
        self.inner = Inner()
        self.told: list[str] = []
        self.transport = StringTransport()
        self.codec = Rfc2217(
            self.inner,
            settings(**options),
            reactor=self.clock,
            on_set=lambda codec: self.told.append("set"),
            on_refused=self.told.append,
        )
        self.codec.makeConnection(self.transport)

    def sent(self) -> bytes:
        value = self.transport.value()
        self.transport.clear()
        return value

    def answer(self, command: int, value: bytes) -> None:
        body = bytes((44, command + 100)) + value.replace(b"\xff", b"\xff\xff")
        self.codec.dataReceived(IAC_SB + body + IAC_SE)

    def set_up(self) -> None:
        self.codec.dataReceived(DO_COM_PORT)
        for command, value in self.codec._wanted.items():
            self.answer(command, value)
        assert self.told == ["set"]
        self.sent()


class Server:
    """pyserial's own server side on a loop:// port."""

    def __init__(self) -> None:
        self.port = serial.serial_for_url("loop://", timeout=0)
        self.out = b""
        self.manager = serial.rfc2217.PortManager(
            self.port, self, logger=logging.getLogger("rfc2217")
        )

    def write(self, data: bytes) -> None:
        self.out += bytes(data)

    def feed(self, data: bytes) -> bytes:
        return b"".join(self.manager.filter(data))

    def take(self) -> bytes:
        out, self.out = self.out, b""
        return out


def _converse(client: Client, server: Server, *, step: int = 1 << 20) -> None:
    """Carry bytes to and fro until both are silent, in pieces of `step`."""
    while True:
        up, down = client.sent(), server.take()
        if not up and not down:
            return
        for at in range(0, len(up), step):
            server.feed(up[at : at + step])
        for at in range(0, len(down), step):
            client.codec.dataReceived(down[at : at + step])


# -- against pyserial ------------------------------------------------------------------


@pytest.mark.parametrize("step", [1, 2, 3, 7, 1 << 20])
def test_the_server_s_line_is_set_as_configured(step: int) -> None:
    client, server = Client(), Server()
    client = Client(
        baud_rate=19200,
        data_bits=7,
        parity="Even",
        stop_bits=2,
        flow_control="RTS/CTS",
    )
    _converse(client, server, step=step)
    assert client.told == ["set"]
    assert client.inner.made == 1
    line = server.port
    assert (line.baudrate, line.bytesize, line.parity, line.stopbits, line.rtscts) == (
        19200,
        7,
        "E",
        2,
        True,
    )
    assert client.clock.getDelayedCalls() == []


def test_a_baud_rate_that_holds_ff_is_set_too() -> None:
    """65535 = 00 00 FF FF: doubled both ways."""
    client, server = Client(baud_rate=65535), Server()
    _converse(client, server)
    assert client.told == ["set"]
    assert server.port.baudrate == 65535


def test_every_byte_passes_unchanged_both_ways() -> None:
    client, server = Client(), Server()
    _converse(client, server)
    everything = bytes(range(256)) + b"\r\n\r\0\xff\xff\xfe"
    client.codec.write(everything)
    assert server.feed(client.sent()) == everything
    wire = b"".join(server.manager.escape(everything))
    for at in range(len(wire)):
        client.codec.dataReceived(wire[at : at + 1])
    assert client.inner.chunks == everything


# -- against others --------------------------------------------------------------------


def test_nothing_passes_before_the_line_is_set() -> None:
    client = Client()
    client.codec.dataReceived(b"at the wrong baud rate" + DO_COM_PORT)
    assert (client.inner.made, client.inner.chunks) == (0, b"")
    client.set_up()
    client.codec.dataReceived(b"clean")
    assert client.inner.chunks == b"clean"


def test_a_server_that_sets_something_else_is_refused_with_what_it_does() -> None:
    client = Client(data_bits=7, parity="Even")
    client.codec.dataReceived(DO_COM_PORT)
    client.answer(3, b"\x01")
    (reason,) = client.told
    assert "parity" in reason
    assert "9600 7E1" in reason
    assert reason.endswith("answers N")


def test_a_server_without_com_port_is_refused_with_the_remedy() -> None:
    client = Client()
    client.codec.dataReceived(b"\xff\xfe\x2c")
    assert "socket://" in client.told[0]


def test_a_server_without_binary_mode_is_refused() -> None:
    client = Client()
    client.codec.dataReceived(b"\xff\xfc\x00")
    assert "binary" in client.told[0]


def test_a_server_that_says_nothing_is_refused_after_a_while() -> None:
    client = Client()
    client.clock.advance(5.0)
    assert "socket://" in client.told[0]
    client = Client()
    client.codec.dataReceived(DO_COM_PORT)
    client.answer(1, (9600).to_bytes(4, "big"))
    client.clock.advance(5.0)
    assert "data_bits, parity, stop_bits, flow_control" in client.told[0]


def test_a_command_that_never_ends_takes_no_memory() -> None:
    client = Client()
    for _ in range(100):
        client.codec.dataReceived(IAC_SB + b"x" * 100)
    assert len(client.told) == 1
    assert len(client.codec._rest) < 2000


def test_other_options_are_refused_once() -> None:
    client = Client()
    client.sent()
    for _ in range(3):
        client.codec.dataReceived(b"\xff\xfb\x01\xff\xfd\x18")
    assert client.sent() == b"\xff\xfe\x01\xff\xfc\x18"


def test_what_was_never_connected_is_not_lost() -> None:
    client = Client()
    client.codec.connectionLost(Failure(ConnectionDone()))
    assert client.inner.lost == 0
    assert client.clock.getDelayedCalls() == []
    client = Client()
    client.set_up()
    client.codec.connectionLost(Failure(ConnectionDone()))
    assert client.inner.lost == 1


def test_line_errors_that_the_server_reports_are_counted() -> None:
    client = Client()
    client.set_up()
    client.codec.dataReceived(IAC_SB + b"\x2c\x6a\x0c" + IAC_SE)
    client.codec.dataReceived(IAC_SB + b"\x2c\x6a\x04" + IAC_SE)
    assert client.codec.line_errors == {
        "overruns": 0,
        "parity_errors": 2,
        "framing_errors": 1,
        "breaks": 0,
    }


@implementer(IPushProducer)
class Producer:
    def __init__(self) -> None:
        self.told: list[str] = []

    def pauseProducing(self) -> None:
        self.told.append("pause")

    def resumeProducing(self) -> None:
        self.told.append("resume")

    def stopProducing(self) -> None:
        self.told.append("stop")


def test_a_server_with_a_full_line_holds_up_the_writer() -> None:
    client = Client()
    client.set_up()
    producer = Producer()
    client.codec.registerProducer(producer, True)
    client.codec.dataReceived(IAC_SB + b"\x2c\x6c" + IAC_SE)
    client.codec.dataReceived(IAC_SB + b"\x2c\x6d" + IAC_SE)
    assert producer.told == ["pause", "resume"]
