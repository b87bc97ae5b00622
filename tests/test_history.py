"""What plots are made of: plain numbers in, one value per step out."""

from __future__ import annotations

from iobuffer.history import POINTS, SPANS, STEP_SECONDS, History, Look

WALL = 1_000_000.0


class Beat:
    """A history that is looked at every `STEP_SECONDS`."""

    def __init__(self) -> None:
        self.history = History()
        self.seconds = 100.0
        self.take({"a": Look({"in": 0}, {"queued:out": 0})})

    def take(self, looks: dict[str, Look]) -> None:
        self.history.take(self.seconds, WALL + self.seconds, looks)

    def step(self, total: int, queued: int = 0, steps: float = 1) -> None:
        self.seconds += steps * STEP_SECONDS
        self.take({"a": Look({"in": total}, {"queued:out": queued})})

    def values(self, span: str, name: str = "in") -> list[float | None]:
        return self.history.plot("a", SPANS[span]).series[name]


def test_a_total_becomes_a_rate_and_a_level_stays_what_it_is() -> None:
    beat = Beat()
    beat.step(50, queued=7)
    beat.step(60, queued=3)
    plot = beat.history.plot("a", SPANS["15m"])
    assert plot.series["in"][-3:] == [None, 10.0, 2.0]
    assert plot.series["queued:out"][-3:] == [None, 7.0, 3.0]
    assert (plot.step_seconds, plot.end_at) == (5.0, WALL + 110.0)
    assert len(plot.series["in"]) == 180


def test_nothing_is_due_between_two_steps() -> None:
    history = History()
    assert history.is_due(10.0)
    history.take(10.0, WALL, {})
    assert [history.is_due(10.0 + seconds) for seconds in (1, 4, 4.6, 5)] == [
        False,
        False,
        True,
        True,
    ]


def test_a_timer_that_is_late_gives_the_true_rate_and_loses_no_step() -> None:
    beat = Beat()
    for step, late_seconds in enumerate((0.9, 0.4, 0.9, 0.0), 1):
        beat.seconds = 100.0 + late_seconds + STEP_SECONDS * step
        total = int(beat.seconds * 10 - 1000)
        beat.take({"a": Look({"in": total}, {"queued:out": 0})})
    assert beat.values("15m")[-5:] == [None, 10.0, 10.0, 10.0, 10.0]


def test_an_hour_has_the_mean_of_a_rate_and_the_most_of_a_queue() -> None:
    beat = Beat()
    total = 0
    for step in range(6):
        total += 5 * step
        beat.step(total, queued=100 if step == 2 else 1)
    assert beat.values("1h")[-2:] == [None, 2.5]
    assert beat.values("1h", "queued:out")[-1] == 100.0
    plot = beat.history.plot("a", SPANS["1h"])
    assert (plot.step_seconds, plot.end_at) == (30.0, WALL + beat.seconds)


def test_a_coarse_step_that_is_not_over_is_not_shown() -> None:
    beat = Beat()
    for step in range(8):
        beat.step(5 * (step + 1))
    plot = beat.history.plot("a", SPANS["1h"])
    assert plot.series["in"][-2:] == [None, 1.0]
    assert plot.end_at == WALL + beat.seconds - 2 * STEP_SECONDS


def test_each_span_forgets_what_is_older() -> None:
    beat = Beat()
    day_steps = 720 * 24
    for step in range(day_steps + 24):
        # One message a second, but for the first two minutes of all, which had none.
        beat.step(max(0, step + 1 - 24) * 5)
    for span in SPANS:
        assert set(beat.values(span)) == {1.0}, span


def test_a_total_that_began_anew_counts_from_nothing() -> None:
    beat = Beat()
    beat.step(1000)
    beat.step(10)
    assert beat.values("15m")[-1] == 2.0


def test_a_standstill_is_unknown_but_for_its_last_step() -> None:
    beat = Beat()
    beat.step(5)
    beat.step(5 + 100, steps=4)
    assert beat.values("15m")[-5:] == [1.0, None, None, None, 5.0]


def test_after_hours_of_standstill_it_begins_anew() -> None:
    beat = Beat()
    beat.step(5)
    beat.step(100, steps=10_000)
    assert set(beat.values("15m")) == {None}
    beat.step(105)
    assert beat.values("15m")[-2:] == [None, 1.0]


def test_a_channel_that_is_gone_is_forgotten_and_a_new_one_begins_unknown() -> None:
    beat = Beat()
    beat.seconds += STEP_SECONDS
    beat.take({"b": Look({"in": 1000}, {})})
    assert beat.history.plot("a", SPANS["15m"]).series == {}
    assert set(beat.history.plot("b", SPANS["15m"]).series["in"]) == {None}
    beat.seconds += STEP_SECONDS
    beat.take({"b": Look({"in": 1010}, {})})
    assert beat.history.plot("b", SPANS["15m"]).series["in"][-1] == 2.0


def test_the_overview_has_as_many_points_as_asked_for() -> None:
    beat = Beat()
    for step in range(180):
        beat.step((step + 1) * 5)
    for points in POINTS:
        plot = beat.history.overview("in", points)
        assert plot.series == {"a": [1.0] * points}
        assert plot.step_seconds * points == 900.0
    assert beat.history.overview("out:nobody", 30).series == {}


def test_a_point_of_the_overview_stays_where_it_is_while_the_next_is_made() -> None:
    beat = Beat()
    for step in range(12):
        beat.step((step + 1) * 5 if step < 6 else 30 + (step - 5) * 50)
    before = beat.history.overview("in", 30)
    assert before.series["a"][-3:] == [None, 1.0, 10.0]
    beat.step(330 + 5000)
    after = beat.history.overview("in", 30)
    assert after == before


def test_two_hundred_channels_take_less_than_three_megabytes() -> None:
    history = History()
    looks = {
        f"channel-{number}": Look({"in": 0, "out:lis": 0}, {"queued:lis": 0})
        for number in range(200)
    }
    history.take(0.0, WALL, looks)
    assert history.held_bytes == 200 * 3 * 1020 * 4
    assert history.held_bytes < 3_000_000
