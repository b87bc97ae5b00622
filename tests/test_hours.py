"""The calendar of `silence.hours`."""

from __future__ import annotations

from typing import Any

import pytest

from iobuffer.hours import HOURS, Hours

MON, TUE, FRI, SAT, SUN = 0, 1, 4, 5, 6


def at(clock: str) -> int:
    hour, minute = clock.split(":")
    return int(hour) * 60 + int(minute)


@pytest.mark.parametrize(
    ("written", "weekday", "clock", "covered"),
    [
        ("mon-fri 07:00-19:00", MON, "07:00", True),
        ("mon-fri 07:00-19:00", MON, "06:59", False),
        ("mon-fri 07:00-19:00", FRI, "18:59", True),
        ("mon-fri 07:00-19:00", FRI, "19:00", False),
        ("mon-fri 07:00-19:00", SAT, "12:00", False),
        ("mon-fri 07:00-19:00, sat 08:00-12:00", SAT, "11:59", True),
        ("sat", SAT, "00:00", True),
        ("sat", SAT, "23:59", True),
        ("sat", SUN, "00:00", False),
        ("22:00-06:00", MON, "03:00", True),
        ("22:00-06:00", MON, "12:00", False),
        ("fri 22:00-06:00", SAT, "05:59", True),
        ("fri 22:00-06:00", SAT, "22:00", False),
        ("sun 22:00-06:00", MON, "01:00", True),
        ("sat-mon 08:00-09:00", MON, "08:30", True),
        ("sat-mon 08:00-09:00", TUE, "08:30", False),
        ("mon 00:00-24:00", MON, "23:59", True),
        ("", SUN, "03:00", True),
    ],
)
def test_a_minute_is_within_the_hours_or_not(
    written: str, weekday: int, clock: str, covered: bool
) -> None:
    assert HOURS.parse(written).covers(weekday, at(clock)) is covered


@pytest.mark.parametrize(
    "written",
    [
        "mon-fri 07:00-19:00, sat 08:00-12:00",
        "MON - FRI 7:00 - 19:00",
        "sat",
        "22:00-06:00",
        "",
        ["mon 07:00-08:00", "tue 07:00-08:00"],
        "mon 07:00-08:00\ntue 07:00-08:00",
    ],
)
def test_what_is_shown_reads_back(written: Any) -> None:
    found = HOURS.parse(written)

    assert HOURS.parse(HOURS.show(found)) == found


def test_hours_are_shown_as_one_writes_them() -> None:
    assert HOURS.show(HOURS.parse("MON-fri 7:00-19:00,sat")) == (
        "mon-fri 07:00-19:00, sat 00:00-24:00"
    )
    assert HOURS.show(Hours()) == ""


@pytest.mark.parametrize(
    "written",
    [
        *("always", "mon 25:00-26:00", "mon 07:60-08:00", "mo 07:00-08:00", 5, None),
        *("mon 07:00", "7-19", [5], "mon 24:00-24:00", ",".join(["mon"] * 101)),
    ],
)
def test_anything_else_is_no_hours(written: Any) -> None:
    with pytest.raises(ValueError):
        HOURS.parse(written)
