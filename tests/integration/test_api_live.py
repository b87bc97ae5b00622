"""Server-Sent Events over real sockets: what is sent, who may, who cannot keep up."""

from __future__ import annotations

import json
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest_twisted
from twisted.internet.threads import deferToThread

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

[channel:a]
silence = 1s
"""


@pytest_twisted.async_yield_fixture
async def api(reactor: Any, tmp_path: Path) -> AsyncIterator[ApiGateway]:
    port = free_port()
    made = ApiGateway(reactor, tmp_path, SECTIONS.format(port=port, folder=tmp_path))
    made.start()
    yield made
    await made.stop()


class Reader:
    """A browser's EventSource, by hand, in threads."""

    def __init__(
        self,
        api: ApiGateway,
        path: str,
        token: str = "t-operator",
        session: str = "",
    ) -> None:
        who = f"Authorization: Bearer {token}"
        if session:
            who = f"Cookie: iobuffer=s-{session}"
        self._connection = socket.create_connection(("127.0.0.1", api.port))
        self._connection.settimeout(10)
        self._connection.sendall(
            f"GET {path} HTTP/1.1\r\nHost: h\r\n{who}\r\n\r\n".encode()
        )
        self._file = self._connection.makefile("rb")

    async def event(self, *names: str) -> tuple[str, Any]:
        """The next event of one of these names."""

        def read() -> tuple[str, Any]:
            name = ""
            for line in self._file:
                if line.startswith(b"event: "):
                    name = line[7:].strip().decode()
                elif line.startswith(b"data: ") and name in names:
                    return name, json.loads(line[6:])
            return "", None

        found: tuple[str, Any] = await deferToThread(read)
        return found

    async def rest(self) -> bytes:
        found: bytes = await deferToThread(self._file.read)
        return found

    def close(self) -> None:
        self._file.close()
        self._connection.close()


def say(api: ApiGateway, content: bytes) -> None:
    source = api.gateway.settings.channels["a"].source
    assert source is not None
    with socket.create_connection(("127.0.0.1", source.config.port)) as connection:
        connection.sendall(content)


async def test_states_and_rates_are_sent_whole_and_then_as_they_change(
    api: ApiGateway,
) -> None:
    reader = Reader(api, "/api/events", "t-viewer")
    try:
        name, first = await reader.event("channels", "changed")
        assert name == "channels"
        assert set(first["a"]["parts"]) == {"source", "out"}
        say(api, b"one\ntwo\n")
        last_seq = 0
        while last_seq < 2:
            name, changed = await reader.event("changed")
            last_seq = changed["a"]["last_seq"]
        assert name == "changed"
    finally:
        reader.close()


async def test_what_is_said_of_a_channel_is_sent_as_it_is_said(
    api: ApiGateway,
) -> None:
    reader = Reader(api, "/api/events", "t-viewer")
    try:
        name, first = await reader.event("alarms", "log")
        assert (name, first) == ("alarms", {"alarms": []})
        await api.ask("POST", "/api/channels/a/pause?part=out")
        line: dict[str, Any] = {"text": ""}
        while line["text"] != "paused by admin":
            _, line = await reader.event("log")
        assert line.pop("at") > 1_700_000_000
        assert line == {
            "channel": "a",
            "level": "info",
            "part": "out",
            "text": "paused by admin",
        }
        await api.ask("POST", "/api/channels/a/resume?part=out")
        while line["text"] != "resumed by admin":
            _, line = await reader.event("log")
            assert line["text"] != "paused by admin", "it was sent already"
    finally:
        reader.close()


async def test_an_alarm_is_in_the_status_in_the_log_and_sent(api: ApiGateway) -> None:
    reader = Reader(api, "/api/events", "t-viewer")
    try:
        await reader.event("alarms")
        _, raised = await reader.event("alarms")
        (alarm,) = raised["alarms"]
        assert (alarm["alarm"], alarm["channel"]) == ("silence", "a")
        status = await api.ask("GET", "/api/status", token="t-viewer")
        (alarm,) = status.json["alarms"]
        assert alarm["alarm"] == "silence"
        log = await api.ask("GET", "/api/channels/a/log", token="t-viewer")
        assert log.json["log"][0]["text"].startswith("ALARM silence: no message for")
        assert log.json["log"][0]["level"] == "warn"
    finally:
        reader.close()


async def test_messages_are_shown_as_they_come(api: ApiGateway) -> None:
    reader = Reader(api, "/api/channels/a/tail")
    try:

        async def watched() -> bool:
            return bool(api.gateway.pairs["a"].channel._readers[1:])

        await api.until("the tail watches", watched)
        say(api, b"one\n<b>two\n")
        seen = [(await reader.event("message"))[1] for _ in range(2)]
        assert [each["text"] for each in seen] == ["one", "<b>two"]
        assert seen[0]["peer"].startswith("127.0.0.1:")
    finally:
        reader.close()


async def test_of_too_many_messages_some_are_shown_and_the_others_counted(
    api: ApiGateway,
) -> None:
    reader = Reader(api, "/api/channels/a/tail")
    try:

        async def watched() -> bool:
            return bool(api.gateway.pairs["a"].channel._readers[1:])

        await api.until("the tail watches", watched)
        say(api, b"x\n" * 5000)
        seen = skipped = 0
        while seen + skipped < 5000:
            name, value = await reader.event("message", "skipped")
            if name == "skipped":
                skipped += value["messages"]
            else:
                seen += 1
                assert value["seq"] == seen + skipped
        assert skipped > 4000
    finally:
        reader.close()


async def test_a_reader_that_has_gone_leaves_nothing_behind(api: ApiGateway) -> None:
    channel = api.gateway.pairs["a"].channel
    before = len(channel._readers)
    reader = Reader(api, "/api/channels/a/tail")

    async def watched() -> bool:
        return len(channel._readers) > before

    await api.until("the tail watches", watched)
    reader.close()

    async def gone() -> bool:
        return len(channel._readers) == before

    await api.until("the tail has gone", gone)


async def test_a_stream_ends_soon_after_its_token(api: ApiGateway) -> None:
    reader = Reader(api, "/api/events")
    try:
        await reader.event("channels")
        api.people.ended.add("t-operator")
        await reader.rest()
    finally:
        reader.close()


async def test_one_user_may_have_so_many_streams(api: ApiGateway) -> None:
    readers = [Reader(api, "/api/events", "t-viewer") for _ in range(32)]
    try:
        for reader in readers:
            await reader.event("channels")
        assert (await api.ask("GET", "/api/events", token="t-viewer")).status == 429
        other = Reader(api, "/api/events")
        await other.event("channels")
        other.close()
    finally:
        for reader in readers:
            reader.close()
