"""Stands between a real sender and the gateway, and writes down every byte."""

from __future__ import annotations

import selectors
import socket
import threading
from types import TracebackType

__all__ = ["Eavesdropper"]


class Eavesdropper:
    """Passes connections or datagrams on to a port of loopback, and the answers back.

    Args:
        target: the port behind it.
        datagrams: UDP instead of TCP.
    """

    def __init__(self, target: int, *, datagrams: bool = False) -> None:
        #: What came: the bytes of each connection, or each datagram.
        self.heard: list[bytes] = []
        self._target = ("127.0.0.1", target)
        self._datagrams = datagrams
        kind = socket.SOCK_DGRAM if datagrams else socket.SOCK_STREAM
        self._front = socket.socket(socket.AF_INET, kind)
        self._front.bind(("127.0.0.1", 0))
        self.port: int = self._front.getsockname()[1]
        self._ended = threading.Event()
        self._threads = [threading.Thread(target=self._run, daemon=True)]

    def __enter__(self) -> Eavesdropper:
        if not self._datagrams:
            self._front.listen()
        self._front.settimeout(0.1)
        self._threads[0].start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join(5)
        self._front.close()

    def _run(self) -> None:
        if self._datagrams:
            self._pass_datagrams()
        while not self._ended.is_set():
            try:
                near, _ = self._front.accept()
            except TimeoutError:
                continue
            self.heard.append(b"")
            place = len(self.heard) - 1
            passing = threading.Thread(target=self._pass, args=(near, place))
            self._threads.append(passing)
            passing.start()

    def _pass(self, near: socket.socket, place: int) -> None:
        with (
            near,
            socket.create_connection(self._target) as far,
            selectors.DefaultSelector() as selector,
        ):
            selector.register(near, selectors.EVENT_READ, far)
            selector.register(far, selectors.EVENT_READ, near)
            while selector.get_map() and not self._ended.is_set():
                for key, _ in selector.select(0.1):
                    one: socket.socket = key.fileobj  # type: ignore[assignment]
                    try:
                        chunk = one.recv(65536)
                        if one is near:
                            self.heard[place] += chunk
                        if chunk:
                            key.data.sendall(chunk)
                        else:
                            selector.unregister(one)
                            key.data.shutdown(socket.SHUT_WR)
                    except OSError:
                        return  # one of the two is gone

    def _pass_datagrams(self) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as far:
            far.connect(self._target)
            back = None
            with selectors.DefaultSelector() as selector:
                selector.register(self._front, selectors.EVENT_READ)
                selector.register(far, selectors.EVENT_READ)
                while not self._ended.is_set():
                    for key, _ in selector.select(0.1):
                        if key.fileobj is self._front:
                            datagram, back = self._front.recvfrom(65536)
                            self.heard.append(datagram)
                            far.send(datagram)
                        elif back is not None:
                            self._front.sendto(far.recv(65536), back)
