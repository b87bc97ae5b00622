"""What was: the log of a channel, and the plots of its rates and queues."""

from __future__ import annotations

from typing import Any

from ..channel_log import LINES
from ..decoding import masked
from ..history import POINTS, SPANS
from .base import PEOPLE, Call, Param, Route
from .shapes import CHANNEL, done, listed
from .showing import is_masked

__all__ = ["ROUTES", "unquoted"]

_LIMIT = Param(
    name="limit",
    where="query",
    schema={"type": "integer", "minimum": 1, "maximum": LINES, "default": LINES},
    help="At most so many lines.",
)
_SPAN = Param(
    name="span",
    where="query",
    schema={"type": "string", "enum": list(SPANS), "default": "15m"},
    help="How far back.",
)
_POINTS = Param(
    name="points",
    where="query",
    schema={"type": "integer", "enum": list(POINTS), "default": 30},
    help="How many rates of each channel.",
)


def unquoted(line: dict[str, Any]) -> dict[str, Any]:
    """A line as everybody may read it: a receiver's own words may repeat what a message
    says, and are left out."""
    return {name: value for name, value in line.items() if name != "quoted"}


def _said(line: dict[str, Any], call: Call) -> dict[str, Any]:
    """A line as whoever asks may read it."""
    found, quoted = unquoted(line), line["quoted"]
    if quoted and call.may_see_payloads:
        if is_masked(call, line["channel"]):
            quoted = masked(b"", quoted)
        found["text"] += f": {quoted}"
    return found


def _log(call: Call) -> Any:
    past = call.site.operations.past
    found = past.log(call.path["channel"], call.query["limit"])
    return {"log": [_said(line, call) for line in found["log"]]}


def _history(call: Call) -> Any:
    return call.site.operations.past.history(call.path["channel"], call.query["span"])


def _overview(call: Call) -> Any:
    return call.site.operations.past.overview(call.query["points"])


ROUTES = (
    Route(
        method="GET",
        path="/api/channels/{channel}/log",
        roles=PEOPLE,
        call=_log,
        summary="What was last said of a channel, the newest first: connections, "
        "changes of state, refusals, skipped bytes, alarms, and who stopped or paused "
        "it. Kept in memory.",
        params=(CHANNEL, _LIMIT),
        reply=listed("log"),
    ),
    Route(
        method="GET",
        path="/api/channels/{channel}/history",
        roles=PEOPLE,
        call=_history,
        summary="Messages per second in and out, and the longest queues, by "
        "destination; the oldest first, null where nothing is known. The last value "
        "ends at `end_at`. Kept in memory.",
        params=(CHANNEL, _SPAN),
        reply=done(span="string", step_seconds="number", series="object"),
    ),
    Route(
        method="GET",
        path="/api/history",
        roles=PEOPLE,
        call=_overview,
        summary="Messages per second into each channel, over the last 15 minutes.",
        params=(_POINTS,),
        reply=done(step_seconds="number", end_at="number", channels="object"),
    ),
)
