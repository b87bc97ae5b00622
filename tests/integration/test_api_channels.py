"""The API over real sockets: what it shows of channels, and what it lets one do."""

from __future__ import annotations

import json
import re
import socket
import stat
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest_twisted

from tests.integration.api_site import ApiGateway, free_port

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
"""


@pytest_twisted.async_yield_fixture
async def api(reactor: Any, tmp_path: Path) -> AsyncIterator[ApiGateway]:
    sections = SECTIONS.format(port=free_port(), folder=tmp_path)
    made = ApiGateway(reactor, tmp_path, sections)
    made.start()
    yield made
    await made.stop()


async def send(api: ApiGateway, *lines: bytes) -> None:
    """Send lines to channel a, and wait until they are delivered."""
    source = api.gateway.settings.channels["a"].source
    assert source is not None
    pair = api.gateway.pairs["a"]
    before = pair.channel.last_seq
    with socket.create_connection(("127.0.0.1", source.config.port)) as connection:
        connection.sendall(b"".join(line + b"\n" for line in lines))

        async def delivered() -> bool:
            last = pair.channel.last_seq
            return last == before + len(lines) and not pair.channel.queued("out")

        await api.until("delivered", delivered)


async def test_the_status_counts_the_channels_by_state(api: ApiGateway) -> None:
    answer = await api.ask("GET", "/api/status", token="t-viewer")
    assert answer.status == 200
    assert answer.json["channels"] == {"running": 1}
    assert answer.json["store"]["file_bytes"] > 0


async def test_the_unix_socket_needs_no_credentials_and_is_private(
    api: ApiGateway,
) -> None:
    answer = await api.ask("GET", "/api/status", local=True)
    assert answer.status == 200
    mode = (api.state_dir / "api.sock").stat().st_mode
    assert stat.S_IMODE(mode) == 0o600


async def test_a_channel_shows_ledger_cursor_and_configuration(
    api: ApiGateway,
) -> None:
    await send(api, b"one", b"two")

    async def counted() -> bool:
        shown = (await api.ask("GET", "/api/channels/a")).json
        return shown["parts"]["out"]["ledger"]["delivered"].get("received") == 2

    await api.until("the ledger has both", counted)
    shown = (await api.ask("GET", "/api/channels/a")).json
    assert shown["state"]["word"] == "running"
    assert shown["parts"]["out"]["cursor"] == 2
    assert shown["parts"]["out"]["ledger"]["balance"] == 0
    assert shown["parts"]["out"]["halted"] is False
    assert shown["limits"] == {
        "max_bytes": 10 * 2**30,
        "max_messages": 0,
        "when_full": "block",
    }
    assert shown["config"]["id"] == "a"
    assert not shown["editable"]
    listed = (await api.ask("GET", "/api/channels")).json["channels"]
    assert [each["name"] for each in listed] == ["a"]


async def test_a_channel_shows_how_far_each_relay_has_got(api: ApiGateway) -> None:
    await api.ask("GET", "/api/channels/a/batches", token="t-relay")
    await send(api, b"one", b"two")

    async def counted() -> bool:
        shown = (await api.ask("GET", "/api/channels/a")).json
        return shown["relays"]["relay"]["queued"] == 2

    await api.until("both wait for the relay", counted)
    shown = (await api.ask("GET", "/api/channels/a")).json
    assert list(shown["relays"]) == ["relay"]
    assert "relay" not in shown["parts"]


async def test_messages_are_found_by_number_text_and_bytes(api: ApiGateway) -> None:
    await send(api, b"alpha", b"beta", "größe".encode(), b"alpha again")

    async def found(query: str) -> list[int]:
        answer = await api.ask("GET", f"/api/channels/a/messages?{query}")
        assert answer.status == 200, answer.body
        return [each["seq"] for each in answer.json["messages"]]

    assert await found("") == [4, 3, 2, 1]
    assert await found("after=0&limit=2") == [1, 2]
    assert await found("before=3") == [2, 1]
    assert await found("contains=alpha") == [4, 1]
    assert await found("contains=gr%C3%B6") == [3]
    assert await found("contains_hex=6265") == [2]
    assert await found("destination=out&state=delivered&after=1") == [2, 3, 4]
    assert await found("destination=out&state=parked") == []
    assert await found("since=4000000000") == []
    assert await found("until=1000") == []
    assert await found("since=1000&until=4000000000&limit=1") == [4]


async def test_a_page_of_messages_says_where_the_next_begins(api: ApiGateway) -> None:
    await send(api, *[b"%d" % number for number in range(10)])
    path, seen = "/api/channels/a/messages?limit=4", []
    while path:
        page = (await api.ask("GET", path)).json
        seen += [each["text"] for each in page["messages"]]
        following = page["next"]
        path = following and (
            f"/api/channels/a/messages?limit=4&before={following['before']}"
        )
    assert seen == [str(number) for number in reversed(range(10))]


async def test_one_message_is_shown_as_text_hex_and_raw(api: ApiGateway) -> None:
    await send(api, b"<script>\xff")
    path = "/api/channels/a/messages/1"
    assert (await api.ask("GET", path)).json["text"] == "<script>\xff"
    assert (await api.ask("GET", f"{path}?form=hex")).json["hex"] == (
        "3c7363726970743eff"
    )
    raw = await api.ask("GET", f"{path}?form=raw")
    assert raw.body == b"<script>\xff"
    assert raw.header("Content-Type") == "application/octet-stream"
    assert raw.header("X-Content-Type-Options") == "nosniff"
    outcome = (await api.ask("GET", path)).json["outcomes"]["out"]
    assert outcome["state"] == "delivered"
    assert outcome["confidence"] == "received"
    assert (await api.ask("GET", "/api/channels/a/messages/99")).status == 404
    assert (await api.ask("GET", "/api/channels/a/messages/x")).status == 404


async def test_a_viewer_sees_that_a_message_is_there_and_not_what_it_says(
    api: ApiGateway,
) -> None:
    await send(api, b"canary")
    for path in ("messages", "messages/1", "parked"):
        answer = await api.ask("GET", f"/api/channels/a/{path}", token="t-viewer")
        assert answer.status == 200
        assert b"canary" not in answer.body
    for path in ("messages?contains=can", "messages/1?form=raw", "tail"):
        answer = await api.ask("GET", f"/api/channels/a/{path}", token="t-viewer")
        assert answer.status == 403
        assert b"canary" not in answer.body


async def test_a_part_is_stopped_paused_and_started(api: ApiGateway) -> None:
    async def act(verb: str, part: str = "") -> Any:
        query = f"?part={part}" if part else ""
        answer = await api.ask("POST", f"/api/channels/a/{verb}{query}")
        assert answer.status == 200, answer.body
        return answer.json

    shown = await act("stop", "source")
    stopped = shown["parts"]["source"]["state"]
    assert stopped["word"] == "stopped"
    assert re.fullmatch(
        r"stopped by admin at \d\d:\d\d on \d{4}-\d\d-\d\d; start it to go on",
        stopped["reason"],
    )
    assert (await act("start", "source"))["parts"]["source"]["state"]["word"] == (
        "running"
    )
    assert (await act("pause", "out"))["parts"]["out"]["state"]["word"] == "paused"
    assert (await act("resume", "out"))["parts"]["out"]["state"]["word"] != "paused"
    assert (await act("stop"))["state"]["word"] == "stopped"
    await api.gateway.reload()
    shown = (await api.ask("GET", "/api/channels/a")).json
    assert shown["state"]["word"] == "stopped", "a reload starts nothing"
    assert (await act("start"))["state"]["word"] != "stopped"
    await send(api, b"goes on")
    assert [line[1:] for line in api.people.audit.lines][:2] == [
        ("stop", "/api/channels/a/stop source"),
        ("start", "/api/channels/a/start source"),
    ]
    missing = await api.ask("POST", "/api/channels/a/stop?part=nobody")
    assert missing.status == 404
    assert "source, out" in missing.json["detail"]


async def test_a_channel_is_made_changed_and_removed(
    api: ApiGateway, tmp_path: Path
) -> None:
    wanted = {
        "source": {"type": "tcp_server", "host": "127.0.0.1", "port": free_port()},
        "destinations": {"out": {"type": "file", "path": str(tmp_path / "b")}},
    }
    planned = await api.ask("POST", "/api/plan", body={"channel": {"id": "b"} | wanted})
    assert planned.json["changes"][0]["change"] == "added"
    made = await api.ask("PUT", "/api/channels/b", body=wanted)
    assert made.status == 200, made.body
    assert made.json["editable"]
    kept = api.state_dir / "channels" / "b.json"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    changed = await api.ask(
        "PUT", "/api/channels/b", body=made.json["config"] | {"description": "new"}
    )
    assert changed.json["description"] == "new"
    before = kept.read_bytes()
    wrong = await api.ask("PUT", "/api/channels/b", body=wanted | {"kepp": "1d"})
    assert wrong.status == 422
    assert "keep" in wrong.json["errors"][0], "the nearest known name"
    assert kept.read_bytes() == before
    removal = await api.ask("POST", "/api/plan", body={"remove": "b"})
    assert removal.json["changes"][0]["change"] == "removed"
    assert (await api.ask("DELETE", "/api/channels/b")).status == 204
    assert not kept.exists()
    assert (await api.ask("GET", "/api/channels/b")).status == 404


async def test_a_masked_secret_stays_what_it_was(
    api: ApiGateway, tmp_path: Path
) -> None:
    wanted = {
        "source": {
            "type": "remote_icombuffer",
            "url": "https://127.0.0.1:1",
            "channel_id": "x",
            "auth": {"username": "u", "password": "canary-secret"},
        },
        "destinations": {"out": {"type": "file", "path": str(tmp_path / "c")}},
    }
    made = await api.ask("PUT", "/api/channels/c", body=wanted)
    assert made.status == 200, made.body
    assert b"canary-secret" not in made.body
    again = await api.ask("PUT", "/api/channels/c", body=made.json["config"])
    assert again.status == 200, again.body
    kept = json.loads((api.state_dir / "channels" / "c.json").read_text())
    assert kept["source"]["auth"]["password"] == "canary-secret"
    other = await api.ask("PUT", "/api/channels/d", body=made.json["config"])
    assert other.status == 422


async def test_a_channel_of_an_ini_file_is_read_only_here(api: ApiGateway) -> None:
    answer = await api.ask("PUT", "/api/channels/a", body={"source": {}})
    assert answer.status == 409
    assert str(api.config) in answer.json["detail"]
    assert (await api.ask("DELETE", "/api/channels/a")).status == 409


async def test_a_reload_with_an_error_changes_nothing_and_says_why(
    api: ApiGateway,
) -> None:
    good = api.config.read_text()
    assert (await api.ask("POST", "/api/reload")).json["done"]
    api.config.write_text(good.replace("framing = line", "framing = lime"))
    refused = await api.ask("POST", "/api/reload")
    assert refused.status == 422
    assert "framing" in refused.json["errors"][0]
    assert (await api.ask("GET", "/api/channels/a")).status == 200
    api.config.write_text(good)


async def test_what_takes_a_restart_is_said_by_plan_reload_and_status(
    api: ApiGateway,
) -> None:
    good = api.config.read_text()
    api.config.write_text(good.replace("[gateway]", "[gateway]\nname = another"))
    warning = ["warning: a change in [gateway] takes a restart"]
    planned = await api.ask("POST", "/api/plan", body={})
    assert (planned.json["changes"], planned.json["warnings"]) == ([], warning)
    for _ in range(2):
        assert (await api.ask("POST", "/api/reload")).json["warnings"] == warning
    assert (await api.ask("GET", "/api/status")).json["warnings"] == warning
    api.config.write_text(good)
    assert (await api.ask("POST", "/api/reload")).json["warnings"] == []


async def test_messages_are_replayed_and_counted(
    api: ApiGateway, tmp_path: Path
) -> None:
    await send(api, b"one", b"two", b"three")
    wanted = {"destination": "out", "first_seq": 1, "last_seq": 9}
    path = "/api/channels/a/replay"
    counted = await api.ask("POST", path, body=wanted | {"dry_run": True})
    assert counted.json == {"messages": 3, "dry_run": True}
    done = await api.ask("POST", path, body={"destination": "out", "seqs": [3, 1]})
    assert done.json["replayed"] == 2, done.body
    assert (tmp_path / "out").read_bytes() == b"one\ntwo\nthree\none\nthree\n"
    await send(api, b"four")
    assert (tmp_path / "out").read_bytes().endswith(b"three\nfour\n")

    async def counted_once() -> bool:
        shown = (await api.ask("GET", "/api/channels/a")).json
        ledger = shown["parts"]["out"]["ledger"]
        return ledger["replayed"] == 2 and ledger["balance"] == 0

    await api.until("the ledger tells of it", counted_once)
    nobody = await api.ask("POST", path, body=wanted | {"destination": "x"})
    assert nobody.status == 404
    both = await api.ask("POST", path, body=wanted | {"seqs": [1]})
    assert both.status == 400
