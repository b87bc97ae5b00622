"""Trials: open a source or a destination for a minute, and see what happens."""

from __future__ import annotations

from typing import Any

from twisted.web.server import NOT_DONE_YET

from .api_live import live_of
from .base import ADMINS, Call, Param, Reply, Route
from .shapes import ANYTHING, done

__all__ = ["ROUTES"]

_TRIAL = Param(
    name="trial",
    where="path",
    schema={"type": "string", "maxLength": 32},
    help="The id that POST /api/trials has answered.",
    required=True,
)
_NAME = {"type": "string", "maxLength": 64}


def _begin(call: Call) -> Any:
    return call.site.trials.begin(call.body)


def _events(call: Call) -> Any:
    trial = call.site.trials.trial(call.path["trial"])
    if call.request.method == b"HEAD":
        return Reply(body=b"", content_type="text/event-stream; charset=utf-8")
    trial.join(live_of(call.site).open(call, trial.leave))
    return NOT_DONE_YET


async def _end(call: Call) -> Reply:
    name = call.principal.name if call.principal is not None else ""
    await call.site.trials.trial(call.path["trial"]).end(f"ended by {name}")
    return Reply(204)


ROUTES = (
    Route(
        method="POST",
        path="/api/trials",
        roles=ADMINS,
        call=_begin,
        summary="Try a source or a destination for `seconds` (60 at most): it is "
        "opened as a channel would open it, but nothing is stored, acknowledged or "
        "sent. `channel` and `name` say whose it is, for its masked secrets. 409 if a "
        "channel holds its port, with `channel`.",
        body={
            "type": "object",
            "properties": {
                "source": ANYTHING,
                "destination": ANYTHING,
                "channel": _NAME,
                "name": _NAME,
                "seconds": {"type": "number", "minimum": 1, "maximum": 60},
            },
            "additionalProperties": False,
        },
        reply=done(id="string", seconds="number"),
        audited="try",
    ),
    Route(
        method="GET",
        path="/api/trials/{trial}/events",
        roles=ADMINS,
        call=_events,
        content_types=("text/event-stream",),
        summary="Server-Sent Events, from the trial's beginning: `state`, "
        "`connections`, `chunk`, `message`, `framing` (found so far), `framings` (each "
        "framing over what came), `report` (of a destination), `log`, and `end`. "
        "Without a listener for 10 seconds a trial ends.",
        params=(_TRIAL,),
    ),
    Route(
        method="DELETE",
        path="/api/trials/{trial}",
        roles=ADMINS,
        call=_end,
        statuses=(204,),
        summary="End a trial. Its port is free once this is answered.",
        params=(_TRIAL,),
        max_body_bytes=0,
        audited="end trial",
    ),
)
