"""A gateway with its API in this process, and a client for it."""

from __future__ import annotations

import json
import socket
import time
from pathlib import Path
from typing import Any

import attrs
import treq
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import UNIXClientEndpoint
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.internet.task import deferLater
from twisted.web.client import Agent, HTTPConnectionPool
from twisted.web.iweb import IAgentEndpointFactory
from zope.interface import implementer

from iobuffer.gateway import Gateway
from iobuffer.people.errors import AuditError
from iobuffer.registry import KINDS
from iobuffer.serving import SOCKET_NAME, Serving
from iobuffer.settings.load import load
from iobuffer.storage.sqlite import SqliteStore

__all__ = ["TOKENS", "Answer", "ApiGateway", "FakePeople", "free_port", "raw_exchange"]

#: Secret -> role.
TOKENS = {
    "t-viewer": "viewer",
    "t-operator": "operator",
    "t-admin": "admin",
    "t-relay": "relay",
}


@attrs.frozen
class _Somebody:
    name: str
    role: str
    channels: tuple[str, ...] = ()
    csrf: str = ""


class _Audit:
    def __init__(self) -> None:
        self.lines: list[tuple[str, str, str]] = []
        self.full = False

    def append(self, who: str, what: str, detail: str = "") -> None:
        if self.full:
            raise AuditError("there is no room for a line")
        self.lines.append((who, what, detail))


class _SetUp:
    def begin(self) -> str:
        return ""


class FakePeople:
    """A token for each role, the password `secret` for everybody."""

    def __init__(self) -> None:
        self.audit = _Audit()
        self.set_up = _SetUp()
        self.password = True
        self.ended: set[str] = set()

    def has_password(self) -> bool:
        return self.password

    def authenticate(self, name: str, password: str, address: str) -> Any:
        if password != "secret" or name not in TOKENS.values():
            return None
        return self._somebody(name)

    def stands(self, name: str, generation: int) -> bool:
        return name not in self.ended

    def token(self, secret: str) -> Any:
        role = TOKENS.get(secret)
        return None if role is None or secret in self.ended else self._somebody(role)

    def session(self, secret: str, *, seen: bool = True) -> Any:
        if secret in self.ended or not secret.startswith("s-"):
            return None
        return attrs.evolve(self._somebody(secret.removeprefix("s-")), csrf="word")

    def _somebody(self, role: str) -> _Somebody:
        return _Somebody(role, role, ("a",) if role == "relay" else ())


@attrs.frozen
class Answer:
    """What came back; `json` when it is any."""

    status: int
    headers: Any
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    def header(self, name: str) -> str:
        return (self.headers.getRawHeaders(name) or [""])[0]


@implementer(IAgentEndpointFactory)
class _ToSocket:
    def __init__(self, reactor: Any, path: str) -> None:
        self._reactor, self._path = reactor, path

    def endpointForURI(self, uri: Any) -> IStreamClientEndpoint:
        return UNIXClientEndpoint(self._reactor, self._path)


class ApiGateway:
    """A gateway in a folder, started by `start`; `[gateway]` is written here."""

    def __init__(
        self, reactor: Any, folder: Path, sections: str, http: str = ""
    ) -> None:
        self.reactor = reactor
        self.people = FakePeople()
        self.state_dir = folder / "state"
        self.config = folder / "gateway.ini"
        self.write(sections, http or f"[http]\nport = {free_port()}")
        settings = load(str(self.config), KINDS)
        self.gateway = Gateway(
            settings,
            kinds=KINDS,
            open_store=lambda gateway: SqliteStore(
                gateway.state_dir,
                secure_delete=False,
                min_free_bytes=gateway.min_free_bytes,
            ),
            reload_settings=lambda: load(str(self.config), KINDS),
            reactor=reactor,
            wall=time.time,
        )
        self.serving = Serving(
            self.gateway,
            reactor=reactor,
            wall=time.time,
            open_people=lambda state_dir: self.people,  # type: ignore[arg-type,return-value]
        )
        self._pool = HTTPConnectionPool(reactor, persistent=False)

    def write(self, sections: str, http: str) -> None:
        self.config.write_text(
            f"[gateway]\nstate_dir = {self.state_dir}\n{http}\n{sections}"
        )

    def start(self) -> None:
        self.gateway.startService()
        self.serving.startService()

    async def stop(self) -> None:
        await self._pool.closeCachedConnections()
        stopping = self.serving.stopService()
        if stopping is not None:
            await stopping
        await self.gateway.stopService()

    @property
    def port(self) -> int:
        server = self.serving.server
        assert server is not None
        assert server.listener is not None
        assert server.listener.port_number is not None
        return server.listener.port_number

    async def ask(
        self,
        method: str,
        path: str,
        *,
        token: str = "t-admin",
        body: Any = None,
        local: bool = False,
        headers: dict[str, str] | None = None,
    ) -> Answer:
        """One request, over TCP or (`local`) the unix socket."""
        given: Any = dict(headers or {})
        if token and not local:
            given["Authorization"] = f"Bearer {token}"
        agent: Any
        if local:
            agent = Agent.usingEndpointFactory(
                self.reactor,
                _ToSocket(self.reactor, str(self.state_dir / SOCKET_NAME)),
                pool=self._pool,
            )
            url = f"http://local{path}"
        else:
            agent = Agent(self.reactor, pool=self._pool)
            url = f"http://127.0.0.1:{self.port}{path}"
        content = None
        if body is not None:
            content = body if isinstance(body, bytes) else json.dumps(body).encode()
            given.setdefault("Content-Type", "application/json")
        response = await treq.client.HTTPClient(agent).request(
            method, url, headers=given, data=content
        )
        return Answer(response.code, response.headers, await response.content())

    async def until(self, what: str, holds: Any) -> None:
        """Wait until `holds()` (a coroutine function) is true."""
        for _ in range(200):
            if await holds():
                return
            await deferLater(self.reactor, 0.025)
        raise TimeoutError(what)


def free_port() -> int:
    """A port of loopback that nobody has now."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


async def raw_exchange(reactor: Any, port: int, content: bytes) -> bytes:
    """Bytes there, and all that comes back until the other end closes."""
    from twisted.internet.threads import deferToThread

    def exchange() -> bytes:
        with socket.create_connection(("127.0.0.1", port), 10) as connection:
            connection.settimeout(10)
            try:
                connection.sendall(content)
            except OSError:
                pass  # refused while it was being sent
            got = b""
            try:
                while chunk := connection.recv(65536):
                    got += chunk
            except ConnectionResetError:
                pass
            return got

    done: Deferred[bytes] = deferToThread(exchange)
    return await done
