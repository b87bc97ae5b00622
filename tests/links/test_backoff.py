from __future__ import annotations

from iobuffer.links.backoff import Backoff


def test_pauses_double_up_to_the_longest_one() -> None:
    backoff = Backoff(initial_seconds=0.5, max_seconds=60.0, random=lambda: 0.0)

    pauses = [backoff.next() for _ in range(10)]

    assert pauses == [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0, 60.0]


def test_jitter_shortens_and_never_lengthens() -> None:
    backoff = Backoff(initial_seconds=10.0, max_seconds=10.0, jitter=0.2)

    pauses = [backoff.next() for _ in range(200)]

    assert all(8.0 <= pause <= 10.0 for pause in pauses)
    assert len(set(pauses)) > 100


def test_reset_begins_again_with_the_shortest() -> None:
    backoff = Backoff(initial_seconds=1.0, random=lambda: 0.0)
    for _ in range(5):
        backoff.next()

    backoff.reset()

    assert backoff.next() == 1.0


def test_the_first_pause_is_never_longer_than_the_longest() -> None:
    assert Backoff(initial_seconds=5.0, max_seconds=2.0, random=lambda: 0.0).next() == 2
