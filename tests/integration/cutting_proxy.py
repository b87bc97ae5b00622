"""A TCP proxy between two gateways that cuts, and sends requests twice."""

from __future__ import annotations

import random
import socket
import threading

__all__ = ["CuttingProxy"]

_SECONDS = 30.0


class CuttingProxy:
    """Listens on `port`, and passes on to `target`, both on loopback.

    Of the first connection, and of `cut_share` of the others, it passes fewer than
    `cut_before_bytes` of the answers and then resets both sides; before some others it
    plays the last request once more, as a proxy does that has lost an answer. `calm()`
    ends all that.
    """

    def __init__(
        self,
        target: int,
        *,
        seed: int,
        cut_share: float = 0.4,
        cut_before_bytes: int = 60_000,
    ) -> None:
        self._random = random.Random(seed)
        self._target = target
        self._cut_share = cut_share
        self._cut_before_bytes = cut_before_bytes
        self._calm = threading.Event()
        self._last_request = b""
        self.cuts_total = 0
        self.repeats_total = 0
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def calm(self) -> None:
        """Pass everything on from now."""
        self._calm.set()

    def close(self) -> None:
        """Take no more connections."""
        self._listening.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        try:
            server = socket.create_connection(("127.0.0.1", self._target), _SECONDS)
        except OSError:
            client.close()
            return
        rough = not self._calm.is_set()
        allowed = -1
        if rough and (not self.cuts_total or self._random.random() < self._cut_share):
            allowed = self._random.randrange(0, self._cut_before_bytes)
        elif rough and self._last_request and self._random.random() < 0.5:
            self._repeat()
        back = threading.Thread(
            target=self._pass_back, args=(server, client, allowed), daemon=True
        )
        back.start()
        try:
            while data := client.recv(65536):
                if data.startswith((b"GET ", b"POST ")):
                    self._last_request = data
                server.sendall(data)
        except OSError:
            pass
        finally:
            _reset(client, server)

    def _pass_back(
        self, server: socket.socket, client: socket.socket, allowed: int
    ) -> None:
        passed = 0
        try:
            while data := server.recv(65536):
                if 0 <= allowed < passed + len(data) and not self._calm.is_set():
                    client.sendall(data[: allowed - passed])
                    self.cuts_total += 1
                    break
                client.sendall(data)
                passed += len(data)
        except OSError:
            pass
        finally:
            _reset(client, server)

    def _repeat(self) -> None:
        """The server hears it once more; nobody reads what it answers."""
        try:
            with socket.create_connection(
                ("127.0.0.1", self._target), _SECONDS
            ) as again:
                again.sendall(self._last_request)
                again.settimeout(0.2)
                again.recv(100)
        except OSError:
            pass
        self.repeats_total += 1


def _reset(*connections: socket.socket) -> None:
    for connection in connections:
        try:
            connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        connection.close()
