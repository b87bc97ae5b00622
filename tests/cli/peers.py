"""Peers for `iobuffer send`: real sockets, each in a thread."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator

__all__ = ["Heard", "mllp_answer", "tcp_peer", "udp_peer"]

_SECONDS = 10.0


class Heard:
    """What a peer was sent; complete once its `with` block has ended."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.chunks: list[bytes] = []

    @property
    def bytes(self) -> bytes:
        return b"".join(self.chunks)


def mllp_answer(code: bytes, text: bytes = b"") -> Callable[[bytes], bytes]:
    """Answers each HL7 block that a chunk ends with."""

    def answer(heard: bytes) -> bytes:
        if not heard.endswith(b"\x1c\r"):
            return b""
        control_id = heard.rpartition(b"\x0b")[2].split(b"|")[9]
        header = b"MSH|^~\\&|||||20260101||ACK|1|P|2.5.1\r"
        msa = b"MSA|" + code + b"|" + control_id + b"|" + text + b"\r"
        return b"\x0b" + header + msa + b"\x1c\r"

    return answer


@contextlib.contextmanager
def tcp_peer(
    answer: Callable[[bytes], bytes | None] = lambda _: b"",
    context: ssl.SSLContext | None = None,
) -> Iterator[Heard]:
    """Takes one connection. `answer` is given all that was heard so far, after each
    chunk, and says what goes back; None hangs up."""
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(_SECONDS)
    heard = Heard(listener.getsockname()[1])

    def run() -> None:
        line, _ = listener.accept()
        line.settimeout(_SECONDS)
        # A TLS handshake that is refused, a sender that hangs up: the test's to see.
        with contextlib.suppress(OSError), line:
            if context is not None:
                line = context.wrap_socket(line, server_side=True)
            while chunk := line.recv(65536):
                heard.chunks.append(chunk)
                back = answer(heard.bytes)
                if back is None:
                    break
                line.sendall(back)
            line.close()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield heard
    finally:
        thread.join(_SECONDS)
        listener.close()


@contextlib.contextmanager
def udp_peer(count: int) -> Iterator[Heard]:
    """Takes so many datagrams."""
    line = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    line.bind(("127.0.0.1", 0))
    line.settimeout(_SECONDS)
    heard = Heard(line.getsockname()[1])

    def run() -> None:
        with contextlib.suppress(TimeoutError):
            heard.chunks.extend(line.recv(65536) for _ in range(count))

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield heard
    finally:
        thread.join(_SECONDS)
        line.close()
