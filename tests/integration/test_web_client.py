"""The web client against a real server, plain and over TLS."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import deferLater

from iobuffer.links.web_client import WebClient, WebFailed, WebTlsConfig
from tests.integration.web_server import Server
from tests.links.certificates import Authority


@asynccontextmanager
async def asking(
    reactor: Any, respond: Any, *, identity: str = "", **tls: Any
) -> AsyncIterator[tuple[Server, WebClient]]:
    server = Server(reactor, respond, identity)
    client = WebClient(
        reactor, tls=WebTlsConfig(**tls), headers={}, max_answer_bytes=1000
    )
    try:
        yield server, client
    finally:
        await client.close()
        await server.stop()
        await deferLater(reactor, 0.05)


def echo(request: Any) -> bytes:
    request.setHeader(b"x-seen", request.uri)
    body: bytes = request.content.read()
    return body


def one_file(folder: Path, authority: Authority, **options: Any) -> str:
    cert, key = authority.issue("server", **options)
    path = folder / "both.pem"
    path.write_text(Path(cert).read_text() + Path(key).read_text())
    return str(path)


async def test_a_request_has_its_whole_answer(reactor: Any) -> None:
    async with asking(reactor, echo) as (server, client):
        url = f"http://127.0.0.1:{server.port}/in?x=1"
        for body in (b"one", b"two"):
            answer = await client.ask("POST", url, body=body, timeout_seconds=5)
            assert (answer.status, answer.body) == (200, body)
            assert answer.headers["x-seen"] == b"/in?x=1".decode()


async def test_a_server_of_the_named_ca_is_trusted(
    reactor: Any, tmp_path: Path
) -> None:
    authority = Authority(tmp_path)
    identity = one_file(tmp_path, authority)
    async with asking(reactor, echo, identity=identity, ca=authority.ca) as made:
        server, client = made
        url = f"https://127.0.0.1:{server.port}/"
        answer = await client.ask("POST", url, body=b"x", timeout_seconds=5)
        assert answer.body == b"x"


async def test_a_server_of_another_ca_gets_nothing_and_the_reason_is_told(
    reactor: Any, tmp_path: Path
) -> None:
    seen: list[Any] = []

    def respond(request: Any) -> bytes:
        seen.append(request)
        return b""

    identity = one_file(tmp_path, Authority(tmp_path, "other-ca"))
    trusted = Authority(tmp_path, "our-ca").ca
    async with asking(reactor, respond, identity=identity, ca=trusted) as made:
        server, client = made
        url = f"https://127.0.0.1:{server.port}/"
        with pytest.raises(WebFailed, match=r"tls\.ca"):
            await client.ask("POST", url, body=b"secret", timeout_seconds=5)
    assert not seen


async def test_a_server_of_another_name_gets_nothing(
    reactor: Any, tmp_path: Path
) -> None:
    authority = Authority(tmp_path)
    identity = one_file(tmp_path, authority, names=("elsewhere.example",))
    async with asking(reactor, echo, identity=identity, ca=authority.ca) as made:
        server, client = made
        url = f"https://127.0.0.1:{server.port}/"
        with pytest.raises(WebFailed, match=r"elsewhere\.example"):
            await client.ask("GET", url, timeout_seconds=5)


async def test_a_redirect_is_an_answer_and_nobody_goes_there(reactor: Any) -> None:
    seen: list[bytes] = []

    def respond(request: Any) -> bytes:
        seen.append(request.uri)
        request.redirect(b"/elsewhere")
        return b""

    async with asking(reactor, respond) as (server, client):
        url = f"http://127.0.0.1:{server.port}/in"
        answer = await client.ask("GET", url, timeout_seconds=5)
        assert answer.status == 302
    assert seen == [b"/in"]


class _OneRequestEach(Protocol):
    """A server of HTTP/1.0: what else comes over a connection finds it closed."""

    answered = False

    def dataReceived(self, data: bytes) -> None:
        assert self.transport is not None
        if self.answered:
            self.transport.loseConnection()
        else:
            self.answered = True
            self.transport.write(b"HTTP/1.0 204 No Content\r\n\r\n")


async def test_a_server_of_http_1_0_has_a_connection_for_each_request(
    reactor: Any,
) -> None:
    port = reactor.listenTCP(
        0, Factory.forProtocol(_OneRequestEach), interface="127.0.0.1"
    )
    client = WebClient(reactor, tls=WebTlsConfig(), headers={}, max_answer_bytes=1000)
    try:
        url = f"http://127.0.0.1:{port.getHost().port}/"
        for _ in range(2):
            answer = await client.ask("POST", url, body=b"x", timeout_seconds=5)
            assert answer.status == 204
    finally:
        await client.close()
        await port.stopListening()
        await deferLater(reactor, 0.05)


async def test_an_answer_without_end_is_given_up(reactor: Any) -> None:
    async with asking(reactor, lambda request: b"x" * 100_000) as (server, client):
        url = f"http://127.0.0.1:{server.port}/"
        with pytest.raises(WebFailed, match="longer than 1000 bytes"):
            await client.ask("GET", url, timeout_seconds=5)


async def test_no_answer_ends_in_time(reactor: Any) -> None:
    async with asking(reactor, lambda request: Server.NEVER) as (server, client):
        url = f"http://127.0.0.1:{server.port}/"
        with pytest.raises(WebFailed, match=r"no answer within 0\.2 s"):
            await client.ask("GET", url, timeout_seconds=0.2)


async def test_half_an_answer_is_none(reactor: Any) -> None:
    def respond(request: Any) -> int:
        request.setHeader(b"content-length", b"100")
        request.write(b"half")
        reactor.callLater(0.05, request.transport.abortConnection)
        return Server.NEVER

    async with asking(reactor, respond) as (server, client):
        url = f"http://127.0.0.1:{server.port}/"
        with pytest.raises(WebFailed, match="lost"):
            await client.ask("GET", url, timeout_seconds=5)


async def test_nobody_there_is_said_in_words(reactor: Any) -> None:
    client = WebClient(reactor, tls=WebTlsConfig(), headers={}, max_answer_bytes=1000)
    with pytest.raises(WebFailed, match="nobody listens"):
        await client.ask("GET", "http://127.0.0.1:9/", timeout_seconds=5)
    await client.close()
