"""`/metrics` for Prometheus, `/healthz` and `/readyz` for supervisors, and
`/api/alarms`."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThreadPool

from ..exposition import CONTENT_TYPE, exposition
from .base import PEOPLE, Call, Problem, Reply, Route

__all__ = ["ROUTES"]


def _metrics(call: Call) -> Deferred[Reply]:
    watch = call.site.counters.watch
    # Some hundred channels are some ten thousand lines: not in the reactor.
    text: Deferred[bytes] = deferToThreadPool(
        call.site.reactor,
        call.site.reactor.getThreadPool(),
        exposition,
        watch.figures(),
        watch.raised,
    )
    return text.addCallback(lambda body: Reply(body=body, content_type=CONTENT_TYPE))


def _healthz(call: Call) -> dict[str, str]:
    return {"status": "ok"}


def _readyz(call: Call) -> dict[str, str]:
    if not call.site.counters.watch.is_ready:
        raise Problem(
            503,
            "The gateway is not ready",
            "Its store has not answered yet, or cannot be read; the log says why.",
        )
    return {"status": "ready"}


def _alarms(call: Call) -> list[dict[str, str | float]]:
    return [alarm.as_json() for alarm in call.site.counters.watch.raised]


_STATUS = {
    "type": "object",
    "required": ["status"],
    "properties": {"status": {"type": "string"}},
}

ROUTES = (
    Route(
        method="GET",
        path="/metrics",
        roles=PEOPLE,
        call=_metrics,
        content_types=("text/plain",),
        summary="Every figure of the gateway, in Prometheus' text format.",
    ),
    Route(
        method="GET",
        path="/healthz",
        roles=None,
        call=_healthz,
        summary="Answers while the gateway's reactor runs.",
        reply=_STATUS,
    ),
    Route(
        method="GET",
        path="/readyz",
        roles=None,
        call=_readyz,
        summary="200 once the store has answered and channels run, else 503.",
        reply=_STATUS,
    ),
    Route(
        method="GET",
        path="/api/alarms",
        roles=PEOPLE,
        call=_alarms,
        summary="The alarms that are on now, the oldest first.",
        reply={
            "type": "array",
            "items": {
                "type": "object",
                "required": ["alarm", "channel", "part", "text", "raised_at"],
                "properties": {
                    "alarm": {"type": "string"},
                    "channel": {"type": "string"},
                    "part": {"type": "string"},
                    "text": {"type": "string"},
                    "raised_at": {"type": "number"},
                },
            },
        },
    ),
)
