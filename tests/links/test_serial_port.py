"""Options, words and the device, with a driver that the test plays."""

from __future__ import annotations

import errno
import os
import pty
import termios
import tty
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import serial
from twisted.internet.protocol import Protocol
from twisted.internet.task import Clock

from iobuffer.links.backoff import Backoff
from iobuffer.links.serial_device import Device, LineSettings, Rs485
from iobuffer.links.serial_options import (
    Rs485Config,
    SerialOptions,
    network_place,
)
from iobuffer.links.serial_port import DeviceLine, NetworkLine, make_line
from iobuffer.links.serial_words import advice_on_name, present_devices, why_not
from iobuffer.options import specs
from iobuffer.state import Word

EIGHT_N_ONE = SerialOptions(port="/dev/ttyS0").settings


class ReaderClock(Clock):
    """A Clock where descriptors can be registered, and nothing comes of it."""

    def __init__(self) -> None:
        super().__init__()
        self.readers: set[Any] = set()
        self.writers: set[Any] = set()

    def addReader(self, reader: Any) -> None:
        self.readers.add(reader)

    def removeReader(self, reader: Any) -> None:
        self.readers.discard(reader)

    def addWriter(self, writer: Any) -> None:
        self.writers.add(writer)

    def removeWriter(self, writer: Any) -> None:
        self.writers.discard(writer)


@pytest.fixture
def line() -> Iterator[tuple[int, str]]:
    """A pty: the far end's descriptor, and the near end's name."""
    far, near = pty.openpty()
    tty.setraw(near)
    name = os.ttyname(near)
    os.close(near)
    yield far, name
    os.close(far)


# -- options ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("option", "written", "value"),
    [
        ("parity", "none", "None"),
        ("parity", "MARK", "Mark"),
        ("data_bits", 8, 8),
        ("data_bits", "7", 7),
        ("stop_bits", 1, 1),
        ("stop_bits", "1.5", 1.5),
        ("stop_bits", 2.0, 2),
        ("flow_control", "rts/cts", "RTS/CTS"),
        ("flow_control", "Xon/Xoff", "XON/XOFF"),
        ("baud_rate", "115200", 115200),
        ("baud_rate", 12345, 12345),
        ("port", "COM3", "COM3"),
    ],
)
def test_values_are_read_as_the_page_writes_them(
    option: str, written: Any, value: Any
) -> None:
    _, spec = specs(SerialOptions)[option]
    assert spec.converter.parse(written) == value  # type: ignore[union-attr]


def test_the_page_s_options_become_the_driver_s() -> None:
    options = SerialOptions(
        port="/dev/ttyS0",
        baud_rate=19200,
        data_bits=7,
        parity="Even",
        stop_bits=2,
        flow_control="RTS/CTS",
        rs485=Rs485Config(enabled=True, delay_before_tx=0.002, loopback=True),
    )
    assert options.settings == LineSettings(
        baud_rate=19200,
        data_bits=7,
        parity="E",
        stop_bits=2,
        xon_xoff=False,
        rts_cts=True,
        rs485=Rs485(
            rts_level_for_tx=True,
            rts_level_for_rx=False,
            delay_before_tx_seconds=0.002,
            delay_before_rx_seconds=0.0,
            loopback=True,
        ),
    )
    assert str(options.settings) == "19200 7E2"


@pytest.mark.parametrize(
    ("port", "place"),
    [
        ("rfc2217://nport-3:4001", ("rfc2217", "nport-3", 4001)),
        ("RFC2217://nport-3:4001", ("rfc2217", "nport-3", 4001)),
        ("socket://[fe80::1]:4001", ("socket", "fe80::1", 4001)),
        ("rfc2217://nport-3:4001?logging=debug", ("rfc2217", "nport-3", 4001)),
        ("rfc2217://nport-3", None),
        ("socket://:4001", None),
        ("socket://host:0", None),
        ("loop://host:1", None),
        ("/dev/ttyUSB0", None),
    ],
)
def test_a_terminal_server_s_port_is_told_from_a_device(port: str, place: Any) -> None:
    assert network_place(port) == place


@pytest.mark.parametrize("port", ["loop://", "rfc2217://nport-3", "spy:///dev/ttyS0"])
def test_what_is_neither_is_a_problem(port: str) -> None:
    assert dict(SerialOptions(port=port).problems()).keys() == {"port"}


def test_rs485_is_nothing_for_a_terminal_server() -> None:
    options = SerialOptions(
        port="socket://nport-3:4001", rs485=Rs485Config(enabled=True)
    )
    assert dict(options.problems()).keys() == {"rs485.enabled"}


# -- words -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (serial.SerialException(errno.ENOENT, "x"), "by-id/usb-A"),
        (serial.SerialException(errno.EACCES, "x"), "usermod -aG dialout"),
        (serial.SerialException(errno.EAGAIN, "lock"), "in use by another program"),
        (OSError(errno.EBUSY, "x"), "in use by another program"),
        (serial.SerialException(errno.ENOTTY, "x"), "no serial device"),
        (
            serial.SerialException("Could not configure port: (25, 'Inappropriate')"),
            "no serial device",
        ),
        (termios.error(22, "Invalid argument"), "does not take 9600 8N1"),
        (
            serial.SerialException("Could not configure port: (5, 'Input/output')"),
            "Plug it in again",
        ),
        (ValueError("Failed to set RS485 mode: 25"), "rs485.enabled = no"),
        (serial.SerialException("something else"), "something else"),
    ],
)
def test_every_failure_to_open_has_a_remedy(error: Exception, words: str) -> None:
    present = ["/dev/serial/by-id/usb-A"]
    assert words in why_not("/dev/ttyUSB0", error, EIGHT_N_ONE, present)


def test_a_name_of_windows_is_explained() -> None:
    error = serial.SerialException(errno.ENOENT, "x")
    assert "a name of Windows" in why_not("COM3", error, EIGHT_N_ONE, [])


def test_the_name_that_stays_is_recommended(tmp_path: Path) -> None:
    assert advice_on_name("/dev/ttyS0", str(tmp_path)) == ""
    assert advice_on_name("/dev/serial/by-id/usb-A", str(tmp_path)) == ""
    (tmp_path / "usb-A").symlink_to("/dev/ttyUSB0")
    advice = advice_on_name("/dev/ttyUSB0", str(tmp_path))
    assert f"{tmp_path}/usb-A is the same device" in advice
    assert present_devices(str(tmp_path)) == [f"{tmp_path}/usb-A"]


# -- the device ------------------------------------------------------------------------


class Driver(serial.Serial):
    """A pty that claims to know RS-485."""

    rs485: Any = None

    @property  # type: ignore[override]
    def rs485_mode(self) -> Any:
        return self.rs485

    @rs485_mode.setter
    def rs485_mode(self, settings: Any) -> None:
        self.rs485 = settings


def _device(name: str, clock: ReaderClock, **options: Any) -> tuple[Device, list[Any]]:
    closed: list[Any] = []
    settings = options.pop("settings", EIGHT_N_ONE)
    device = Device(
        Protocol(), name, clock, settings, on_closed=closed.append, **options
    )
    return device, closed


def test_a_device_is_opened_for_us_alone(line: tuple[int, str]) -> None:
    clock = ReaderClock()
    device, closed = _device(line[1], clock)
    with pytest.raises(serial.SerialException) as caught:
        _device(line[1], clock)
    assert "in use" in why_not(line[1], caught.value, EIGHT_N_ONE, [])
    device.abortConnection()
    assert len(closed) == 1
    device, _ = _device(line[1], clock)
    device.abortConnection()


def test_rs485_reaches_the_driver(line: tuple[int, str]) -> None:
    options = SerialOptions(
        port=line[1],
        rs485=Rs485Config(enabled=True, rts_level_for_rx=True, delay_before_rx=0.003),
    )
    device, _ = _device(
        line[1], ReaderClock(), settings=options.settings, open_serial=Driver
    )
    driver: Any = device._serial
    assert driver.rs485.rts_level_for_tx is True
    assert driver.rs485.rts_level_for_rx is True
    assert driver.rs485.delay_before_rx == 0.003
    device.abortConnection()


def test_a_driver_without_rs485_is_closed_again_and_says_so(
    line: tuple[int, str],
) -> None:
    options = SerialOptions(port=line[1], rs485=Rs485Config(enabled=True))
    clock = ReaderClock()
    with pytest.raises(ValueError, match="RS485") as caught:
        _device(line[1], clock, settings=options.settings)
    assert "rs485.enabled = no" in why_not(line[1], caught.value, EIGHT_N_ONE, [])
    device, _ = _device(line[1], clock)
    device.abortConnection()


def test_a_close_waits_for_the_line_to_drain_and_not_for_ever(
    line: tuple[int, str],
) -> None:
    clock = ReaderClock()
    device, closed = _device(line[1], clock)
    device.write(b"never written: the reactor of this test does nothing")
    device.loseConnection()
    assert closed == []
    clock.advance(0.5)
    assert closed == []
    clock.pump([0.1] * 10)
    assert len(closed) == 1
    assert clock.getDelayedCalls() == []


def test_a_line_that_nobody_counts_for_tells_no_errors(line: tuple[int, str]) -> None:
    device, _ = _device(line[1], ReaderClock())
    assert device.line_quality() == {}
    device.abortConnection()


# -- the line --------------------------------------------------------------------------


class Seen:
    """What a line tells."""

    def __init__(self) -> None:
        self.told: list[Any] = []
        self.states: list[tuple[Word, str]] = []
        self.logged: list[str] = []

    def set(self, word: Word, reason: str = "") -> None:
        self.states.append((word, reason))


def _line(clock: ReaderClock, port: str, **more: Any) -> tuple[DeviceLine, Seen]:
    seen = Seen()
    made = DeviceLine(
        clock,
        SerialOptions(port=port),
        build=Protocol,
        on_up=lambda protocol: seen.told.append("up"),
        on_down=seen.told.append,
        status=seen,
        log=lambda level, text: seen.logged.append(text),
        backoff=Backoff(max_seconds=5.0, random=lambda: 0.0),
        **more,
    )
    return made, seen


def test_the_kind_of_line_goes_by_the_port() -> None:
    def kind(port: str) -> type:
        return type(
            make_line(
                Clock(),
                SerialOptions(port=port),
                build=Protocol,
                on_up=print,
                on_down=print,
                status=Seen(),
                log=lambda level, text: None,
                backoff=Backoff(),
            )
        )

    assert kind("/dev/ttyS0") is DeviceLine
    assert kind("socket://h:1") is NetworkLine
    assert kind("rfc2217://h:1") is NetworkLine


def test_a_device_that_is_not_there_is_failed_and_tried_until_it_is(
    tmp_path: Path, line: tuple[int, str]
) -> None:
    clock = ReaderClock()
    path = tmp_path / "scanner"
    made, seen = _line(clock, str(path))
    made.start()
    assert seen.states[-1][0] is Word.FAILED
    assert "no such device" in seen.states[-1][1]
    clock.pump([0.5, 1.0, 2.0, 4.0, 5.0, 5.0])
    assert made.counters.connect_failures_total == 7
    assert len(set(seen.states)) == 1, "one state, however often it is tried"
    path.symlink_to(line[1])
    clock.advance(5.0)
    assert seen.told == ["up"]
    assert seen.states[-1] == (Word.RUNNING, f"{path} is open, 9600 8N1")
    made.stop()
    assert seen.told == ["up", "closed"]
    assert clock.getDelayedCalls() == []


def test_reopen_closes_and_opens(line: tuple[int, str]) -> None:
    clock = ReaderClock()
    made, seen = _line(clock, line[1])
    made.start()
    made.reopen("no progress")
    assert seen.told == ["up", "no progress"]
    clock.advance(0.5)
    assert seen.told == ["up", "no progress", "up"]
    made.stop()


def test_a_held_line_is_not_opened_again(line: tuple[int, str]) -> None:
    clock = ReaderClock()
    made, seen = _line(clock, line[1])
    made.start()
    made.hold()
    made.reopen("gone")
    clock.advance(60.0)
    assert seen.told == ["up", "gone"]
