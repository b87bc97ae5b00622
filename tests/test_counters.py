from __future__ import annotations

from iobuffer.counters import DestinationCounters, Histogram, SourceCounters


def test_a_duration_is_counted_at_the_first_bound_that_holds_it() -> None:
    histogram = Histogram((0.01, 0.1))
    for seconds in (0.001, 0.01, 0.05, 7.0):
        histogram.observe(seconds)
    found = histogram.figures()

    assert found.bounds_seconds == (0.01, 0.1)
    assert found.counts == (2, 1, 1)
    assert found.sum_seconds == 7.061


def test_figures_do_not_change_with_what_comes_later() -> None:
    histogram = Histogram((1.0,))
    before = histogram.figures()
    histogram.observe(0.5)

    assert before.counts == (0, 0)
    assert histogram.figures().counts == (1, 0)


def test_snapshots_hold_every_counter_by_name() -> None:
    source, destination = SourceCounters(messages_in_total=3), DestinationCounters()

    assert source.snapshot()["messages_in_total"] == 3
    assert destination.snapshot()["messages_out_total"] == 0
