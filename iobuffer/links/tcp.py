"""What we ask of the kernel for a TCP connection, and what it tells us."""

from __future__ import annotations

import fcntl
import math
import socket
import struct
import termios
from collections.abc import Iterable
from typing import Any

import attrs
from twisted.protocols.policies import ProtocolWrapper

from ..options import DURATION, option

__all__ = [
    "TcpTuning",
    "quality_of",
    "raise_read_bytes",
    "raise_write_bytes",
    "socket_of",
    "tune",
    "unsent_bytes",
]

#: Keepalive probes; the first goes out after half of `keepalive`, the others share the
#: second half.
_PROBES = 3

# linux/tcp.h: struct tcp_info, eight bytes and 24 u32 of it. They are in the kernel
# since 2.6, and it fills in as much as it is asked for.
_TCP_INFO = struct.Struct("8x24I")
_ROUND_TRIP_MICROSECONDS = 15
_RETRANSMITS = 23


# Not slotted: a config class inherits from this beside another base with slots.
@attrs.frozen(kw_only=True, slots=False)
class TcpTuning:
    """The options of every TCP connection; base of the config classes that have one."""

    keepalive: float = option(
        DURATION,
        default=30.0,
        help="A peer that has been silent is asked by the kernel whether it is still "
        "there, and given up for dead after this long without an answer. 0: never "
        "asked; a peer whose power failed then stays connected for ever.",
    )
    user_timeout: float = option(
        DURATION,
        default=30.0,
        help="How long sent bytes may stay unacknowledged by the peer's TCP, or a peer "
        "that reads nothing may leave no room for more, before the connection is given "
        "up. 0: the kernel's own limit, about 15 minutes.",
    )

    def problems(self) -> Iterable[tuple[str, str]]:
        """What the loader cannot see in one option alone."""
        for name, seconds in (
            ("keepalive", self.keepalive),
            ("user_timeout", self.user_timeout),
        ):
            if seconds and not 1.0 <= seconds <= 32767.0:
                yield name, "expected 0, or from 1s to 9h"


def tune(
    transport: Any,
    *,
    keepalive_seconds: float,
    user_timeout_seconds: float,
    nodelay: bool = True,
) -> None:
    """Set keepalive, TCP_USER_TIMEOUT and TCP_NODELAY on a connection's socket.

    0 seconds leaves the kernel's default. A transport without a TCP socket (a test's)
    is left alone.
    """
    sock = socket_of(transport)
    if sock is None:
        return
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, nodelay)
    if keepalive_seconds > 0:
        first_seconds = max(1, math.floor(keepalive_seconds / 2))
        apart_seconds = max(
            1, math.floor((keepalive_seconds - first_seconds) / _PROBES)
        )
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, first_seconds)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, apart_seconds)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, _PROBES)
    if user_timeout_seconds > 0:
        sock.setsockopt(
            socket.IPPROTO_TCP,
            socket.TCP_USER_TIMEOUT,
            math.ceil(user_timeout_seconds * 1000),
        )


def raise_read_bytes(transport: Any, size_bytes: int) -> None:
    """Let the transport read that many bytes at once: larger chunks, larger batches."""
    bottom = _bottom(transport)
    if isinstance(getattr(bottom, "bufferSize", None), int):
        bottom.bufferSize = size_bytes


def raise_write_bytes(transport: Any, size_bytes: int) -> None:
    """Let the transport hold that much before it asks for a pause, and send it in one
    call.

    Twisted sends 128 KiB in a turn of the reactor and reads what `raise_read_bytes`
    says: what passes through would pile up, and be read back from the disk.
    """
    bottom = _bottom(transport)
    if isinstance(getattr(bottom, "SEND_LIMIT", None), int):
        bottom.SEND_LIMIT = size_bytes
        bottom.bufferSize = size_bytes


def unsent_bytes(transport: Any) -> int:
    """Bytes written to the transport that the peer's TCP has not acknowledged.

    Twisted's own buffers plus the kernel's send queue (SIOCOUTQ); through TLS, bytes of
    ciphertext and what is not encrypted yet. 0 means that the peer's TCP has all of it,
    and so does a connection that is gone: look at that first.
    """
    waiting = 0
    layer = transport
    while isinstance(layer, ProtocolWrapper):
        waiting += _held_by_tls_bytes(layer)
        layer = layer.transport
    waiting += len(getattr(layer, "dataBuffer", b"")) - getattr(layer, "offset", 0)
    waiting += getattr(layer, "_tempDataLen", 0)
    sock = socket_of(layer)
    if sock is not None and sock.fileno() >= 0:
        answer = fcntl.ioctl(sock.fileno(), termios.TIOCOUTQ, struct.pack("i", 0))
        waiting += struct.unpack("i", answer)[0]
    return waiting


def quality_of(transport: Any) -> dict[str, float]:
    """What the kernel knows of a connection now: `round_trip_seconds`,
    `unacknowledged_bytes` (see unsent_bytes) and `retransmits`, the segments that had
    to be sent again since it was made. Empty where there is no TCP."""
    sock = socket_of(transport)
    if sock is None or sock.fileno() < 0:
        return {}
    try:
        told = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO.size)
        numbers = _TCP_INFO.unpack(told)
        unacknowledged_bytes = unsent_bytes(transport)
    except (OSError, struct.error):
        # It has just ended, or this is another system's tcp_info.
        return {}
    return {
        "round_trip_seconds": numbers[_ROUND_TRIP_MICROSECONDS] / 1e6,
        "unacknowledged_bytes": unacknowledged_bytes,
        "retransmits": numbers[_RETRANSMITS],
    }


def socket_of(transport: Any) -> socket.socket | None:
    """The TCP socket under a transport and its wrappers; None if there is none."""
    sock = getattr(_bottom(transport), "socket", None)
    if isinstance(sock, socket.socket) and sock.family in (
        socket.AF_INET,
        socket.AF_INET6,
    ):
        return sock
    return None


def _bottom(transport: Any) -> Any:
    while isinstance(transport, ProtocolWrapper):
        transport = transport.transport
    return transport


def _held_by_tls_bytes(layer: ProtocolWrapper) -> int:
    # Twisted's TLS layer has no public word for what it holds: small writes that it
    # gathers until the next turn of the reactor, and what OpenSSL could not take yet.
    # From __dict__, because a wrapper's getattr asks the transport below.
    held = layer.__dict__
    return sum(map(len, getattr(held.get("_aggregator"), "_buffer", ()))) + sum(
        map(len, held.get("_appSendBuffer", ()))
    )
