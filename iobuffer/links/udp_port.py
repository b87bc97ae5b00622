"""A UDP port that reads many datagrams per turn, and knows what the kernel dropped.

`udp.Port` calls its protocol once per datagram and cuts datagrams at 8192 bytes unless
told otherwise. This one gives a list per turn of the reactor, so that a turn is one
batch, and never cuts: a UDP payload cannot be longer than 65535 bytes less its headers.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable
from typing import Any

from twisted.internet.error import CannotListenError
from twisted.internet.protocol import DatagramProtocol
from twisted.internet.udp import Port

from ..options import MIB

__all__ = ["DatagramPort", "Received", "SocketAddress", "set_receive_buffer"]

#: What the socket module calls an address: host and port, and two more for IPv6.
SocketAddress = tuple[Any, ...]

#: Called with a turn's datagrams and the sender of each, never empty.
Received = Callable[[list[bytes], list[SocketAddress]], None]

#: Bounds of one turn, so that a flood does not keep the reactor from everything else.
#: By count as well as by bytes: empty datagrams cost a system call and no bytes.
TURN_DATAGRAMS = 512
TURN_BYTES = 1 * MIB

_LARGEST_DATAGRAM = 65535

# From include/uapi/asm-generic/socket.h and linux/sock_diag.h; the socket module has no
# names for them. SO_MEMINFO gives nine u32, the last of which counts the drops.
_SO_RCVBUFFORCE = 33
_SO_MEMINFO = 55
_MEMINFO = struct.Struct("9I")
_MEMINFO_DROPS = 8


def set_receive_buffer(skt: socket.socket, wanted_bytes: int) -> int:
    """Ask for a kernel buffer; returns the bytes that were granted.

    The kernel doubles what is asked, for its own bookkeeping; the figure here is
    without that doubling. Beyond net.core.rmem_max only CAP_NET_ADMIN may go.
    """
    try:
        skt.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, wanted_bytes)
    except PermissionError:
        skt.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, wanted_bytes)
    return skt.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) // 2


class _Nobody(DatagramProtocol):
    """`udp.Port` wants a protocol; ours gives its datagrams to a callable."""

    noisy = False


class DatagramPort(Port):
    """Listens on one address and gives each turn's datagrams in one call.

    Args:
        received: see Received.
        failed: called when reading failed with something that waiting does not cure;
            the caller then closes the port.
        configure: called with the socket before it is bound; may raise OSError.
    """

    def __init__(
        self,
        reactor: Any,
        host: str,
        port: int,
        *,
        received: Received,
        failed: Callable[[OSError], None],
        configure: Callable[[socket.socket], None],
    ) -> None:
        super().__init__(
            port, _Nobody(), host, maxPacketSize=_LARGEST_DATAGRAM, reactor=reactor
        )
        self._received = received
        self._failed = failed
        self._configure = configure
        self._drops_seen = 0
        self._unbound: socket.socket | None = None

    def createInternetSocket(self) -> socket.socket:
        skt = super().createInternetSocket()
        try:
            self._configure(skt)
        except OSError:
            skt.close()
            raise
        self._unbound = skt
        return skt

    def startListening(self) -> None:
        """Bind and read.

        Raises:
            CannotListenError: its `socketError` says why.
        """
        try:
            super().startListening()
        except CannotListenError:
            # Port leaves the socket that it could not bind to the garbage collector.
            if self._unbound is not None:
                self._unbound.close()
            raise
        finally:
            self._unbound = None

    def doRead(self) -> None:
        self.read_turn()

    def read_turn(self) -> int:
        """Read what is there, up to the bounds of a turn; how many datagrams it was."""
        datagrams: list[bytes] = []
        senders: list[SocketAddress] = []
        receive = self.socket.recvfrom
        read_bytes = 0
        failure: OSError | None = None
        # A try around the whole loop: nothing but the system call is paid per datagram.
        try:
            for _ in range(TURN_DATAGRAMS):
                datagram, sender = receive(_LARGEST_DATAGRAM)
                datagrams.append(datagram)
                senders.append(sender)
                read_bytes += len(datagram)
                if read_bytes >= TURN_BYTES:
                    break
        except (BlockingIOError, InterruptedError):
            pass
        except ConnectionRefusedError:
            # An ICMP answer to something we sent from here (an Inform's Response whose
            # sender has gone): it says nothing about what comes in.
            pass
        except OSError as caught:
            failure = caught
        if datagrams:
            self._received(datagrams, senders)
        if failure is not None:
            self._failed(failure)
        return len(datagrams)

    def send(self, datagram: bytes, receiver: SocketAddress) -> bool:
        """Send an answer to one whose datagram came in here; False if it could not go.

        Nothing waits: an answer that the kernel has no room for is lost, and the sender
        repeats its datagram as it would for any lost answer.
        """
        try:
            self.socket.sendto(datagram, receiver)
        except OSError:
            return False
        return True

    def new_kernel_drops(self) -> int | None:
        """Datagrams dropped by the kernel since the last call, for want of room in this
        socket's buffer (or a bad checksum). None: this kernel does not tell."""
        try:
            told = self.socket.getsockopt(socket.SOL_SOCKET, _SO_MEMINFO, _MEMINFO.size)
            drops = _MEMINFO.unpack(told)[_MEMINFO_DROPS]
        except (OSError, struct.error):
            return None
        # The kernel's counter has 32 bits.
        new = (drops - self._drops_seen) & 0xFFFFFFFF
        self._drops_seen = drops
        return new
