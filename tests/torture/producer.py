"""Senders that know what they sent and what was acknowledged to them.

Each runs in a thread, connects again when it loses the gateway, and sends every message
once: what it has not heard of when the connection goes, it neither repeats nor takes
for granted. So every duplicate that arrives is the gateway's own.
"""

from __future__ import annotations

import selectors
import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from .messages import hl7, line

__all__ = ["DatagramSender", "LineSender", "MllpSender", "Sender"]

_RECONNECT_SECONDS = 0.02
_TURN_SECONDS = 0.02
_LAST_SECONDS = 5.0


class Sender:
    """One device on one TCP connection at a time.

    Args:
        source: its number, which is in every message.
        port: of the gateway, on loopback.
        encode: the message of that source and number as it goes on the line.
        window: messages that may wait for their answers; 0 if there are no answers.
        rate: messages a second at most; 0 for as many as it can.
        size_bytes: of the payload; 0 for small ones of many sizes.
    """

    def __init__(
        self,
        source: int,
        port: int,
        *,
        encode: Callable[[int, int, int], bytes],
        window: int,
        rate: float = 0.0,
        size_bytes: int = 0,
    ) -> None:
        self.source = source
        #: Messages 1 to `sent` were given to the kernel, or were about to be.
        self.sent = 0
        self.acked: set[int] = set()
        self.refused: set[int] = set()
        #: When the last positive answer came, on the monotonic clock.
        self.acked_at = 0.0
        #: First and last number of each connection.
        self.connections: list[tuple[int, int]] = []
        #: Set: send nothing new; answers are still taken.
        self.quiet = threading.Event()
        self._place = ("127.0.0.1", port)
        self._encode = encode
        self._window = window
        self._rate = rate
        self._size_bytes = size_bytes
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._waiting: deque[int] = deque()
        self._heard = b""
        self._begun_at = 0.0

    def start(self) -> None:
        self._begun_at = time.monotonic()
        self._thread.start()

    def stop(self) -> None:
        """Send no more, and end."""
        self._ended.set()
        if self._thread.ident is not None:
            self._thread.join(10)
        assert not self._thread.is_alive(), f"sender {self.source} does not end"

    @property
    def unanswered(self) -> int:
        """Messages of the connection of now that wait for an answer."""
        return len(self._waiting)

    # -- what the protocols differ in --------------------------------------------------

    def _answers(self, heard: bytes) -> tuple[list[tuple[int, bool]], bytes]:
        """Numbers with yes or no, and the bytes that are no answer yet."""
        raise NotImplementedError

    # -- within ------------------------------------------------------------------------

    def _run(self) -> None:
        while not self._ended.is_set():
            try:
                with socket.create_connection(self._place, timeout=2.0) as connection:
                    self._talk(connection)
            except OSError:
                pass  # it is down, or was killed: that is what the test is about
            self._waiting.clear()
            self._ended.wait(_RECONNECT_SECONDS)

    def _talk(self, connection: socket.socket) -> None:
        connection.setblocking(False)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._heard = b""
        first = self.sent + 1
        pending = b""
        try:
            with selectors.DefaultSelector() as selector:
                selector.register(connection, selectors.EVENT_READ)
                while not self._ended.is_set():
                    if not pending:
                        pending = self._next()
                    if pending:
                        try:
                            pending = pending[connection.send(pending) :]
                        except BlockingIOError:
                            pass  # the gateway reads no more for now
                    full = pending or not self._room()
                    if selector.select(_TURN_SECONDS if full else 0):
                        self._hear(connection)
            # Half a line at the end would be a message of its own.
            connection.settimeout(_LAST_SECONDS)
            connection.sendall(pending)
        finally:
            if self.sent >= first:
                self.connections.append((first, self.sent))

    def _room(self) -> int:
        """How many messages may be sent now."""
        if self.quiet.is_set():
            return 0
        room = self._window - len(self._waiting) if self._window else 50
        if self._rate:
            due = int((time.monotonic() - self._begun_at) * self._rate) - self.sent
            room = min(room, due)
        return max(room, 0)

    def _next(self) -> bytes:
        room = self._room()
        numbers = range(self.sent + 1, self.sent + room + 1)
        if self._window:
            self._waiting.extend(numbers)
        self.sent += room
        encode, size_bytes = self._encode, self._size_bytes
        return b"".join(encode(self.source, number, size_bytes) for number in numbers)

    def _hear(self, connection: socket.socket) -> None:
        chunk = connection.recv(65536)
        if not chunk:
            raise ConnectionResetError("closed by the gateway")
        answers, self._heard = self._answers(self._heard + chunk)
        for number, yes in answers:
            (self.acked if yes else self.refused).add(number)
            if yes:
                self.acked_at = time.monotonic()


class MllpSender(Sender):
    """HL7 over MLLP; up to `window` blocks ahead of their answers."""

    def __init__(
        self, source: int, port: int, *, window: int = 1, **options: Any
    ) -> None:
        super().__init__(source, port, encode=_block, window=window, **options)
        #: Answers that were neither AA nor AE, or to no message that waits.
        self.strange: list[bytes] = []

    def _answers(self, heard: bytes) -> tuple[list[tuple[int, bool]], bytes]:
        found = []
        *blocks, rest = heard.split(b"\x1c\r")
        for block in blocks:
            code, _, name = block.partition(b"\rMSA|")[2].partition(b"|")
            name = name.split(b"\r")[0].split(b"|")[0]
            waiting = self._waiting.popleft() if self._waiting else 0
            expected = f"{self.source}-{waiting}".encode()
            if code not in (b"AA", b"AE") or name != expected:
                self.strange.append(block)
            else:
                found.append((waiting, code == b"AA"))
        return found, rest


class LineSender(Sender):
    """Lines. With a window, 06 answers each (`ack = bytes`); without, nothing does."""

    def __init__(
        self, source: int, port: int, *, window: int = 0, **options: Any
    ) -> None:
        super().__init__(source, port, encode=_line, window=window, **options)

    def _answers(self, heard: bytes) -> tuple[list[tuple[int, bool]], bytes]:
        return [(self._waiting.popleft(), byte == 6) for byte in heard], b""


class DatagramSender:
    """A message per datagram, at a rate; nobody answers, and any may be lost."""

    def __init__(self, source: int, port: int, *, rate: float) -> None:
        self.source = source
        self.sent = 0
        self.acked: set[int] = set()
        self._place = ("127.0.0.1", port)
        self._rate = rate
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Send no more, and end."""
        self._ended.set()
        if self._thread.ident is not None:
            self._thread.join(10)

    def _run(self) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as port:
            while not self._ended.wait(1 / self._rate):
                self.sent += 1
                # Unconnected, so that a closed port is no error of the next send.
                port.sendto(line(self.source, self.sent), self._place)


def _block(source: int, number: int, size_bytes: int) -> bytes:
    return b"\x0b" + hl7(source, number, size_bytes) + b"\x1c\r"


def _line(source: int, number: int, size_bytes: int) -> bytes:
    return line(source, number, size_bytes) + b"\n"
