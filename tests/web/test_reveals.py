"""Who has revealed what, and until when."""

from __future__ import annotations

from iobuffer.web.base import Principal, Role
from iobuffer.web.reveals import REVEAL_SECONDS, Reveals

ANNA = Principal("anna", Role.OPERATOR, csrf="one")


def test_it_holds_for_an_hour_this_session_and_this_channel() -> None:
    now = [100.0]
    reveals = Reveals(lambda: now[0])
    assert not reveals.holds(ANNA, "a")
    reveals.add(ANNA, "a")
    assert reveals.holds(ANNA, "a")
    assert not reveals.holds(ANNA, "b")
    assert not reveals.holds(Principal("anna", Role.OPERATOR, csrf="two"), "a")
    assert not reveals.holds(Principal("otto", Role.OPERATOR, csrf="one"), "a")
    now[0] += REVEAL_SECONDS - 1
    assert reveals.holds(ANNA, "a")
    now[0] += 1
    assert not reveals.holds(ANNA, "a")


def test_to_reveal_again_begins_a_new_hour() -> None:
    now = [0.0]
    reveals = Reveals(lambda: now[0])
    reveals.add(ANNA, "a")
    now[0] = REVEAL_SECONDS - 1
    reveals.add(ANNA, "a")
    now[0] += REVEAL_SECONDS - 1
    assert reveals.holds(ANNA, "a")
    assert len(reveals) == 1


def test_what_has_ended_is_forgotten_and_there_are_never_too_many() -> None:
    now = [0.0]
    reveals = Reveals(lambda: now[0])
    reveals.add(ANNA, "first")
    for number in range(6000):
        reveals.add(ANNA, f"channel {number}")
    assert len(reveals) == 5000
    assert not reveals.holds(ANNA, "first")
    assert reveals.holds(ANNA, "channel 5999")
    now[0] = REVEAL_SECONDS
    reveals.add(ANNA, "a")
    assert len(reveals) == 1
