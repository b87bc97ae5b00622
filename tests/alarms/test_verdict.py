from __future__ import annotations

from collections import deque

import pytest

from iobuffer.alarms.verdict import slide, spoken


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-5.0, "0 s"),
        (40.4, "40 s"),
        (119.0, "119 s"),
        (300.0, "5 min"),
        (7199.0, "120 min"),
        (7200.0, "2 h"),
        (86400.0, "24 h"),
        (12 * 86400.0, "12 days"),
    ],
)
def test_a_duration_is_told_as_people_say_it(seconds: float, words: str) -> None:
    assert spoken(seconds) == words


def test_a_window_keeps_one_sample_from_before_it() -> None:
    samples = deque([(0.0, "a"), (10.0, "b"), (20.0, "c"), (30.0, "d")])
    slide(samples, 30.0, 15.0)
    assert list(samples) == [(10.0, "b"), (20.0, "c"), (30.0, "d")]

    slide(samples, 1000.0, 15.0)
    assert list(samples) == [(30.0, "d")]
