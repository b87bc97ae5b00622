from __future__ import annotations

from iobuffer.people.recent import RecentPasswords


def test_what_was_right_is_remembered_for_five_minutes() -> None:
    recent = RecentPasswords()
    assert not recent.holds("hash", "secret", now=0.0)

    recent.add("hash", "secret", now=0.0)

    assert recent.holds("hash", "secret", now=299.0)
    assert not recent.holds("hash", "secret", now=300.0)


def test_another_password_or_another_hash_is_not_it() -> None:
    recent = RecentPasswords()
    recent.add("hash", "secret", now=0.0)

    assert not recent.holds("hash", "Secret", now=0.0)
    assert not recent.holds("new hash", "secret", now=0.0)


def test_the_password_itself_is_not_kept_and_memory_is_bounded() -> None:
    recent = RecentPasswords()
    for number in range(1000):
        recent.add("hash", f"secret-{number}", now=0.0)

    assert "secret" not in repr(vars(recent))
    kept = [recent.holds("hash", f"secret-{number}", now=0.0) for number in range(1000)]
    assert sum(kept) == 256
