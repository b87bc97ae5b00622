"""TORTURE A8: uploads that nobody asked for, that never end, that unfold, that nest."""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
from twisted.internet.threads import deferToThread

from iobuffer.web.server import _MAX_CONNECTIONS_EACH
from tests.integration.api_site import ApiGateway, raw_exchange
from tests.torture.gateway import resident_bytes

from .raw_wires import exchange_all

MIB = 1 << 20
AUTH = b"Authorization: Bearer t-admin\r\n"
JSON = b"Content-Type: application/json\r\n"


@pytest_twisted.async_yield_fixture
async def api(reactor: Any, tmp_path: Path) -> AsyncIterator[ApiGateway]:
    made = ApiGateway(reactor, tmp_path, "")
    made.start()
    yield made
    await made.stop()


def head(path: bytes, *lines: bytes, by: bytes = AUTH) -> bytes:
    words = b"PUT " + path + b" HTTP/1.1\r\nHost: h\r\n" + by
    return words + b"".join(line + b"\r\n" for line in lines) + b"\r\n"


def pour(port: int, begin: bytes, content: Iterator[bytes]) -> tuple[bytes, int]:
    """Send until the other end has enough; its answer, and how much was sent."""
    sent = 0
    with socket.create_connection(("127.0.0.1", port), 10) as connection:
        connection.settimeout(10)
        connection.sendall(begin)
        try:
            for chunk in content:
                connection.sendall(chunk)
                sent += len(chunk)
        except OSError:
            pass  # closed by the other end
        said = b""
        try:
            while chunk := connection.recv(65536):
                said += chunk
        except OSError:
            pass  # reset behind the answer
        return said, sent


def chunks(count: int) -> Iterator[bytes]:
    piece = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
    for _ in range(count):
        yield piece


@pytest.mark.parametrize(
    ("by", "status"), [(b"", b"401"), (AUTH, b"413")], ids=["nobody", "admin"]
)
async def test_what_is_too_much_is_answered_at_once_and_kept_nowhere(
    api: ApiGateway, by: bytes, status: bytes
) -> None:
    """64 MiB in chunks of no known end. twisted.web itself would put them into a file
    below $TMPDIR, whoever sends them."""
    before = resident_bytes(os.getpid())
    files = set(os.listdir("/proc/self/fd"))
    begin = head(b"/api/channels/x", JSON[:-2], b"Transfer-Encoding: chunked", by=by)

    said, sent = await deferToThread(pour, api.port, begin, chunks(1024))

    assert said.startswith(b"HTTP/1.1 " + status) or (not said and sent < 64 * MIB)
    assert resident_bytes(os.getpid()) - before < 16 * MIB
    assert len(set(os.listdir("/proc/self/fd")) - files) <= 1


async def test_a_body_that_unfolds_is_refused_before_it_comes(api: ApiGateway) -> None:
    kinds = ("gzip", "deflate", "br", "zstd", "identity", "gzip, gzip")
    said = await exchange_all(
        api.port,
        {
            kind: head(
                b"/api/channels/x",
                JSON[:-2],
                b"Content-Encoding: " + kind.encode(),
                b"Content-Length: 1000",
            )
            for kind in kinds
        },
    )

    assert {answer[9:12] for answer in said.values()} == {b"415"}


def hostile() -> dict[str, bytes]:
    """JSON of at most 1 MiB that costs as much as it can."""
    many = ",".join(f'"{number}":0' for number in range(90_000))
    udp = ",".join(f'"d{number}":{{"type":"udp"}}' for number in range(20_000))
    none = ",".join(f'"{number}":7' for number in range(40_000))
    return {
        "100,000 lists": b'{"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        "100,000 objects": b'{"x":' * 100_000 + b"0" + b"}" * 100_000,
        "900 lists": b'{"x":' + b"[" * 900 + b"]" * 900 + b"}",
        "a name of 500,000 parts": b'{"x' + b".x" * 499_999 + b'":0}',
        "400 objects": b'{"x":' * 400 + b"0" + b"}" * 400,
        "900 objects": b'{"x":' * 900 + b"0" + b"}" * 900,
        "20,000 destinations": b'{"destinations":{' + udp.encode() + b"}}",
        "40,000 things that are none": b'{"destinations":{' + none.encode() + b"}}",
        "90,000 names": b"{" + many.encode() + b"}",
        "one name 90,000 times": b"{" + b'"a":0,' * 90_000 + b'"b":0}',
        "a number of 1,000,000 digits": b'{"x":' + b"9" * 1_000_000 + b"}",
        "an exponent": b'{"x":1e999999999}',
        "surrogates": b'{"x":"' + b"\\ud800" * 100_000 + b'"}',
        "escapes": b'{"x":"' + b"\\u0000" * 100_000 + b'"}',
    }


async def test_json_that_is_made_to_cost_is_answered_and_costs_little(
    api: ApiGateway,
) -> None:
    took_by_name = {}
    for name, body in hostile().items():
        begun = time.monotonic()
        answer = await api.ask("PUT", "/api/channels/x", body=body)
        took = time.monotonic() - begun
        took_by_name[name] = took
        assert 400 <= answer.status < 500, (name, answer)
        # Whoever asks must not be given a weapon: an answer many times the question.
        assert len(answer.body) < 64 * 1024, (name, len(answer.body))
    # Each is about a tenth of a second; the reactor has messages to move.
    assert max(took_by_name.values()) < 2.5, took_by_name
    small = b"{" + b",".join(b'"%d":0' % number for number in range(1800)) + b"}"
    answer = await api.ask("POST", "/api/login", token="", body=small)
    assert answer.status == 400
    assert len(answer.body) < 2 * len(small)


def test_names_are_hashed_with_a_secret_of_each_process() -> None:
    """A flood of names with one hash (CVE-2012-1150) takes knowing that secret; nothing
    that we install fixes it."""
    for path in (Path(__file__).parents[3] / "etc").rglob("*"):
        if path.is_file():
            assert "PYTHONHASHSEED" not in path.read_text(), path


async def test_one_address_that_says_nothing_leaves_room_for_others(
    api: ApiGateway,
) -> None:
    """Slow loris: as many connections as it is given, each silent for its half minute
    (test_request.py has the deadlines, on a clock moved by hand)."""

    def hold() -> list[socket.socket]:
        made = []
        for _ in range(300):
            connection = socket.create_connection(("127.0.0.1", api.port), 10)
            connection.sendall(b"GET /api/status HTTP/1.1\r\nX-Slow: ")
            made.append(connection)
        return made

    def ask() -> bytes:
        with socket.create_connection(
            ("127.0.0.1", api.port), 10, source_address=("127.0.0.2", 0)
        ) as connection:
            connection.sendall(
                b"GET /api/status HTTP/1.1\r\nHost: h\r\nConnection: close\r\n"
                + AUTH
                + b"\r\n"
            )
            return connection.recv(12)

    held = await deferToThread(hold)
    try:
        assert await deferToThread(ask) == b"HTTP/1.1 200"
        assert (await api.ask("GET", "/api/status", local=True)).status == 200
        server = api.serving.server
        assert server is not None
        assert len(server._network._open) <= _MAX_CONNECTIONS_EACH + 1
    finally:
        for connection in held:
            connection.close()
    last = await raw_exchange(
        api.reactor,
        api.port,
        b"GET /api/status HTTP/1.1\r\nHost: h\r\nConnection: close\r\n"
        + AUTH
        + b"\r\n",
    )
    assert json.loads(last.partition(b"\r\n\r\n")[2])["version"]
