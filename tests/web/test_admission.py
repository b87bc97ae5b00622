"""Who may go on with what, from the request line and the role alone."""

from __future__ import annotations

import pytest

from iobuffer.web.admission import admit, target_of
from iobuffer.web.base import ADMINS, RELAYS, Principal, Problem, Role, Route
from iobuffer.web.router import Router

ROUTES = [
    Route(
        method="POST",
        path="/reload",
        roles=ADMINS,
        call=lambda call: None,
        summary="For administrators.",
    ),
    Route(
        method="GET",
        path="/channels/{channel}/batches",
        roles=RELAYS,
        call=lambda call: None,
        summary="For a relay.",
    ),
    Route(
        method="GET",
        path="/healthz",
        roles=None,
        call=lambda call: None,
        summary="For everyone.",
    ),
]


def refused(method: bytes, uri: bytes, principal: Principal | None) -> Problem:
    target = target_of(Router(ROUTES), method, uri)
    with pytest.raises(Problem) as caught:
        admit(target, method, principal)
    return caught.value


@pytest.mark.parametrize(
    ("role", "words"),
    [
        (Role.OPERATOR, "An operator may not do this"),
        (Role.VIEWER, "A viewer may not do this"),
        (Role.RELAY, "A relay may not do this"),
    ],
)
def test_a_role_that_does_not_reach_is_named(role: Role, words: str) -> None:
    problem = refused(b"POST", b"/reload", Principal("ada", role))
    assert (problem.status, problem.title) == (403, words)
    assert problem.detail == "It takes the role admin."


def test_a_relay_reaches_its_channels_alone() -> None:
    relay = Principal("hub", Role.RELAY, ("a",))
    target = target_of(Router(ROUTES), b"GET", b"/channels/a/batches?after=1")
    assert admit(target, b"GET", relay) is ROUTES[1]
    assert (target.names, target.query) == ({"channel": "a"}, "after=1")
    problem = refused(b"GET", b"/channels/b/batches", relay)
    assert problem.title == "This relay is not bound to that channel"


def test_what_there_is_is_told_to_those_who_have_signed_in() -> None:
    for uri in (b"/nothing", b"/reload"):
        assert refused(b"POST", uri, None).status == 401
    viewer = Principal("ada", Role.VIEWER)
    assert refused(b"POST", b"/nothing", viewer).status == 404
    wrong = refused(b"GET", b"/reload", viewer)
    assert wrong.status == 405
    assert wrong.headers == (("Allow", "OPTIONS, POST"),)


def test_what_is_for_everyone_is_for_those_who_have_not_signed_in() -> None:
    target = target_of(Router(ROUTES), b"HEAD", b"/healthz")
    assert admit(target, b"HEAD", None) is ROUTES[2]
