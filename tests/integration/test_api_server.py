"""Where the API listens, and what of HTTP it will have, over real sockets."""

from __future__ import annotations

import os
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest_twisted

from iobuffer.web.server import WebServer
from tests.integration.api_site import ApiGateway, raw_exchange


@pytest_twisted.async_yield_fixture
async def api(reactor: Any, tmp_path: Path) -> AsyncIterator[ApiGateway]:
    made = ApiGateway(reactor, tmp_path, "")
    made.start()
    yield made
    await made.stop()


async def test_without_credentials_nothing_is_told(api: ApiGateway) -> None:
    answer = await api.ask("GET", "/api/status", token="")
    assert answer.status == 401
    assert answer.header("WWW-Authenticate").startswith("Bearer")
    assert answer.header("Content-Type") == "application/problem+json"
    wrong = await api.ask("GET", "/api/status", token="guess")
    assert wrong.body == answer.body


async def test_the_description_is_served(api: ApiGateway) -> None:
    answer = await api.ask("GET", "/api/openapi.json")
    assert answer.json["openapi"] == "3.1.0"
    assert "/api/status" in answer.json["paths"]


async def test_a_large_upload_without_credentials_is_cut_off(api: ApiGateway) -> None:
    head = b"PUT /api/channels/x HTTP/1.1\r\nHost: h\r\nContent-Length: 9999999\r\n\r\n"
    answer = await raw_exchange(api.reactor, api.port, head + b"x" * 1_000_000)
    assert answer.startswith(b"HTTP/1.1 401 ")


async def test_requests_in_a_row_over_one_connection_and_one_that_is_no_http(
    api: ApiGateway,
) -> None:
    get = (
        b"GET /api/status HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer t-admin\r\n\r\n"
    )
    answer = await raw_exchange(api.reactor, api.port, get + get + b"\x16\x03\x01\r\n")
    assert answer.count(b"HTTP/1.1 200 OK") == 2
    assert answer.count(b"HTTP/1.1 400 ") == 1


async def test_a_password_is_checked_in_a_thread(api: ApiGateway) -> None:
    good = {"Authorization": "Basic YWRtaW46c2VjcmV0"}
    body = {"remove": "nobody"}
    answer = await api.ask("POST", "/api/plan", token="", headers=good, body=body)
    assert answer.status == 200, answer.body
    bad = {"Authorization": "Basic YWRtaW46d3Jvbmc="}
    answer = await api.ask("POST", "/api/plan", token="", headers=bad, body=body)
    assert answer.status == 401


async def test_a_stale_socket_of_a_killed_gateway_is_taken_over(
    reactor: Any, tmp_path: Path
) -> None:
    made = ApiGateway(reactor, tmp_path, "")
    made.state_dir.mkdir(mode=0o700)
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(str(made.state_dir / "api.sock"))
    made.start()
    try:
        assert (await made.ask("GET", "/api/status", local=True)).status == 200
    finally:
        await made.stop()
    assert not os.path.exists(made.state_dir / "api.sock")


async def test_without_the_section_there_is_only_the_socket(
    reactor: Any, tmp_path: Path
) -> None:
    made = ApiGateway(reactor, tmp_path, "", "\n")
    made.start()
    try:
        assert server_of(made).listener is None
        assert (await made.ask("GET", "/api/status", local=True)).status == 200
    finally:
        await made.stop()


def server_of(api: ApiGateway) -> WebServer:
    assert api.serving.server is not None
    return api.serving.server
