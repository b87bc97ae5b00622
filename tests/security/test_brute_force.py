"""TORTURE A3: how many passwords an attacker gets looked at in a day.

The clock is moved by hand; what is counted is the work of argon2, so nothing that is
refused before it counts.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import cycle, islice
from pathlib import Path

import pytest

from iobuffer.people import TryLater
from tests.people.people_fakes import BETTER, GOOD, PeopleAt

DAY_SECONDS = 24 * 3600.0


@pytest.fixture
def people(tmp_path: Path) -> PeopleAt:
    made = PeopleAt(tmp_path)
    made.put_user("otto", password=GOOD, role="operator")
    return made


def besiege(people: PeopleAt, guesses: Iterator[tuple[str, str]]) -> int:
    """Guess for a day, each time as soon as one is heard; how many were."""
    before, ends_at = people.counted.verified, people.clock.now + DAY_SECONDS
    refused_in_a_row = 0
    for name, address in guesses:
        try:
            assert people.authenticate(name, BETTER, address) is None
            refused_in_a_row = 0
        except TryLater as later:
            refused_in_a_row += 1
            # A pause of one address or account is filled with the others.
            if refused_in_a_row >= 5:
                people.clock.now += later.seconds
                refused_in_a_row = 0
        if people.clock.now >= ends_at:
            break
    return people.counted.verified - before


def test_one_address_guesses_at_one_account_a_hundred_times_a_day(
    people: PeopleAt,
) -> None:
    assert besiege(people, cycle([("otto", "10.0.0.9")])) < 120


def test_one_address_gets_no_further_with_a_thousand_accounts(
    people: PeopleAt,
) -> None:
    names = [(f"user-{number}", "10.0.0.9") for number in range(1000)]
    assert besiege(people, cycle(names)) < 120


def test_ten_thousand_addresses_guess_at_one_account_once_a_minute(
    people: PeopleAt,
) -> None:
    many = [("otto", f"10.1.{number >> 8}.{number & 255}") for number in range(10_000)]
    assert besiege(people, islice(cycle(many), 60_000)) < 24 * 60 + 20


def test_meanwhile_the_user_comes_in_from_his_place(people: PeopleAt) -> None:
    assert people.authenticate("otto", GOOD, "192.168.1.5") is not None
    # Longer than what was right a moment ago is remembered.
    people.clock.now += 600
    for number in range(1000):
        try:
            people.authenticate("otto", BETTER, f"10.1.{number >> 8}.{number & 255}")
        except TryLater:
            continue
    with pytest.raises(TryLater):
        people.authenticate("otto", GOOD, "10.9.9.9")

    assert people.authenticate("otto", GOOD, "192.168.1.5") is not None
