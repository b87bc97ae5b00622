"""TORTURE A9: live views that nobody may have, too many of them, and slow ones."""

from __future__ import annotations

import base64
import json
import os
import resource
import socket
from collections import Counter
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
from twisted.internet.threads import deferToThread

from iobuffer.web import api_live
from tests.integration.api_site import ApiGateway, free_port
from tests.integration.test_api_live import say
from tests.people.people_fakes import GOOD, PeopleAt
from tests.torture.gateway import resident_bytes

SECTIONS = """
[source:a]
type = tcp_server
host = 127.0.0.1
port = {port}
framing = line
"""
MANY = 1000
BEARER = "Authorization: Bearer t-operator"


@pytest_twisted.async_yield_fixture
async def api(reactor: Any, tmp_path: Path) -> AsyncIterator[ApiGateway]:
    made = ApiGateway(reactor, tmp_path, SECTIONS.format(port=free_port()))
    made.start()
    yield made
    await made.stop()


@pytest_twisted.async_yield_fixture
async def lived_in(reactor: Any, tmp_path: Path) -> AsyncIterator[ApiGateway]:
    """With people of its own, and their clock moved by hand."""
    made = ApiGateway(reactor, tmp_path, SECTIONS.format(port=free_port()))
    people = PeopleAt(made.state_dir)
    people.put_user("otto", password=GOOD, role="operator")
    made.people = people  # type: ignore[assignment]
    made.start()
    yield made
    await made.stop()


class Reader:
    """A browser's EventSource, by hand, in threads. `by` is a line of the header."""

    def __init__(self, api: ApiGateway, path: str, by: str = BEARER) -> None:
        self._connection = socket.create_connection(("127.0.0.1", api.port))
        self._connection.settimeout(8)
        self._connection.sendall(
            f"GET {path} HTTP/1.1\r\nHost: h\r\n{by}\r\n\r\n".encode()
        )
        self._file = self._connection.makefile("rb")

    async def line(self, wanted: bytes) -> None:
        """Read until a line begins with this."""

        def read() -> None:
            for line in self._file:
                if line.startswith(wanted):
                    return
            raise EOFError(wanted)

        await deferToThread(read)

    async def event(self, *names: str) -> tuple[str, Any]:
        """The next event of one of these names."""

        def read() -> tuple[str, Any]:
            name = ""
            for line in self._file:
                if line.startswith(b"event: "):
                    name = line[7:].strip().decode()
                elif line.startswith(b"data: ") and name in names:
                    return name, json.loads(line[6:])
            raise EOFError(names)

        found: tuple[str, Any] = await deferToThread(read)
        return found

    async def end(self) -> None:
        """Read until it is ended; TimeoutError if it is not."""
        await deferToThread(self._file.read)

    def close(self) -> None:
        self._file.close()
        self._connection.close()


async def test_no_stream_for_nobody_for_a_relay_or_for_another_sites_page(
    api: ApiGateway,
) -> None:
    for path in ("/api/events", "/api/channels/a/tail"):
        for token, status in (("", 401), ("t-none", 401), ("t-relay", 403)):
            assert (await api.ask("GET", path, token=token)).status == status
        foreign = {"Cookie": "__Host-iobuffer=s-admin", "Origin": "https://evil"}
        assert (await api.ask("GET", path, token="", headers=foreign)).status == 401
    assert (
        await api.ask("GET", "/api/channels/a/tail", token="t-viewer")
    ).status == 403


class Crowd:
    """A thousand connections that ask for a stream and read only its beginning."""

    def __init__(self, port: int, tokens: list[str]) -> None:
        self.answers: Counter[str] = Counter()
        self._connections: list[socket.socket] = []
        for number in range(MANY):
            # Of four addresses, as one alone may not have so many.
            source = f"127.3.0.{number % 4 + 1}"
            token = tokens[number % len(tokens)]
            connection = socket.create_connection(
                ("127.0.0.1", port), 10, source_address=(source, 0)
            )
            connection.settimeout(10)
            self._connections.append(connection)
            try:
                connection.sendall(
                    b"GET /api/events HTTP/1.1\r\nHost: h\r\n"
                    b"Authorization: Bearer %s\r\n\r\n" % token.encode()
                )
                self.answers[connection.recv(12)[9:].decode() or "closed"] += 1
            except OSError:
                self.answers["closed"] += 1

    def leave(self) -> None:
        for connection in self._connections:
            connection.close()


async def test_a_thousand_streams_are_cut_down_and_messages_go_on(
    api: ApiGateway,
) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, 4096)), hard))
    tokens = ["t-viewer", "t-operator", "t-admin"]
    before = resident_bytes(os.getpid())
    crowd = await deferToThread(Crowd, api.port, tokens)
    try:
        # 32 for each user; the others hear so, or find no connection.
        assert crowd.answers["200"] == 96
        assert crowd.answers["429"] + crowd.answers["closed"] == MANY - 96
        assert resident_bytes(os.getpid()) - before < 32 << 20
        say(api, b"one\ntwo\n")

        async def stored() -> bool:
            path = "/api/channels/a/messages"
            answer = await api.ask("GET", path, local=True)
            return len(answer.json["messages"]) == 2

        await api.until("the messages are stored", stored)
    finally:
        crowd.leave()

    async def free_again() -> bool:
        answer = await api.ask("GET", "/api/channels/a")
        live = api.serving.server.site.live  # type: ignore[union-attr]
        return answer.status == 200 and live._each.total() == 0

    await api.until("everything is let go", free_again)


async def test_what_a_slow_reader_does_not_take_is_not_kept_for_it(
    api: ApiGateway,
) -> None:
    """20 MB of messages while it reads nothing: what it gets afterwards is no more than
    what sockets hold, and it is told how much it has missed."""
    reader = Reader(api, "/api/channels/a/tail")
    channel = api.gateway.pairs["a"].channel
    total = 10_000
    try:
        await reader.line(b"retry:")
        for sent in range(250, total + 1, 250):
            await deferToThread(say, api, (b"x" * 2000 + b"\n") * 250)

            async def stored(sent: int = sent) -> bool:
                return channel.last_seq >= sent

            await api.until("they are stored", stored)
        read_bytes = seen = skipped = 0
        while seen + skipped < total:
            name, value = await reader.event("message", "skipped")
            read_bytes += len(str(value))
            seen += name == "message"
            skipped += value["messages"] if name == "skipped" else 0
        assert read_bytes < 2 << 20
        assert skipped > total // 2
    finally:
        reader.close()


async def sign_in(api: ApiGateway) -> dict[str, str]:
    """The headers of a browser that has signed in."""
    answer = await api.ask(
        "POST", "/api/login", token="", body={"name": "otto", "password": GOOD}
    )
    cookie = answer.header("Set-Cookie").partition(";")[0]
    return {"Cookie": cookie, "X-CSRF-Token": answer.json["csrf"]}


async def test_both_streams_end_within_five_seconds_of_the_sign_out(
    lived_in: ApiGateway,
) -> None:
    otto = await sign_in(lived_in)
    readers = [
        Reader(lived_in, path, f"Cookie: {otto['Cookie']}")
        for path in ("/api/events", "/api/channels/a/tail")
    ]
    try:
        for reader in readers:
            await reader.line(b"HTTP/1.1 200 ")
        out = await lived_in.ask("POST", "/api/logout", token="", headers=otto)
        assert out.status == 204
        for reader in readers:
            await reader.end()
    finally:
        for reader in readers:
            reader.close()
    assert api_live._LOOK_SECONDS <= 5


async def test_a_stream_does_not_keep_a_session_that_nobody_uses(
    lived_in: ApiGateway,
) -> None:
    otto = await sign_in(lived_in)
    people: Any = lived_in.people
    reader = Reader(lived_in, "/api/events", f"Cookie: {otto['Cookie']}")
    try:
        await reader.line(b"HTTP/1.1 200 ")
        people.clock.now += 10 * 60
        # It looks after its session meanwhile, and that is no use of it.
        await reader.line(b": here")
        people.clock.now += 6 * 60
        who = await lived_in.ask("GET", "/api/whoami", token="", headers=otto)
        assert who.status == 401
    finally:
        reader.close()


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda people: people.set_disabled("otto", True), id="disabled"),
        pytest.param(
            lambda people: people.put_user("otto", password=f"{GOOD} and new"),
            id="new password",
        ),
        pytest.param(lambda people: people.remove_user("otto"), id="removed"),
    ],
)
async def test_a_stream_that_came_with_a_password_ends_with_its_user(
    lived_in: ApiGateway, change: Callable[[PeopleAt], object]
) -> None:
    secret = base64.b64encode(f"otto:{GOOD}".encode()).decode()
    reader = Reader(lived_in, "/api/events", f"Authorization: Basic {secret}")
    try:
        await reader.event("channels")
        change(lived_in.people)  # type: ignore[arg-type]
        await reader.end()
    finally:
        reader.close()
