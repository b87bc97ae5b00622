from __future__ import annotations

import pytest

from iobuffer.people.errors import PeopleError
from iobuffer.people.person import Role, check_name, check_scope


def test_a_name_is_kept_in_lower_case() -> None:
    assert check_name(" Anna.Schmidt ") == "anna.schmidt"


@pytest.mark.parametrize(
    "name", ["", ".", "-a", "a b", "a/b", "a" * 65, "a\nb", "ä", "a\x00", "../a", "a:b"]
)
def test_what_is_no_name_is_refused(name: str) -> None:
    with pytest.raises(PeopleError, match="a name has up to 64"):
        check_name(name)


def test_a_relay_is_bound_to_channels_in_order_and_once() -> None:
    assert check_scope("relay", ["b", "a", "b"]) == (Role.RELAY, ["a", "b"])
    assert check_scope(Role.ADMIN, []) == (Role.ADMIN, [])


@pytest.mark.parametrize(
    ("role", "channels", "reason"),
    [
        ("root", [], "'root' is no role; expected one of viewer, operator, admin"),
        ("relay", [], "name at least one"),
        ("relay", ["../x"], "cannot be the name of a channel"),
        ("viewer", ["chem-1"], "only a relay is bound to channels; viewer is not"),
    ],
)
def test_a_scope_that_makes_no_sense_is_refused(
    role: str, channels: list[str], reason: str
) -> None:
    with pytest.raises(PeopleError, match=reason):
        check_scope(role, channels)
