"""Who may read metrics, health and alarms, and what they are told."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from iobuffer.alarms import Alarm, AlarmKind
from iobuffer.web.base import PEOPLE, Problem
from iobuffer.web.metrics import ROUTES
from tests.fakes import WALL


@attrs.define
class FakeWatch:
    is_ready: bool = True
    raised: tuple[Alarm, ...] = ()


@attrs.define
class FakeGateway:
    watch: FakeWatch


@attrs.define
class FakeSite:
    counters: FakeGateway


@attrs.define
class FakeCall:
    site: FakeSite


def answer(path: str, watch: FakeWatch) -> Any:
    (route,) = (route for route in ROUTES if route.path == path)
    call: Any = FakeCall(FakeSite(FakeGateway(watch)))
    return route.call(call)


def test_only_health_needs_no_credentials() -> None:
    assert {route.path: route.roles for route in ROUTES} == {
        "/metrics": PEOPLE,
        "/healthz": None,
        "/readyz": None,
        "/api/alarms": PEOPLE,
    }


def test_a_gateway_whose_store_does_not_answer_is_healthy_and_not_ready() -> None:
    watch = FakeWatch(is_ready=False)

    assert answer("/healthz", watch) == {"status": "ok"}
    with pytest.raises(Problem, match="not ready") as caught:
        answer("/readyz", watch)
    assert caught.value.status == 503
    assert answer("/readyz", FakeWatch()) == {"status": "ready"}


def test_alarms_are_listed_as_json() -> None:
    alarm = Alarm(AlarmKind.SILENCE, "chem-1", "", "no message", WALL)

    assert answer("/api/alarms", FakeWatch(raised=(alarm,))) == [alarm.as_json()]
