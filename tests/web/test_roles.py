"""Who may do what: every route, by every role, as declared here and nowhere else."""

from __future__ import annotations

import re

import attrs
import pytest

from iobuffer.serving import ROUTES
from iobuffer.web import page
from iobuffer.web.base import Reply, Role, Route
from tests.integration.api_site import TOKENS
from tests.web.web_fakes import Wire

EVERYONE: frozenset[str] = frozenset({"", *TOKENS.values()})
ANYBODY = frozenset(TOKENS.values())
PEOPLE = frozenset({"viewer", "operator", "admin"})
OPERATORS = frozenset({"operator", "admin"})
ADMINS = frozenset({"admin"})
RELAYS = frozenset({"relay"})

#: The whole matrix; a route that is not here fails the test below.
MATRIX: dict[str, frozenset[str]] = {
    "GET /api/status": PEOPLE,
    "GET /api/kinds": PEOPLE,
    "POST /api/trials": ADMINS,
    "GET /api/trials/{trial}/events": ADMINS,
    "DELETE /api/trials/{trial}": ADMINS,
    "POST /api/plan": ADMINS,
    "POST /api/reload": ADMINS,
    "GET /api/openapi.json": PEOPLE,
    "GET /api/channels": PEOPLE,
    "GET /api/channels/{channel}": PEOPLE,
    "PUT /api/channels/{channel}": ADMINS,
    "DELETE /api/channels/{channel}": ADMINS,
    "POST /api/channels/{channel}/start": OPERATORS,
    "POST /api/channels/{channel}/stop": OPERATORS,
    "POST /api/channels/{channel}/pause": OPERATORS,
    "POST /api/channels/{channel}/resume": OPERATORS,
    "POST /api/channels/{channel}/restart": OPERATORS,
    "GET /api/channels/{channel}/log": PEOPLE,
    "GET /api/channels/{channel}/history": PEOPLE,
    "GET /api/history": PEOPLE,
    "GET /api/channels/{channel}/messages": PEOPLE,
    "GET /api/channels/{channel}/messages/{seq}": PEOPLE,
    "GET /api/channels/{channel}/messages/{seq}/decoded": OPERATORS,
    "GET /api/channels/{channel}/export": OPERATORS,
    "POST /api/channels/{channel}/reveal": OPERATORS,
    "GET /api/channels/{channel}/parked": PEOPLE,
    "POST /api/channels/{channel}/parked/drop": OPERATORS,
    "GET /api/channels/{channel}/batches": RELAYS,
    "POST /api/channels/{channel}/batches": RELAYS,
    "POST /api/channels/{channel}/parked/retry": OPERATORS,
    "POST /api/channels/{channel}/replay": OPERATORS,
    "POST /api/login": EVERYONE,
    "POST /api/set-up": EVERYONE,
    "POST /api/logout": ANYBODY,
    "GET /api/whoami": ANYBODY,
    "POST /api/password": ANYBODY,
    "GET /api/users": ADMINS,
    "PUT /api/users/{user}": ADMINS,
    "DELETE /api/users/{user}": ADMINS,
    "GET /api/tokens": ADMINS,
    "POST /api/tokens": ADMINS,
    "DELETE /api/tokens/{token}": ADMINS,
    "GET /api/audit": ADMINS,
    "GET /api/audit/verify": ADMINS,
    "GET /metrics": PEOPLE,
    "GET /healthz": EVERYONE,
    "GET /readyz": EVERYONE,
    "GET /api/alarms": PEOPLE,
    "GET /api/events": PEOPLE,
    "GET /api/channels/{channel}/tail": OPERATORS,
    # The page's own files show nothing of the gateway.
    **{f"GET {route.path}": EVERYONE for route in page.ROUTES},
}


def named(route: Route) -> str:
    return f"{route.method} {route.path}"


def test_the_matrix_names_every_route_and_no_other() -> None:
    assert {named(route) for route in ROUTES} == set(MATRIX)


@pytest.mark.parametrize("role", ["", *TOKENS.values()])
@pytest.mark.parametrize("route", ROUTES, ids=named)
def test_a_route_is_open_to_exactly_its_roles(route: Route, role: str) -> None:
    """What the route does is taken out: it is the door that is tried."""
    opened: list[str] = []

    def call(call: object) -> Reply:
        opened.append(role)
        return Reply(body={})

    doors = [
        attrs.evolve(each, call=call, body=None, params=(), noted=None)
        for each in ROUTES
    ]
    path = re.sub(r"\{channel\}", "a", route.path)
    path = re.sub(r"\{[a-z]+\}", "1", path)
    status, _ = Wire(doors).ask(route.method, path, token=role and f"t-{role}")
    if role in MATRIX[named(route)]:
        assert status == 200
        assert opened == [role]
    else:
        assert status == (403 if role else 401)
        assert not opened


@pytest.mark.parametrize("route", ROUTES, ids=named)
def test_methods_that_are_not_declared_are_not_possible(route: Route) -> None:
    path = re.sub(r"\{[a-z]+\}", "a", route.path)
    declared = {each.method for each in ROUTES if each.path == route.path}
    for method in {"GET", "POST", "PUT", "DELETE", "PATCH", "TRACE"} - declared:
        # A path whose name another route reads as a word of its own is that route's.
        status, said = Wire(ROUTES).ask(method, path)
        assert status == 405, (method, path)
        assert b"Allow: " in said


def test_no_get_is_audited_for_it_changes_nothing() -> None:
    for route in ROUTES:
        if route.method == "GET":
            assert not route.audited, named(route)


def test_what_changes_something_is_audited() -> None:
    """By its route, or by the room itself, which has more to say than the path."""
    unaudited = {
        named(route) for route in ROUTES if route.method != "GET" and not route.audited
    }
    by_the_room = {
        *(name for name in MATRIX if "/users" in name or "/tokens" in name),
        "POST /api/channels/{channel}/reveal",
        "POST /api/login",
        "POST /api/logout",
        "POST /api/set-up",
        "POST /api/password",
    }
    # A plan changes nothing; messages of a relay are taken like those of a source.
    neither = {"POST /api/plan", "POST /api/channels/{channel}/batches"}
    assert unaudited <= by_the_room | neither


def test_a_relay_reaches_only_the_channels_that_it_is_bound_to() -> None:
    door = Route(
        method="GET",
        path="/api/channels/{channel}/batches",
        roles=frozenset({Role.RELAY}),
        call=lambda call: Reply(body={}),
        summary="",
    )
    assert Wire([door]).ask("GET", "/api/channels/a/batches", token="t-relay")[0] == 200
    assert Wire([door]).ask("GET", "/api/channels/b/batches", token="t-relay")[0] == 403
