"""Marks that lie over one another."""

from __future__ import annotations

import pytest

from iobuffer.framing.overlap import beginning_at_end, can_overlap


@pytest.mark.parametrize(
    ("data", "mark", "size"),
    [(b"xa", b"ab", 1), (b"aa", b"aab", 2), (b"ab", b"ab", 0), (b"", b"ab", 0)],
)
def test_the_beginning_of_a_mark_at_the_end_is_found(
    data: bytes, mark: bytes, size: int
) -> None:
    assert beginning_at_end(data, mark) == size


@pytest.mark.parametrize(
    ("first", "second", "overlap"),
    [
        (b"<<", b"<<", True),
        (b"<<", b">>", False),
        (b"ab", b"ba", True),
        (b"abc", b"b", True),
        (b"a", b"a", False),
    ],
)
def test_marks_that_can_lie_over_one_another(
    first: bytes, second: bytes, overlap: bool
) -> None:
    assert can_overlap(first, second) is overlap
