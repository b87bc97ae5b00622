"""Signing in over real sockets, as TORTURE 2.4 (A2-A5, A12, A15) would break it."""

from __future__ import annotations

import http.client
import json
import ssl
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import attrs
import pytest
import pytest_twisted
from twisted.internet.threads import deferToThread

from iobuffer.links.tls import TlsConfig
from iobuffer.people.audit import read_back, verify
from iobuffer.state import StateCell
from iobuffer.web import sign_in
from iobuffer.web.base import OPERATORS, Route, Site
from iobuffer.web.config import HttpConfig
from iobuffer.web.server import WebServer
from tests.links.certificates import Authority
from tests.people.people_fakes import BETTER, GOOD, PeopleAt

from .api_site import free_port

_CHANGE = Route(
    method="POST",
    path="/api/channels/a/stop",
    roles=OPERATORS,
    call=lambda call: {"done": True},
    summary="Stands for every change.",
    body={"type": "object"},
)


@attrs.frozen
class Reply:
    status: int
    cookies: list[str]
    json: Any


class Place:
    """A web server over people of a folder, and a browser for it."""

    def __init__(self, reactor: Any, folder: Path, tls: TlsConfig) -> None:
        self.reactor = reactor
        self.people = PeopleAt(folder)
        self.port = free_port()
        self.trust: ssl.SSLContext | None = None
        site = Site(
            operations=None,  # type: ignore[arg-type]
            people=self.people,
            reactor=reactor,
            wall=time.time,
            routes=(*sign_in.ROUTES, _CHANGE),
        )
        self.server = WebServer(
            site,
            config=HttpConfig(host="127.0.0.1", port=self.port, tls=tls),
            socket_path=str(folder / "api.sock"),
            reactor=reactor,
            state=StateCell(lambda: 0.0, lambda old, new: None),
            log=lambda level, text: None,
        )
        self.server.start()

    async def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        browser: Browser | None = None,
        headers: dict[str, str] | None = None,
        source: str = "127.0.0.1",
    ) -> Reply:
        given = {**(browser.headers if browser else {}), **(headers or {})}
        content = None
        if body is not None:
            content = body if isinstance(body, bytes) else json.dumps(body).encode()
            given.setdefault("Content-Type", "application/json")

        def exchange() -> Reply:
            where: Any = ("127.0.0.1", self.port)
            if self.trust is None:
                line = http.client.HTTPConnection(
                    *where, timeout=10, source_address=(source, 0)
                )
            else:
                line = http.client.HTTPSConnection(
                    *where, timeout=10, context=self.trust
                )
            try:
                line.request(method, path, content, given)
                response = line.getresponse()
                found = response.read()
                cookies = response.headers.get_all("Set-Cookie") or []
                return Reply(
                    response.status, cookies, json.loads(found) if found else None
                )
            finally:
                line.close()

        return await deferToThread(exchange)

    async def sign_in(self, name: str, password: str = GOOD, **more: Any) -> Browser:
        reply = await self.ask(
            "POST", "/api/login", {"name": name, "password": password}, **more
        )
        assert reply.status == 200, reply
        return browser_of(reply)

    def done(self) -> list[tuple[str, str, str]]:
        """The audit log, oldest first."""
        lines = read_back(self.people.state_dir, before=0, limit=1000)
        return [(one["who"], one["what"], one["detail"]) for one in reversed(lines)]


@attrs.define
class Browser:
    cookie: str
    csrf: str

    @property
    def headers(self) -> dict[str, str]:
        return {"Cookie": self.cookie, "X-CSRF-Token": self.csrf}


def browser_of(reply: Reply) -> Browser:
    return Browser(reply.cookies[0].partition(";")[0], reply.json["csrf"])


@pytest_twisted.async_yield_fixture
async def place(reactor: Any, tmp_path: Path) -> AsyncIterator[Place]:
    made = Place(reactor, tmp_path, TlsConfig())
    made.people.put_user("anna", password=GOOD, role="admin")
    made.people.put_user("otto", password=GOOD, role="operator")
    made.people.put_user("vera", password=GOOD, role="viewer")
    made.people.put_user("lab-2", password=GOOD, role="relay", channels=("a",))
    yield made
    await made.server.stop()


async def test_to_sign_in_sets_a_cookie_that_no_script_and_no_other_site_has(
    place: Place,
) -> None:
    reply = await place.ask("POST", "/api/login", {"name": "Otto", "password": GOOD})

    assert reply.status == 200
    assert {**reply.json, "csrf": ""} == {
        "name": "otto",
        "role": "operator",
        "channels": [],
        "csrf": "",
        "via": "session",
    }
    (cookie,) = reply.cookies
    name, *words = [word.strip() for word in cookie.split(";")]
    assert name.startswith("iobuffer=")
    assert sorted(word.lower() for word in words) == [
        "httponly",
        "path=/",
        "samesite=strict",
    ]
    assert len(name.partition("=")[2]) == 43
    who = await place.ask("GET", "/api/whoami", browser=browser_of(reply))
    assert who.json == reply.json


async def test_over_tls_the_cookie_is_secure_and_of_this_host_only(
    reactor: Any, tmp_path: Path
) -> None:
    authority = Authority(tmp_path)
    cert, key = authority.issue("page")
    place = Place(reactor, tmp_path, TlsConfig(enabled=True, cert=cert, key=key))
    place.trust = ssl.create_default_context(cafile=authority.ca)
    place.people.put_user("anna", password=GOOD, role="admin")
    try:
        reply = await place.ask(
            "POST", "/api/login", {"name": "anna", "password": GOOD}
        )
        assert reply.cookies[0].startswith("__Host-iobuffer=")
        assert "secure" in reply.cookies[0].lower()
        assert "domain" not in reply.cookies[0].lower()
        browser = browser_of(reply)
        assert (await place.ask("GET", "/api/users", browser=browser)).status == 200
        # The plain name is nothing here: a neighbour could have set it.
        browser.cookie = browser.cookie.replace("__Host-", "")
        assert (await place.ask("GET", "/api/users", browser=browser)).status == 401
    finally:
        await place.server.stop()


@pytest.mark.parametrize(
    ("name", "password"),
    [("otto", BETTER), ("nobody", GOOD), ("", ""), ("otto\x00", GOOD), ("OTTO ", GOOD)],
)
async def test_every_wrong_sign_in_has_the_same_answer(
    place: Place, name: str, password: str
) -> None:
    reply = await place.ask("POST", "/api/login", {"name": name, "password": password})

    assert (reply.status, reply.cookies) == (401, [])
    assert reply.json["title"] == "The name or the password is not right"
    assert "detail" not in reply.json
    assert place.done() == [(name.lower(), "sign in: refused", "from 127.0.0.1")]


async def test_guessing_gets_429_while_the_user_comes_in_from_his_place(
    place: Place,
) -> None:
    await place.sign_in("otto", source="127.0.0.2")
    for _ in range(5):
        reply = await place.ask(
            "POST", "/api/login", {"name": "otto", "password": BETTER}
        )
        assert reply.status == 401

    refused = await place.ask("POST", "/api/login", {"name": "otto", "password": GOOD})

    assert refused.status == 429
    assert "try again in 2 seconds" in refused.json["title"]
    await place.sign_in("otto", source="127.0.0.2")
    place.people.clock.now += 1.0
    await place.sign_in("otto")


async def test_to_sign_in_again_ends_the_session_that_the_browser_had(
    place: Place,
) -> None:
    planted = await place.sign_in("vera")

    reply = await place.ask(
        "POST",
        "/api/login",
        {"name": "anna", "password": GOOD},
        browser=planted,
    )

    assert browser_of(reply).cookie != planted.cookie
    assert (await place.ask("GET", "/api/whoami", browser=planted)).status == 401


async def test_to_sign_out_ends_the_session_and_takes_the_cookie_back(
    place: Place,
) -> None:
    browser = await place.sign_in("otto")
    other = await place.sign_in("otto")

    reply = await place.ask("POST", "/api/logout", browser=browser)

    assert reply.status == 204
    assert "max-age=0" in reply.cookies[0].lower()
    assert (await place.ask("GET", "/api/whoami", browser=browser)).status == 401
    assert (await place.ask("GET", "/api/whoami", browser=other)).status == 200
    assert place.done()[-1] == ("otto", "sign out", "")


async def test_a_session_ends_when_it_is_idle(place: Place) -> None:
    browser = await place.sign_in("otto")
    place.people.clock.now += 14 * 60
    assert (await place.ask("GET", "/api/whoami", browser=browser)).status == 200
    place.people.clock.now += 15 * 60

    assert (await place.ask("GET", "/api/whoami", browser=browser)).status == 401


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"X-CSRF-Token": ""}, 403),
        ({"X-CSRF-Token": "x" * 43}, 403),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Content-Type": "text/plain"}, 415),
        ({"Content-Type": "application/x-www-form-urlencoded"}, 415),
    ],
)
async def test_another_sites_page_changes_nothing(
    place: Place, headers: dict[str, str], status: int
) -> None:
    browser = await place.sign_in("otto")

    reply = await place.ask(
        "POST", "/api/channels/a/stop", {}, browser=browser, headers=headers
    )

    assert reply.status == status


async def test_another_sites_page_signs_nobody_in(place: Place) -> None:
    body = json.dumps({"name": "anna", "password": GOOD}).encode()
    for headers, status in (
        ({"Origin": "https://evil.example"}, 403),
        ({"Content-Type": "text/plain"}, 415),
    ):
        reply = await place.ask("POST", "/api/login", body, headers=headers)
        assert (reply.status, reply.cookies) == (status, [])


async def test_a_relay_sends_its_password_and_does_not_sign_in(place: Place) -> None:
    reply = await place.ask("POST", "/api/login", {"name": "lab-2", "password": GOOD})

    assert (reply.status, reply.cookies) == (403, [])


ADMIN_ONLY = [
    (route.method, route.path)
    for route in sign_in.ROUTES
    if route.path.startswith(("/api/users", "/api/tokens", "/api/audit"))
]


@pytest.mark.parametrize(("method", "path"), ADMIN_ONLY)
async def test_only_an_administrator_looks_after_people(
    place: Place, method: str, path: str
) -> None:
    path = path.replace("{user}", "new").replace("{token}", "000000000000")
    body = None if method in ("GET", "DELETE") else {}
    before = place.people.users.list()

    assert (await place.ask(method, path, body)).status == 401
    for name in ("vera", "otto"):
        browser = await place.sign_in(name)
        assert (await place.ask(method, path, body, browser=browser)).status == 403
    _, token = place.people.tokens.create("t", "relay", ["a"], days=1, at=0)
    bearer = {"Authorization": f"Bearer {token}"}
    place.people.label.now = 0
    assert (await place.ask(method, path, body, headers=bearer)).status == 403

    assert place.people.users.list() == before
    assert len(ADMIN_ONLY) == 8


async def test_users_are_made_changed_and_removed_and_it_is_written_down(
    place: Place,
) -> None:
    anna = await place.sign_in("anna")
    made = await place.ask(
        "PUT",
        "/api/users/Nina",
        {"password": BETTER, "role": "operator"},
        browser=anna,
    )
    assert (made.status, made.json["name"], made.json["role"]) == (
        201,
        "nina",
        "operator",
    )
    nina = await place.sign_in("nina", BETTER)

    out = await place.ask("PUT", "/api/users/nina", {"disabled": True}, browser=anna)

    assert (out.status, out.json["disabled"]) == (200, True)
    assert (await place.ask("GET", "/api/whoami", browser=nina)).status == 401
    reply = await place.ask("POST", "/api/login", {"name": "nina", "password": BETTER})
    assert reply.status == 401
    gone = await place.ask("DELETE", "/api/users/nina", browser=anna)
    assert gone.status == 204
    assert (await place.ask("DELETE", "/api/users/nina", browser=anna)).status == 404
    listed = (await place.ask("GET", "/api/users", browser=anna)).json["users"]
    assert [user["name"] for user in listed] == ["anna", "lab-2", "otto", "vera"]
    assert "argon2" not in json.dumps(listed)
    changes = [line for line in place.done() if "user" in line[1]]
    assert changes == [
        ("anna", "add user", "nina: new password; role operator"),
        ("anna", "change user", "nina: disabled"),
        ("anna", "remove user", "nina"),
    ]


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "reason"),
    [
        ("PUT", "/api/users/x", {"password": "short"}, 422, "at least 12"),
        ("PUT", "/api/users/x", {"role": "viewer"}, 422, "needs a password"),
        ("PUT", "/api/users/x", {"role": "king"}, 400, "role"),
        ("PUT", "/api/users/x", {"pasword": GOOD}, 400, "pasword"),
        ("PUT", "/api/users/a%20b", {"password": GOOD}, 422, "a name has"),
        ("PUT", "/api/users/anna", {"role": "viewer"}, 422, "last administrator"),
        ("PUT", "/api/users/anna", {"disabled": True}, 422, "last administrator"),
        ("DELETE", "/api/users/anna", None, 422, "last administrator"),
        ("POST", "/api/tokens", {"name": "t", "role": "relay"}, 422, "at least one"),
        ("POST", "/api/tokens", {"name": "t"}, 400, "role"),
        ("DELETE", "/api/tokens/nil", None, 404, "no token nil"),
    ],
)
async def test_what_is_refused_says_why_and_changes_nothing(
    place: Place, method: str, path: str, body: Any, status: int, reason: str
) -> None:
    anna = await place.sign_in("anna")
    before = place.people.users.list(), place.people.tokens.list()

    reply = await place.ask(method, path, body, browser=anna)

    assert reply.status == status, reply
    assert reason in json.dumps(reply.json)
    assert (place.people.users.list(), place.people.tokens.list()) == before


async def test_a_token_is_shown_once_and_void_once_it_is_revoked(place: Place) -> None:
    anna = await place.sign_in("anna")
    made = await place.ask(
        "POST",
        "/api/tokens",
        {"name": "lab-3", "role": "relay", "channels": ["a"], "days": 30},
        browser=anna,
    )
    assert made.status == 201
    bearer = {"Authorization": f"Bearer {made.json['token']}"}
    who = await place.ask("GET", "/api/whoami", headers=bearer)
    assert (who.json["role"], who.json["channels"], who.json["via"]) == (
        "relay",
        ["a"],
        "token",
    )
    listed = await place.ask("GET", "/api/tokens", browser=anna)
    assert made.json["token"] not in json.dumps(listed.json)

    path = f"/api/tokens/{made.json['id']}"
    assert (await place.ask("DELETE", path, browser=anna)).status == 204

    assert (await place.ask("GET", "/api/whoami", headers=bearer)).status == 401


async def test_ones_own_password_takes_the_old_one_and_ends_other_sessions(
    place: Place,
) -> None:
    here, there = await place.sign_in("vera"), await place.sign_in("vera")
    wrong = {"old": BETTER, "new": BETTER}
    assert (await place.ask("POST", "/api/password", wrong, browser=here)).status == 403

    reply = await place.ask(
        "POST", "/api/password", {"old": GOOD, "new": BETTER}, browser=here
    )

    assert reply.status == 200
    assert (await place.ask("GET", "/api/whoami", browser=here)).status == 401
    assert (await place.ask("GET", "/api/whoami", browser=there)).status == 401
    fresh = browser_of(reply)
    assert (await place.ask("GET", "/api/whoami", browser=fresh)).status == 200
    await place.sign_in("vera", BETTER)


async def test_the_first_start_takes_the_link_and_nothing_else(
    reactor: Any, tmp_path: Path
) -> None:
    place = Place(reactor, tmp_path, TlsConfig())
    try:
        secret = place.people.set_up.begin()
        refused = await place.ask("POST", "/api/login", {"name": "a", "password": "b"})
        assert refused.status == 401
        assert "open the link" in refused.json["detail"]
        given = {"secret": "guess", "name": "anna", "password": GOOD}
        assert (await place.ask("POST", "/api/set-up", given)).status == 422

        reply = await place.ask("POST", "/api/set-up", {**given, "secret": secret})

        assert (reply.status, reply.json["role"]) == (200, "admin")
        browser = browser_of(reply)
        assert (await place.ask("GET", "/api/users", browser=browser)).status == 200
        again = await place.ask("POST", "/api/set-up", {**given, "secret": secret})
        assert again.status == 422
        assert secret in sign_in.set_up_words("http://127.0.0.1:8080", secret)
    finally:
        await place.server.stop()


async def test_the_audit_log_is_shown_page_by_page(place: Place) -> None:
    for number in range(10):
        place.people.audit.append("anna", "replay", str(number))
    anna = await place.sign_in("anna")

    page = await place.ask("GET", "/api/audit?limit=4", browser=anna)
    rest = await place.ask(
        "GET", f"/api/audit?limit=7&before={page.json['next']}", browser=anna
    )

    assert [line["what"] for line in page.json["lines"]] == ["sign in"] + 3 * ["replay"]
    assert [line["n"] for line in rest.json["lines"]] == [7, 6, 5, 4, 3, 2, 1]
    assert rest.json["next"] is None
    assert verify(place.people.state_dir).bad == ""


async def test_what_cannot_be_written_down_is_not_done(place: Place) -> None:
    anna = await place.sign_in("anna")
    log = place.people.state_dir / "audit.log"
    log.rename(log.with_name("kept"))
    log.mkdir()

    for method, path, body in (
        ("PUT", "/api/users/new", {"password": GOOD}),
        ("DELETE", "/api/users/vera", None),
        ("POST", "/api/tokens", {"name": "t", "role": "viewer"}),
    ):
        reply = await place.ask(method, path, body, browser=anna)
        assert reply.status == 503
        assert "nothing was done" in reply.json["detail"]

    assert place.people.users.find("new") is None
    assert place.people.users.find("vera") is not None
    assert place.people.tokens.list() == []
    # But to look, and to come in, goes on.
    await place.sign_in("otto")
