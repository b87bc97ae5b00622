"""`type = udp`: datagrams in, each a message, as syslog and SNMP traps come.

Nothing here is paid per datagram but the system call: what one turn of the reactor
reads is one batch, its senders are runs, and the kernel's drops are asked for once a
second. UDP cannot be paused: when the channel takes no more, the kernel's buffer fills,
and what then goes missing is counted to the datagram.
"""

from __future__ import annotations

import errno
import socket
import struct
from collections.abc import Iterable
from ipaddress import ip_address
from typing import Any, ClassVar

import attrs
from twisted.internet.defer import Deferred, maybeDeferred, succeed
from twisted.internet.error import CannotListenError
from twisted.python.failure import Failure

from ..acks import ACKS
from ..framing import FRAMINGS
from ..links.backoff import Backoff
from ..links.host_names import addresses_of
from ..links.status import PausableStatus
from ..links.udp_port import DatagramPort, SocketAddress, set_receive_buffer
from ..options import (
    DURATION,
    HOST,
    MIB,
    NETWORKS,
    PORT,
    SIZE,
    TEXT,
    option,
    variant,
)
from ..state import Word
from ._datagrams import DatagramIntake, Peers
from .base import SourceContext

__all__ = ["UdpConfig", "UdpSource", "build"]

_POLL_SECONDS = 1.0


@attrs.frozen(kw_only=True)
class UdpConfig:
    """Listens for datagrams."""

    type_name: ClassVar[str] = "udp"

    host: str = option(
        HOST,
        default="0.0.0.0",
        help="Address to listen on. 0.0.0.0: every IPv4 address of this machine; "
        "`::` every IPv6 and IPv4 address; 127.0.0.1: this machine only.",
    )
    port: int = option(
        PORT,
        example="514",
        help="UDP port to listen on: syslog 514, SNMP traps 162. Below 1024 the "
        "service needs CAP_NET_BIND_SERVICE.",
    )
    framing: Any = variant(
        FRAMINGS,
        default="datagram",
        help="How a datagram is taken apart: datagram (it is one message), syslog "
        "(the same, less NUL and line ends behind it), or any framing for senders that "
        "put several messages into one datagram. Each datagram stands alone.",
    )
    ack: Any = variant(
        ACKS,
        default="auto",
        help="What is sent back. auto: the Response to an SNMP Inform, once it is "
        "stored; nothing to anything else.",
    )
    receive_buffer: int = option(
        SIZE,
        default=8 * MIB,
        help="Kernel buffer for datagrams that wait to be read. A burst beyond it is "
        "lost, and counted. More than net.core.rmem_max needs CAP_NET_ADMIN; what was "
        "really granted is in the state and in the metrics.",
    )
    allow: tuple[Any, ...] = option(
        NETWORKS,
        default=(),
        help="Networks that may send; empty: everyone. Datagrams of others are counted "
        "and thrown away. A sender's address can be forged: this is no authentication.",
    )
    multicast_group: str = option(
        TEXT,
        default="",
        help="Multicast group to join, such as 239.1.2.3 or ff15::1. Empty: none.",
    )
    retry_max: float = option(
        DURATION,
        default=60.0,
        help="Longest pause between attempts to listen while the port is not to be "
        "had. Attempts begin at half a second and double, with jitter.",
    )

    def problems(self) -> Iterable[tuple[str, str]]:
        """What the loader cannot see in one option alone."""
        if self.multicast_group:
            try:
                multicast = ip_address(self.multicast_group).is_multicast
            except ValueError:
                multicast = False
            if not multicast:
                yield (
                    "multicast_group",
                    "expected a multicast address such as 239.1.2.3 or ff15::1",
                )
        if self.retry_max < 0.5:
            yield "retry_max", "expected at least 500ms, the first pause"


def build(config: UdpConfig, context: SourceContext) -> UdpSource:
    """A source that listens once it is started."""
    return UdpSource(config, context)


class UdpSource:
    """See `Source`. It has no peers to show: UDP has no connections."""

    def __init__(self, config: UdpConfig, context: SourceContext) -> None:
        self._config = config
        self._context = context
        self._backoff = Backoff(initial_seconds=0.5, max_seconds=config.retry_max)
        self._intake = DatagramIntake(
            context,
            framing=config.framing,
            ack=config.ack,
            peers=Peers(config.allow),
            send=self._send,
        )
        self._status = PausableStatus(context.state)
        self._port: DatagramPort | None = None
        self._retry: Any = None
        self._poll: Any = None
        self._running = False
        self._paused = False
        #: The channel has been asked to say when it is relieved.
        self._pressed = False
        self._dropping = False
        self._clamped = ""

    # -- Source ------------------------------------------------------------------------

    def start(self) -> None:
        self._running = True
        self._open()

    def stop(self) -> Deferred[None]:
        self._running = False
        for call in (self._retry, self._poll):
            if call is not None and call.active():
                call.cancel()
        self._retry = self._poll = None
        self._intake.stop()
        port, self._port = self._port, None
        if port is None:
            self._stopped(None)
            return succeed(None)
        # What the kernel already holds has been received by this machine: take it, in
        # so far as the channel has room, and at most one buffer full.
        turns = self._config.receive_buffer // 200_000 + 8
        while turns and not self._context.channel.pressed and port.read_turn():
            turns -= 1
        self._count_drops(port)
        return maybeDeferred(port.stopListening).addBoth(self._stopped)

    def pause(self, reason: str = "") -> None:
        self._paused = True
        self._read_or_not()
        self._status.pause(reason)

    def resume(self) -> None:
        self._paused = False
        self._read_or_not()
        self._status.resume()

    def peers(self) -> list[dict[str, Any]]:
        return []

    def quality(self) -> dict[str, int]:
        return {}

    @property
    def address(self) -> tuple[str, int] | None:
        """Where it listens, None while it does not."""
        if self._port is None:
            return None
        host = self._port.getHost()
        return host.host, host.port

    # -- the port ----------------------------------------------------------------------

    def _open(self) -> None:
        self._retry = None
        resolving = addresses_of(self._context.reactor, self._config.host)
        resolving.addCallbacks(self._listen, self._not_resolved)

    def _not_resolved(self, failure: Failure) -> None:
        if self._running:
            self._failed(
                f"host {self._config.host} cannot be found: "
                f"{failure.getErrorMessage()}; give an address of this machine"
            )

    def _listen(self, addresses: list[str]) -> None:
        if not self._running or self._port is not None:
            return
        port = DatagramPort(
            self._context.reactor,
            addresses[0],
            self._config.port,
            received=self._received,
            failed=self._lost,
            configure=self._configure,
        )
        try:
            port.startListening()
        except CannotListenError as refused:
            self._failed(_why_not(self._config, refused.socketError))
            return
        self._port = port
        self._backoff.reset()
        self._poll = self._context.reactor.callLater(_POLL_SECONDS, self._poll_drops)
        if self._clamped:
            self._context.log("warn", self._clamped)
        self._read_or_not()
        self._say_listening()

    def _configure(self, skt: socket.socket) -> None:
        wanted = self._config.receive_buffer
        granted = set_receive_buffer(skt, wanted)
        self._context.counters.receive_buffer_bytes = granted
        self._clamped = ""
        if granted < wanted:
            self._clamped = (
                f"the kernel granted a receive buffer of {granted} bytes instead of "
                f"{wanted}: sysctl -w net.core.rmem_max={wanted}, or give the service "
                "CAP_NET_ADMIN"
            )
        if self._config.multicast_group:
            _join(skt, self._config.multicast_group)

    def _say_listening(self) -> None:
        where = self.address
        assert where is not None
        granted = self._context.counters.receive_buffer_bytes
        reason = f"listening on {where[0]} port {where[1]}"
        if self._clamped:
            reason += f" (receive buffer {granted} bytes only)"
        self._status.set(Word.RUNNING, reason)

    def _failed(self, reason: str) -> None:
        self._status.set(Word.FAILED, reason)
        self._retry = self._context.reactor.callLater(self._backoff.next(), self._open)

    def _lost(self, error: OSError) -> None:
        """Reading failed: close, and open again."""
        port, self._port = self._port, None
        if port is None:
            return
        self._count_drops(port)
        maybeDeferred(port.stopListening)
        self._context.counters.reopens_total += 1
        if self._poll is not None and self._poll.active():
            self._poll.cancel()
        if self._running:
            self._failed(f"reading failed: {error.strerror or error}")

    def _stopped(self, _: object) -> None:
        self._status.set(Word.STOPPED)

    # -- datagrams ---------------------------------------------------------------------

    def _received(self, datagrams: list[bytes], senders: list[SocketAddress]) -> None:
        self._intake.take(datagrams, senders)
        channel = self._context.channel
        if channel.pressed and not self._pressed and self._running:
            self._pressed = True
            self._context.counters.pauses_total += 1
            channel.when_relieved(self._relieved)
            self._read_or_not()

    def _relieved(self) -> None:
        self._pressed = False
        self._read_or_not()

    def _read_or_not(self) -> None:
        if self._port is None:
            return
        if self._paused or self._pressed:
            self._port.stopReading()
        else:
            self._port.startReading()

    def _send(self, datagram: bytes, receiver: SocketAddress) -> bool:
        return self._port is not None and self._port.send(datagram, receiver)

    # -- what the kernel dropped -------------------------------------------------------

    def _poll_drops(self) -> None:
        self._poll = self._context.reactor.callLater(_POLL_SECONDS, self._poll_drops)
        if self._port is None:
            return
        new = self._count_drops(self._port)
        if bool(new) == self._dropping:
            return
        self._dropping = bool(new)
        if new:
            size = self._context.counters.receive_buffer_bytes
            self._context.log(
                "warn",
                f"the kernel drops datagrams: {new} in the last second, its buffer of "
                f"{size} bytes is full. Raise receive_buffer if this is a burst; else "
                "more is sent than is taken",
            )
        else:
            total = self._context.counters.kernel_drops_total
            self._context.log("info", f"no more kernel drops; {total} since the start")

    def _count_drops(self, port: DatagramPort) -> int:
        new = port.new_kernel_drops() or 0
        self._context.counters.kernel_drops_total += new
        return new


def _join(skt: socket.socket, group: str) -> None:
    address = ip_address(group)
    if address.version == 4:
        joined = struct.pack("4sI", address.packed, socket.INADDR_ANY)
        skt.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, joined)
    else:
        joined = struct.pack("16sI", address.packed, 0)
        skt.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, joined)


def _why_not(config: UdpConfig, cause: BaseException) -> str:
    """Why the port cannot be had, and the remedy."""
    place = f"UDP port {config.port} on {config.host}"
    code = cause.errno if isinstance(cause, OSError) else None
    if code == errno.EADDRINUSE:
        return (
            f"{place}: address in use. Another program listens there "
            f"(ss -lunp 'sport = :{config.port}' names it): stop it, or choose another "
            "port"
        )
    if code == errno.EACCES:
        return (
            f"{place}: permission denied. Ports below 1024 need "
            "AmbientCapabilities=CAP_NET_BIND_SERVICE in the service's unit"
        )
    if code == errno.EADDRNOTAVAIL:
        return (
            f"{place}: this machine has no such address. Give one of its own, or "
            "0.0.0.0 for all"
        )
    if code == errno.ENODEV and config.multicast_group:
        return (
            f"{place}: no interface can join {config.multicast_group}. Add a route "
            "for the group, or bring the interface up"
        )
    if isinstance(cause, OSError):
        return f"{place}: {cause.strerror or cause}"
    return f"{place}: {cause}"
