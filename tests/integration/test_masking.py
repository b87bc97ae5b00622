"""What a session sees of messages before and after it has revealed a channel."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest_twisted

from tests.integration.api_site import Answer, ApiGateway, free_port
from tests.integration.test_api_live import Reader, say

SECTIONS = """
[source:a]
type = tcp_server
host = 127.0.0.1
port = {port}
framing = line

[destination:a:out]
type = file
path = {folder}/out
framing = line

[source:free]
type = tcp_server
host = 127.0.0.1
port = {other}
framing = line

[destination:free:out]
type = file
path = {folder}/free
framing = line

[channel:free]
payloads = open
"""
MESSAGE = b"H|\\^&|||canary^1|||||host||P|1"
MASKED = "H|\\^&|||xxxxxx^9|||||xxxx||x|9"


@pytest_twisted.async_yield_fixture
async def api(reactor: Any, tmp_path: Path) -> AsyncIterator[ApiGateway]:
    sections = SECTIONS.format(port=free_port(), other=free_port(), folder=tmp_path)
    made = ApiGateway(reactor, tmp_path, sections)
    made.start()
    for name in ("a", "free"):
        await send(made, name, MESSAGE, b"12 drops")
    yield made
    await made.stop()


async def send(api: ApiGateway, name: str, *lines: bytes) -> None:
    source = api.gateway.settings.channels[name].source
    assert source is not None
    pair = api.gateway.pairs[name]
    before = pair.channel.last_seq
    with socket.create_connection(("127.0.0.1", source.config.port)) as connection:
        connection.sendall(b"".join(line + b"\n" for line in lines))

        async def delivered() -> bool:
            last = pair.channel.last_seq
            return last == before + len(lines) and not pair.channel.queued("out")

        await api.until("delivered", delivered)


async def as_session(
    api: ApiGateway, method: str, path: str, body: Any = None, role: str = "operator"
) -> Answer:
    headers = {"Cookie": f"iobuffer=s-{role}", "X-CSRF-Token": "word"}
    return await api.ask(method, path, token="", body=body, headers=headers)


async def reveal(api: ApiGateway, reason: str = "result is missing") -> Answer:
    path = "/api/channels/a/reveal"
    return await as_session(api, "POST", path, {"reason": reason})


async def test_a_session_sees_a_message_masked_until_it_reveals_the_channel(
    api: ApiGateway,
) -> None:
    path = "/api/channels/a/messages"
    listed = (await as_session(api, "GET", path)).json["messages"]
    assert [each["text"] for each in listed] == ["99 xxxxx", MASKED]
    assert all(each["masked"] for each in listed)
    one = (await as_session(api, "GET", f"{path}/1")).json
    assert (one["text"], one["masked"]) == (MASKED, True)
    assert api.people.audit.lines == []

    answer = await reveal(api)
    assert answer.status == 200, answer.body
    assert answer.json["until"] > one["received_at"] + 3500
    one = (await as_session(api, "GET", f"{path}/1")).json
    assert one["text"].encode() == MESSAGE
    assert "masked" not in one
    raw = await as_session(api, "GET", f"{path}/1?form=raw")
    assert raw.body == MESSAGE
    decoded = (await as_session(api, "GET", f"{path}/1/decoded")).json
    assert (decoded["kind"], decoded["summary"]) == ("astm", "canary^1")
    sender = next(
        each for each in decoded["segments"][0]["fields"] if each["name"] == "H-5"
    )
    assert sender["value"] == "canary^1"
    assert sender["fields"][0]["name"] == "H-5.1"
    found = (await as_session(api, "GET", f"{path}?contains=canary")).json
    assert [each["seq"] for each in found["messages"]] == [1]
    assert api.people.audit.lines == [
        ("operator", "reveal", "a: result is missing"),
        ("operator", "view message", "a 1"),
        ("operator", "view message", "a 1"),
        ("operator", "view message", "a 1, decoded"),
        ("operator", "search messages", "a"),
    ]


async def test_what_cannot_be_masked_is_refused_and_says_what_to_do(
    api: ApiGateway,
) -> None:
    base = "/api/channels/a"
    for path in (
        "messages?form=hex",
        "messages?form=base64",
        "messages?contains=canary",
        "messages?contains_hex=63",
        "messages/1?form=hex",
        "messages/1?form=raw",
        "messages/1/decoded",
        "parked?form=hex",
        "export",
        "export?form=csv",
    ):
        answer = await as_session(api, "GET", f"{base}/{path}")
        assert answer.status == 403, path
        assert answer.json["title"] == "The channel's payloads are masked"
        assert answer.json["reveal"] is True
        assert b"canary" not in answer.body
    assert api.people.audit.lines == []


async def test_a_reason_has_to_be_given_and_the_channel_has_to_be_there(
    api: ApiGateway,
) -> None:
    assert (await reveal(api, "  ")).status == 400
    path = "/api/channels/none/reveal"
    assert (await as_session(api, "POST", path, {"reason": "x"})).status == 404
    path = "/api/channels/a/reveal"
    assert (await as_session(api, "POST", path, {})).status == 400
    answer = await as_session(api, "POST", path, {"reason": "x"}, role="viewer")
    assert answer.status == 403
    assert (await api.ask("POST", path, body={"reason": "x"})).status == 409
    assert api.people.audit.lines == []


async def test_one_reveal_shows_one_channel_to_one_session(api: ApiGateway) -> None:
    assert (await reveal(api)).status == 200
    path = "/api/channels/a/messages/1"
    assert "masked" in (await as_session(api, "GET", path, role="admin")).json
    assert "masked" not in (await as_session(api, "GET", path)).json


async def test_what_cannot_be_written_down_is_not_revealed(api: ApiGateway) -> None:
    api.people.audit.full = True
    assert (await reveal(api)).status == 503
    token = await api.ask("GET", "/api/channels/a/messages/1", token="t-operator")
    assert token.status == 503
    assert b"canary" not in token.body
    api.people.audit.full = False
    one = await as_session(api, "GET", "/api/channels/a/messages/1")
    assert one.json["masked"]


async def test_tokens_and_the_socket_are_not_asked_and_are_written_down(
    api: ApiGateway,
) -> None:
    path = "/api/channels/a/messages/1"
    token = await api.ask("GET", path, token="t-operator")
    assert token.json["text"].encode() == MESSAGE
    local = await api.ask("GET", f"{path}?form=raw", local=True)
    assert local.body == MESSAGE
    assert api.people.audit.lines == [
        ("operator", "view message", "a 1"),
        ("local", "view message", "a 1"),
    ]


async def test_a_viewer_reveals_nothing(api: ApiGateway) -> None:
    for path in ("messages/1?form=raw", "messages?contains=x", "messages/1/decoded"):
        answer = await as_session(api, "GET", f"/api/channels/a/{path}", role="viewer")
        assert answer.status == 403
        assert "reveal" not in answer.json
    one = await as_session(api, "GET", "/api/channels/a/messages/1", role="viewer")
    assert "text" not in one.json
    assert "masked" not in one.json
    assert api.people.audit.lines == []


async def test_an_open_channel_shows_what_it_has(api: ApiGateway) -> None:
    path = "/api/channels/free/messages"
    listed = (await as_session(api, "GET", path)).json["messages"]
    assert [each["text"] for each in listed] == ["12 drops", MESSAGE.decode()]
    raw = await as_session(api, "GET", f"{path}/1?form=raw")
    assert raw.body == MESSAGE
    assert api.people.audit.lines == [("operator", "view message", "free 1")]


async def test_a_policy_that_changes_holds_from_then_on(api: ApiGateway) -> None:
    text = api.config.read_text()
    api.config.write_text(text.replace("payloads = open", "payloads = reveal"))
    assert (await api.ask("POST", "/api/reload")).status == 200
    one = await as_session(api, "GET", "/api/channels/free/messages/1")
    assert one.json["text"] == MASKED


async def test_the_tail_is_masked_until_the_channel_is_revealed(
    api: ApiGateway,
) -> None:
    reader = Reader(api, "/api/channels/a/tail", session="operator")
    try:

        async def watched() -> bool:
            return bool(api.gateway.pairs["a"].channel._readers[1:])

        await api.until("the tail watches", watched)
        say(api, b"canary 1\n")
        _, first = await reader.event("message")
        assert (first["text"], first["masked"]) == ("xxxxxx 9", True)
        assert (await reveal(api)).status == 200
        say(api, b"canary 2\n")
        _, second = await reader.event("message")
        assert second["text"] == "canary 2"
        assert "masked" not in second
    finally:
        reader.close()
    assert ("operator", "live tail", "a") in api.people.audit.lines
