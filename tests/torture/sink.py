"""Where the gateway delivers: it keeps every delivery in order, and misbehaves on call.

up        takes connections, reads, answers if it is one that answers
down      nobody listens; what was connected is told so (FIN) and read to its end, as
          a receiver does that shuts down in order
reset     the same, with RST: what its kernel had taken and nobody read is gone, so
          only a sink that answers may do this and expect every message
hang      connections are taken, and nothing is read
"""

from __future__ import annotations

import queue
import selectors
import socket
import struct
import threading
import time
from collections.abc import Callable
from types import TracebackType

from .gateway import free_ports
from .judge import Name, parse_message
from .messages import unwrap

__all__ = ["Sink"]

_RESET = struct.pack("ii", 1, 0)
_ANSWER = (
    b"\x0bMSH|^~\\&|LIS|L|GW|G|20261122084500||ACK|a|P|2.5.1\rMSA|AA|%d-%d\r\x1c\r"
)


class Sink:
    """A receiver of lines, or of HL7 that it answers with AA, for one destination.

    Args:
        answers: HL7 over MLLP with an answer to each; else lines.
        port: of loopback; a free one unless given.
    """

    def __init__(self, *, answers: bool = False, port: int = 0) -> None:
        self.port = port or free_ports(1)[0]
        #: What was delivered, for the judge, in the order of arrival.
        self.delivered: list[bytes] = []
        #: The names of it.
        self.names: set[Name] = set()
        #: How often it went down, hung or reset its connections.
        self.disruptions = 0
        self.connections_total = 0
        #: The most that came within a quarter of a second.
        self.busiest_messages = 0
        self._quarter = (0, 0)
        self._answers = answers
        self._end = b"\x1c\r" if answers else b"\n"
        self._listener: socket.socket | None = None
        # Connections, the oldest first, each with the message that has begun; and the
        # one that is read.
        self._open: dict[socket.socket, bytes] = {}
        self._watched: socket.socket | None = None
        self._hanging = False
        self._selector = selectors.DefaultSelector()
        self._wake, self._woken = socket.socketpair()
        self._selector.register(self._woken, selectors.EVENT_READ)
        self._calls: queue.Queue[tuple[Callable[[], None], threading.Event]]
        self._calls = queue.Queue()
        self._ended = False
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        self.up()

    def __enter__(self) -> Sink:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._do(self._finish)
        self._thread.join(10)

    def up(self) -> None:
        """Take connections, and read."""
        self._do(self._go_up)

    def down(self) -> None:
        """Be gone, in order."""
        self._do(lambda: self._go_down(hard=False))

    def reset(self) -> None:
        """Be gone at once."""
        self._do(lambda: self._go_down(hard=True))

    def hang(self) -> None:
        """Take connections and read nothing."""
        self._do(self._go_hang)

    # -- in its thread -----------------------------------------------------------------

    def _do(self, what: Callable[[], None]) -> None:
        done = threading.Event()
        self._calls.put((what, done))
        self._wake.send(b"!")
        assert done.wait(10), f"the sink's thread has ended: {self._failure!r}"

    def _run(self) -> None:
        try:
            while not self._ended:
                for key, _ in self._selector.select():
                    if key.fileobj is self._woken:
                        self._woken.recv(64)
                        while not self._calls.empty():
                            what, done = self._calls.get()
                            what()
                            done.set()
                    elif key.fileobj is self._listener:
                        self._accept()
                    elif key.fileobj is self._watched:
                        self._read(self._watched)
        except BaseException as error:
            self._failure = error
            raise
        finally:
            self._selector.close()
            self._wake.close()
            self._woken.close()

    def _go_up(self) -> None:
        self._hanging = False
        self._look_at_oldest()
        if self._listener is None:
            self._listener = socket.create_server(("127.0.0.1", self.port))
            self._selector.register(self._listener, selectors.EVENT_READ)

    def _go_down(self, *, hard: bool) -> None:
        self.disruptions += 1
        if self._listener is not None:
            self._selector.unregister(self._listener)
            self._listener.close()
            self._listener = None
        for connection in tuple(self._open):
            if hard:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
                self._close(connection)
            else:
                try:
                    connection.shutdown(socket.SHUT_WR)
                except OSError:
                    pass  # its other end is gone already; it is read to its end
        self._hanging = False
        self._look_at_oldest()

    def _go_hang(self) -> None:
        self._go_up()
        self.disruptions += 1
        self._hanging = True
        if self._watched is not None:
            self._selector.unregister(self._watched)
            self._watched = None

    def _finish(self) -> None:
        self._go_down(hard=True)
        self._ended = True

    def _accept(self) -> None:
        assert self._listener is not None
        connection, _ = self._listener.accept()
        self.connections_total += 1
        self._open[connection] = b""
        self._look_at_oldest()

    def _read(self, connection: socket.socket) -> None:
        try:
            chunk = connection.recv(1 << 16)
        except OSError:
            chunk = b""
        if not chunk:
            self._close(connection)
            return
        *messages, rest = (self._open[connection] + chunk).split(self._end)
        self._open[connection] = rest
        answers = []
        self._count(len(messages))
        for message in messages:
            message = unwrap(message.removeprefix(b"\x0b"))
            self.delivered.append(message)
            name = parse_message(message)
            if name is not None:
                self.names.add(name)
                if self._answers:
                    answers.append(_ANSWER % name)
        if answers:
            try:
                connection.sendall(b"".join(answers))
            except OSError:
                self._close(connection)

    def _count(self, messages: int) -> None:
        quarter, count = self._quarter
        now = int(time.monotonic() * 4)
        self._quarter = now, messages + (count if quarter == now else 0)
        self.busiest_messages = max(self.busiest_messages, self._quarter[1])

    def _close(self, connection: socket.socket) -> None:
        if connection is self._watched:
            self._selector.unregister(connection)
            self._watched = None
        del self._open[connection]
        connection.close()
        self._look_at_oldest()

    def _look_at_oldest(self) -> None:
        if self._watched is None and self._open and not self._hanging:
            self._watched = next(iter(self._open))
            self._selector.register(self._watched, selectors.EVENT_READ)
