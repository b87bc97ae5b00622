"""TORTURE A1, A2: every route refuses whoever is not of its roles."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted

from iobuffer.serving import ROUTES
from iobuffer.web.base import Route

from .api_site import TOKENS, ApiGateway

#: What anybody may ask under /api/, by name. A route that is added here is a decision.
FOR_EVERYBODY = {("POST", "/api/login"), ("POST", "/api/set-up")}


@pytest_twisted.async_yield_fixture
async def api(reactor: Any, tmp_path: Path) -> AsyncIterator[ApiGateway]:
    made = ApiGateway(reactor, tmp_path, "")
    made.start()
    yield made
    await made.stop()


def _path(route: Route) -> str:
    return re.sub(r"\{(\w+)\}", lambda found: _FILLED.get(found[1], "a"), route.path)


#: Where a name in a path is no channel.
_FILLED = {"seq": "1"}


def test_what_everybody_may_ask_is_named_here() -> None:
    found = {
        (route.method, route.path)
        for route in ROUTES
        if route.roles is None and route.path.startswith("/api/")
    }

    assert found == FOR_EVERYBODY


def test_to_look_changes_nothing() -> None:
    assert [
        route.path for route in ROUTES if route.method == "GET" and route.body
    ] == []


@pytest.mark.deadline(60)
async def test_nobody_and_nobody_of_another_role_is_let_in(api: ApiGateway) -> None:
    wrong = []
    for route in ROUTES:
        if route.roles is None:
            continue
        body = {} if route.body is not None else None
        allowed = {role.value for role in route.roles}
        expected = {token: 403 for token, role in TOKENS.items() if role not in allowed}
        for token, status in {"": 401, "t-none": 401, **expected}.items():
            answer = await api.ask(route.method, _path(route), token=token, body=body)
            if answer.status != status:
                wrong.append((route.method, route.path, token, answer.status))

    assert wrong == []
    assert len(ROUTES) > 20
    assert api.people.audit.lines == [], "and nothing of it was done"
