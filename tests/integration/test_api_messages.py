"""What the API tells of messages: from whom, what became of them, what is in them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest_twisted

from tests.decoding.samples import ORU
from tests.integration.api_site import ApiGateway, free_port
from tests.integration.test_export import send

SECTIONS = """
[source:a]
type = tcp_server
host = 127.0.0.1
port = {port}
framing = delimiter
framing.delimiter = \\n

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


async def test_a_list_tells_what_became_of_each_message(api: ApiGateway) -> None:
    await send(api, b"one\n")
    path = "/api/channels/a/messages"

    async def confirmed() -> bool:
        (found,) = (await api.ask("GET", path)).json["messages"]
        return found["outcomes"]["out"]["state"] == "delivered"

    await api.until("the outcome is written", confirmed)
    (listed,) = (await api.ask("GET", path)).json["messages"]
    outcome = listed["outcomes"]["out"]
    assert outcome["confidence"] == "received"
    assert outcome["delivered_at"] >= listed["received_at"] - 1
    one = (await api.ask("GET", f"{path}/1")).json
    assert one["outcomes"] == listed["outcomes"]
    (viewed,) = (await api.ask("GET", path, token="t-viewer")).json["messages"]
    assert viewed["outcomes"] == listed["outcomes"]


async def test_messages_are_found_by_their_sender(api: ApiGateway) -> None:
    await send(api, b"one\n")
    await send(api, b"two\n")
    path = "/api/channels/a/messages"
    listed = (await api.ask("GET", path)).json["messages"]
    peers = {each["seq"]: each["peer"] for each in listed}
    found = (await api.ask("GET", f"{path}?peer={peers[1]}")).json["messages"]
    assert [each["seq"] for each in found] == [1]
    found = (await api.ask("GET", f"{path}?peer=127.0.0", token="t-viewer")).json
    assert [each["seq"] for each in found["messages"]] == [2, 1]
    assert (await api.ask("GET", f"{path}?peer=nobody")).json["messages"] == []


async def test_a_message_is_taken_apart(api: ApiGateway) -> None:
    await send(api, ORU + b"\n" + b'{"a": [1.10]}\n')
    path = "/api/channels/a/messages"
    found = (await api.ask("GET", f"{path}/1/decoded")).json
    assert (found["kind"], found["summary"]) == ("hl7", "ORU^R01 4711")
    patient = found["segments"][1]
    assert (patient["name"], patient["title"]) == ("PID", "Patient identification")
    assert ORU[patient["at"] :].startswith(b"PID|1")
    name = next(each for each in patient["fields"] if each["name"] == "PID-5")
    assert name["title"] == "Patient name"
    assert name["fields"][0]["value"] == "Doe"
    found = (await api.ask("GET", f"{path}/2/decoded")).json
    assert found["pretty"] == '{\n  "a": [\n    1.10\n  ]\n}'
    assert (await api.ask("GET", f"{path}/9/decoded")).status == 404
    assert (await api.ask("GET", f"{path}/x/decoded")).status == 404
    assert [line[1:] for line in api.people.audit.lines] == [
        ("view message", "a 1, decoded"),
        ("view message", "a 2, decoded"),
    ]
