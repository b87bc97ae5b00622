from __future__ import annotations

import threading

import pytest
from argon2 import PasswordHasher, extract_parameters

from iobuffer.people.errors import PeopleError, TryLater
from iobuffer.people.passwords import Passwords

from .people_fakes import GOOD, CountingPasswords


@pytest.mark.parametrize(
    "password",
    [
        GOOD,
        "x7#kQ9!mLp2v",
        "Schröders Katze lebt",
        "my password is no password",
        "ab" * 2 + "cdefghij" + "z" * 1012,
    ],
)
def test_a_good_password_will_do(password: str) -> None:
    CountingPasswords().check("anna", password)


@pytest.mark.parametrize(
    ("password", "reason"),
    [
        ("", "at least 12"),
        ("elevenchars", "at least 12"),
        # Full-width letters are the same letters; a ligature is two.
        ("\uff41" * 11, "at least 12"),
        ("x" * 1025, "at most 1024"),
        ("annaschmidt-2024", "user's name"),
        ("Annaschmidt1", "user's name"),
        ("aaaaaaaaaaaaaaaa", "same few"),
        ("abababababab", "same few"),
        ("123456789012", "same few"),
        ("987654321098", "same few"),
        ("abcdefghijklm", "same few"),
        ("password1234", "commonest"),
        ("P@ssw0rd!!!!2024", "commonest"),
        ("Administrator1", "commonest"),
        ("qwertyuiop123", "commonest"),
        ("Welcome-12345", "commonest"),
    ],
)
def test_a_bad_password_is_refused_with_the_reason(password: str, reason: str) -> None:
    with pytest.raises(PeopleError, match=reason):
        CountingPasswords().check("annaschmidt", password)


def test_a_hash_is_argon2id_as_rfc_9106_has_it() -> None:
    """Made once here with the real parameters: they are what protects a stolen file."""
    found = extract_parameters(Passwords().hash(GOOD))

    assert found.type.name == "ID"
    assert (found.time_cost, found.memory_cost) == (3, 64 * 1024)
    assert found.salt_len >= 16


def test_only_the_password_that_was_hashed_is_verified() -> None:
    passwords = CountingPasswords()
    kept = passwords.hash(GOOD)

    assert passwords.verify(kept, GOOD)
    assert not passwords.verify(kept, GOOD + " ")
    assert not passwords.verify(kept, "")
    assert not passwords.verify("not a hash", GOOD)
    assert passwords.hash(GOOD) != kept


def test_two_spellings_of_one_letter_are_the_same_password() -> None:
    passwords = CountingPasswords()

    kept = passwords.hash("Schro\u0308dinger lebt")

    assert passwords.verify(kept, "Schr\u00f6dinger lebt")


def test_nobody_costs_the_work_of_somebody_and_is_never_let_in() -> None:
    class Hasher(PasswordHasher):
        verified: list[str]

        def verify(self, hash: str | bytes, password: str | bytes) -> bool:
            self.verified.append(str(hash))
            return super().verify(hash, password)

    hasher = Hasher(time_cost=1, memory_cost=8, parallelism=1)
    hasher.verified = []
    passwords = Passwords(hasher)

    # Even with the very words that the stand-in was made of.
    assert not passwords.verify("", "nobody")
    assert not passwords.verify("", "nobody")

    assert len(hasher.verified) == 2
    theirs = extract_parameters(hasher.verified[0])
    assert theirs == extract_parameters(passwords.hash(GOOD))


def test_a_password_beyond_the_limit_is_not_hashed_whole() -> None:
    passwords = CountingPasswords()
    kept = passwords.hash(GOOD)

    assert not passwords.verify(kept, "x" * 10_000_000)


def test_two_hash_at_once_a_few_wait_and_the_rest_are_sent_away() -> None:
    """Or to sign in would be a way to take the processor from the messages."""
    go_on = threading.Event()
    started: list[int] = []

    class Hasher(PasswordHasher):
        def hash(self, password: str | bytes, *, salt: bytes | None = None) -> str:
            started.append(1)
            assert go_on.wait(10)
            return super().hash(password, salt=salt)

    passwords = Passwords(Hasher(time_cost=1, memory_cost=8, parallelism=1))
    refused: list[float] = []
    over = threading.Semaphore(0)

    def hash() -> None:
        try:
            passwords.hash(GOOD)
        except TryLater as error:
            refused.append(error.seconds)
        over.release()

    threads = [threading.Thread(target=hash) for _ in range(10)]
    for thread in threads:
        thread.start()
    for _ in range(4):
        assert over.acquire(timeout=10)

    assert len(started) <= 2
    assert refused == [2.0] * 4
    go_on.set()
    for thread in threads:
        thread.join()
    assert len(started) == 6
    assert passwords.hash(GOOD)
