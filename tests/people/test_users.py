from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from iobuffer.people.errors import PeopleError
from iobuffer.people.person import Person, Role
from iobuffer.people.users import Users


@pytest.fixture
def users(tmp_path: Path) -> Users:
    users = Users(tmp_path)
    users.put("anna", password_hash="hash-a", role="admin", at=1.0)
    users.put("ben", password_hash="hash-b", at=2.0)
    users.put("lab-2", password_hash="h", role="relay", channels=["chem-1"], at=3.0)
    return users


def test_there_is_no_default_user(tmp_path: Path) -> None:
    users = Users(tmp_path)

    assert users.list() == []
    assert users.find("admin") is None
    assert users.password_of("admin") == ""


def test_a_new_user_is_a_viewer_unless_it_is_said_otherwise(users: Users) -> None:
    assert [(user.name, user.role.value) for user in users.list()] == [
        ("anna", "admin"),
        ("ben", "viewer"),
        ("lab-2", "relay"),
    ]
    ben = users.find("BEN")
    assert ben is not None
    assert (ben.created_at, ben.changed_at, ben.disabled) == (2.0, 2.0, False)
    assert ben.person() == Person("ben", Role.VIEWER, (), ben.generation)


def test_what_is_not_given_stays_as_it_is(users: Users) -> None:
    users.put("lab-2", password_hash="new", at=4.0)
    users.put("ben", role="operator", at=5.0)

    lab, ben = users.find("lab-2"), users.find("ben")

    assert lab is not None
    assert (lab.role, lab.channels) == (Role.RELAY, ("chem-1",))
    assert users.password_of("lab-2") == "new"
    assert ben is not None
    assert (ben.role, ben.created_at, ben.changed_at) == (Role.OPERATOR, 2.0, 5.0)
    assert users.password_of("ben") == "hash-b"


def test_a_relay_that_becomes_another_is_bound_no_more(users: Users) -> None:
    assert users.put("lab-2", role="viewer", at=4.0).channels == ()


def test_a_disabled_user_has_no_password_until_he_is_given_one(users: Users) -> None:
    users.set_disabled("ben", True, at=4.0)
    assert users.password_of("ben") == ""

    users.put("ben", password_hash="new", at=5.0)

    assert users.password_of("ben") == "new"


CHANGES: dict[str, Callable[[Users], object]] = {
    "password": lambda users: users.put("ben", password_hash="new", at=9.0),
    "role": lambda users: users.put("ben", role="operator", at=9.0),
    "disabled": lambda users: users.set_disabled("ben", True, at=9.0),
    "enabled": lambda users: users.set_disabled("ben", False, at=9.0),
    "removed and made again": lambda users: (
        users.remove("ben"),
        users.put("ben", password_hash="hash-b", at=2.0),
    ),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_every_change_makes_another_generation(
    users: Users, change: Callable[[Users], object]
) -> None:
    before, anna = users.find("ben"), users.find("anna")

    change(users)

    after = users.find("ben")
    assert before is not None
    assert after is not None
    assert after.generation != before.generation
    assert users.find("anna") == anna


@pytest.mark.parametrize(
    "change",
    [
        lambda users: users.remove("anna"),
        lambda users: users.set_disabled("anna", True, at=9.0),
        lambda users: users.put("anna", role="operator", at=9.0),
    ],
)
def test_the_last_administrator_stays(
    users: Users, change: Callable[[Users], object]
) -> None:
    before = users.list()
    with pytest.raises(PeopleError, match="the last administrator"):
        change(users)
    assert users.list() == before

    users.put("carl", password_hash="h", role="admin", at=8.0)
    change(users)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda users: users.remove("nil"), "there is no user nil"),
        (lambda users: users.set_disabled("nil", True, at=9.0), "there is no user nil"),
        (lambda users: users.put("nil", role="viewer", at=9.0), "needs a password"),
        (lambda users: users.put("a b", password_hash="h", at=9.0), "a name has up"),
        (lambda users: users.put("ben", role="boss", at=9.0), "is no role"),
        (lambda users: users.put("ben", role="relay", at=9.0), "name at least one"),
        (
            lambda users: users.put("x", password_hash="h", at=9.0, only_first=True),
            "there is an administrator already",
        ),
    ],
)
def test_what_makes_no_sense_changes_nothing(
    users: Users, change: Callable[[Users], object], reason: str
) -> None:
    before = users.list()

    with pytest.raises(PeopleError, match=reason):
        change(users)

    assert users.list() == before


def test_an_entry_with_a_role_that_is_none_is_named(
    users: Users, tmp_path: Path
) -> None:
    path = tmp_path / "users.json"
    path.write_text(path.read_text().replace('"viewer"', '"root"'))

    with pytest.raises(PeopleError, match=r"users\.json: ben: 'root'"):
        users.find("ben")
