"""TORTURE A4: sessions over real sockets, as thieves and forgetful people use them.

Beside what test_sign_in.py shows: fixation, sign-out, a new password, a disabled user,
the idle end, and the cookie's words over plain HTTP and over TLS.
"""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import attrs
import pytest
import pytest_twisted
from twisted.internet.threads import deferToThread

from iobuffer.links.tls import TlsConfig
from tests.integration.test_sign_in import Browser, Place, browser_of
from tests.links.certificates import Authority
from tests.people.people_fakes import BETTER, GOOD, PeopleAt


@pytest_twisted.async_yield_fixture
async def place(reactor: Any, tmp_path: Path) -> AsyncIterator[Place]:
    made = Place(reactor, tmp_path, TlsConfig())
    made.people.put_user("anna", password=GOOD, role="admin")
    made.people.put_user("otto", password=GOOD, role="operator")
    yield made
    await made.server.stop()


async def is_in(place: Place, browser: Browser) -> bool:
    reply = await place.ask("GET", "/api/whoami", browser=browser)
    assert reply.status in (200, 401)
    return reply.status == 200


async def test_a_busy_session_ends_after_twelve_hours(place: Place) -> None:
    browser = await place.sign_in("otto")
    for _ in range(12 * 6 - 1):
        place.people.clock.now += 600
        assert await is_in(place, browser)

    place.people.clock.now += 600

    assert not await is_in(place, browser)


def _made_anew(people: PeopleAt) -> None:
    people.remove_user("otto")
    people.put_user("otto", password=GOOD, role="operator")


CHANGES: dict[str, Callable[[PeopleAt], object]] = {
    "removed": lambda people: people.remove_user("otto"),
    "disabled": lambda people: people.set_disabled("otto", True),
    "another role": lambda people: people.put_user("otto", role="viewer"),
    "another password": lambda people: people.put_user("otto", password=BETTER),
    "removed and made anew": _made_anew,
}


@pytest.mark.parametrize("change", CHANGES)
async def test_what_the_command_line_changes_ends_the_sessions_at_once(
    place: Place, change: str
) -> None:
    """Another process: it has the files of the state directory, and nothing else."""
    browser, other = await place.sign_in("otto"), await place.sign_in("anna")

    CHANGES[change](PeopleAt(place.people.state_dir))

    assert not await is_in(place, browser)
    assert await is_in(place, other)


async def test_a_restart_signs_everybody_out(reactor: Any, tmp_path: Path) -> None:
    first = Place(reactor, tmp_path, TlsConfig())
    first.people.put_user("otto", password=GOOD, role="operator")
    browser = await first.sign_in("otto")
    await first.server.stop()
    second = Place(reactor, tmp_path, TlsConfig())
    try:
        assert not await is_in(second, browser)
    finally:
        await second.server.stop()


async def test_an_id_that_somebody_else_chose_is_never_a_session(
    place: Place,
) -> None:
    """Fixation: what is planted before the sign-in is worth nothing behind it."""
    planted = Browser("iobuffer=" + "A" * 43, "")
    body = {"name": "otto", "password": GOOD}

    reply = await place.ask("POST", "/api/login", body, browser=planted)

    assert reply.status == 200
    assert browser_of(reply).cookie != planted.cookie
    assert not await is_in(place, planted)


async def test_an_id_is_taken_from_the_cookie_alone(place: Place) -> None:
    browser = await place.sign_in("otto")
    id = browser.cookie.partition("=")[2]

    for path in (f"/api/whoami?iobuffer={id}", f"/api/whoami;iobuffer={id}"):
        assert (await place.ask("GET", path)).status in (400, 401)
    for headers in (
        {"Authorization": f"Bearer {id}"},
        {"Cookie": f"iobuffer={browser.csrf}"},
        {"Cookie": f"IOBUFFER={id}"},
        {"Cookie": f"iobuffer={id}x"},
        {"Cookie": f"iobuffer={id[:-1]}"},
        {"X-CSRF-Token": browser.csrf},
    ):
        assert (await place.ask("GET", "/api/whoami", headers=headers)).status == 401


async def test_ids_share_nothing(place: Place) -> None:
    """256 bits by the operating system's generator: of 40 no two have more in common
    than chance gives them."""
    ids = [
        (await place.sign_in(name)).cookie.partition("=")[2]
        for name in ("otto", "anna")
        for _ in range(20)
    ]

    assert {len(id) for id in ids} == {43}
    for place_in_id in range(42):
        assert len({id[place_in_id] for id in ids}) > 10


async def test_one_sessions_csrf_word_is_not_anothers(place: Place) -> None:
    anna, otto = await place.sign_in("anna"), await place.sign_in("otto")
    mixed = Browser(anna.cookie, otto.csrf)

    reply = await place.ask("DELETE", "/api/users/otto", browser=mixed)

    assert reply.status == 403
    assert place.people.users.find("otto") is not None


async def test_no_answer_with_a_session_is_kept_by_a_cache(place: Place) -> None:
    browser = await place.sign_in("otto")

    def headers() -> str:
        import http.client

        line = http.client.HTTPConnection("127.0.0.1", place.port, timeout=10)
        line.request("GET", "/api/whoami", headers=browser.headers)
        found = line.getresponse().headers["Cache-Control"]
        line.close()
        return found

    assert await deferToThread(headers) == "no-store"


@attrs.frozen
class Cookie:
    name: str
    words: frozenset[str]


async def test_every_cookie_over_tls_is_secure_of_this_host_and_for_no_script(
    reactor: Any, tmp_path: Path
) -> None:
    """The one that is set, that of a new password, and the one that is taken back."""
    authority = Authority(tmp_path)
    cert, key = authority.issue("page")
    place = Place(reactor, tmp_path, TlsConfig(enabled=True, cert=cert, key=key))
    place.trust = ssl.create_default_context(cafile=authority.ca)
    place.people.put_user("anna", password=GOOD, role="admin")
    try:
        first = await place.ask(
            "POST", "/api/login", {"name": "anna", "password": GOOD}
        )
        second = await place.ask(
            "POST",
            "/api/password",
            {"old": GOOD, "new": BETTER},
            browser=browser_of(first),
        )
        last = await place.ask("POST", "/api/logout", browser=browser_of(second))
        found = [cookie_of(reply.cookies) for reply in (first, second, last)]
        everywhere = {"secure", "httponly", "samesite=strict", "path=/"}
        assert [cookie.name for cookie in found] == ["__Host-iobuffer"] * 3
        assert found[0].words == found[1].words == everywhere
        assert found[2].words == everywhere | {"max-age=0"}
    finally:
        await place.server.stop()


def cookie_of(cookies: list[str]) -> Cookie:
    (cookie,) = cookies
    name, *words = [word.strip() for word in cookie.split(";")]
    return Cookie(name.partition("=")[0], frozenset(word.lower() for word in words))
