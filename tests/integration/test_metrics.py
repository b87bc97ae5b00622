"""The figures over HTTP, from a gateway that runs."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
from prometheus_client import CONTENT_TYPE_LATEST
from prometheus_client.parser import text_string_to_metric_families

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
    # The pool's threads are made before the test looks for what it leaves behind.
    reactor.getThreadPool()
    sections = SECTIONS.format(port=free_port(), folder=tmp_path)
    made = ApiGateway(reactor, tmp_path, sections)
    made.start()
    yield made
    await made.stop()


async def scraped(api: ApiGateway) -> dict[str, float]:
    """The sum of each name's samples."""
    answer = await api.ask("GET", "/metrics", token="t-viewer")
    assert answer.status == 200
    assert answer.header("Content-Type") == CONTENT_TYPE_LATEST
    found: dict[str, float] = {}
    for family in text_string_to_metric_families(answer.body.decode()):
        for sample in family.samples:
            found[sample.name] = found.get(sample.name, 0.0) + sample.value
    return found


async def test_what_went_through_is_in_the_metrics(api: ApiGateway) -> None:
    source = api.gateway.settings.channels["a"].source
    assert source is not None
    with socket.create_connection(("127.0.0.1", source.config.port)) as device:
        device.sendall(b"one\ntwo\n")

        async def delivered() -> bool:
            found = await scraped(api)
            return found["iobuffer_destination_messages_total"] == 2

        await api.until("delivered", delivered)
    found = await scraped(api)

    assert found["iobuffer_source_messages_total"] == 2
    assert found["iobuffer_source_bytes_total"] == 8
    assert found["iobuffer_store_commit_seconds_count"] >= 1
    assert found["iobuffer_source_up"] == found["iobuffer_destination_up"] == 1


async def test_the_store_is_in_the_metrics_once_it_has_answered(
    api: ApiGateway,
) -> None:
    async def ready() -> bool:
        return (await api.ask("GET", "/readyz", token="")).status == 200

    await api.until("ready", ready)
    found = await scraped(api)

    assert found["iobuffer_store_file_bytes"] > 0
    assert found["iobuffer_channel_max_bytes"] == 10 * 1024**3
    assert (await api.ask("GET", "/healthz", token="")).json == {"status": "ok"}


@pytest.mark.parametrize("path", ["/metrics", "/api/alarms"])
async def test_figures_are_for_people_who_are_known(api: ApiGateway, path: str) -> None:
    assert (await api.ask("GET", path, token="")).status == 401
    assert (await api.ask("GET", path, token="t-relay")).status == 403
    assert (await api.ask("GET", path, token="t-viewer")).status == 200


async def test_alarms_are_listed(api: ApiGateway) -> None:
    assert (await api.ask("GET", "/api/alarms")).json == []
