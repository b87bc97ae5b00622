"""Setting a channel up over the API: kinds, and what a plan shows before it is done."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest_twisted

from iobuffer.links.serial_names import present_lines
from iobuffer.registry import KINDS
from iobuffer.settings.load import load
from tests.integration.api_site import ApiGateway, free_port
from tests.test_seed_page import BLOCKS

SECTIONS = """
[source:a]
type = tcp_server
host = 127.0.0.1
port = {port}
framing = idle

[destination:a:out]
type = file
path = {folder}/out
framing = line
"""


@pytest_twisted.async_yield_fixture
async def api(reactor: Any, tmp_path: Path) -> AsyncIterator[ApiGateway]:
    port = free_port()
    made = ApiGateway(reactor, tmp_path, SECTIONS.format(port=port, folder=tmp_path))
    made.start()
    yield made
    await made.stop()


def port_of(api: ApiGateway) -> int:
    source = api.gateway.settings.channels["a"].source
    assert source is not None
    port: int = source.config.port
    return port


async def test_kinds_are_told_to_everybody_who_may_look(api: ApiGateway) -> None:
    answer = await api.ask("GET", "/api/kinds", token="t-viewer")

    assert [each["title"] for each in answer.json["sources"]] == [
        "TCP Server",
        "TCP Client",
        "Serial Port (RS232/RS485)",
        "Remote ioBufferPro",
        "UDP",
    ]
    assert len(answer.json["destinations"]) == len(KINDS.destinations)
    [port] = [
        each for each in answer.json["sources"][2]["options"] if each["name"] == "port"
    ]
    present = present_lines()
    assert port["common"][: len(present)] == present
    assert {"/dev/ttyUSB0", "/dev/ttyS0", "COM1", "COM3"} <= set(port["common"])


async def test_a_plan_shows_the_channel_as_json_and_as_ini(
    api: ApiGateway, tmp_path: Path
) -> None:
    for number, block in enumerate(BLOCKS):
        wanted = {"id": f"page-{number}", "source": json.loads(block)}
        planned = await api.ask("POST", "/api/plan", body={"channel": wanted})
        assert planned.status == (200 if "auth" not in block else 422), planned.body
        if planned.status == 422:
            # Its password is the mask itself, and none is kept here.
            assert planned.json["title"].startswith("source.auth.password")
            continue
        shown = planned.json
        assert shown["config"]["source"] | wanted["source"] == shown["config"]["source"]
        path = tmp_path / f"{number}.ini"
        path.write_text(shown["ini"])
        read = load(str(path), KINDS).channels[wanted["id"]].source
        assert read is not None
        assert read.type_name == wanted["source"]["type"]
        assert any("no destination" in each for each in shown["warnings"])


async def test_a_plan_warns_of_what_the_channel_would_be_in_the_way_of(
    api: ApiGateway, tmp_path: Path
) -> None:
    port = port_of(api)
    wanted = {
        "id": "b",
        "source": {"type": "tcp_server", "port": port, "framing": "idle"},
        "destinations": {"f": {"type": "file", "path": str(tmp_path / "out")}},
    }
    planned = await api.ask("POST", "/api/plan", body={"channel": wanted})
    warnings = planned.json["warnings"]

    assert len(warnings) == 3
    assert warnings[0].startswith(f"source.port: TCP port {port} is also that of")
    assert "channel a (its source)" in warnings[0]
    assert "channel a (destination out)" in warnings[1]
    assert "puts no bounds into a file" in warnings[2]
    changed = await api.ask("POST", "/api/plan", body={"channel": wanted | {"id": "c"}})
    assert changed.json["changes"][0]["channel"] == "c"


async def test_a_secret_is_masked_wherever_a_channel_is_shown(api: ApiGateway) -> None:
    wanted = {
        "id": "b",
        "source": {"type": "udp", "host": "127.0.0.1", "port": free_port()},
        "destinations": {
            "web": {
                "type": "http",
                "url": "https://127.0.0.1:1/in",
                "auth": {"username": "u", "password": "canary-secret"},
            }
        },
    }
    planned = await api.ask("POST", "/api/plan", body={"channel": wanted})
    made = await api.ask("PUT", "/api/channels/b", body=wanted)
    assert planned.status == made.status == 200
    for answer in (planned, made):
        assert b"canary-secret" not in answer.body
        assert "auth.password = ********\n" in answer.json["ini"]


async def test_what_ini_cannot_carry_is_said_where_the_ini_would_be(
    api: ApiGateway,
) -> None:
    wanted = {
        "id": "b",
        "description": "ends in a blank ",
        "source": {"type": "udp", "port": free_port()},
    }
    planned = await api.ask("POST", "/api/plan", body={"channel": wanted})

    assert planned.json["ini"].startswith("; INI cannot carry this value")
    assert planned.json["config"]["description"] == "ends in a blank "


async def test_a_plan_of_the_whole_configuration_has_its_warnings(
    api: ApiGateway,
) -> None:
    planned = await api.ask("POST", "/api/plan", body={})

    assert planned.json == {"changes": [], "warnings": []}
