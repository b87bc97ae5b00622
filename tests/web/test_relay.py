"""What the two routes of a relay make of a request."""

from __future__ import annotations

import json
from base64 import b64encode
from types import SimpleNamespace
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure
from twisted.web.server import NOT_DONE_YET

from iobuffer.batch import single_peer
from iobuffer.relay_format import CONTENT_TYPE, Parcel, decode
from iobuffer.relay_order import Place
from iobuffer.web.base import Call, Principal, Problem, Role
from iobuffer.web.relay import ROUTES

PARCEL = Parcel(
    "e1", "chem-1", 4, (single_peer([b"a\x00"], 9.0, "10.0.0.1:514").numbered(5),)
)


class FakeRelays:
    """Answers with `parcel`, or never."""

    def __init__(self, parcel: Parcel | None, never: bool = False) -> None:
        self.parcel = parcel
        self.never = never
        self.cancelled = False
        self.asked: list[tuple[Any, ...]] = []

    async def following(
        self,
        user: str,
        channel: str,
        after: Place | None,
        wait_seconds: float,
        ahead: int = 0,
    ) -> Parcel | None:
        self.asked.append((user, channel, after, wait_seconds, ahead))
        if self.never:
            waiting: Deferred[None] = Deferred(self._cancel)
            await waiting
        return self.parcel

    def _cancel(self, _: Deferred[None]) -> None:
        self.cancelled = True

    async def given(self, user: str, channel: str, body: bytes) -> dict[str, Any]:
        self.asked.append((user, channel, body))
        return {"gateway": "e1", "seq": 5}


class FakeRequest:
    def __init__(self, accept: str) -> None:
        self._accept = accept
        self.finished: Deferred[None] = Deferred()
        self.headers: dict[str, str] = {}
        self.written: list[bytes] = []
        self.gone = False
        self.done = False
        self.producer: Any = None

    def setHeader(self, name: str, value: str) -> None:
        self.headers[name] = value

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        assert streaming
        self.producer = producer

    def unregisterProducer(self) -> None:
        self.producer = None

    def write(self, data: bytes) -> None:
        self.written.append(data)

    def finish(self) -> None:
        assert self.producer is None
        self.done = True

    def getHeader(self, name: str) -> str | None:
        return self._accept if name == "accept" else None

    def notifyFinish(self) -> Deferred[None]:
        return self.finished


def call(
    method: str,
    relays: FakeRelays,
    *,
    accept: str = CONTENT_TYPE,
    bound_to: tuple[str, ...] = ("chem-1",),
    body: Any = None,
    **query: Any,
) -> tuple[list[Any], FakeRequest]:
    """What the route answers, as soon as it does; and the request."""
    request = FakeRequest(accept)
    site: Any = SimpleNamespace(operations=SimpleNamespace(relays=relays))
    made = Call(
        request=request,
        path={"channel": "chem-1"},
        query=query,
        body=body,
        principal=Principal("hop", Role.RELAY, bound_to, "token"),
        site=site,
    )
    (route,) = (each for each in ROUTES if each.method == method)
    results: list[Any] = []
    Deferred.fromCoroutine(route.call(made)).addBoth(results.append)
    return results, request


def test_batches_go_whole_in_the_binary_form() -> None:
    relays = FakeRelays(PARCEL)
    ((reply,), request) = call("GET", relays, after="e1:4", wait=30, ahead=9)

    assert reply is NOT_DONE_YET
    assert request.done
    body = b"".join(request.written)
    assert request.headers == {
        "Content-Type": CONTENT_TYPE,
        "Content-Length": str(len(body)),
    }
    found = decode(body)
    assert isinstance(found, Parcel)
    assert found.batches[0].messages == [b"a\x00"]
    assert relays.asked == [("hop", "chem-1", Place("e1", 4), 30, 9)]


def test_json_is_for_those_who_ask_for_it() -> None:
    ((reply,), _) = call("GET", FakeRelays(PARCEL), accept="application/json")

    assert json.loads(json.dumps(reply.body)) == {
        "gateway": "e1",
        "channel": "chem-1",
        "after": 4,
        "batches": [
            {
                "first_seq": 5,
                "received_at": 9.0,
                "peers": [["10.0.0.1:514", 1]],
                "messages": [b64encode(b"a\x00").decode()],
            }
        ],
    }


def test_nothing_is_204() -> None:
    ((reply,), _) = call("GET", FakeRelays(None))

    assert (reply.status, reply.body) == (204, None)


def test_who_has_gone_waits_no_longer() -> None:
    relays = FakeRelays(None, never=True)
    results, request = call("GET", relays, wait=30)
    assert not results
    request.finished.errback(Failure(ConnectionError()))

    assert relays.cancelled
    assert results[0].status == 204


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_relay_of_other_channels_has_no_business_here(method: str) -> None:
    relays = FakeRelays(PARCEL)
    ((failure,), _) = call(method, relays, bound_to=("chem-2",))

    assert isinstance(failure.value, Problem)
    assert failure.value.status == 403
    assert relays.asked == []


def test_a_place_that_is_none_is_a_problem() -> None:
    ((failure,), _) = call("GET", FakeRelays(PARCEL), after="seven")

    assert failure.value.status == 400


def test_a_parcel_is_handed_on_as_it_came() -> None:
    relays = FakeRelays(None)
    ((reply,), _) = call("POST", relays, body=b"parcel")

    assert reply == {"gateway": "e1", "seq": 5}
    assert relays.asked == [("hop", "chem-1", b"parcel")]
