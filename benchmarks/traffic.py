"""Senders and receivers, each a process of its own so that they share no GIL with
anything. They are as cheap as Python lets them be: the machine has two cores."""

from __future__ import annotations

import multiprocessing
import select
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import Any

__all__ = ["CountingSink", "line", "mllp_load", "send_datagrams", "send_lines"]

_FORK = multiprocessing.get_context("fork")
_CHUNK_LINES = 2000


def line(size_bytes: int) -> bytes:
    """A syslog line of that size, its LF included."""
    start = b"<13>Nov 22 07:15:44 bench app: "
    return start + b"x" * (size_bytes - len(start) - 1) + b"\n"


def _send_lines(port: int, count: int, size_bytes: int) -> None:
    chunk = line(size_bytes) * _CHUNK_LINES
    with socket.create_connection(("127.0.0.1", port)) as connection:
        for _ in range(count // _CHUNK_LINES):
            connection.sendall(chunk)
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(65536):
            pass


def send_lines(port: int, count: int, size_bytes: int = 200) -> Any:
    """Start a process that sends `count` lines over one connection; join() it."""
    process = _FORK.Process(
        target=_send_lines, args=(port, count, size_bytes), daemon=True
    )
    process.start()
    return process


class CountingSink:
    """Listens, reads, and counts LFs, in a process of its own."""

    def __init__(self, port: int = 0) -> None:
        self._listener = socket.create_server(("127.0.0.1", port))
        self.port: int = self._listener.getsockname()[1]
        self._near, far = _FORK.Pipe()
        self._process = _FORK.Process(target=self._run, args=(far,), daemon=True)
        self._process.start()
        far.close()
        self._listener.close()

    def wait(self, count: int, seconds: float) -> float:
        """time.monotonic() at which the count was reached."""
        self._near.send(count)
        if not self._near.poll(seconds):
            raise TimeoutError(f"fewer than {count} lines after {seconds} s")
        return float(self._near.recv())

    def close(self) -> None:
        """End the process."""
        self._process.terminate()
        self._process.join()

    def _run(self, far: Connection) -> None:
        buffer = bytearray(1 << 20)
        view = memoryview(buffer)
        connections: list[socket.socket] = []
        seen, wanted, reached = 0, None, 0.0
        while True:
            ready, _, _ = select.select([self._listener, far, *connections], [], [])
            for one in ready:
                if one is self._listener:
                    connections.append(self._listener.accept()[0])
                elif one is far:
                    wanted = far.recv()
                else:
                    size = one.recv_into(view)
                    if not size:
                        connections.remove(one)
                        one.close()
                    seen += buffer.count(b"\n", 0, size)
                    reached = time.monotonic()
            if wanted is not None and seen >= wanted:
                far.send(reached)
                seen -= wanted
                wanted = None


@contextmanager
def counting_sink() -> Iterator[CountingSink]:
    sink = CountingSink()
    try:
        yield sink
    finally:
        sink.close()


def mllp_load(port: int, connections: int, seconds: float) -> tuple[float, list[float]]:
    """Messages per second, and the sorted round trips in seconds, with one message in
    flight on each connection: send, wait for the ACK, send."""
    far, near = _FORK.Pipe()
    process = _FORK.Process(
        target=_mllp_load, args=(port, connections, seconds, far), daemon=True
    )
    process.start()
    count, elapsed, trips = near.recv()
    process.join()
    return count / elapsed, sorted(trips)


def _mllp_load(port: int, connections: int, seconds: float, out: Connection) -> None:
    block = (
        b"\x0bMSH|^~\\&|BENCH|W|LIS|L|20261122084500||ORU^R01|%08d|P|2.5.1\r"
        b"PID|1||4711\rOBR|1|||GLU^Glucose\r"
        b"OBX|1|NM|GLU^Glucose||5.4|mmol/L|||||F\r"
        + b"NTE|1||"
        + b"x" * 60
        + b"\r\x1c\r"
    )
    poll = select.epoll()
    sockets = {}
    sent_at: dict[int, float] = {}
    number = 0
    now = time.perf_counter
    for _ in range(connections):
        one = socket.create_connection(("127.0.0.1", port))
        one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sockets[one.fileno()] = one
        poll.register(one.fileno(), select.EPOLLIN)
    start = now()
    for descriptor, one in sockets.items():
        sent_at[descriptor] = now()
        one.send(block % number)
        number += 1
    trips = []
    end = start + seconds
    while (at := now()) < end:
        for descriptor, _event in poll.poll(1.0):
            one = sockets[descriptor]
            answer = one.recv(4096)
            if not answer.endswith(b"\x1c\r") or b"MSA|AA|" not in answer:
                raise AssertionError(answer)
            at = now()
            trips.append(at - sent_at[descriptor])
            sent_at[descriptor] = at
            one.send(block % number)
            number += 1
    out.send((len(trips), now() - start, trips))


def send_datagrams(port: int, rate: int, seconds: float, size_bytes: int = 200) -> int:
    """Send datagrams at a steady rate; how many were sent."""
    far, near = _FORK.Pipe()
    process = _FORK.Process(
        target=_send_datagrams,
        args=(port, rate, seconds, size_bytes, far),
        daemon=True,
    )
    process.start()
    sent = int(near.recv())
    process.join()
    return sent


def _send_datagrams(
    port: int, rate: int, seconds: float, size_bytes: int, out: Connection
) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.connect(("127.0.0.1", port))
        payload = b"x" * size_bytes
        start = time.monotonic()
        sent, wanted = 0, 0
        while wanted < rate * seconds:
            wanted = int((time.monotonic() - start) * rate)
            while sent < wanted:
                one.send(payload)
                sent += 1
            # The pause is the pace: about a thousand bursts a second.
            time.sleep(0.0005)
    out.send(sent)
