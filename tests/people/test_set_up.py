from __future__ import annotations

import stat
from pathlib import Path

import pytest

from iobuffer.people.errors import PeopleError
from iobuffer.people.set_up import SetUp
from iobuffer.people.users import Users


def _admin(tmp_path: Path) -> None:
    Users(tmp_path).put("anna", password_hash="h", role="admin", at=1.0)


def test_the_secret_stays_the_same_until_it_is_used(tmp_path: Path) -> None:
    secret = SetUp(tmp_path, Users(tmp_path)).begin()

    # A restart.
    assert SetUp(tmp_path, Users(tmp_path)).begin() == secret
    assert len(secret) == 43
    assert stat.S_IMODE((tmp_path / "setup-token").stat().st_mode) == 0o600


def test_only_the_secret_is_the_secret(tmp_path: Path) -> None:
    set_up = SetUp(tmp_path, Users(tmp_path))
    secret = set_up.begin()

    set_up.check(secret)
    for wrong in ("", "-", secret[:-1], secret + "x", secret.upper(), "\udcff"):
        with pytest.raises(PeopleError, match="has been used, or is not the one"):
            set_up.check(wrong)


def test_without_a_file_nothing_is_the_secret(tmp_path: Path) -> None:
    for wrong in ("", "-"):
        with pytest.raises(PeopleError):
            SetUp(tmp_path, Users(tmp_path)).check(wrong)


def test_once_there_is_an_administrator_the_link_is_void(tmp_path: Path) -> None:
    set_up = SetUp(tmp_path, Users(tmp_path))
    secret = set_up.begin()
    assert set_up.needed()

    _admin(tmp_path)

    assert not set_up.needed()
    with pytest.raises(PeopleError):
        set_up.check(secret)
    assert set_up.begin() == ""
    assert not set_up.path.exists()


def test_viewers_alone_do_not_make_it_void(tmp_path: Path) -> None:
    Users(tmp_path).put("ben", password_hash="h", at=1.0)

    assert SetUp(tmp_path, Users(tmp_path)).begin()


def test_a_used_link_is_gone(tmp_path: Path) -> None:
    set_up = SetUp(tmp_path, Users(tmp_path))
    secret = set_up.begin()

    set_up.done()

    assert not set_up.path.exists()
    with pytest.raises(PeopleError):
        set_up.check(secret)
