"""Messages as a file, over real sockets."""

from __future__ import annotations

import csv
import io
import json
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
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
"""


@pytest_twisted.async_yield_fixture
async def api(reactor: Any, tmp_path: Path) -> AsyncIterator[ApiGateway]:
    sections = SECTIONS.format(port=free_port(), folder=tmp_path)
    made = ApiGateway(reactor, tmp_path, sections)
    made.start()
    yield made
    await made.stop()


async def send(api: ApiGateway, content: bytes) -> None:
    source = api.gateway.settings.channels["a"].source
    assert source is not None
    pair = api.gateway.pairs["a"]
    last_seq = pair.channel.last_seq + content.count(b"\n")

    def talk() -> None:
        assert source is not None
        with socket.create_connection(("127.0.0.1", source.config.port)) as device:
            device.sendall(content)

    await deferToThread(talk)

    async def delivered() -> bool:
        channel = pair.channel
        return channel.last_seq == last_seq and not channel.queued("out")

    await api.until("delivered", delivered)


async def export(api: ApiGateway, query: str) -> bytes:
    answer = await api.ask("GET", f"/api/channels/a/export?{query}", token="t-operator")
    assert answer.status == 200, answer.body
    return answer.body


async def test_each_form_has_every_message_once_and_in_order(api: ApiGateway) -> None:
    await send(api, b'one\ntwo, "2"\nfree\xff\n')
    lines = [json.loads(line) for line in (await export(api, "")).splitlines()]
    assert [each["seq"] for each in lines] == [1, 2, 3]
    assert lines[0]["channel"] == "a"
    assert lines[0]["text"] == "one"
    assert lines[0]["states"] == {"out": "delivered"}
    assert lines[0]["peer"].startswith("127.0.0.1:")
    assert lines[2]["base64"] == "ZnJlZf8="
    assert await export(api, "form=raw") == b'one\ntwo, "2"\nfree\xff\n'
    text = (await export(api, "form=csv")).decode()
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert [each["text"] for each in rows] == ["one", 'two, "2"', "freeÿ"]
    assert [each["encoding"] for each in rows] == ["utf-8", "utf-8", "latin-1"]
    assert rows[0]["states"] == "out=delivered"
    assert rows[0]["received_at"].endswith("+00:00")


async def test_an_export_is_a_file_that_no_browser_shows_as_a_page(
    api: ApiGateway,
) -> None:
    await send(api, b"<script>\n")
    answer = await api.ask("GET", "/api/channels/a/export?form=raw")
    assert answer.header("Content-Disposition") == 'attachment; filename="a.bin"'
    assert answer.header("Content-Type") == "application/octet-stream"
    assert answer.header("X-Content-Type-Options") == "nosniff"
    head = await api.ask("HEAD", "/api/channels/a/export?form=csv")
    assert head.header("Content-Type") == "text/csv; charset=utf-8"


@pytest.mark.parametrize(
    "line", [b"=1+1", b"+1", b"-1", b"@SUM(A1)", b"\t=1", b'=HYPERLINK("x")']
)
async def test_no_cell_of_a_csv_is_a_formula(api: ApiGateway, line: bytes) -> None:
    await send(api, line + b"\nplain =1\n")
    text = (await export(api, "form=csv")).decode()
    rows = list(csv.reader(io.StringIO(text, newline="")))
    assert [row[-1] for row in rows[1:]] == ["'" + line.decode(), "plain =1"]
    for row in rows:
        assert not any(cell.startswith(("=", "+", "-", "@", "\t")) for cell in row)


async def test_it_is_narrowed_as_a_list_is(api: ApiGateway) -> None:
    await send(api, b"".join(b"%d\n" % number for number in range(1, 21)))

    async def seqs(query: str) -> list[int]:
        lines = (await export(api, query)).splitlines()
        return [json.loads(line)["seq"] for line in lines]

    assert await seqs("after=5&before=8") == [6, 7]
    assert await seqs("contains=1&before=12") == [1, 10, 11]
    assert await seqs("contains_hex=3137") == [17]
    assert await seqs("destination=out&state=delivered&after=18") == [19, 20]
    assert await seqs("destination=out&state=parked") == []
    assert await seqs("peer=127.0.0.1&after=19") == [20]
    assert await seqs("peer=10.0.0.1") == []
    assert await seqs("since=4000000000") == []
    assert await seqs("until=1000") == []
    for query, status in (
        ("destination=out", 400),
        ("destination=none&state=parked", 404),
        ("contains=a&contains_hex=00", 400),
        ("form=xml", 400),
    ):
        answer = await api.ask("GET", f"/api/channels/a/export?{query}")
        assert answer.status == status, query
        assert answer.header("Content-Type") == "application/problem+json"
    assert (await api.ask("GET", "/api/channels/none/export")).status == 404


async def test_it_is_written_down_without_what_was_searched_for(
    api: ApiGateway,
) -> None:
    await send(api, b"canary\n")
    await export(api, "contains=canary&form=csv&after=0")
    assert api.people.audit.lines == [
        (
            "operator",
            "export messages",
            "a as csv, after 0, what contains a text",
        )
    ]


@pytest.mark.deadline(60)
async def test_a_reader_that_stops_holds_up_nobody_and_little_memory(
    api: ApiGateway,
) -> None:
    line = b"x" * 49_999 + b"\n"
    for _ in range(6):
        await send(api, line * 20)
    slow = socket.socket()
    slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    slow.connect(("127.0.0.1", api.port))
    slow.settimeout(20)
    try:
        slow.sendall(
            b"GET /api/channels/a/export?form=raw HTTP/1.1\r\nHost: h\r\n"
            b"Connection: close\r\nAuthorization: Bearer t-operator\r\n\r\n"
        )

        async def under_way() -> bool:
            return api.serving.server is not None and _exports(api) == 1

        await api.until("it is under way", under_way)
        # Others go on: a whole export, while the slow one has hardly begun.
        assert await export(api, "form=raw") == line * 120
        assert _unsent(api) < 1024 * 1024
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024 * 1024)

        def rest() -> bytes:
            found = b""
            while chunk := slow.recv(1 << 20):
                found += chunk
            return found

        whole = await deferToThread(rest)
        assert whole.endswith(b"0\r\n\r\n")
        assert whole.count(b"x" * 49_999) == 120
    finally:
        slow.close()

    async def ended() -> bool:
        return _exports(api) == 0

    await api.until("it has ended", ended)


async def test_one_who_goes_away_leaves_nothing_behind(api: ApiGateway) -> None:
    await send(api, (b"x" * 999 + b"\n") * 8000)
    gone = socket.socket()
    gone.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    gone.connect(("127.0.0.1", api.port))
    gone.sendall(
        b"GET /api/channels/a/export?form=raw HTTP/1.1\r\nHost: h\r\n"
        b"Authorization: Bearer t-operator\r\n\r\n"
    )

    async def under_way() -> bool:
        return _exports(api) == 1

    await api.until("it is under way", under_way)
    gone.close()

    async def ended() -> bool:
        return _exports(api) == 0

    await api.until("it has ended", ended)


async def test_it_ends_in_the_middle_with_its_token_and_says_so(
    api: ApiGateway,
) -> None:
    await send(api, (b"x" * 999 + b"\n") * 8000)
    cut = socket.socket()
    cut.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    cut.connect(("127.0.0.1", api.port))
    cut.settimeout(20)
    try:
        cut.sendall(
            b"GET /api/channels/a/export?form=raw HTTP/1.1\r\nHost: h\r\n"
            b"Connection: close\r\nAuthorization: Bearer t-operator\r\n\r\n"
        )

        async def under_way() -> bool:
            return _exports(api) == 1

        await api.until("it is under way", under_way)
        api.people.ended.add("t-operator")

        def rest() -> bytes:
            found = b""
            try:
                while chunk := cut.recv(1 << 20):
                    found += chunk
            except ConnectionResetError:
                pass  # the way it is cut off
            return found

        assert not (await deferToThread(rest)).endswith(b"0\r\n\r\n")
    finally:
        cut.close()


async def test_there_are_so_many_at_once(api: ApiGateway) -> None:
    await send(api, (b"x" * 999 + b"\n") * 8000)
    open_ones = []
    try:
        for number in range(8):
            one = socket.socket()
            one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            one.connect(("127.0.0.1", api.port))
            one.sendall(
                b"GET /api/channels/a/export?form=raw HTTP/1.1\r\nHost: h\r\n"
                b"Authorization: Bearer t-operator\r\n\r\n"
            )
            open_ones.append(one)

            async def so_many(number: int = number) -> bool:
                return _exports(api) == number + 1

            await api.until("it is under way", so_many)
        answer = await api.ask("GET", "/api/channels/a/export")
        assert answer.status == 429
        assert answer.header("Retry-After") == "10"
    finally:
        for one in open_ones:
            one.close()


def _exports(api: ApiGateway) -> int:
    assert api.serving.server is not None
    return api.serving.server.site.exports


def _unsent(api: ApiGateway) -> int:
    """What the server's connections hold that the kernel has not taken."""
    assert api.serving.server is not None
    connections = api.serving.server._network._open
    return sum(
        len(each.transport.dataBuffer) + sum(map(len, each.transport._tempDataBuffer))
        for each in connections
    )
