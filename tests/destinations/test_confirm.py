"""Byte offsets in, confirmed writes out."""

from __future__ import annotations

import pytest

from iobuffer.destinations._confirm import Unconfirmed


@pytest.fixture
def told() -> list[tuple[str, int]]:
    return []


def add(
    unconfirmed: Unconfirmed, told: list[tuple[str, int]], name: str, size: int
) -> None:
    unconfirmed.add(size, lambda count: told.append((name, count)))


def test_a_write_is_confirmed_only_when_its_last_byte_is(told) -> None:
    unconfirmed = Unconfirmed()
    add(unconfirmed, told, "a", 10)
    assert unconfirmed.confirm(9)
    assert told == []
    assert unconfirmed.confirm(10)
    assert told == [("a", 10)]
    assert not unconfirmed


def test_writes_are_confirmed_in_order_and_together_when_they_arrive_together(
    told,
) -> None:
    unconfirmed = Unconfirmed()
    for name in "abc":
        add(unconfirmed, told, name, 10)
    unconfirmed.confirm(25)
    assert told == [("a", 10), ("b", 10)]
    assert unconfirmed.size_bytes == 5


def test_a_lost_connection_tells_how_much_of_each_write_had_arrived(told) -> None:
    unconfirmed = Unconfirmed()
    for name in "abc":
        add(unconfirmed, told, name, 10)
    unconfirmed.confirm(14)
    unconfirmed.lost()
    assert told == [("a", 10), ("b", 4), ("c", 0)]


def test_no_progress_is_said_to_be_none_and_offsets_never_go_back(told) -> None:
    unconfirmed = Unconfirmed()
    add(unconfirmed, told, "a", 10)
    assert unconfirmed.confirm(5)
    assert not unconfirmed.confirm(5)
    assert not unconfirmed.confirm(3)
    assert unconfirmed.confirmed_bytes == 5


def test_a_write_of_nothing_waits_for_the_writes_before_it(told) -> None:
    unconfirmed = Unconfirmed()
    add(unconfirmed, told, "alone", 0)
    assert told == [("alone", 0)]
    add(unconfirmed, told, "a", 10)
    add(unconfirmed, told, "empty", 0)
    assert told == [("alone", 0)]
    unconfirmed.confirm(10)
    assert told == [("alone", 0), ("a", 10), ("empty", 0)]


def test_who_is_told_may_write_again_at_once(told) -> None:
    unconfirmed = Unconfirmed()

    def again(count: int) -> None:
        told.append(("a", count))
        add(unconfirmed, told, "b", 5)

    unconfirmed.add(10, again)
    unconfirmed.confirm(10)
    assert told == [("a", 10)]
    unconfirmed.confirm(15)
    assert told == [("a", 10), ("b", 5)]
