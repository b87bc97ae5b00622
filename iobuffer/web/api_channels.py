"""Channels: what they are, start and stop, and those that are made here."""

from __future__ import annotations

from typing import Any

from ..decoding import masked
from ..state import with_quoted
from .base import ADMINS, OPERATORS, PEOPLE, Call, Reply, Route
from .shapes import ANYTHING, CHANNEL, PART, done, listed
from .showing import is_masked

__all__ = ["ROUTES", "told"]

_VERBS = {
    "start": "Start a channel, or a part of it, that was stopped.",
    "stop": "Stop a channel or a part of it: connections are closed. Holds until it is "
    "started, or the gateway is.",
    "pause": "Hold a channel or a part of it: connections stay.",
    "resume": "Go on after a pause, or after a refusal that halted a destination.",
    "restart": "Stop a channel or a part of it and start it again. Connections begin "
    "anew; what is queued stays queued.",
}


def told(found: dict[str, Any], call: Call) -> dict[str, Any]:
    """A channel as whoever asks may see it: a receiver's own words may repeat what a
    message says, and then they are shown as that is."""
    states = [found["state"], *(part["state"] for part in found["parts"].values())]
    for state in filter(None, states):
        quoted = state.pop("quoted")
        if quoted and call.may_see_payloads:
            if is_masked(call, found["name"]):
                quoted = masked(b"", quoted)
            state["reason"] = with_quoted(state["reason"], quoted)
    return found


async def _channels(call: Call) -> Any:
    found = await call.site.operations.channels()
    return {"channels": [told(each, call) for each in found]}


async def _channel(call: Call) -> Any:
    name = call.path["channel"]
    found = await call.site.operations.channel(name)
    sample = call.site.operations.past.skipped_sample(name)
    if sample and call.may_see_payloads and not is_masked(call, name):
        found["parts"]["source"]["line"]["skipped_sample"] = sample.hex()
    return told(found, call)


async def _act(call: Call) -> Any:
    verb = call.request.route.path.rpartition("/")[2]
    name, part = call.path["channel"], call.query["part"]
    found = await call.site.operations.act(name, part, verb, _who(call))
    return told(found, call)


def _part(call: Call) -> str:
    part: str = call.query["part"]
    return part


def _who(call: Call) -> str:
    """Whoever asks, as a log and a state name him."""
    principal = call.principal
    if principal is None or principal.via == "local":
        return "an operator of this machine"
    return principal.name


async def _put(call: Call) -> Any:
    name = call.path["channel"]
    found = await call.site.operations.put_channel(name, call.body)
    return told(found, call)


async def _remove(call: Call) -> Any:
    await call.site.operations.remove_channel(call.path["channel"])
    return Reply(204)


ROUTES = (
    Route(
        method="GET",
        path="/api/channels",
        roles=PEOPLE,
        call=_channels,
        summary="Every channel: state with its reason, parts, rates, ledger, cursors.",
        reply=listed("channels"),
    ),
    Route(
        method="GET",
        path="/api/channels/{channel}",
        roles=PEOPLE,
        call=_channel,
        summary="One channel, with its configuration, also briefly as INI; secrets are "
        "masked.",
        params=(CHANNEL,),
        reply=done(
            name="string",
            state="object",
            parts="object",
            config="object",
            ini="string",
        ),
    ),
    Route(
        method="PUT",
        path="/api/channels/{channel}",
        roles=ADMINS,
        call=_put,
        summary="Make or change a channel, from an object as a channel file holds it. "
        "A masked secret stays what it is. Channels of other files are read-only here.",
        params=(CHANNEL,),
        body=ANYTHING,
        reply=done(name="string", state="object"),
        audited="put channel",
    ),
    Route(
        method="DELETE",
        path="/api/channels/{channel}",
        roles=ADMINS,
        call=_remove,
        statuses=(204,),
        summary="Remove a channel that was made here. What is stored of it stays.",
        params=(CHANNEL,),
        max_body_bytes=0,
        audited="remove channel",
    ),
    *(
        Route(
            method="POST",
            path="/api/channels/{channel}/" + verb,
            roles=OPERATORS,
            call=_act,
            summary=summary,
            params=(CHANNEL, PART),
            reply=done(name="string", state="object"),
            max_body_bytes=1024,
            audited=verb,
            noted=_part,
        )
        for verb, summary in _VERBS.items()
    ),
)
