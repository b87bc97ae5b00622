"""Serial lines: socat's pty pairs, unplugged and plugged in again; terminal servers."""

from __future__ import annotations

import logging
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import serial
import serial.rfc2217
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import deferLater

from iobuffer.acks import ACKS
from iobuffer.channel import Confidence
from iobuffer.destinations import serial as serial_destination
from iobuffer.destinations.base import LinkLost, Refused
from iobuffer.framing import FRAMINGS
from iobuffer.sources import serial as serial_source
from iobuffer.state import Word
from tests.destinations.fakes import LinkBench, batch_of, link_bench
from tests.sources.udp_fakes import Bench, bench


class Cable:
    """A null-modem cable: `near` is ours, `far` the device's end."""

    def __init__(self, folder: Path) -> None:
        self.near = folder / "near"
        self._far_path = folder / "far"
        self._socat: subprocess.Popen[bytes] | None = None
        self.far = -1

    def plug_in(self) -> None:
        self._socat = subprocess.Popen(
            [
                "socat",
                f"pty,raw,echo=0,link={self.near}",
                f"pty,raw,echo=0,link={self._far_path}",
            ],
            stderr=subprocess.DEVNULL,
        )
        while not (self.near.exists() and self._far_path.exists()):
            assert self._socat.poll() is None
        self.far = os.open(self._far_path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)

    def pull_out(self) -> None:
        if self._socat is not None:
            self._socat.kill()
            self._socat.wait()
            self._socat = None
            os.close(self.far)
        for path in (self.near, self._far_path):
            path.unlink(missing_ok=True)

    def send(self, data: bytes) -> None:
        assert os.write(self.far, data) == len(data)

    def heard(self) -> bytes:
        try:
            return os.read(self.far, 65536)
        except BlockingIOError:
            return b""


@pytest.fixture
def cable(tmp_path: Path) -> Iterator[Cable]:
    cable = Cable(tmp_path)
    cable.plug_in()
    yield cable
    cable.pull_out()


async def _until(reactor: Any, condition: Any) -> None:
    while not condition():
        await deferLater(reactor, 0.005, lambda: None)


def _source(
    reactor: Any, port: Path | str, **options: Any
) -> tuple[serial_source.SerialSource, Bench]:
    where = bench(reactor)
    options.setdefault("retry_max", 0.1)
    config = serial_source.SerialConfig(port=str(port), **options)
    source = serial_source.build(config, where.context)
    source.start()
    return source, where


# -- source ----------------------------------------------------------------------------


async def test_lines_are_heard_whatever_the_pieces(reactor: Any, cable: Cable) -> None:
    source, where = _source(reactor, cable.near)
    assert where.context.state.word is Word.RUNNING
    assert where.context.state.current.reason == f"{cable.near} is open, 9600 8N1"
    cable.send(b"4006381")
    await deferLater(reactor, 0.02, lambda: None)
    cable.send(b"333931\r\nnext\r\n")
    await _until(reactor, lambda: len(where.keeper.messages) == 2)
    assert where.keeper.messages == [b"4006381333931", b"next"]
    assert where.keeper.batches[0].peers[0][0] == str(cable.near)
    (peer,) = source.peers()
    assert (peer["peer"], peer["framing"]) == (str(cable.near), "line")
    await source.stop()
    assert where.context.state.word is Word.STOPPED


async def test_a_line_that_was_unplugged_is_opened_again_and_goes_on(
    reactor: Any, cable: Cable
) -> None:
    source, where = _source(reactor, cable.near, framing=FRAMINGS["line"]())
    state = where.context.state
    for round_ in range(3):
        cable.send(b"whole %d\npart" % round_)
        await _until(reactor, lambda n=round_: len(where.keeper.messages) > n)
        cable.pull_out()
        await _until(reactor, lambda: state.word is Word.FAILED)
        assert "no such device" in state.current.reason
        assert where.counters.connections == 0
        cable.plug_in()
        await _until(reactor, lambda: state.word is Word.RUNNING)
    assert where.counters.reopens_total == 3
    assert where.keeper.messages[0] == b"whole 0"
    assert b"whole 2" in where.keeper.messages
    counters = where.counters
    assert counters.bytes_in_total == (
        counters.framed_bytes_total
        + counters.skipped_bytes_total
        + counters.partial_bytes
    )
    await source.stop()


async def test_a_scanner_hears_its_answer_after_the_commit_and_not_before(
    reactor: Any, cable: Cable
) -> None:
    ack = ACKS["bytes"]()
    source, where = _source(
        reactor, cable.near, framing=FRAMINGS["line"](), ack=ack, baud_rate=115200
    )
    where.keeper.holds = True
    cable.send(b"barcode\r\n")
    await _until(reactor, lambda: where.keeper.held)
    await deferLater(reactor, 0.05, lambda: None)
    assert cable.heard() == b""
    where.keeper.holds = False
    where.keeper.commit()
    heard = b""
    while not heard:
        await deferLater(reactor, 0.005, lambda: None)
        heard = cable.heard()
    assert heard == b"\x06"
    where.keeper.refuses = True
    cable.send(b"again\r\n")
    heard = b""
    while not heard:
        await deferLater(reactor, 0.005, lambda: None)
        heard = cable.heard()
    assert heard == b"\x15"
    await source.stop()


async def test_a_line_that_fell_silent_is_closed_and_opened(
    reactor: Any, cable: Cable
) -> None:
    source, where = _source(reactor, cable.near, no_data_for=0.1)
    await _until(reactor, lambda: where.counters.reopens_total >= 2)
    cable.send(b"still there\n")
    await _until(reactor, lambda: where.keeper.messages)
    await source.stop()


async def test_a_device_in_two_channels_is_failed_in_the_second(
    reactor: Any, cable: Cable
) -> None:
    source, _ = _source(reactor, cable.near)
    other, where = _source(reactor, cable.near)
    assert where.context.state.word is Word.FAILED
    assert "in use" in where.context.state.current.reason
    await source.stop()
    await _until(reactor, lambda: where.context.state.word is Word.RUNNING)
    await other.stop()


async def test_settings_that_the_driver_refuses_are_failed_with_them_named(
    reactor: Any, cable: Cable
) -> None:
    source, where = _source(reactor, cable.near, data_bits=7, parity="Even")
    assert where.context.state.word is Word.FAILED
    assert "9600 7E1" in where.context.state.current.reason
    await source.stop()


async def test_pause_holds_and_resume_goes_on(reactor: Any, cable: Cable) -> None:
    source, where = _source(reactor, cable.near, framing=FRAMINGS["line"]())
    source.pause()
    assert where.context.state.word is Word.PAUSED
    cable.send(b"held\n")
    await deferLater(reactor, 0.05, lambda: None)
    assert where.keeper.messages == []
    source.resume()
    await _until(reactor, lambda: where.keeper.messages == [b"held"])
    assert where.context.state.word is Word.RUNNING
    await source.stop()


async def test_xon_xoff_with_a_binary_framing_is_warned_of(
    reactor: Any, cable: Cable
) -> None:
    source, where = _source(
        reactor,
        cable.near,
        flow_control="XON/XOFF",
        framing=FRAMINGS["fixed"](length=4),
    )
    assert "RTS/CTS" in where.logged[0][1]
    await source.stop()


# -- destination -----------------------------------------------------------------------


def _link(
    reactor: Any, port: Path | str, **options: Any
) -> tuple[serial_destination.SerialLink, LinkBench]:
    where = link_bench(reactor, FRAMINGS["line"]())
    options.setdefault("retry_max", 0.5)
    config = serial_destination.SerialConfig(port=str(port), **options)
    link = serial_destination.build(config, where.context)
    link.start(where.user)
    return link, where


async def test_messages_go_out_framed_and_count_as_sent(
    reactor: Any, cable: Cable
) -> None:
    link, where = _link(reactor, cable.near)
    assert where.user.told == ["up"]
    assert await link.send(batch_of(b"a", b"b")) is Confidence.SENT
    heard = b""
    while len(heard) < 4:
        await deferLater(reactor, 0.005, lambda: None)
        heard += cable.heard()
    assert heard == b"a\nb\n"
    refused = link.send(batch_of(b"c", b"d\ne", b"f"))
    # What follows must not overtake what becomes of the refused one.
    assert not link.writable
    with pytest.raises(Refused) as caught:
        await refused
    assert caught.value.index == 1
    assert link.writable
    assert await link.send(batch_of(b"g")) is Confidence.SENT
    await link.stop()
    assert where.state.word is Word.STOPPED


async def test_with_answers_each_message_waits_for_its_own(
    reactor: Any, cable: Cable
) -> None:
    link, _ = _link(reactor, cable.near, ack=ACKS["bytes"]())
    done = link.send(batch_of(b"a", b"b"))
    heard = b""
    for expected in (b"a\n", b"a\nb\n"):
        while heard != expected:
            await deferLater(reactor, 0.005, lambda: None)
            heard += cable.heard()
        assert not done.called
        cable.send(b"\x06")
    assert await done is Confidence.ACKNOWLEDGED
    done = link.send(batch_of(b"c"))
    await deferLater(reactor, 0.02, lambda: None)
    cable.send(b"\x15")
    with pytest.raises(Refused):
        await done
    await link.stop()


async def test_a_device_that_stops_reading_holds_back_and_takes_all_later(
    reactor: Any, cable: Cable
) -> None:
    link, where = _link(reactor, cable.near)
    outcomes: list[Any] = []
    sent = 0
    while link.writable and sent < 100:
        link.send(batch_of(b"x" * 65_535)).addBoth(outcomes.append)
        sent += 1
        await deferLater(reactor, 0.005, lambda: None)
    assert sent < 100, "memory is bounded"
    heard = 0
    while heard < sent * 65_536:
        heard += len(cable.heard())
        await deferLater(reactor, 0, lambda: None)
    await _until(reactor, lambda: len(outcomes) == sent)
    assert set(outcomes) == {Confidence.SENT}
    assert where.user.told.count("up") >= 2
    await link.stop()


async def test_what_was_not_sent_when_the_line_went_fails_and_the_line_comes_back(
    reactor: Any, cable: Cable
) -> None:
    link, where = _link(reactor, cable.near)
    failed = link.send(batch_of(*(b"%06d" % n for n in range(100_000))))
    await deferLater(reactor, 0.05, lambda: None)
    cable.pull_out()
    with pytest.raises(LinkLost) as caught:
        await failed
    assert caught.value.confidence is Confidence.SENT
    assert caught.value.delivered < 100_000
    await _until(reactor, lambda: where.user.told[-1].startswith("down: "))
    assert not link.writable
    cable.plug_in()
    await _until(reactor, lambda: link.writable)
    assert await link.send(batch_of(b"again")) is Confidence.SENT
    assert where.counters.connects_total == 2
    await link.stop()


async def test_stop_does_not_wait_for_a_device_that_does_not_read(
    reactor: Any, cable: Cable
) -> None:
    link, _ = _link(reactor, cable.near)
    waiting = link.send(batch_of(b"x" * 1_000_000))
    waiting.addErrback(lambda failure: failure.trap(LinkLost) and None)
    began = reactor.seconds()
    await link.stop()
    assert reactor.seconds() - began < 5.0


# -- terminal servers ------------------------------------------------------------------


class TerminalServer(Protocol):
    """pyserial's own RFC 2217 server, on a loop:// port that stands for the device."""

    def connectionMade(self) -> None:
        self.factory.open.append(self)  # type: ignore[attr-defined, union-attr]
        self.device = serial.serial_for_url("loop://", timeout=0)
        self.manager = serial.rfc2217.PortManager(
            self.device,
            self,
            logger=logging.getLogger("rfc2217"),
        )

    def write(self, data: bytes) -> None:
        assert self.transport is not None
        self.transport.write(bytes(data))

    def dataReceived(self, data: bytes) -> None:
        self.device.write(b"".join(self.manager.filter(data)))

    def device_sends(self, data: bytes) -> None:
        self.write(b"".join(self.manager.escape(data)))

    def connectionLost(self, reason: Any = None) -> None:
        self.factory.open.remove(self)  # type: ignore[attr-defined, union-attr]


def _listen(reactor: Any, protocol: type[Protocol]) -> tuple[Any, Any]:
    factory: Any = Factory.forProtocol(protocol)
    factory.noisy = False
    factory.open = []
    return factory, reactor.listenTCP(0, factory, interface="127.0.0.1")


async def test_a_line_behind_rfc2217_is_set_and_read(reactor: Any) -> None:
    factory, listening = _listen(reactor, TerminalServer)
    source, where = _source(
        reactor,
        f"rfc2217://127.0.0.1:{listening.getHost().port}",
        baud_rate=4800,
        data_bits=7,
        parity="Even",
        framing=FRAMINGS["line"](),
        ack=ACKS["bytes"](ok=b"\xff", error=b"\x15"),
    )
    state = where.context.state
    await _until(reactor, lambda: state.word is Word.RUNNING)
    assert "4800 7E1" in state.current.reason
    server = factory.open[0]
    assert (server.device.baudrate, server.device.parity) == (4800, "E")
    server.device.reset_input_buffer()
    server.device_sends(b"\xff\xfe binary\n")
    await _until(reactor, lambda: where.keeper.messages == [b"\xff\xfe binary"])
    await _until(reactor, lambda: server.device.in_waiting)
    assert server.device.read(10) == b"\xff"
    server.transport.abortConnection()
    await _until(reactor, lambda: where.counters.reopens_total == 1)
    await _until(reactor, lambda: state.word is Word.RUNNING)
    await source.stop()
    await listening.stopListening()
    await _until(reactor, lambda: not factory.open)


class Deaf(Protocol):
    """Answers every option with no."""

    def connectionMade(self) -> None:
        assert self.transport is not None
        self.factory.open.append(self)  # type: ignore[attr-defined, union-attr]
        self.transport.write(b"\xff\xfe\x2c")

    def connectionLost(self, reason: Any = None) -> None:
        self.factory.open.remove(self)  # type: ignore[attr-defined, union-attr]


async def test_a_terminal_server_without_rfc2217_is_failed_with_the_remedy(
    reactor: Any,
) -> None:
    factory, listening = _listen(reactor, Deaf)
    port = f"rfc2217://127.0.0.1:{listening.getHost().port}"
    source, where = _source(reactor, port)
    state = where.context.state
    await _until(reactor, lambda: state.word is Word.FAILED)
    assert "socket://" in state.current.reason
    assert where.counters.connections_total == 0
    await source.stop()
    await listening.stopListening()
    await _until(reactor, lambda: not factory.open)


class Raw(Protocol):
    """A raw port: what it hears is kept."""

    def connectionMade(self) -> None:
        self.heard = b""
        self.factory.open.append(self)  # type: ignore[attr-defined, union-attr]

    def dataReceived(self, data: bytes) -> None:
        self.heard += data

    def connectionLost(self, reason: Any = None) -> None:
        self.factory.open.remove(self)  # type: ignore[attr-defined, union-attr]


async def test_a_raw_port_is_written_to_and_counts_as_sent(reactor: Any) -> None:
    factory, listening = _listen(reactor, Raw)
    link, where = _link(reactor, f"socket://127.0.0.1:{listening.getHost().port}")
    await _until(reactor, lambda: link.writable)
    assert await link.send(batch_of(b"\xff", b"b")) is Confidence.SENT
    await _until(reactor, lambda: factory.open[0].heard == b"\xff\nb\n")
    factory.open[0].transport.loseConnection()
    await _until(reactor, lambda: where.user.told[-1].startswith("down: "))
    await _until(reactor, lambda: link.writable)
    await link.stop()
    await listening.stopListening()
    await _until(reactor, lambda: not factory.open)


@pytest.mark.skipif(shutil.which("ser2net") is None, reason="needs ser2net")
async def test_ser2net_s_rfc2217_carries_a_line_both_ways(
    reactor: Any, cable: Cable, tmp_path: Path
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        number = free.getsockname()[1]
    config = tmp_path / "ser2net.yaml"
    config.write_text(
        "connection: &line\n"
        f"  accepter: telnet(rfc2217),tcp,127.0.0.1,{number}\n"
        f"  connector: serialdev,{cable.near},9600n81,local\n"
    )
    # It removes its pid file at the end: that must never be /dev/null.
    pid_file = tmp_path / "ser2net.pid"
    server = subprocess.Popen(["ser2net", "-n", "-c", config, "-P", pid_file])
    try:
        source, where = _source(
            reactor,
            f"rfc2217://127.0.0.1:{number}",
            baud_rate=19200,
            framing=FRAMINGS["line"](),
            ack=ACKS["bytes"](ok=b"\xff\r\n", error=b"\x15"),
        )
        state = where.context.state
        await _until(reactor, lambda: state.word is Word.RUNNING)
        everything = bytes(set(range(256)) - {10, 13})
        cable.send(everything + b"\r\n")
        await _until(reactor, lambda: where.keeper.messages)
        assert where.keeper.messages == [everything]
        heard = b""
        while len(heard) < 3:
            await deferLater(reactor, 0.005, lambda: None)
            heard += cable.heard()
        assert heard == b"\xff\r\n"
        await source.stop()
    finally:
        server.terminate()
        server.wait()
