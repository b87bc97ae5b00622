"""A serial device in the reactor: opened for us alone, and what its line tells.

Twisted's SerialPort opens without a lock (two programs then steal each other's bytes),
does not know RS-485, and its close can block the reactor: the kernel waits up to 30 s
for bytes that a stopped line does not take. This one does the first two, and lets the
line drain by looking at it from time to time.
"""

from __future__ import annotations

import errno
import fcntl
import struct
import termios
from collections.abc import Callable
from typing import Any, cast

import attrs
import serial
import serial.rs485
from twisted.internet.error import ConnectionDone
from twisted.internet.serialport import SerialPort
from twisted.python.failure import Failure

__all__ = ["Device", "DeviceAddress", "LineSettings", "Rs485"]

#: How long a close waits for what is still to go out.
_CLOSE_SECONDS = 1.0
_LOOK_SECONDS = 0.02

# linux/serial.h: struct serial_icounter_struct, 11 counters and 9 reserved ints.
_TIOCGICOUNT = 0x545D
_ICOUNT = struct.Struct("20i")
_ICOUNT_NAMES = {
    6: "framing_errors",
    7: "overruns",
    8: "parity_errors",
    9: "breaks",
    10: "buffer_overruns",
}


_SIZES = {5: termios.CS5, 6: termios.CS6, 7: termios.CS7, 8: termios.CS8}


@attrs.frozen(kw_only=True)
class Rs485:
    """How the driver turns the line round; delays in seconds."""

    rts_level_for_tx: bool
    rts_level_for_rx: bool
    delay_before_tx_seconds: float
    delay_before_rx_seconds: float
    loopback: bool


@attrs.frozen(kw_only=True)
class LineSettings:
    """A line as it is to be set. `parity` is one of N E O M S, as pyserial has it."""

    baud_rate: int
    data_bits: int
    parity: str
    stop_bits: float
    xon_xoff: bool
    rts_cts: bool
    rs485: Rs485 | None

    def __str__(self) -> str:
        return f"{self.baud_rate} {self.data_bits}{self.parity}{self.stop_bits:g}"


@attrs.frozen
class DeviceAddress:
    """What getPeer() gives for a device."""

    name: str

    def __str__(self) -> str:
        return self.name


class Device(SerialPort):
    """One opening of a device; it reads at once, into `protocol`.

    What the device had sent before is thrown away: it may begin in the middle of a
    message.

    Args:
        on_closed: called with a Failure once it is closed, after the protocol's
            connectionLost.
        open_serial: `serial.Serial`; a test's own stands in for a driver.

    Raises:
        serial.SerialException, OSError, termios.error, ValueError: see
            `serial_words.why_not`.
    """

    def __init__(
        self,
        protocol: Any,
        name: str,
        reactor: Any,
        settings: LineSettings,
        *,
        on_closed: Callable[[Failure], None],
        open_serial: Callable[..., Any] = serial.Serial,
    ) -> None:
        self.name = name
        #: Its protocol, or we, asked for the close.
        self.closed_by_us = False
        self._on_closed = on_closed
        self._closing: Any = None
        self._close_by = 0.0
        self._opened: Any = None
        # Its timers too: the base class knows only of the descriptors.
        self._timers = reactor

        def open_for_us(*args: Any, **options: Any) -> Any:
            # Kept apart from `_serial`, so that a failure below can close it.
            self._opened = open_serial(*args, exclusive=True, **options)
            _see_taken(self._opened.fd, settings)
            if settings.rs485 is not None:
                self._opened.rs485_mode = _pyserial_rs485(settings.rs485)
            return self._opened

        # Twisted says that it is the class; it only ever calls it.
        self._serialFactory = cast("type[serial.Serial]", open_for_us)
        try:
            super().__init__(
                protocol,
                name,
                reactor,
                baudrate=settings.baud_rate,
                bytesize=settings.data_bits,
                parity=settings.parity,
                stopbits=settings.stop_bits,
                xonxoff=settings.xon_xoff,
                rtscts=settings.rts_cts,
            )
        except BaseException:
            if self._opened is not None:
                self._opened.close()
            raise

    # -- a transport -------------------------------------------------------------------

    def getPeer(self) -> DeviceAddress:
        return DeviceAddress(self.name)

    def getHost(self) -> DeviceAddress:
        return DeviceAddress(self.name)

    def loseConnection(self, _connDone: Any = None) -> None:
        """Close, once what was written has gone out, or after a second."""
        if self.connected and self._closing is None:
            self.closed_by_us = True
            self.stopReading()
            self._close_by = self._timers.seconds() + _CLOSE_SECONDS
            self._look_drained()

    def abortConnection(self) -> None:
        """Close now; what has not gone out is dropped."""
        if self.connected:
            self.closed_by_us = True
            self.connectionLost(Failure(ConnectionDone()))

    def connectionLost(self, reason: Failure) -> None:
        if not self.connected:
            return
        if self._closing is not None and self._closing.active():
            self._closing.cancel()
        # Or close() would wait for the line.
        try:
            self._serial.reset_output_buffer()
        except (OSError, termios.error):
            # The device has gone: there is nothing to wait for.
            pass
        super().connectionLost(reason)
        self._on_closed(reason)

    # -- what the line tells -----------------------------------------------------------

    def unsent_bytes(self) -> int:
        """Bytes written that have not gone out on the line.

        What is in the device's own FIFO (16 to a few hundred bytes) is not known.
        """
        waiting = len(self.dataBuffer) - self.offset + self._tempDataLen
        try:
            answer = fcntl.ioctl(self.fileno(), termios.TIOCOUTQ, b"\0\0\0\0")
        except OSError:
            # A driver without it: what the kernel took counts as gone out.
            return waiting
        return waiting + int.from_bytes(answer, "little")

    def line_quality(self) -> dict[str, int]:
        """Errors that the driver has counted since it was loaded; empty if it does
        not count. They tell of a wrong baud rate, a bad cable, a missing ground."""
        try:
            answer = fcntl.ioctl(self.fileno(), _TIOCGICOUNT, bytes(_ICOUNT.size))
        except OSError:
            return {}
        counts = _ICOUNT.unpack(answer)
        return {name: counts[at] for at, name in _ICOUNT_NAMES.items()}

    def _look_drained(self) -> None:
        self._closing = None
        if not self.unsent_bytes() or self._timers.seconds() >= self._close_by:
            self.abortConnection()
        else:
            self._closing = self._timers.callLater(_LOOK_SECONDS, self._look_drained)


def _see_taken(fd: int, settings: LineSettings) -> None:
    """Some drivers take what they cannot do without a word, and do something else.

    Raises:
        termios.error: EINVAL, as of a driver that says so.
    """
    flags = termios.tcgetattr(fd)[2]
    odd = settings.parity in ("O", "M")
    asked = (
        _SIZES[settings.data_bits]
        | (termios.PARENB if settings.parity != "N" else 0)
        | (termios.PARODD if odd else 0)
        | (termios.CSTOPB if settings.stop_bits > 1 else 0)
    )
    looked_at = termios.CSIZE | termios.PARENB | termios.CSTOPB
    if settings.parity != "N":
        looked_at |= termios.PARODD
    if flags & looked_at != asked:
        raise termios.error(errno.EINVAL, f"the driver does not do {settings}")


def _pyserial_rs485(settings: Rs485) -> Any:
    return serial.rs485.RS485Settings(
        rts_level_for_tx=settings.rts_level_for_tx,
        rts_level_for_rx=settings.rts_level_for_rx,
        loopback=settings.loopback,
        delay_before_tx=settings.delay_before_tx_seconds,
        delay_before_rx=settings.delay_before_rx_seconds,
    )
