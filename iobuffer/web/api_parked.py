"""Messages that were set aside, and messages that are sent once more."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from ..decoding import masked
from .base import OPERATORS, PEOPLE, Call, Problem, Route
from .shapes import CHANNEL, FORM, LIMIT, done, listed, query
from .showing import check_revealed, is_masked, shown

__all__ = ["ROUTES"]

#: One request waits for all of its messages; more are more requests.
_MAX_REPLAYED = 10_000
_PREVIEW_BYTES = 4096
#: So many runs of numbers are named in a line of the audit log.
_MAX_RUNS = 20


async def _parked(call: Call) -> Any:
    channel, asked = call.path["channel"], call.query
    mask = is_masked(call, channel)
    if asked["form"] != "text" and call.may_see_payloads:
        check_revealed(call, channel)
    page = await call.site.operations.parked(
        channel, asked["destination"], asked["after"], asked["limit"]
    )
    page["parked"] = [
        shown(
            each | {"message": each["message"][:_PREVIEW_BYTES]},
            call,
            asked["form"],
            mask=mask,
        )
        for each in page["parked"]
    ]
    return page


def _drop(call: Call) -> Any:
    given = call.body
    return call.site.operations.settle_parked(
        call.path["channel"], given["destination"], given["seqs"], given["reason"]
    )


def _said(call: Call, reason: str) -> str:
    """Why a receiver refused a message, for that may quote it, as whoever asks may
    read it."""
    return masked(b"", reason) if is_masked(call, call.path["channel"]) else reason


async def _retry(call: Call) -> Any:
    given = call.body
    found = await call.site.operations.retry_parked(
        call.path["channel"], given["destination"], given["seqs"]
    )
    found["refused"] = [
        each | {"reason": _said(call, each["reason"])} for each in found["refused"]
    ]
    return found


async def _replay(call: Call) -> Any:
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
    found = await call.site.operations.replay(
        call.path["channel"], given["destination"], seqs, given.get("dry_run", False)
    )
    quoted = found.pop("quoted", "")
    if quoted:
        found["stopped"] += f": {_said(call, quoted)}"
    return found


def _noted(call: Call) -> str:
    """Which messages it is about, and why, for the audit log."""
    given = call.body
    seqs = sorted(set(given.get("seqs", ())))
    breaks = [index for index, (a, b) in enumerate(pairwise(seqs), 1) if b != a + 1]
    edges = [0, *breaks, len(seqs)] if seqs else []
    runs = [(seqs[a], seqs[b - 1]) for a, b in pairwise(edges)]
    if "first_seq" in given and "last_seq" in given:
        runs.append((given["first_seq"], given["last_seq"]))
    told = [str(a) if a == b else f"{a}-{b}" for a, b in runs[:_MAX_RUNS]]
    if len(runs) > _MAX_RUNS:
        told.append(f"and so on to {runs[-1][1]}, {len(seqs)} in all")
    which = ", ".join(told)
    why = given.get("reason", "")
    if given.get("dry_run"):
        why = "only asked how many"
    return f"{given['destination']} {which}" + (f": {why}" if why else "")


_NAME = {"type": "string", "maxLength": 64}
_NUMBERED = {"type": "integer", "minimum": 1, "maximum": 2**62}
_SEQS = {"type": "array", "items": _NUMBERED, "minItems": 1, "maxItems": 1000}

ROUTES = (
    Route(
        method="GET",
        path="/api/channels/{channel}/parked",
        roles=PEOPLE,
        call=_parked,
        summary="Messages that a destination refused, with the reason.",
        params=(
            CHANNEL,
            query(
                "destination",
                {"type": "string", "maxLength": 64, "default": ""},
                "Those of one destination; left out, of all.",
            ),
            query(
                "after",
                {"type": "integer", "minimum": 0, "default": 0},
                "Those behind this number.",
            ),
            LIMIT,
            FORM,
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
        noted=_noted,
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
        noted=_noted,
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
        noted=_noted,
    ),
)
