"""A server's connection without a reactor: bytes in, bytes out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport

from iobuffer.web.base import Route, Site
from iobuffer.web.connection import Connection
from iobuffer.web.identity import Identity
from iobuffer.web.request import RequestContext
from iobuffer.web.router import Router
from tests.integration.api_site import FakePeople


class _Pool:
    """Runs what should go to a thread at once."""

    def callInThreadWithCallback(
        self, told: Callable[..., Any], f: Callable[..., Any], *args: Any, **kw: Any
    ) -> None:
        try:
            result = f(*args, **kw)
        except Exception:
            from twisted.python.failure import Failure

            told(False, Failure())
        else:
            told(True, result)


class ThreadlessClock(Clock):
    """A reactor's clock and its thread pool."""

    def getThreadPool(self) -> _Pool:
        return _Pool()

    def callFromThread(self, f: Callable[..., Any], *args: Any, **kw: Any) -> None:
        f(*args, **kw)


class _Transport(StringTransport):
    aborted = False

    def abortConnection(self) -> None:
        self.aborted = True
        self.disconnecting = True


class Wire:
    """One connection to a server of these routes."""

    def __init__(
        self, routes: Sequence[Route], *, local: bool = False, operations: Any = None
    ) -> None:
        self.clock = ThreadlessClock()
        self.people = FakePeople()
        site = Site(
            operations=operations,
            people=self.people,
            reactor=self.clock,
            wall=lambda: 1_700_000_000.0,
            routes=tuple(routes),
        )
        identity = Identity(self.people, self.clock)
        self._shared = RequestContext(site, Router(routes), identity, local=local)
        self.gone = 0
        self.connect()

    def connect(self) -> None:
        """Another connection to the same server, in place of the one before."""
        self.connection = Connection(self._shared, self.clock, self._on_gone)
        self.transport = _Transport()
        self.connection.makeConnection(self.transport)

    def _on_gone(self, connection: Connection) -> None:
        self.gone += 1

    def send(self, content: bytes) -> bytes:
        """Give the server bytes; what it has said since the last call."""
        self.connection.dataReceived(content)
        said: bytes = self.transport.value()
        self.transport.clear()
        return said

    def ask(
        self,
        method: str,
        path: str,
        *headers: str,
        token: str = "t-admin",
        body: bytes = b"",
    ) -> tuple[int, bytes]:
        """One request; the status and the whole answer."""
        lines = [f"{method} {path} HTTP/1.1", "Host: h", *headers]
        if token:
            lines.append(f"Authorization: Bearer {token}")
        if body:
            lines.append(f"Content-Length: {len(body)}")
        said = self.send("\r\n".join([*lines, "", ""]).encode() + body)
        return (int(said.split(b" ", 2)[1]) if said else 0), said
