"""Rates from totals that are looked at once a second."""

from __future__ import annotations

from iobuffer.rates import Meter


def test_the_last_second_is_between_the_last_two_looks() -> None:
    meter = Meter()
    assert meter.last_second() == {}
    meter.take(0.0, {"in": 0})
    assert meter.last_second() == {}
    meter.take(1.0, {"in": 10})
    meter.take(3.0, {"in": 40})
    assert meter.last_second() == {"in": 15.0}


def test_the_last_minute_forgets_what_was_before() -> None:
    meter = Meter()
    for second in range(200):
        total = 1000 if second < 100 else 1000 + (second - 100) * 2
        meter.take(float(second), {"in": total})
    assert meter.last_minute() == {"in": 2.0}
    young = Meter()
    young.take(0.0, {"in": 0})
    assert young.last_minute() == {}
    young.take(1.0, {"in": 3})
    assert young.last_minute() == {"in": 3.0}


def test_a_total_that_began_anew_counts_from_nothing() -> None:
    meter = Meter()
    meter.take(0.0, {"in": 100})
    meter.take(1.0, {"in": 4, "new": 2})
    assert meter.last_second() == {"in": 4.0, "new": 2.0}
