"""Times as people write them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from iobuffer.cli._when import moment_of

#: 2026-11-22 12:30:15 in the zone of the tests.
NOW = datetime(2026, 11, 22, 11, 30, 15, tzinfo=UTC).timestamp()


@pytest.fixture(autouse=True)
def _zone(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("02:41", "2026-11-22T01:41:00+00:00"),
        ("2:41:07", "2026-11-22T01:41:07+00:00"),
        ("12:30:15", "2026-11-22T11:30:15+00:00"),
        ("2026-11-22 02:41", "2026-11-22T01:41:00+00:00"),
        ("2026-07-01T02:41:07", "2026-07-01T00:41:07+00:00"),
        ("2026-11-22", "2026-11-21T23:00:00+00:00"),
        ("2026-11-22T02:41Z", "2026-11-22T02:41:00+00:00"),
        ("2026-11-22T02:41+02:00", "2026-11-22T00:41:00+00:00"),
        ("15m ago", "2026-11-22T11:15:15+00:00"),
        ("1h 30m ago", "2026-11-22T10:00:15+00:00"),
        ("@1795311000.5", "2026-11-22T01:30:00.500000+00:00"),
    ],
)
def test_a_time_is_read_as_it_is_meant(text: str, expected: str) -> None:
    assert datetime.fromtimestamp(moment_of(text, NOW), UTC).isoformat() == expected


def test_a_time_of_the_day_is_the_last_one_that_has_passed() -> None:
    found = datetime.fromtimestamp(moment_of("23:30", NOW), UTC)

    assert found.isoformat() == "2026-11-21T22:30:00+00:00"


@pytest.mark.parametrize("text", ["", "noon", "25:00", "2026-13-01", "m ago", "@x"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        moment_of(text, NOW)
