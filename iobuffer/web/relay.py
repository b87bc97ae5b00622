"""What another iobuffer asks: the batches of a channel, and to take some."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.web.server import NOT_DONE_YET

from ..batch import Batch
from ..links.pieces import Pieces
from ..relay_format import CONTENT_TYPE, Parcel, encode_pieces
from ..relay_order import Place
from .base import MIB, RELAYS, Call, Param, Problem, Reply, Route

__all__ = ["ROUTES"]

#: One message of the largest kind, and what is around it.
_MAX_PARCEL_BYTES = 80 * MIB


async def _take(call: Call) -> Any:
    """Answer a long poll, unless whoever asked has gone."""
    user, channel = _who(call)
    text = call.query.get("after") or ""
    after = Place.read(text)
    if text and after is None:
        raise Problem(400, "after is no place", "expected GATEWAY:SEQ, such as 8f3c:17")
    following = Deferred.fromCoroutine(
        call.site.operations.relays.following(
            user,
            channel,
            after,
            call.query.get("wait", 0),
            call.query.get("ahead", 0),
        )
    )
    call.request.notifyFinish().addErrback(lambda _: following.cancel())
    try:
        parcel = await following
    except CancelledError:
        # Nobody reads this.
        return Reply(status=204)
    if parcel is None:
        return Reply(status=204)
    if "application/json" in (call.request.getHeader("accept") or ""):
        return Reply(body=_as_json(parcel))
    request = call.request
    if request.gone:
        return NOT_DONE_YET
    body = Pieces(encode_pieces(parcel))
    request.setHeader("Content-Type", CONTENT_TYPE)
    request.setHeader("Content-Length", str(body.length))

    def written(_: None) -> None:
        request.unregisterProducer()
        request.finish()

    request.registerProducer(body, True)
    body.startProducing(request).addCallback(written)
    return NOT_DONE_YET


async def _give(call: Call) -> Any:
    user, channel = _who(call)
    body = call.body if isinstance(call.body, bytes) else b""
    return await call.site.operations.relays.given(user, channel, body)


def _who(call: Call) -> tuple[str, str]:
    """The relay that asks, and the channel that it asks for."""
    principal, channel = call.principal, call.path["channel"]
    if principal is None or channel not in principal.channels:
        raise Problem(
            403,
            f"This user is not a relay of the channel {channel}",
            "iobuffer passwd, and the page, bind a relay to channels",
        )
    return principal.name, channel


def _as_json(parcel: Parcel) -> dict[str, Any]:
    return {
        "gateway": parcel.gateway,
        "channel": parcel.channel,
        "after": parcel.after,
        "batches": [_batch_as_json(batch) for batch in parcel.batches],
    }


def _batch_as_json(batch: Batch) -> dict[str, Any]:
    return {
        "first_seq": batch.first_seq,
        "received_at": batch.received_at,
        "peers": [list(run) for run in batch.peers],
        "messages": [b64encode(message).decode() for message in batch.messages],
    }


_CHANNEL = Param(
    name="channel", where="path", schema={"type": "string"}, help="The channel's name."
)

_PLACE_SCHEMA = {
    "type": "object",
    "properties": {
        "gateway": {"type": ["string", "null"]},
        "seq": {"type": ["integer", "null"]},
        "known": {"type": "integer"},
        "missing": {"type": "integer"},
        "renewed": {"type": "boolean"},
    },
    "required": ["gateway", "seq"],
}

ROUTES = (
    Route(
        method="GET",
        path="/api/channels/{channel}/batches",
        roles=RELAYS,
        call=_take,
        statuses=(200, 204),
        content_types=(CONTENT_TYPE, "application/json"),
        summary="What follows a place in a channel, as a relay takes it. Answers 204 "
        "when nothing has come in time. As application/vnd.iobuffer.batches "
        "(relay_format.py), or as JSON where Accept names that.",
        params=(
            _CHANNEL,
            Param(
                name="after",
                where="query",
                schema={"type": "string", "maxLength": 200},
                help="GATEWAY:SEQ of the last message that is committed at the other "
                "side: what is before it will not be asked for again. Left out: "
                "behind what this relay has had.",
            ),
            Param(
                name="ahead",
                where="query",
                schema={"type": "integer", "minimum": 0, "default": 0},
                help="Go on behind this number instead, of the same store: what is "
                "between has arrived there, and is not committed yet.",
            ),
            Param(
                name="wait",
                where="query",
                schema={"type": "integer", "minimum": 0, "maximum": 60, "default": 0},
                help="Seconds to wait for messages when there are none.",
            ),
        ),
    ),
    Route(
        method="POST",
        path="/api/channels/{channel}/batches",
        roles=RELAYS,
        call=_give,
        summary="Store batches (application/vnd.iobuffer.batches); what was stored "
        "before is not stored again. Answers once they are on disk, with how far that "
        "relay's channel has got. A parcel without batches only asks for that.",
        params=(_CHANNEL,),
        reply=_PLACE_SCHEMA,
        max_body_bytes=_MAX_PARCEL_BYTES,
    ),
)
