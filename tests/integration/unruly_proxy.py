"""A proxy between two gateways that knows where requests end: it can be late, ask
twice, give an old answer, and stop at any step of an exchange until the test ends it.
"""

from __future__ import annotations

import random
import socket
import threading
from typing import BinaryIO

__all__ = ["STEPS", "UnrulyProxy"]

_SECONDS = 30.0

#: Where an exchange can be stopped, and ended: the proxy has the request (of a client
#: that pulls: it has committed what it was told before); the server has it; the proxy
#: has the whole answer; the client has half of it; the client has all of it.
STEPS = ("asked", "passed", "answered", "half", "told")

_WAYS = ("late", "twice", "lost", "old answer", "old request")


class UnrulyProxy:
    """Listens on `port`, and passes on to `target`, both on loopback.

    Of the exchanges, a `share` goes wrong, each way in turn: the answer is late; the
    server is asked twice; its answer is lost; the client is given the answer to an
    earlier request; an earlier request is sent again behind this one. `done` counts
    them. `calm()` ends all that.
    """

    def __init__(self, target: int, *, seed: int, share: float = 0.0) -> None:
        self._target = target
        self._random = random.Random(seed)
        self._share = share
        self._turn = threading.Lock()
        self._calm = threading.Event()
        self._requests: list[bytes] = []
        self._answers: list[bytes] = []
        self.done = dict.fromkeys(_WAYS, 0)
        self._hold_at = ""
        self._held = threading.Event()
        self._go_on = threading.Event()
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def calm(self) -> None:
        """Pass everything on from now."""
        self._calm.set()

    def close(self) -> None:
        """Take no more connections."""
        self._listening.close()
        self._go_on.set()

    # -- stopping at a step ------------------------------------------------------------

    def hold_at(self, step: str) -> None:
        """The next exchange that carries messages stops there."""
        self._held.clear()
        self._go_on.clear()
        self._hold_at = step

    def wait_until_held(self) -> None:
        """Return once one has stopped."""
        assert self._held.wait(_SECONDS), f"no exchange came to {self._hold_at}"

    def let_go(self) -> None:
        """It ends: whoever still waits for an answer gets none."""
        self._go_on.set()

    def _step(self, step: str, carries: bool) -> None:
        """Raises ConnectionError for one that was held."""
        with self._turn:
            if step != self._hold_at or not carries:
                return
            self._hold_at = ""
        self._held.set()
        self._go_on.wait(_SECONDS)
        raise ConnectionError

    # -- passing on --------------------------------------------------------------------

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, client.makefile("rb") as reading:
            try:
                while request := _message(reading):
                    self._step("asked", _asks(request))
                    answer = self._answer(request)
                    if answer is None:
                        return
                    carries = _carries(request) or _carries(answer)
                    self._step("answered", carries)
                    half = len(answer) // 2
                    client.sendall(answer[:half])
                    self._step("half", carries)
                    client.sendall(answer[half:])
                    self._step("told", carries)
            except OSError:
                # One of the two was killed: the other sees its connection end.
                return

    def _answer(self, request: bytes) -> bytes | None:
        """What to tell the client; None to hang up."""
        way = self._way()
        if way == "old answer":
            return self._answers[0]
        if way == "late":
            threading.Event().wait(0.05 + 0.2 * self._random.random())
        if way == "twice":
            self._ask(request)
        answer = self._ask(request)
        if way == "old request":
            self._ask(self._requests[0])
        if _carries(request) or _carries(answer):
            self._requests = [*self._requests, request][-3:]
            self._answers = [*self._answers, answer][-3:]
        return None if way == "lost" else answer

    def _way(self) -> str:
        with self._turn:
            if self._calm.is_set() or len(self._answers) < 3:
                return ""
            if self._random.random() >= self._share:
                return ""
            way = min(self.done, key=lambda each: self.done[each])
            self.done[way] += 1
            return way

    def _ask(self, request: bytes) -> bytes:
        with socket.create_connection(("127.0.0.1", self._target), _SECONDS) as server:
            server.sendall(request)
            self._step("passed", _asks(request))
            with server.makefile("rb") as reading:
                answer = _message(reading)
        if not answer:
            raise ConnectionError
        return answer


def _message(reading: BinaryIO) -> bytes:
    """A request or an answer, whole; empty at the end."""
    head = b""
    size_bytes = 0
    while not head.endswith(b"\r\n\r\n"):
        line = reading.readline()
        if not line:
            return b""
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            size_bytes = int(value)
        head += line
    return head + reading.read(size_bytes)


def _asks(request: bytes) -> bool:
    """Whether it gives messages, or may be answered with some."""
    return _carries(request) or request.startswith(b"GET ")


def _carries(message: bytes) -> bool:
    """Whether there are messages of a channel in it."""
    return b"ioBr" in message[:4000] and len(message) > 700
