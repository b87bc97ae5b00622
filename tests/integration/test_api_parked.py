"""Parked messages over the API: seen, dropped with a reason, sent again."""

from __future__ import annotations

import socket
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest_twisted

from tests.integration.api_site import ApiGateway, free_port

SECTIONS = """
[source:a]
type = tcp_server
host = 127.0.0.1
port = {source}
framing = line

[destination:a:lis]
type = tcp_client
host = 127.0.0.1
port = {sink}
framing = line
ack = bytes
refused = park
attempts = 1
"""


class Fussy:
    """Takes lines, and answers each with 06, or with 15 while it is `cross`."""

    def __init__(self) -> None:
        self.cross = True
        self.taken: list[bytes] = []
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._server.getsockname()[1]
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        connection, _ = self._server.accept()
        with connection, connection.makefile("rb") as lines:
            for line in lines:
                if not self.cross:
                    self.taken.append(line)
                connection.sendall(b"\x15" if self.cross else b"\x06")

    def close(self) -> None:
        self._server.close()
        self._thread.join(10)


@pytest_twisted.async_yield_fixture
async def world(
    reactor: Any, tmp_path: Path
) -> AsyncIterator[tuple[ApiGateway, Fussy]]:
    sink = Fussy()
    sections = SECTIONS.format(source=free_port(), sink=sink.port)
    made = ApiGateway(reactor, tmp_path, sections)
    made.start()
    yield made, sink
    await made.stop()
    sink.close()


async def parked(api: ApiGateway) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await api.ask("GET", "/api/channels/a/parked")).json[
        "parked"
    ]
    return found


async def test_parked_messages_are_shown_dropped_and_sent_again(
    world: tuple[ApiGateway, Fussy],
) -> None:
    api, sink = world
    source = api.gateway.settings.channels["a"].source
    assert source is not None

    async def listening() -> bool:
        return api.gateway.pairs["a"].deliveries["lis"].counters.connections == 1

    await api.until("connected", listening)
    with socket.create_connection(("127.0.0.1", source.config.port)) as sender:
        sender.sendall(b"one\ntwo\nthree\n")

        async def all_parked() -> bool:
            return len(await parked(api)) == 3

        await api.until("all are parked", all_parked)
    assert [each["text"] for each in await parked(api)] == ["one", "two", "three"]
    path = "/api/channels/a/parked"
    again = await api.ask(
        "POST", f"{path}/retry", body={"destination": "lis", "seqs": [1]}
    )
    assert again.json["delivered"] == 0
    assert again.json["refused"][0]["seq"] == 1
    sink.cross = False
    given = {"destination": "lis", "seqs": [1, 2, 7]}
    again = await api.ask("POST", f"{path}/retry", body=given)
    assert again.json["delivered"] == 2, again.body
    assert again.json["missing"] == 1
    assert sink.taken == [b"one\n", b"two\n"]
    reason = {"destination": "lis", "seqs": [3], "reason": "entered by hand"}
    dropped = await api.ask("POST", f"{path}/drop", body=reason)
    assert dropped.json == {"dropped": 1}
    assert await parked(api) == []
    again = {"destination": "lis", "first_seq": 1, "last_seq": 3, "dry_run": True}
    await api.ask("POST", "/api/channels/a/replay", body=again)
    odd = {"destination": "lis", "seqs": [*range(1, 100, 2), 2], "dry_run": True}
    await api.ask("POST", "/api/channels/a/replay", body=odd)
    _, _, detail = api.people.audit.lines.pop()
    assert "replay lis 1-3, 5, 7, " in detail
    assert "41, and so on to 99, 51 in all: only" in detail
    assert [line[1:] for line in api.people.audit.lines] == [
        ("retry parked", f"{path}/retry lis 1"),
        ("retry parked", f"{path}/retry lis 1-2, 7"),
        ("drop parked", f"{path}/drop lis 3: entered by hand"),
        ("replay", "/api/channels/a/replay lis 1-3: only asked how many"),
    ]

    async def adds_up() -> bool:
        shown = (await api.ask("GET", "/api/channels/a")).json
        ledger = shown["parts"]["lis"]["ledger"]
        return (
            ledger["dropped"] == {"entered by hand": 1}
            and ledger["delivered"].get("acknowledged") == 2
            and ledger["balance"] == 0
        )

    await api.until("the ledger adds up", adds_up)
    found = await api.ask(
        "GET", "/api/channels/a/messages?destination=lis&state=dropped"
    )
    assert [each["seq"] for each in found.json["messages"]] == [3]


async def test_what_a_receiver_says_is_masked_like_what_it_may_quote(
    world: tuple[ApiGateway, Fussy],
) -> None:
    api, _ = world
    source = api.gateway.settings.channels["a"].source
    assert source is not None

    async def listening() -> bool:
        return api.gateway.pairs["a"].deliveries["lis"].counters.connections == 1

    await api.until("connected", listening)
    with socket.create_connection(("127.0.0.1", source.config.port)) as sender:
        sender.sendall(b"canary\n")

        async def all_parked() -> bool:
            return len(await parked(api)) == 1

        await api.until("it is parked", all_parked)
    session = {"Cookie": "iobuffer=s-operator", "X-CSRF-Token": "word"}

    async def told(path: str, token: str) -> tuple[str, str]:
        headers = {} if token else session
        given = {"destination": "lis", "seqs": [1]}
        base = "/api/channels/a"
        answer = await api.ask(
            "GET", f"{base}/parked", token=token, headers=dict(headers)
        )
        (listed,) = answer.json["parked"]
        answer = await api.ask(
            "POST", f"{base}/{path}", token=token, headers=dict(headers), body=given
        )
        found = answer.json
        said = found["refused"][0]["reason"] if "refused" in found else found["stopped"]
        return listed["reason"], said

    plain = await told("parked/retry", "t-operator")
    hidden = await told("parked/retry", "")
    for said, masked in zip(plain, hidden, strict=True):
        assert said != masked
        assert len(said) == len(masked)
        assert {each for each in masked if each.isalnum()} <= {"x", "9"}
    _, plain_stop = await told("replay", "t-operator")
    _, hidden_stop = await told("replay", "")
    assert plain_stop == f"message 1 was refused: {plain[1]}"
    assert hidden_stop == f"message 1 was refused: {hidden[1]}"
