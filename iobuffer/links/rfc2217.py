"""RFC 2217: a serial line at the other end of a Telnet connection, set from here.

    the TCP transport -> Rfc2217 -> the protocol of a source or destination

The codec is our own, because Twisted's TelnetTransport turns CR LF into LF, in binary
data too. Binary mode and the COM-PORT option are asked for, then the line is set in the
order that the RFC recommends, and every answer is compared: a server that cannot do
7E1 says so by answering what it does instead.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from twisted.internet.interfaces import IProtocol
from twisted.internet.protocol import Protocol, connectionDone
from twisted.protocols.policies import ProtocolWrapper
from twisted.python.failure import Failure

from .serial_device import LineSettings

__all__ = ["Rfc2217"]

_IAC, _DONT, _DO, _WONT, _WILL, _SB, _SE = 0xFF, 0xFE, 0xFD, 0xFC, 0xFB, 0xFA, 0xF0
_BINARY, _SUPPRESS_GO_AHEAD, _COM_PORT = 0, 3, 44
_OPTIONS = (_BINARY, _SUPPRESS_GO_AHEAD, _COM_PORT)

# Client commands; the server answers with 100 more.
_SET_BAUD_RATE, _SET_DATA_SIZE, _SET_PARITY, _SET_STOP_SIZE, _SET_CONTROL = range(1, 6)
_SET_LINE_STATE_MASK, _PURGE = 10, 12
_NOTIFY_LINE_STATE, _FLOW_SUSPEND, _FLOW_RESUME = 106, 108, 109
_ANSWER = 100

_PARITIES = {"N": 1, "O": 2, "E": 3, "M": 4, "S": 5}
_STOP_SIZES = {1: 1, 2: 2, 1.5: 3}
_FLOW_NONE, _FLOW_XON_XOFF, _FLOW_HARDWARE = 1, 2, 3
_DTR_ON, _RTS_ON = 8, 11
_PURGE_BOTH = 3

_LINE_ERRORS = {
    2: "overruns",
    4: "parity_errors",
    8: "framing_errors",
    16: "breaks",
}

_NAMES = {
    _SET_BAUD_RATE: "baud_rate",
    _SET_DATA_SIZE: "data_bits",
    _SET_PARITY: "parity",
    _SET_STOP_SIZE: "stop_bits",
    _SET_CONTROL: "flow_control",
}

#: pyserial gives a server 3 s for each answer; this is for all of them.
_PATIENCE_SECONDS = 5.0

#: The longest subnegotiation that COM-PORT knows is a signature text.
_LONGEST_COMMAND_BYTES = 1024


class Rfc2217(ProtocolWrapper):
    """One connection. To the protocol within it is a transport for clean bytes.

    Bytes that come before the line is set are thrown away, as when a device is opened.

    Args:
        on_set: called with this object once the server does as asked.
        on_refused: called with why it does not; the caller closes the connection.
    """

    def __init__(
        self,
        inner: IProtocol,
        settings: LineSettings,
        *,
        reactor: Any,
        on_set: Callable[[Rfc2217], None],
        on_refused: Callable[[str], None],
    ) -> None:
        super().__init__(cast(Any, None), inner)
        self.line_errors = dict.fromkeys(_LINE_ERRORS.values(), 0)
        self._settings = settings
        self._reactor = reactor
        self._on_set = on_set
        self._on_refused = on_refused
        self._wanted = _wanted(settings)
        #: Commands sent whose answers have not come.
        self._awaited: set[int] = set()
        self._is_set = False
        self._refused = False
        self._com_port = False
        self._said: set[tuple[int, int]] = set()
        #: A chunk that ends within a Telnet command leaves its beginning here.
        self._rest = b""
        self._producer: Any = None
        self._timer: Any = None

    # -- what Twisted calls ------------------------------------------------------------

    def makeConnection(self, transport: Any) -> None:
        # Without the factory that ProtocolWrapper would register with.
        Protocol.makeConnection(self, transport)
        self._timer = self._reactor.callLater(_PATIENCE_SECONDS, self._too_late)
        for option in _OPTIONS:
            self._say(_WILL, option)
            self._say(_DO, option)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        # Who was never told of a connection is not told of its loss.
        if self._is_set:
            self.wrappedProtocol.connectionLost(reason)

    def dataReceived(self, data: bytes) -> None:
        if self._rest:
            data = self._rest + data
            self._rest = b""
        # Nearly every chunk holds no command and no FF.
        clean = data if _IAC not in data else self._take_apart(data)
        if clean and self._is_set and not self.disconnecting:
            self.wrappedProtocol.dataReceived(clean)

    # -- what the protocol within calls ------------------------------------------------

    def write(self, data: bytes) -> None:
        assert self.transport is not None
        self.transport.write(data.replace(b"\xff", b"\xff\xff"))

    def writeSequence(self, data: Any) -> None:
        self.write(b"".join(data))

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        self._producer = producer
        super().registerProducer(producer, streaming)

    def unregisterProducer(self) -> None:
        self._producer = None
        super().unregisterProducer()

    # -- Telnet ------------------------------------------------------------------------

    def _take_apart(self, data: bytes) -> bytes:
        """The data in a chunk; its commands are obeyed on the way."""
        clean = bytearray()
        at = 0
        while True:
            found = data.find(b"\xff", at)
            if found < 0:
                clean += data[at:]
                return bytes(clean)
            clean += data[at:found]
            end = self._command(data, found, clean)
            if end < 0:
                self._rest = data[found:]
                if len(self._rest) > _LONGEST_COMMAND_BYTES:
                    self._rest = b""
                    self._refuse("it speaks no Telnet: use socket:// for raw bytes")
                return bytes(clean)
            at = end

    def _command(self, data: bytes, start: int, clean: bytearray) -> int:
        """Obey the command at `start`; where it ends, or -1 if it is cut off."""
        if len(data) < start + 2:
            return -1
        verb = data[start + 1]
        if verb == _IAC:
            clean.append(_IAC)
            return start + 2
        if verb in (_DO, _DONT, _WILL, _WONT):
            if len(data) < start + 3:
                return -1
            self._negotiate(verb, data[start + 2])
            return start + 3
        if verb != _SB:
            # NOP, AYT and the like: two bytes, nothing to do.
            return start + 2
        at = start + 2
        while True:
            at = data.find(b"\xff", at)
            if at < 0 or at + 1 >= len(data):
                return -1
            if data[at + 1] == _SE:
                body = data[start + 2 : at].replace(b"\xff\xff", b"\xff")
                self._subcommand(body)
                return at + 2
            at += 2

    def _negotiate(self, verb: int, option: int) -> None:
        if verb in (_DO, _WILL):
            if option not in _OPTIONS:
                self._say(_WONT if verb == _DO else _DONT, option)
                return
            # We have said so already, and this is the answer.
            if option == _COM_PORT and not self._com_port:
                self._com_port = True
                self._set_line()
        elif option == _COM_PORT and verb == _DONT:
            self._refuse(
                "the server does not let the line be set (RFC 2217): use socket:// "
                "and set it there"
            )
        elif option == _BINARY:
            self._refuse("the server refuses binary mode: it would change the data")

    def _say(self, verb: int, option: int) -> None:
        # Each thing once: two ends that answer answers never stop.
        if (verb, option) not in self._said and self.transport is not None:
            self._said.add((verb, option))
            self.transport.write(bytes((_IAC, verb, option)))

    # -- COM-PORT ----------------------------------------------------------------------

    def _set_line(self) -> None:
        self._awaited = set(self._wanted)
        for command, value in self._wanted.items():
            self._send(command, value)
        self._send(_SET_CONTROL, bytes((_DTR_ON,)))
        if not self._settings.rts_cts:
            self._send(_SET_CONTROL, bytes((_RTS_ON,)))
        self._send(_SET_LINE_STATE_MASK, bytes((sum(_LINE_ERRORS),)))
        self._send(_PURGE, bytes((_PURGE_BOTH,)))

    def _send(self, command: int, value: bytes) -> None:
        assert self.transport is not None
        body = bytes((_COM_PORT, command)) + value.replace(b"\xff", b"\xff\xff")
        self.transport.write(bytes((_IAC, _SB)) + body + bytes((_IAC, _SE)))

    def _subcommand(self, body: bytes) -> None:
        if len(body) < 2 or body[0] != _COM_PORT:
            return
        command, value = body[1], body[2:]
        if command == _NOTIFY_LINE_STATE:
            for bit, name in _LINE_ERRORS.items():
                if value and value[0] & bit:
                    self.line_errors[name] += 1
        elif command == _FLOW_SUSPEND:
            if self._producer is not None:
                self._producer.pauseProducing()
        elif command == _FLOW_RESUME:
            if self._producer is not None:
                self._producer.resumeProducing()
        else:
            self._answered(command - _ANSWER, value)

    def _answered(self, command: int, value: bytes) -> None:
        wanted = self._wanted.get(command)
        if wanted is None or command not in self._awaited:
            return
        if command == _SET_CONTROL and value[:1] not in (b"\1", b"\2", b"\3"):
            # Of DTR or RTS.
            return
        if value != wanted:
            self._refuse(
                f"the server does not take {_NAMES[command]} as configured "
                f"({self._settings}); it answers {_shown(command, value)}"
            )
            return
        self._awaited.discard(command)
        if not self._awaited and not self._is_set and not self._refused:
            self._is_set = True
            self._stop_timer()
            # Only now: what came before was not of this line.
            cast(Any, self.wrappedProtocol).makeConnection(self)
            self._on_set(self)

    def _too_late(self) -> None:
        self._timer = None
        missing = ", ".join(_NAMES[command] for command in sorted(self._awaited))
        if self._com_port:
            self._refuse(f"the server did not answer to {missing}")
        else:
            self._refuse(
                "no RFC 2217 server answers there: use socket:// if it gives raw bytes"
            )

    def _refuse(self, reason: str) -> None:
        if not self._refused and not self._is_set:
            self._refused = True
            self._stop_timer()
            self._on_refused(reason)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def _wanted(settings: LineSettings) -> dict[int, bytes]:
    """The commands that set the line, in the order that the RFC recommends."""
    flow = _FLOW_NONE
    if settings.xon_xoff:
        flow = _FLOW_XON_XOFF
    elif settings.rts_cts:
        flow = _FLOW_HARDWARE
    return {
        _SET_BAUD_RATE: settings.baud_rate.to_bytes(4, "big"),
        _SET_DATA_SIZE: bytes((settings.data_bits,)),
        _SET_PARITY: bytes((_PARITIES[settings.parity],)),
        _SET_STOP_SIZE: bytes((_STOP_SIZES[settings.stop_bits],)),
        _SET_CONTROL: bytes((flow,)),
    }


def _shown(command: int, value: bytes) -> str:
    number = int.from_bytes(value, "big")
    names: dict[int, Any] = {}
    if command == _SET_PARITY:
        names = {code: letter for letter, code in _PARITIES.items()}
    elif command == _SET_STOP_SIZE:
        names = {code: size for size, code in _STOP_SIZES.items()}
    elif command == _SET_CONTROL:
        names = {1: "None", 2: "XON/XOFF", 3: "RTS/CTS"}
    return str(names.get(number, number))
