"""`type = udp`: each message a datagram.

UDP confirms nothing: a message counts as delivered (sent) once the kernel has it. What
the network or the receiver loses after that nobody is told.
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable
from typing import Any, ClassVar

import attrs
from twisted.internet.abstract import FileDescriptor, isIPv6Address
from twisted.internet.defer import Deferred, fail, succeed
from twisted.python.failure import Failure

from ..acks import ACKS
from ..batch import Batch
from ..channel import Confidence
from ..errors import Unframeable
from ..framing import FRAMINGS
from ..links.backoff import Backoff
from ..links.host_names import addresses_of
from ..options import HOST, PORT, option, variant
from ..state import Word
from .base import WINDOW_BYTES, LinkContext, LinkLost, LinkUser, Refused
from .policy import DeliveryConfig

__all__ = ["UdpConfig", "UdpLink", "build"]

#: 65535 less the UDP header and the smaller IP header; over IPv6 20 bytes more fit.
_LARGEST_PAYLOAD_BYTES = 65507

#: Messages sent before the reactor gets its turn again.
_TURN_MESSAGES = 512

#: After so long without an ICMP error somebody listens there again.
_UNREACHABLE_SECONDS = 5.0


@attrs.frozen(kw_only=True)
class UdpConfig(DeliveryConfig):
    """Sends datagrams."""

    type_name: ClassVar[str] = "udp"

    host: str = option(
        HOST,
        example="siem.example",
        help="Who gets the datagrams: a name, an address, or a broadcast address. A "
        "name is looked up when the link opens.",
    )
    port: int = option(
        PORT, example="514", help="UDP port of the receiver: syslog 514."
    )
    framing: Any = variant(
        FRAMINGS,
        default="datagram",
        help="datagram: the message as it is. Another framing is put on each message.",
    )
    ack: Any = variant(
        {"none": ACKS["none"]}, default="none", help="UDP has no answers."
    )


def build(config: UdpConfig, context: LinkContext) -> UdpLink:
    """A link that opens its socket once it is started."""
    return UdpLink(config, context)


class _SendingSocket(FileDescriptor):
    """A connected UDP socket in the reactor: writable again, and ICMP errors."""

    def __init__(
        self,
        reactor: Any,
        skt: socket.socket,
        on_room: Callable[[], None],
        on_error: Callable[[], None],
    ) -> None:
        super().__init__(reactor)
        self.socket = skt
        self._on_room = on_room
        self._on_error = on_error
        self.connected = 1
        # Without a reader an ICMP error would be told to the next send instead, which
        # then sends nothing.
        self.startReading()

    def fileno(self) -> int:
        return self.socket.fileno()

    def doRead(self) -> None:
        for _ in range(_TURN_MESSAGES):
            try:
                self.socket.recv(1)
            except ConnectionRefusedError:
                self._on_error()
            except OSError:
                return

    def doWrite(self) -> None:
        self.stopWriting()
        self._on_room()

    def close(self) -> None:
        self.stopReading()
        self.stopWriting()
        self.socket.close()


class UdpLink:
    """See `Link`. There is one batch at a time; `writable` is False while the kernel
    has no room for the rest of it."""

    def __init__(self, config: UdpConfig, context: LinkContext) -> None:
        self.place = f"{config.host} port {config.port}"
        #: ICMP told that nobody listens there; counted, for it says nothing of which
        #: message was lost, nor that the next one will be.
        self.port_unreachable_total = 0
        self._config = config
        self._context = context
        # None: a datagram is a message.
        self._encoder = (
            None
            if context.framing.type_name in ("datagram", "raw")
            else context.framing.encoder()
        )
        self._backoff = Backoff(initial_seconds=0.5, max_seconds=config.retry_max)
        self._user: LinkUser | None = None
        self._socket: _SendingSocket | None = None
        self._retry: Any = None
        self._running = False
        self._attempt = 0
        #: The batch under way: what is left of it begins at `_index`.
        self._batch: Batch | None = None
        self._index = 0
        self._done: Deferred[Confidence] | None = None
        self._again: Any = None
        #: When ICMP last told so, on the reactor's clock; None: not lately.
        self._unreachable_at: float | None = None

    # -- Link --------------------------------------------------------------------------

    @property
    def writable(self) -> bool:
        return self._socket is not None and self._batch is None

    @property
    def window_bytes(self) -> int:
        return WINDOW_BYTES

    @property
    def progress_at(self) -> float:
        return 0.0

    def start(self, user: LinkUser) -> None:
        self._user = user
        self._running = True
        self._open()

    def stop(self) -> Deferred[None]:
        self._running = False
        if self._retry is not None and self._retry.active():
            self._retry.cancel()
        self._close("stopped")
        self._context.state.set(Word.STOPPED)
        return succeed(None)

    def send(self, batch: Batch) -> Deferred[Confidence]:
        if self._socket is None:
            return fail(LinkLost("the socket is not open", 0, Confidence.SENT))
        self._batch = batch
        self._index = 0
        done = self._done = Deferred()
        self._send_rest()
        return done

    def reopen(self, reason: str) -> None:
        if self._socket is not None:
            self._down(reason)
            self._open()

    def peers(self) -> list[dict[str, Any]]:
        return []

    def quality(self) -> dict[str, int]:
        return {}

    # -- the socket --------------------------------------------------------------------

    def _open(self) -> None:
        self._retry = None
        self._attempt += 1
        attempt = self._attempt
        resolving = addresses_of(self._context.reactor, self._config.host)
        resolving.addCallbacks(
            self._resolved,
            self._not_resolved,
            callbackArgs=(attempt,),
            errbackArgs=(attempt,),
        )

    def _not_resolved(self, failure: Failure, attempt: int) -> None:
        if self._running and attempt == self._attempt:
            self._context.counters.connect_failures_total += 1
            self._wait(
                Word.FAILED, f"the name {self._config.host} is not known to the DNS"
            )

    def _resolved(self, addresses: list[str], attempt: int) -> None:
        if not self._running or attempt != self._attempt:
            return
        address = addresses[0]
        family = socket.AF_INET6 if isIPv6Address(address) else socket.AF_INET
        skt = socket.socket(family, socket.SOCK_DGRAM)
        try:
            skt.setblocking(False)
            skt.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
            skt.connect((address, self._config.port))
        except OSError as error:
            skt.close()
            self._context.counters.connect_failures_total += 1
            self._wait(Word.WAITING, f"cannot send to {self.place}: {error.strerror}")
            return
        self._socket = _SendingSocket(
            self._context.reactor, skt, self._send_rest, self._port_unreachable
        )
        self._context.counters.connects_total += 1
        self._context.state.set(Word.RUNNING, f"sending to {self.place}")
        assert self._user is not None
        self._user.link_up()

    def _wait(self, word: Word, reason: str) -> None:
        seconds = self._backoff.next()
        self._context.state.set(word, f"{reason}; next try in {seconds:.2g} s")
        self._retry = self._context.reactor.callLater(seconds, self._open)

    def _down(self, reason: str) -> None:
        was_open = self._socket is not None
        self._close(reason)
        if was_open and self._user is not None:
            self._context.counters.disconnects_total += 1
            self._user.link_down(reason)

    def _close(self, reason: str) -> None:
        self._attempt += 1
        opened, self._socket = self._socket, None
        if opened is not None:
            opened.close()
        if self._again is not None and self._again.active():
            self._again.cancel()
        self._again = None
        if self._done is not None:
            self._settle(LinkLost(reason, self._index, Confidence.SENT))

    def _port_unreachable(self) -> None:
        self.port_unreachable_total += 1
        heard_before = self._unreachable_at is not None
        self._unreachable_at = self._context.reactor.seconds()
        if not heard_before:
            self._context.state.set(
                Word.RUNNING,
                f"sending to {self.place}, where nobody listens (ICMP port "
                "unreachable): what is sent is lost there",
            )

    def _forget_unreachable(self) -> None:
        if (
            self._unreachable_at is not None
            and self._context.reactor.seconds() - self._unreachable_at
            > _UNREACHABLE_SECONDS
        ):
            self._unreachable_at = None
            self._context.state.set(Word.RUNNING, f"sending to {self.place}")

    # -- sending -----------------------------------------------------------------------

    def _send_rest(self) -> None:
        """Send what is left of the batch, as much as the kernel takes in one turn."""
        self._again = None
        if self._batch is None or self._socket is None:
            return
        send = self._socket.socket.send
        messages = self._batch.messages
        stop = min(self._index + _TURN_MESSAGES, len(messages))
        # A system call per message cannot be had for less: UDP is one datagram each.
        while self._index < stop:
            try:
                send(self._framed(messages[self._index]))
            except (BlockingIOError, InterruptedError):
                # The interface is slower than we are. Nothing is lost: it goes on
                # when there is room.
                self._socket.startWriting()
                return
            except ConnectionRefusedError:
                # An ICMP error for a datagram before this one, which was not sent.
                self._port_unreachable()
                continue
            except Unframeable as error:
                self._refuse(error.reason)
                return
            except OSError as error:
                if error.errno == errno.EMSGSIZE:
                    size = len(messages[self._index])
                    self._refuse(
                        f"{size} bytes do not fit into a datagram (at most "
                        f"{_LARGEST_PAYLOAD_BYTES})"
                    )
                    return
                if error.errno == errno.ENOBUFS:
                    # The device's queue, not the socket's: no event tells of room.
                    self._again = self._context.reactor.callLater(0.01, self._send_rest)
                    return
                self._network_failed(error)
                return
            self._index += 1
        if self._index < len(messages):
            self._again = self._context.reactor.callLater(0, self._send_rest)
            return
        self._backoff.reset()
        self._forget_unreachable()
        self._settle(Confidence.SENT)
        if self.writable and self._user is not None:
            self._user.link_up()

    def _framed(self, message: bytes) -> bytes:
        return message if self._encoder is None else self._encoder.encode([message])

    def _refuse(self, reason: str) -> None:
        self._settle(
            Refused(self._index, reason, final=True, confidence=Confidence.SENT)
        )
        if self.writable and self._user is not None:
            self._user.link_up()

    def _network_failed(self, error: OSError) -> None:
        reason = f"cannot send to {self.place}: {error.strerror or error}"
        if error.errno in (errno.ENETUNREACH, errno.EHOSTUNREACH):
            reason = f"no route to {self.place}: look at cable and network"
        self._down(reason)
        self._wait(Word.WAITING, reason)

    def _settle(self, outcome: Confidence | Refused | LinkLost) -> None:
        done, self._done, self._batch = self._done, None, None
        assert done is not None
        if isinstance(outcome, Confidence):
            done.callback(outcome)
        else:
            done.errback(outcome)
