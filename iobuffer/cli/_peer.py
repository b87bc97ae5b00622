"""One peer that `iobuffer send` talks to: a TCP or TLS connection, or UDP.

Plain sockets, without a reactor: this stands where a device would stand, outside the
gateway, and one message after the other is all that it does.
"""

from __future__ import annotations

import array
import fcntl
import os
import socket
import ssl
import termios
import time
from collections.abc import Sequence

import attrs

from ..acks.base import Receipt, Receipts
from ..acks.hl7_receipts import read_answers
from ..errors import IobufferError
from ..framing.base import Encoder

__all__ = ["Lost", "Peer", "Place", "Said", "TlsWords", "connect"]

_CHUNK_BYTES = 64 * 1024
#: What is looked at again to find the code of an answer.
_HEARD_BYTES = 16 * 1024
_LOOK_SECONDS = 0.01
#: How long a peer may take to close its side, or to say that a datagram is unwanted.
_PARTING_SECONDS = 0.3


class Lost(IobufferError):
    """The peer could not be reached, did not answer in time, or hung up."""


@attrs.frozen
class Place:
    """Where the peer is."""

    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


@attrs.frozen(kw_only=True)
class TlsWords:
    """How TLS is spoken; file names, empty for none. `insecure` verifies nothing."""

    ca: str = ""
    cert: str = ""
    key: str = ""
    server_name: str = ""
    insecure: bool = False

    def context(self) -> ssl.SSLContext:
        """What the connection is made with.

        Raises:
            Lost: a file cannot be read or is not what it should be.
        """
        name = ""
        try:
            name = self.ca
            context = ssl.create_default_context(cafile=self.ca or None)
            context.minimum_version = ssl.TLSVersion.TLSv1_2
            if self.insecure:
                context.check_hostname = False
                context.verify_mode = ssl.CERT_NONE
            if self.cert:
                name = self.cert
                context.load_cert_chain(self.cert, self.key or None)
        except ssl.SSLError as error:
            raise Lost(
                f"{name}: no certificate or key in PEM form that can be used "
                f"({error.reason or error})"
            ) from error
        except OSError as error:
            raise Lost(f"{name}: cannot be read: {error.strerror}") from error
        return context


@attrs.frozen
class Said:
    """What the peer said of one message; `code` is HL7's (AA, AE, ...), or empty."""

    receipt: Receipt
    code: str
    seconds: float


class Peer:
    """A connected socket.

    Args:
        datagrams: each message is sent on its own and needs no bounds.
        receipts: reads the answers; None: none is awaited.
        timeout_seconds: for each answer, and for the peer to take what is sent.
    """

    def __init__(
        self,
        place: Place,
        line: socket.socket,
        *,
        datagrams: bool,
        encoder: Encoder,
        receipts: Receipts | None,
        timeout_seconds: float,
    ) -> None:
        self._place = place
        self._line = line
        self._datagrams = datagrams
        self._encoder = encoder
        self._receipts = receipts
        self._timeout_seconds = timeout_seconds

    def close(self) -> None:
        """Hang up."""
        self._line.close()

    def send(self, messages: Sequence[bytes]) -> None:
        """Give them to the kernel.

        Raises:
            Lost: the peer hung up, or takes nothing for too long.
            Unframeable: the first that the framing cannot carry; none is sent.
        """
        pieces = (
            [self._encoder.encode([message]) for message in messages]
            if self._datagrams
            else [self._encoder.encode(messages)]
        )
        try:
            for piece in pieces:
                self._line.sendall(piece)
        except TimeoutError as error:
            raise Lost(
                f"{self._place} took nothing for {self._timeout_seconds:g} s"
            ) from error
        except OSError as error:
            raise Lost(_why(self._alert(error), self._place)) from error

    def exchange(self, message: bytes) -> Said:
        """Send one message and wait for what the peer says of it.

        Raises:
            Lost: no answer came, or the connection ended.
            Unframeable: the framing cannot carry it.
        """
        assert self._receipts is not None
        began_at = time.monotonic()
        unmatched = self._receipts.unmatched_total
        self._receipts.expect(message)
        self.send([message])
        deadline = began_at + self._timeout_seconds
        heard = b""
        while (left := deadline - time.monotonic()) > 0:
            chunk = self._read(left)
            if chunk is None:
                break
            if not chunk and not self._datagrams:
                raise Lost(f"{self._place} closed the connection and did not answer")
            heard = (heard + chunk)[-_HEARD_BYTES:]
            receipt = self._receipts.feed(chunk)
            if receipt is not None:
                return Said(receipt, _code(heard), time.monotonic() - began_at)
        why = f"no answer from {self._place} within {self._timeout_seconds:g} s"
        others = self._receipts.unmatched_total - unmatched
        if others:
            why += (
                f"; {others} came that do not belong to this message (in HL7, MSA-2 "
                "must be its MSH-10; -o ack.match=order takes any)"
            )
        elif heard:
            why += f"; it sent {heard[:60]!r}"
        raise Lost(why)

    def settle(self) -> None:
        """Wait until the peer's system has every byte, then part in order.

        A TCP connection that is closed with answers unread is reset, and takes what the
        peer has not read yet along; so it is closed on this side first, and what still
        comes is read.

        Raises:
            Lost: it hung up before, takes too long, or refuses what it was sent.
        """
        trouble = 0 if self._datagrams else self._wait_until_taken()
        try:
            self._part()
        except TimeoutError:
            # It keeps the connection open, as it may; or UDP, where silence is good.
            pass
        except ssl.SSLError as error:
            # What it still said, or that it never says goodbye, is not of interest.
            if "ALERT" in (error.reason or ""):
                raise Lost(_why(error, self._place)) from error
        except OSError as error:
            raise Lost(_why(self._alert(error), self._place)) from error
        if trouble:
            raise Lost(_why(OSError(trouble, os.strerror(trouble)), self._place))

    def _alert(self, error: OSError) -> OSError:
        """The peer's own word on why it hung up, if it said one: a TLS 1.3 server looks
        for a certificate only when the client already sends."""
        if isinstance(self._line, ssl.SSLSocket):
            try:
                self._line.settimeout(_PARTING_SECONDS)
                self._line.recv(_CHUNK_BYTES)
            except ssl.SSLError as alert:
                return alert
            except OSError:
                # It said nothing; what we saw first is what is known.
                return error
        return error

    def _part(self) -> None:
        self._line.settimeout(_PARTING_SECONDS)
        if isinstance(self._line, ssl.SSLSocket):
            self._line.unwrap()
            return
        if not self._datagrams:
            self._line.shutdown(socket.SHUT_WR)
        deadline = time.monotonic() + _PARTING_SECONDS
        while self._line.recv(_CHUNK_BYTES) and time.monotonic() < deadline:
            pass

    def _wait_until_taken(self) -> int:
        """0 once it has every byte, or the errno of why it never will."""
        deadline = time.monotonic() + self._timeout_seconds
        left = array.array("i", [1])
        while True:
            fcntl.ioctl(self._line.fileno(), termios.TIOCOUTQ, left)
            trouble = self._line.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if trouble or not left[0]:
                return trouble
            if time.monotonic() > deadline:
                raise Lost(
                    f"{self._place} has not taken the last {left[0]} bytes after "
                    f"{self._timeout_seconds:g} s"
                )
            # The kernel tells nobody when its send queue has become empty.
            time.sleep(_LOOK_SECONDS)

    def _read(self, seconds: float) -> bytes | None:
        """What came; empty at the end, None when nothing did in time."""
        self._line.settimeout(seconds)
        try:
            return self._line.recv(_CHUNK_BYTES)
        except TimeoutError:
            return None
        except OSError as error:
            raise Lost(_why(error, self._place)) from error
        finally:
            self._line.settimeout(self._timeout_seconds)


def connect(
    place: Place,
    *,
    udp: bool,
    tls: TlsWords | None,
    encoder: Encoder,
    receipts: Receipts | None,
    timeout_seconds: float,
) -> Peer:
    """Reach the peer.

    Raises:
        Lost: why that failed, and what can be done about it.
    """
    context = tls.context() if tls is not None else None
    line: socket.socket | None = None
    try:
        if udp:
            line = _udp(place)
            line.settimeout(timeout_seconds)
        else:
            line = socket.create_connection((place.host, place.port), timeout_seconds)
        if context is not None and tls is not None:
            name = tls.server_name or place.host
            line = context.wrap_socket(line, server_hostname=name)
    except OSError as error:
        if line is not None:
            line.close()
        raise Lost(_why(error, place)) from error
    return Peer(
        place,
        line,
        datagrams=udp,
        encoder=encoder,
        receipts=receipts,
        timeout_seconds=timeout_seconds,
    )


def _udp(place: Place) -> socket.socket:
    found = socket.getaddrinfo(place.host, place.port, type=socket.SOCK_DGRAM)
    family, kind, protocol, _, address = found[0]
    line = socket.socket(family, kind, protocol)
    try:
        # A connected socket hears that nothing listens there.
        line.connect(address)
    except OSError:
        line.close()
        raise
    return line


def _code(heard: bytes) -> str:
    answers = read_answers(heard)
    return answers[-1].code.decode("ascii") if answers else ""


def _why(error: OSError, place: Place) -> str:
    """What went wrong, in a sentence with the remedy where there is one."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return (
            f"the certificate of {place} is refused: {error.verify_message}. Name its "
            "CA with --ca and its name with --server-name, or send to whoever answers "
            "with --insecure"
        )
    if isinstance(error, ssl.SSLError):
        reason = (error.reason or str(error)).lower().replace("_", " ")
        if "alert" in reason:
            return (
                f"{place} refused TLS: {reason}; it may want a certificate of ours "
                "(--cert, --key)"
            )
        return f"TLS with {place} failed: {reason}; perhaps it does not speak TLS"
    if isinstance(error, socket.gaierror):
        return f"no address is known for {place.host}"
    if isinstance(error, ConnectionRefusedError):
        return f"nothing listens on {place}"
    if isinstance(error, TimeoutError):
        return f"{place} cannot be reached: no answer in time (a firewall?)"
    if isinstance(error, (ConnectionResetError, BrokenPipeError)):
        return f"{place} closed the connection"
    return f"{place}: {error.strerror or error}"
