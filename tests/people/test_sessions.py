from __future__ import annotations

import base64

from iobuffer.people.sessions import Sessions

MINUTE = 60.0
HOUR = 3600.0


def test_an_id_has_256_random_bits_and_so_has_the_csrf_token() -> None:
    sessions = Sessions()
    opened = [sessions.open("anna", 1, now=0.0) for _ in range(10)]

    assert len({id for id, _ in opened} | {one.csrf for _, one in opened}) == 20
    for id, session in opened:
        assert len(base64.urlsafe_b64decode(id + "=")) == 32
        assert len(base64.urlsafe_b64decode(session.csrf + "=")) == 32


def test_what_is_kept_does_not_open_a_session() -> None:
    sessions = Sessions()
    id, _ = sessions.open("anna", 1, now=0.0)

    assert id not in repr(vars(sessions))


def test_a_session_ends_when_it_was_idle_for_a_quarter_of_an_hour() -> None:
    sessions = Sessions()
    id, _ = sessions.open("anna", 1, now=0.0)

    for now in (14 * MINUTE, 28 * MINUTE, 42 * MINUTE):
        assert sessions.find(id, now=now) is not None

    assert sessions.find(id, now=57 * MINUTE) is None
    assert sessions.find(id, now=42 * MINUTE) is None, "it is gone for good"


def test_a_session_ends_after_twelve_hours_however_busy() -> None:
    sessions = Sessions()
    id, _ = sessions.open("anna", 1, now=0.0)

    now = 0.0
    while now < 12 * HOUR:
        assert sessions.find(id, now=now) is not None
        now += 10 * MINUTE

    assert sessions.find(id, now=now) is None


def test_to_sign_in_ends_the_session_that_the_browser_came_with() -> None:
    """Fixation: whoever planted an id has nothing of it."""
    sessions = Sessions()
    planted, _ = sessions.open("eve", 1, now=0.0)

    id, _ = sessions.open("anna", 1, now=1.0, before=planted)

    assert id != planted
    assert sessions.find(planted, now=1.0) is None
    found = sessions.find(id, now=1.0)
    assert found is not None
    assert found.name == "anna"


def test_an_id_that_was_never_given_opens_nothing() -> None:
    sessions = Sessions()
    sessions.open("anna", 1, now=0.0, before="mine")

    for id in ("", "mine", "\udcff", "x" * 10_000):
        assert sessions.find(id, now=0.0) is None


def test_to_sign_out_ends_one_session_and_only_that() -> None:
    sessions = Sessions()
    one, _ = sessions.open("anna", 1, now=0.0)
    two, _ = sessions.open("anna", 1, now=0.0)

    assert sessions.close(one) is not None
    assert sessions.close(one) is None

    assert sessions.find(one, now=0.0) is None
    assert sessions.find(two, now=0.0) is not None


def test_all_sessions_of_a_user_end_at_once() -> None:
    sessions = Sessions()
    anna = [sessions.open("anna", 1, now=0.0)[0] for _ in range(3)]
    ben, _ = sessions.open("ben", 1, now=0.0)

    assert sessions.close_user("anna") == 3

    assert [sessions.find(id, now=0.0) for id in anna] == [None] * 3
    assert sessions.find(ben, now=0.0) is not None


def test_beyond_the_limit_the_idlest_ends() -> None:
    sessions = Sessions(max_sessions=3, max_per_user=2)
    anna = [sessions.open("anna", 1, now=float(now))[0] for now in range(3)]
    assert sessions.find(anna[0], now=3.0) is None, "a user has two"
    assert sessions.find(anna[1], now=3.0) is not None

    for now in range(4, 8):
        sessions.open(f"user-{now}", 1, now=float(now))

    assert len(sessions) == 3


def test_what_is_over_makes_room_first() -> None:
    sessions = Sessions(max_sessions=2)
    sessions.open("anna", 1, now=0.0)
    ben, _ = sessions.open("ben", 1, now=14 * MINUTE)

    sessions.open("carl", 1, now=16 * MINUTE)

    assert sessions.find(ben, now=16 * MINUTE) is not None
