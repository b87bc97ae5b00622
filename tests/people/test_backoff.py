"""TORTURE A3: guessing is slow, signing in is not, and nobody is locked out."""

from __future__ import annotations

import itertools

import pytest

from iobuffer.people.backoff import LoginBackoff


def _attack(
    backoff: LoginBackoff, name: str, address: str, seconds: float
) -> list[float]:
    """Guesses as fast as it goes for so long; when they were heard."""
    heard, now = [], 0.0
    while now < seconds:
        wait_seconds, _ = backoff.attempt(name, address, now=now)
        if wait_seconds == 0:
            heard.append(now)
        now += max(wait_seconds, 0.01)
    return heard


def test_five_attempts_are_fast_and_then_each_pause_doubles() -> None:
    heard = _attack(LoginBackoff(), "anna", "10.0.0.1", 200.0)

    assert heard[4] < 0.1
    pauses = [later - one for one, later in itertools.pairwise(heard[4:])]
    assert pauses == pytest.approx([1, 2, 4, 8, 16, 32, 64], abs=0.1)


def test_one_account_from_everywhere_waits_a_minute_at_most() -> None:
    """Many addresses guess at one name: the account's own count holds them."""
    backoff = LoginBackoff()

    heard, now = 0, 0.0
    for number in range(36_000):
        address = f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}"
        wait_seconds, _ = backoff.attempt("anna", address, now=now)
        assert wait_seconds <= 60.0
        heard += wait_seconds == 0
        now += 0.1

    # An hour: 5 + 6 doublings, then one in a minute.
    assert 60 <= heard <= 72


def test_a_thousand_accounts_from_one_address_wait_too() -> None:
    backoff = LoginBackoff()

    heard = [
        backoff.attempt(f"user-{number}", "10.0.0.1", now=number / 100)[0] == 0
        for number in range(1000)
    ]

    # Within ten seconds: 5 + the pauses of 1, 2, 4 seconds.
    assert sum(heard) <= 9


def test_an_attempt_within_a_pause_does_not_lengthen_it() -> None:
    backoff = LoginBackoff()
    for _ in range(5):
        backoff.attempt("anna", "10.0.0.1", now=0.0)

    for tenth in range(10):
        wait_seconds, _ = backoff.attempt("anna", "10.0.0.1", now=tenth / 10)
        assert wait_seconds == pytest.approx(1 - tenth / 10)

    assert backoff.attempt("anna", "10.0.0.1", now=1.0)[0] == 0


def test_the_user_comes_in_from_his_place_while_strangers_guess() -> None:
    backoff = LoginBackoff()
    backoff.attempt("anna", "10.9.9.9", now=0.0)
    backoff.succeeded("anna", "10.9.9.9")
    for number in range(10):
        backoff.attempt("anna", f"10.0.0.{number}", now=1.0)
    assert backoff.attempt("anna", "10.0.0.99", now=1.0)[0] > 0

    assert backoff.attempt("anna", "10.9.9.9", now=1.0)[0] == 0

    # And from there too guessing is slow.
    for _ in range(4):
        backoff.attempt("anna", "10.9.9.9", now=1.0)
    assert backoff.attempt("anna", "10.9.9.9", now=1.0)[0] > 0


def test_after_the_right_password_the_account_begins_anew() -> None:
    backoff = LoginBackoff()
    for _ in range(4):
        backoff.attempt("anna", "10.0.0.1", now=0.0)

    backoff.succeeded("anna", "10.0.0.1")

    assert backoff.attempt("anna", "10.0.0.1", now=0.0)[0] == 0


def test_one_known_password_does_not_make_guessing_at_others_free() -> None:
    backoff = LoginBackoff()
    heard = 0
    for number in range(200):
        heard += backoff.attempt(f"user-{number % 50}", "10.0.0.1", now=1.0)[0] == 0
        if number % 20 == 0 and backoff.attempt("eve", "10.0.0.1", now=1.0)[0] == 0:
            backoff.succeeded("eve", "10.0.0.1")

    assert heard <= 10


def test_an_hour_of_quiet_is_forgotten() -> None:
    backoff = LoginBackoff()
    for _ in range(5):
        backoff.attempt("anna", "10.0.0.1", now=0.0)

    for _ in range(5):
        assert backoff.attempt("anna", "10.0.0.1", now=3601.0)[0] == 0


def test_the_first_refusal_of_a_pause_is_told_apart() -> None:
    backoff = LoginBackoff()
    for _ in range(5):
        assert backoff.attempt("anna", "10.0.0.1", now=0.0) == (0.0, False)

    told = [backoff.attempt("anna", "10.0.0.1", now=0.5)[1] for _ in range(3)]

    assert told == [True, False, False]


def test_memory_is_bounded_against_any_number_of_names_and_addresses() -> None:
    backoff = LoginBackoff(max_keys=100)

    for number in range(5000):
        name = f"{number}" * 1000
        backoff.attempt(name, f"10.1.{number >> 8}.{number & 255}", now=0.0)
        backoff.succeeded(name, f"10.1.{number >> 8}.{number & 255}")

    assert len(backoff) <= 200
    assert len(repr(vars(backoff))) < 200_000


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2001:db8::1", "2001:db8::ffff", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("::ffff:10.0.0.1", "10.0.0.1", True),
        ("fe80::1%eth0", "fe80::2%eth1", True),
        ("10.0.0.1", "10.0.0.2", False),
        ("", "/run/x.sock", False),
    ],
)
def test_a_host_with_many_addresses_is_one(one: str, other: str, same: bool) -> None:
    backoff = LoginBackoff()
    for number in range(5):
        backoff.attempt(f"user-{number}", one, now=0.0)

    waits = backoff.attempt("somebody", other, now=0.0)[0] > 0

    assert waits is same
