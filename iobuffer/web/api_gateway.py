"""The gateway as a whole: status, plan, reload, and the description of this API."""

from __future__ import annotations

from typing import Any

from .base import ADMINS, PEOPLE, Call, Problem, Reply, Route
from .openapi import document
from .shapes import ANYTHING, done, listed

__all__ = ["ROUTES"]


def _status(call: Call) -> Any:
    return call.site.operations.status()


async def _plan(call: Call) -> Any:
    given = call.body
    if "channel" in given and "remove" in given:
        raise Problem(400, "Give channel or remove, not both")
    if "remove" in given:
        return await call.site.operations.plan(given["remove"], None)
    if "channel" not in given:
        return await call.site.operations.plan("", None)
    name = given["channel"].get("id")
    if not isinstance(name, str):
        raise Problem(422, "The channel has no id", "id is the channel's name.")
    return await call.site.operations.plan(name, given["channel"])


def _reload(call: Call) -> Any:
    return call.site.operations.reload()


def _openapi(call: Call) -> Any:
    return Reply(body=document(call.site.routes))


ROUTES = (
    Route(
        method="GET",
        path="/api/status",
        roles=PEOPLE,
        call=_status,
        summary="The gateway: version, channels by state, the store's sizes.",
        reply=done(name="string", version="string", channels="object", store="object"),
    ),
    Route(
        method="POST",
        path="/api/plan",
        roles=ADMINS,
        call=_plan,
        summary="What would change: with `channel` (an object as PUT takes it), with "
        "`remove` (a channel's name), or with neither, if the configuration were read "
        "again. Changes nothing. `warnings` tells what is doubtful; of a channel, "
        "`config` and `ini` are what it comes down to, briefly, secrets masked.",
        body={
            "type": "object",
            "properties": {
                "channel": ANYTHING,
                "remove": {"type": "string", "maxLength": 64},
            },
            "additionalProperties": False,
        },
        reply=listed("changes"),
    ),
    Route(
        method="POST",
        path="/api/reload",
        roles=ADMINS,
        call=_reload,
        summary="Read the configuration again. With an error in it nothing changes.",
        reply=done(done="boolean", channels="array", warnings="array"),
        max_body_bytes=1024,
        audited="reload",
    ),
    Route(
        method="GET",
        path="/api/openapi.json",
        roles=PEOPLE,
        call=_openapi,
        summary="This description (OpenAPI 3.1).",
        reply=ANYTHING,
    ),
)
