"""A tiny gateway's API for the command line's tests: canned answers, real sockets."""

from __future__ import annotations

import contextlib
import json
import socketserver
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

from iobuffer.cli._api import SOCKET_NAME

__all__ = ["Asked", "gateway", "url_gateway"]


class Asked:
    """What was asked, in order: "METHOD target"; and the headers of the last."""

    def __init__(self, port: int = 0) -> None:
        self.port = port
        self.targets: list[str] = []
        #: The JSON of each body that came, in order.
        self.bodies: list[Any] = []
        self.headers: dict[str, str] = {}


class _Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True


class _TcpServer(socketserver.ThreadingTCPServer):
    daemon_threads = True


def _answering(asked: Asked, status: int, answer: Any) -> type[BaseHTTPRequestHandler]:
    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.targets.append(f"{self.command} {self.path}")
            asked.headers = dict(self.headers.items())
            if length := int(self.headers.get("Content-Length", 0)):
                asked.bodies.append(json.loads(self.rfile.read(length)))
            said = answer
            if callable(answer):
                said = answer(asked.targets[-1], asked.bodies[-1:])
            body = said if isinstance(said, bytes) else json.dumps(said).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET

        def log_message(self, *_: Any) -> None:
            """Standard error is the test's."""

        def address_string(self) -> str:
            return "unix"

    return Answers


@contextlib.contextmanager
def gateway(state_dir: Path, answer: Any, status: int = 200) -> Iterator[Asked]:
    """Answers everything with this value as JSON, or with these bytes, or with what
    this function makes of "METHOD target" and the last body (in a list)."""
    asked = Asked()
    path = str(state_dir / SOCKET_NAME)
    with _serving(_Server(path, _answering(asked, status, answer))):
        yield asked


@contextlib.contextmanager
def url_gateway(answer: Any, status: int = 200) -> Iterator[Asked]:
    """The same on a TCP port of this machine."""
    asked = Asked()
    server = _TcpServer(("127.0.0.1", 0), _answering(asked, status, answer))
    asked.port = server.server_address[1]
    with _serving(server):
        yield asked


@contextlib.contextmanager
def _serving(server: socketserver.BaseServer) -> Iterator[None]:
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join(10.0)
        server.server_close()
