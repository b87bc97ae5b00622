"""TORTURE A3, A4: who comes in, who stays in, and who must go."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from iobuffer.people import Person, Role, TryLater
from iobuffer.people.audit import read_back
from iobuffer.people.errors import AuditError, PeopleError
from iobuffer.people.users import Users

from .people_fakes import BETTER, GOOD, PeopleAt

HOME = "10.0.0.7"


@pytest.fixture
def people(tmp_path: Path) -> PeopleAt:
    people = PeopleAt(tmp_path)
    people.put_user("anna", password=GOOD, role="admin")
    people.put_user("ben", password=GOOD, role="operator")
    return people


def test_a_fresh_install_lets_nobody_in(tmp_path: Path) -> None:
    people = PeopleAt(tmp_path)

    assert not people.has_password()
    for name in ("", "admin", "root"):
        assert people.authenticate(name, "admin", HOME) is None


def test_name_and_password_make_a_person(people: PeopleAt) -> None:
    found = people.authenticate("Ben", GOOD, HOME)

    assert people.has_password()
    assert found is not None
    assert (found.name, found.role, found.channels) == ("ben", Role.OPERATOR, ())
    assert found.role == "operator", "the word of the API"


@pytest.mark.parametrize("name", ["ben", "nobody", "out", "", "x" * 10_000, "a\x00b"])
def test_every_refusal_is_the_same_answer_after_the_same_work(
    people: PeopleAt, name: str
) -> None:
    people.put_user("out", password=GOOD)
    people.set_disabled("out", True)

    assert people.authenticate(name, BETTER, HOME) is None

    assert people.counted.verified == 1


def test_a_disabled_user_with_the_right_password_stays_out(people: PeopleAt) -> None:
    assert people.authenticate("ben", GOOD, HOME)
    people.set_disabled("ben", True)

    assert people.authenticate("ben", GOOD, HOME) is None

    people.set_disabled("ben", False)
    assert people.authenticate("ben", GOOD, HOME)


def test_guessing_is_slowed_down_and_not_even_looked_at(people: PeopleAt) -> None:
    for _ in range(5):
        assert people.authenticate("ben", BETTER, "10.6.6.6") is None

    with pytest.raises(TryLater, match="try again in 2 seconds") as caught:
        people.authenticate("ben", GOOD, "10.6.6.6")

    assert caught.value.seconds == pytest.approx(1.0)
    with pytest.raises(TryLater):
        people.authenticate("ben", GOOD, "10.6.6.6")
    lines = [entry["what"] for entry in read_back(people.state_dir, before=0, limit=9)]
    assert lines == ["sign in: paused"] + ["sign in: refused"] * 5
    assert people.counted.verified == 5
    people.clock.now += 1.0
    assert people.authenticate("ben", GOOD, "10.6.6.6")


def test_who_sends_a_password_with_each_request_is_verified_once(
    people: PeopleAt,
) -> None:
    for _ in range(100):
        assert people.authenticate("ben", GOOD, HOME)
    assert people.counted.verified == 1

    people.put_user("ben", password=BETTER)

    assert people.authenticate("ben", GOOD, HOME) is None
    assert people.authenticate("ben", BETTER, HOME)


def test_what_was_right_a_moment_ago_is_not_guessed_fast(people: PeopleAt) -> None:
    assert people.authenticate("ben", GOOD, HOME)
    for _ in range(5):
        assert people.authenticate("ben", BETTER, "10.6.6.6") is None

    with pytest.raises(TryLater):
        people.authenticate("ben", GOOD, "10.6.6.6")

    assert people.authenticate("ben", GOOD, HOME)


def test_a_session_is_who_signed_in_with_his_csrf_token(people: PeopleAt) -> None:
    person = people.authenticate("ben", GOOD, HOME)
    assert person is not None

    id, signed_in = people.open_session(person)

    assert people.session(id) == signed_in
    assert (signed_in.name, signed_in.role) == ("ben", "operator")
    assert len(signed_in.csrf) == 43


ENDS: dict[str, Callable[[PeopleAt, Users], object]] = {
    "idle": lambda here, there: setattr(here.clock, "now", 1000 + 15 * 60.0),
    "new password": lambda here, there: here.put_user("ben", password=BETTER),
    "new role": lambda here, there: here.put_user("ben", role="viewer"),
    "disabled": lambda here, there: here.set_disabled("ben", True),
    "removed": lambda here, there: here.remove_user("ben"),
    "new password by command": lambda here, there: there.put(
        "ben", password_hash="hash", at=1.0
    ),
    "disabled by command": lambda here, there: there.set_disabled("ben", True, at=1.0),
    "removed by command": lambda here, there: there.remove("ben"),
    "made again by command": lambda here, there: (
        there.remove("ben"),
        there.put("ben", password_hash="hash", role="operator", at=1.0),
    ),
}


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
def test_a_session_ends(
    people: PeopleAt, tmp_path: Path, end: Callable[[PeopleAt, Users], object]
) -> None:
    person = people.authenticate("ben", GOOD, HOME)
    assert person is not None
    id, _ = people.open_session(person)
    anna, _ = people.open_session(Person("anna", Role.ADMIN, (), _generation(people)))
    assert people.session(id) is not None

    end(people, Users(tmp_path))

    assert people.session(id) is None
    if end is not ENDS["idle"]:
        assert people.session(anna) is not None, "nobody else's does"


def _generation(people: PeopleAt) -> int:
    anna = people.users.find("anna")
    assert anna is not None
    return anna.generation


def test_a_token_is_good_until_its_day(people: PeopleAt) -> None:
    _, text = people.tokens.create("t", "viewer", [], days=1, at=people.label.now)
    assert people.token(text) is not None

    people.label.now += 86400

    assert people.token(text) is None


@pytest.mark.parametrize("password", ["short", "ben", "password12345"])
def test_a_password_that_will_not_do_changes_nothing(
    people: PeopleAt, password: str
) -> None:
    with pytest.raises(PeopleError):
        people.put_user("ben", password=password)

    assert people.authenticate("ben", GOOD, HOME)


def test_the_set_up_link_makes_the_first_administrator_and_only_him(
    tmp_path: Path,
) -> None:
    people = PeopleAt(tmp_path)
    secret = people.set_up.begin()

    with pytest.raises(PeopleError, match="has been used, or is not"):
        people.first_user("x" + secret, "anna", GOOD, HOME)
    with pytest.raises(PeopleError, match="at least 12"):
        people.first_user(secret, "anna", "short", HOME)
    user = people.first_user(secret, "anna", GOOD, HOME)

    assert (user.name, user.role) == ("anna", Role.ADMIN)
    assert people.authenticate("anna", GOOD, HOME)
    assert not people.set_up.path.exists()
    assert "first administrator" in (tmp_path / "audit.log").read_text()
    with pytest.raises(PeopleError, match="has been used"):
        people.first_user(secret, "eve", GOOD, HOME)


def test_guessing_at_the_set_up_link_is_slowed_down(tmp_path: Path) -> None:
    people = PeopleAt(tmp_path)
    people.set_up.begin()
    for _ in range(5):
        with pytest.raises(PeopleError):
            people.first_user("guess", "eve", GOOD, HOME)

    with pytest.raises(TryLater):
        people.first_user("guess", "eve", GOOD, HOME)


def test_what_cannot_be_written_down_is_not_done(tmp_path: Path) -> None:
    people = PeopleAt(tmp_path)
    secret = people.set_up.begin()
    (tmp_path / "audit.log").mkdir()

    with pytest.raises(AuditError, match="nothing was done"):
        people.first_user(secret, "anna", GOOD, HOME)

    assert not people.has_password()
    assert people.set_up.begin() == secret


def test_without_room_for_the_log_people_come_in_and_the_gap_is_told(
    people: PeopleAt, tmp_path: Path
) -> None:
    (tmp_path / "audit.log").mkdir()

    assert people.authenticate("ben", GOOD, HOME) is not None
    assert people.authenticate("ben", BETTER, HOME) is None

    (tmp_path / "audit.log").rmdir()
    people.audit.append("anna", "replay")
    found = read_back(tmp_path, before=0, limit=9)
    assert [(entry["who"], entry["detail"]) for entry in found] == [
        ("anna", ""),
        ("iobuffer", "2 lines are missing here"),
    ]
    people.audit.append("anna", "replay")
    assert len(read_back(tmp_path, before=0, limit=9)) == 3


def test_no_secret_is_in_any_file_but_the_links_own(
    people: PeopleAt, tmp_path: Path
) -> None:
    _, text = people.tokens.create("t", "viewer", [], days=1, at=0.0)
    person = people.authenticate("ben", GOOD, HOME)
    assert person is not None
    id, signed_in = people.open_session(person)

    for path in tmp_path.iterdir():
        image = path.read_text()
        for secret in (GOOD, text, id, signed_in.csrf):
            assert secret not in image, path


def test_a_session_that_is_void_takes_no_newer_one_along(
    people: PeopleAt, tmp_path: Path
) -> None:
    before = people.authenticate("ben", GOOD, HOME)
    assert before is not None
    old, _ = people.open_session(before)
    Users(tmp_path).put("ben", role="viewer", at=1.0)
    after = people.authenticate("ben", GOOD, HOME)
    assert after is not None
    new, _ = people.open_session(after)

    assert people.session(old) is None

    assert people.session(new) is not None
