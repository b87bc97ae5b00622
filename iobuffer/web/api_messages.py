"""Messages: found, shown as they are, and taken apart to be read."""

from __future__ import annotations

from typing import Any

import attrs

from ..decoding import decode
from .answers import to_json
from .api_people import in_thread
from .base import OPERATORS, PEOPLE, Call, Problem, Reply, Route
from .shapes import CHANNEL, FILTERS, FORM, LIMIT, SEQ, done, listed, query
from .showing import check_revealed, is_masked, note_view, shown

__all__ = ["ROUTES", "sought"]


def sought(asked: dict[str, Any]) -> dict[str, Any]:
    """The filters of a query as the gateway takes them: `contains` as bytes.

    Raises:
        Problem: 400, they contradict each other.
    """
    found = dict(asked)
    text, digits = found.pop("contains", ""), found.pop("contains_hex", "")
    if text and digits:
        raise Problem(400, "Give contains or contains_hex, not both")
    if ("state" in found) != ("destination" in found):
        raise Problem(400, "state and destination go together")
    found["contains"] = text.encode()
    if digits:
        try:
            found["contains"] = bytes.fromhex(digits)
        except ValueError:
            raise Problem(400, "contains_hex is not pairs of hex digits") from None
    return found


async def _messages(call: Call) -> Any:
    channel = call.path["channel"]
    asked = sought(dict(call.query))
    form = asked.pop("form")
    if "after" in asked and "before" in asked:
        raise Problem(400, "Give after or before, not both")
    mask = is_masked(call, channel)
    if asked["contains"]:
        # What can be searched for can be guessed, masked or not.
        if not call.may_see_payloads:
            raise Problem(403, "Searching what messages say takes the role operator")
        check_revealed(call, channel)
        # What was searched for is as private as what it is searched in.
        await note_view(call, "search messages", channel)
    if form != "text" and call.may_see_payloads:
        check_revealed(call, channel)
    page = await call.site.operations.messages(channel, asked)
    page["messages"] = [shown(each, call, form, mask=mask) for each in page["messages"]]
    return page


def _seq(call: Call) -> int:
    text = call.path["seq"]
    if not (text.isascii() and text.isdigit() and 0 < len(text) < 19 and int(text)):
        raise Problem(404, "A message is named by its number, from 1 on")
    return int(text)


async def _message(call: Call) -> Any:
    channel, form = call.path["channel"], call.query["form"]
    if not call.may_see_payloads:
        if form == "raw":
            raise Problem(403, "What a message says is for the role operator")
        found = await call.site.operations.message(channel, _seq(call))
        return shown(found, call, form, mask=True)
    if form != "text":
        check_revealed(call, channel)
    found = await call.site.operations.message(channel, _seq(call))
    mask = is_masked(call, channel)
    if not mask:
        await note_view(call, "view message", f"{channel} {found['seq']}")
    if form != "raw":
        return shown(found, call, form, mask=mask)
    name = f"{channel}-{found['seq']}.bin"
    return Reply(
        body=found["message"],
        # Never a type that a browser would show as a page.
        content_type="application/octet-stream",
        headers=(("Content-Disposition", f'attachment; filename="{name}"'),),
    )


async def _decoded(call: Call) -> Any:
    channel = call.path["channel"]
    check_revealed(call, channel)
    found = await call.site.operations.message(channel, _seq(call))
    await note_view(call, "view message", f"{channel} {found['seq']}, decoded")
    # A fifth of a second for the largest: not here.
    body = await in_thread(
        call, lambda: to_json(attrs.asdict(decode(found["message"])))
    )
    return Reply(body=body)


ROUTES = (
    Route(
        method="GET",
        path="/api/channels/{channel}/messages",
        roles=PEOPLE,
        call=_messages,
        summary="Messages, the newest first, or the oldest first with `after`. A call "
        "looks at a bounded number of them; `next` holds the parameters to go on with, "
        "and is null at the end. Beginnings of 256 bytes are shown.",
        params=(
            CHANNEL,
            query(
                "after",
                {"type": "integer", "minimum": 0},
                "Those behind this number, oldest first.",
            ),
            query(
                "before",
                {"type": "integer", "minimum": 0},
                "Those before this number, newest first.",
            ),
            LIMIT,
            *FILTERS,
            FORM,
        ),
        reply=listed("messages"),
    ),
    Route(
        method="GET",
        path="/api/channels/{channel}/messages/{seq}",
        roles=PEOPLE,
        call=_message,
        content_types=("application/json", "application/octet-stream"),
        summary="One message, with what became of it at each destination. `form=raw` "
        "gives its bytes alone.",
        params=(
            CHANNEL,
            SEQ,
            query(
                "form",
                {
                    "type": "string",
                    "enum": ["text", "hex", "base64", "raw"],
                    "default": "text",
                },
                "How what the message says is written.",
            ),
        ),
        reply=done(seq="integer", size_bytes="integer", outcomes="object"),
    ),
    Route(
        method="GET",
        path="/api/channels/{channel}/messages/{seq}/decoded",
        roles=OPERATORS,
        call=_decoded,
        summary="One message taken apart: `kind` (hl7, astm, syslog, snmp, json or "
        "text), a `summary`, its `segments` with their `fields` by name and title, and "
        "a `note` on what could not be read. To look at; nothing depends on it.",
        params=(CHANNEL, SEQ),
        reply=done(kind="string", summary="string", segments="array", note="string"),
    ),
)
