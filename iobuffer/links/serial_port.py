"""A serial line, kept open for ever: a device here, or a port of a terminal server.

Source and destination share it; serial_options.py says what `port` may be.
"""

from __future__ import annotations

import termios
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import serial
from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IProtocol
from twisted.python.failure import Failure

from ..counters import DestinationCounters
from ..state import Word
from .backoff import STEADY_SECONDS, Backoff
from .dialer import Dialer
from .rfc2217 import Rfc2217
from .serial_device import Device
from .serial_options import SerialOptions, network_place
from .serial_words import advice_on_name, present_devices, why_not
from .status import Status
from .tcp import TcpTuning, unsent_bytes

__all__ = ["DeviceLine", "Line", "NetworkLine", "make_line"]


class Line(ABC):
    """Keeps one line open: what DeviceLine and NetworkLine, which open it, share.

    Args:
        build: makes the protocol for one opening.
        on_up: called with that protocol once the line can be used.
        on_down: called with the reason, once for each on_up.
        status: told of everything.
        counters: connects_total, connect_failures_total, disconnects_total and
            connections are kept here.
        log: as in SourceContext.
    """

    def __init__(
        self,
        reactor: Any,
        options: SerialOptions,
        *,
        build: Callable[[], IProtocol],
        on_up: Callable[[Any], None],
        on_down: Callable[[str], None],
        status: Status,
        log: Callable[[str, str], None],
        backoff: Backoff,
        counters: DestinationCounters | None = None,
    ) -> None:
        self.port = options.port
        self.counters = counters if counters is not None else DestinationCounters()
        self._reactor = reactor
        self._options = options
        self._settings = options.settings
        self._build = build
        self._on_up = on_up
        self._on_down = on_down
        self._status = status
        self._log = log
        self._backoff = backoff

    @abstractmethod
    def start(self) -> None:
        """Open, now and whenever the line is lost."""

    @abstractmethod
    def hold(self) -> None:
        """Open no more; what is open stays."""

    @abstractmethod
    def stop(self) -> Deferred[None]:
        """Close for good. Fires when it is closed."""

    @abstractmethod
    def reopen(self, reason: str) -> None:
        """Close, whatever is still to go out, and open again."""

    def reset_backoff(self) -> None:
        """The line works: open soon when it is lost."""
        self._backoff.reset()

    @abstractmethod
    def unsent_bytes(self, transport: Any) -> int:
        """Bytes written to the transport that have not gone out."""

    def quality(self) -> dict[str, int]:
        """Errors on the line, as far as anybody counts them."""
        return {}


class DeviceLine(Line):
    """A device of this machine.

    Args:
        open_serial: see Device.
    """

    def __init__(
        self, *args: Any, open_serial: Callable[..., Any] = serial.Serial, **named: Any
    ) -> None:
        super().__init__(*args, **named)
        self._open_serial = open_serial
        self._device: Device | None = None
        self._running = False
        self._retry: Any = None
        self._opened_at = 0.0
        self._why = ""
        self._stopped: Deferred[None] | None = None

    def start(self) -> None:
        self._running = True
        advice = advice_on_name(self.port)
        if advice:
            self._log("warn", advice)
        self._open()

    def hold(self) -> None:
        self._running = False
        if self._retry is not None and self._retry.active():
            self._retry.cancel()
        self._retry = None

    def stop(self) -> Deferred[None]:
        self.hold()
        if self._device is None:
            return succeed(None)
        self._stopped = Deferred()
        self._why = "closed"
        self._device.loseConnection()
        return self._stopped

    def reopen(self, reason: str) -> None:
        if self._device is not None:
            self._why = reason
            self._device.abortConnection()

    def unsent_bytes(self, transport: Any) -> int:
        return 0 if self._device is None else self._device.unsent_bytes()

    def quality(self) -> dict[str, int]:
        return {} if self._device is None else self._device.line_quality()

    # -- one opening -------------------------------------------------------------------

    def _open(self) -> None:
        self._retry = None
        protocol: Any = self._build()
        try:
            device = Device(
                protocol,
                self.port,
                self._reactor,
                self._settings,
                on_closed=self._closed,
                open_serial=self._open_serial,
            )
        except (serial.SerialException, OSError, termios.error, ValueError) as error:
            self.counters.connect_failures_total += 1
            why = why_not(self.port, error, self._settings, present_devices())
            self._again(Word.FAILED, why)
            return
        self._device = device
        self._why = ""
        self._opened_at = self._reactor.seconds()
        self.counters.connects_total += 1
        self.counters.connections += 1
        self._status.set(Word.RUNNING, f"{self.port} is open, {self._settings}")
        self._on_up(protocol)

    def _closed(self, _: Failure) -> None:
        device, self._device = self._device, None
        why = self._why
        if not why and device is not None and device.closed_by_us:
            why = f"{self.port} was closed by us"
        if not why:
            why = f"{self.port} was unplugged, or its other end hung up"
        if self._reactor.seconds() - self._opened_at >= STEADY_SECONDS:
            self._backoff.reset()
        self.counters.connections -= 1
        self.counters.disconnects_total += 1
        self._on_down(why)
        if self._running:
            self._again(Word.WAITING, why)
        stopped, self._stopped = self._stopped, None
        if stopped is not None:
            stopped.callback(None)

    def _again(self, word: Word, why: str) -> None:
        # Without the seconds: a state that changed with each attempt would be logged
        # with each attempt, for as long as a device is switched off.
        self._status.set(word, f"{why}; tried again until it opens")
        self._retry = self._reactor.callLater(self._backoff.next(), self._open)


class NetworkLine(Line):
    """A port of a terminal server."""

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        place = network_place(self.port)
        assert place is not None, self.port
        scheme, host, number = place
        self._sets_line = scheme == "rfc2217"
        self._remote: Rfc2217 | None = None
        self._in_use = False
        self._why = ""
        self._dialer = Dialer(
            self._reactor,
            host,
            number,
            tls=None,
            tuning=TcpTuning(),
            build=self._build_one,
            on_up=self._connected,
            on_down=self._lost,
            state=self,
            log=self._log,
            backoff=self._backoff,
            counters=self.counters,
        )

    def start(self) -> None:
        self._dialer.start()

    def hold(self) -> None:
        self._dialer.hold()

    def stop(self) -> Deferred[None]:
        return self._dialer.stop()

    def reopen(self, reason: str) -> None:
        self._dialer.reopen(reason)

    def unsent_bytes(self, transport: Any) -> int:
        return unsent_bytes(transport)

    def quality(self) -> dict[str, int]:
        return {} if self._remote is None else dict(self._remote.line_errors)

    def set(self, word: Word, reason: str = "") -> None:
        """What the dialer says of the connection; the line's own trouble goes first."""
        if word is Word.RUNNING and self._sets_line:
            self._status.set(Word.WAITING, f"{reason}; setting the line")
        elif word is Word.WAITING and self._why:
            self._status.set(Word.FAILED, self._why)
        else:
            self._status.set(word, reason)

    # -- one connection ----------------------------------------------------------------

    def _build_one(self) -> Any:
        if not self._sets_line:
            return self._build()
        self._remote = Rfc2217(
            self._build(),
            self._settings,
            reactor=self._reactor,
            on_set=self._line_is_set,
            on_refused=self._line_is_refused,
        )
        return self._remote

    def _connected(self, protocol: Any) -> None:
        if not self._sets_line:
            self._in_use = True
            self._on_up(protocol)

    def _line_is_set(self, remote: Rfc2217) -> None:
        self._in_use = True
        self._why = ""
        self._status.set(Word.RUNNING, f"{self.port} is open, {self._settings}")
        self._on_up(remote.wrappedProtocol)

    def _line_is_refused(self, reason: str) -> None:
        self._why = f"{self.port}: {reason}"
        self._dialer.reopen(self._why)

    def _lost(self, reason: str) -> None:
        self._remote = None
        if self._in_use:
            self._in_use = False
            self._on_down(reason)


def make_line(reactor: Any, options: SerialOptions, **named: Any) -> Line:
    """The line that `port` names. `named`: the rest of Line's arguments."""
    kind = DeviceLine if network_place(options.port) is None else NetworkLine
    return kind(reactor, options, **named)
