"""Messages: found, shown, and those that were set aside.

A viewer sees that a message is there, when it came and what became of it; what it says
is for operators.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from typing import Any

from .base import OPERATORS, PEOPLE, Call, Param, Problem, Reply, Route
from .shapes import CHANNEL, SEQ, done, listed

__all__ = ["ROUTES", "shown"]

_STATES = ["queued", "delivered", "parked", "dropped"]
_TEXT = {"type": "string", "maxLength": 1024}
_MOMENT = {"type": "number", "minimum": 0}
_NUMBER = {"type": "integer", "minimum": 0}
#: A message as text or hex in JSON; beyond it there is `form=raw`.
_MAX_SHOWN_BYTES = 1024 * 1024
#: One request waits for all of its messages; more are more requests.
_MAX_REPLAYED = 10_000


def shown(found: Mapping[str, Any], call: Call, form: str = "text") -> dict[str, Any]:
    """A message's fields as JSON: `message` as text, hex or base64, or left out for
    those who may not see it."""
    rest = {name: value for name, value in found.items() if name != "message"}
    if not call.may_see_payloads:
        # Why it was refused may quote it.
        for outcome in rest.get("outcomes", {}).values():
            outcome.pop("reason", None)
        rest.pop("reason", None)
        return rest
    message: bytes = found["message"][:_MAX_SHOWN_BYTES]
    rest["truncated"] = len(message) < found["size_bytes"]
    if form == "hex":
        rest["hex"] = message.hex()
    elif form == "base64":
        rest["base64"] = b64encode(message).decode("ascii")
    else:
        rest["text"] = _as_text(message)
    return rest


def _as_text(message: bytes) -> str:
    """UTF-8 where it is, else each byte as one character: nothing is lost to a mark
    that stands for what could not be read."""
    try:
        return message.decode("utf-8")
    except UnicodeDecodeError:
        return message.decode("latin-1")


async def _messages(call: Call) -> Any:
    query = dict(call.query)
    form = query.pop("form")
    text, digits = query.pop("contains", ""), query.pop("contains_hex", "")
    if (text or digits) and not call.may_see_payloads:
        # What can be searched for can be guessed.
        raise Problem(403, "Searching what messages say takes the role operator")
    if text and digits:
        raise Problem(400, "Give contains or contains_hex, not both")
    if "after" in query and "before" in query:
        raise Problem(400, "Give after or before, not both")
    if ("state" in query) != ("destination" in query):
        raise Problem(400, "state and destination go together")
    query["contains"] = text.encode()
    if digits:
        try:
            query["contains"] = bytes.fromhex(digits)
        except ValueError:
            raise Problem(400, "contains_hex is not pairs of hex digits") from None
    page = await call.site.operations.messages(call.path["channel"], query)
    page["messages"] = [shown(each, call, form) for each in page["messages"]]
    return page


def _seq(call: Call) -> int:
    text = call.path["seq"]
    if not (text.isascii() and text.isdigit() and 0 < len(text) < 19 and int(text)):
        raise Problem(404, "A message is named by its number, from 1 on")
    return int(text)


async def _message(call: Call) -> Any:
    form = call.query["form"]
    if form == "raw" and not call.may_see_payloads:
        raise Problem(403, "What a message says is for the role operator")
    found = await call.site.operations.message(call.path["channel"], _seq(call))
    if form != "raw":
        return shown(found, call, form)
    name = f"{call.path['channel']}-{found['seq']}.bin"
    return Reply(
        body=found["message"],
        # Never a type that a browser would show as a page.
        content_type="application/octet-stream",
        headers=(("Content-Disposition", f'attachment; filename="{name}"'),),
    )


async def _parked(call: Call) -> Any:
    query = call.query
    page = await call.site.operations.parked(
        call.path["channel"], query["destination"], query["after"], query["limit"]
    )
    page["parked"] = [
        shown(each | {"message": each["message"][:4096]}, call, query["form"])
        for each in page["parked"]
    ]
    return page


def _drop(call: Call) -> Any:
    given = call.body
    return call.site.operations.settle_parked(
        call.path["channel"], given["destination"], given["seqs"], given["reason"]
    )


def _retry(call: Call) -> Any:
    given = call.body
    return call.site.operations.retry_parked(
        call.path["channel"], given["destination"], given["seqs"]
    )


def _replay(call: Call) -> Any:
    given = call.body
    if ("seqs" in given) == ("first_seq" in given):
        raise Problem(400, "Give seqs, or first_seq and last_seq")
    if ("first_seq" in given) != ("last_seq" in given):
        raise Problem(400, "first_seq and last_seq go together")
    if "seqs" in given:
        seqs = given["seqs"]
    else:
        seqs = range(given["first_seq"], given["last_seq"] + 1)
    if len(seqs) > _MAX_REPLAYED:
        raise Problem(
            400, f"More than {_MAX_REPLAYED} messages", "Replay them in parts."
        )
    return call.site.operations.replay(
        call.path["channel"], given["destination"], seqs, given.get("dry_run", False)
    )


def _query(name: str, schema: dict[str, Any], help: str) -> Param:
    return Param(name=name, where="query", schema=schema, help=help)


_FORM = _query(
    "form",
    {"type": "string", "enum": ["text", "hex", "base64"], "default": "text"},
    "How what the message says is written.",
)
_LIMIT = _query(
    "limit",
    {"type": "integer", "minimum": 1, "maximum": 1000, "default": 100},
    "How many at most.",
)
_DESTINATION = _query(
    "destination",
    {"type": "string", "maxLength": 64, "default": ""},
    "Those of one destination; left out, of all.",
)

_NAME = {"type": "string", "maxLength": 64}
_NUMBERED = {"type": "integer", "minimum": 1, "maximum": 2**62}
_SEQS = {"type": "array", "items": _NUMBERED, "minItems": 1, "maxItems": 1000}

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
            _query("after", _NUMBER, "Those behind this number, oldest first."),
            _query("before", _NUMBER, "Those before this number, newest first."),
            _LIMIT,
            _query("since", _MOMENT, "Received at this time or later, epoch seconds."),
            _query("until", _MOMENT, "Received before this time, epoch seconds."),
            _query("contains", _TEXT, "Holding this text, as UTF-8."),
            _query("contains_hex", _TEXT, "Holding these bytes."),
            _query(
                "destination",
                {"type": "string", "maxLength": 64},
                "With `state`: the destination that is meant.",
            ),
            _query(
                "state",
                {"type": "string", "enum": _STATES},
                "What became of it at `destination`.",
            ),
            _FORM,
        ),
        reply=listed("messages"),
    ),
    Route(
        method="GET",
        path="/api/channels/{channel}/messages/{seq}",
        roles=PEOPLE,
        call=_message,
        summary="One message, with what became of it at each destination. `form=raw` "
        "gives its bytes alone.",
        params=(
            CHANNEL,
            SEQ,
            _query(
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
        path="/api/channels/{channel}/parked",
        roles=PEOPLE,
        call=_parked,
        summary="Messages that a destination refused, with the reason.",
        params=(
            CHANNEL,
            _DESTINATION,
            _query("after", _NUMBER | {"default": 0}, "Those behind this number."),
            _LIMIT,
            _FORM,
        ),
        reply=listed("parked"),
    ),
    Route(
        method="POST",
        path="/api/channels/{channel}/parked/drop",
        roles=OPERATORS,
        call=_drop,
        summary="Give up parked messages, for a reason that is counted in the ledger.",
        params=(CHANNEL,),
        body={
            "type": "object",
            "properties": {
                "destination": _NAME,
                "seqs": _SEQS,
                "reason": {"type": "string", "minLength": 1, "maxLength": 200},
            },
            "required": ["destination", "seqs", "reason"],
            "additionalProperties": False,
        },
        reply=done(dropped="integer"),
        audited="drop parked",
    ),
    Route(
        method="POST",
        path="/api/channels/{channel}/parked/retry",
        roles=OPERATORS,
        call=_retry,
        summary="Send parked messages again. Those that arrive are parked no more; "
        "`refused` tells of the others, `stopped` why it went no further.",
        params=(CHANNEL,),
        body={
            "type": "object",
            "properties": {"destination": _NAME, "seqs": _SEQS},
            "required": ["destination", "seqs"],
            "additionalProperties": False,
        },
        reply=done(delivered="integer", refused="array", stopped="string"),
        audited="retry parked",
    ),
    Route(
        method="POST",
        path="/api/channels/{channel}/replay",
        roles=OPERATORS,
        call=_replay,
        summary="Deliver messages to one destination once more, between the others: "
        "`seqs`, or `first_seq` to `last_seq`, 10000 at most. With `dry_run` it only "
        "tells how many there are.",
        params=(CHANNEL,),
        body={
            "type": "object",
            "properties": {
                "destination": _NAME,
                "seqs": _SEQS,
                "first_seq": _NUMBERED,
                "last_seq": _NUMBERED,
                "dry_run": {"type": "boolean"},
            },
            "required": ["destination"],
            "additionalProperties": False,
        },
        reply=done(dry_run="boolean"),
        audited="replay",
    ),
)
