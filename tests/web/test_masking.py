"""How long what was revealed is shown: by a clock that a test can move."""

from __future__ import annotations

import json
from typing import Any

from iobuffer.web import api_messages, reveals
from tests.web.web_fakes import Wire


class OneMessage:
    """A gateway with one channel that holds one message."""

    def payloads(self, name: str) -> str:
        return "reveal"

    async def message(self, name: str, seq: int) -> dict[str, Any]:
        return {
            "seq": seq,
            "received_at": 1.0,
            "peer": "",
            "size_bytes": 6,
            "message": b"canary",
            "outcomes": {
                "lis": {"state": "parked", "reason": "AE: no canary known here"}
            },
        }


SESSION = ("Cookie: iobuffer=s-operator", "X-CSRF-Token: word")


def look(wire: Wire) -> dict[str, Any]:
    path = "/api/channels/a/messages/1"
    status, said = wire.ask("GET", path, *SESSION, token="")
    assert status == 200, said
    found: dict[str, Any] = json.loads(said.partition(b"\r\n\r\n")[2])
    return found


def test_what_was_revealed_is_masked_again_after_an_hour() -> None:
    wire = Wire((*api_messages.ROUTES, *reveals.ROUTES), operations=OneMessage())
    assert look(wire)["text"] == "xxxxxx"
    status, _ = wire.ask(
        "POST",
        "/api/channels/a/reveal",
        *SESSION,
        "Content-Type: application/json",
        token="",
        body=b'{"reason":"why not"}',
    )
    assert status == 200
    wire.clock.advance(3599)
    wire.connect()
    assert look(wire)["text"] == "canary"
    wire.clock.advance(1)
    assert look(wire)["text"] == "xxxxxx"


def test_why_it_was_refused_is_masked_with_it_for_it_may_quote_it() -> None:
    wire = Wire(api_messages.ROUTES, operations=OneMessage())
    reason = look(wire)["outcomes"]["lis"]["reason"]
    assert reason == "xx: xx xxxxxx xxxxx xxxx"
