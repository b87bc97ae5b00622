"""Signing in and out, the first administrator, one's own password.

The answer to a sign-in sets the session's cookie and holds the CSRF token, which the
page sends along as `X-CSRF-Token` with every change. Passwords are checked in a thread;
people/ lets two be hashed at once and sends the rest away.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred

from ..people import Person, SignedIn
from . import api_people
from .api_people import in_thread
from .base import SESSION_COOKIE, Call, Principal, Problem, Reply, Role, Route

__all__ = ["ROUTES", "set_up_words"]

_EVERYBODY = frozenset(Role)
_MAX_BODY_BYTES = 16 * 1024
_NAME = {"type": "string", "maxLength": 64}
_PASSWORD = {"type": "string", "maxLength": 1024}
_SIGNED_IN = {
    "type": "object",
    "properties": {
        "name": {"type": "string"},
        "role": {"type": "string", "enum": [role.value for role in Role]},
        "channels": {"type": "array", "items": {"type": "string"}},
        "csrf": {"type": "string"},
        "via": {"type": "string"},
    },
    "required": ["name", "role", "channels", "csrf", "via"],
}


def set_up_words(base_url: str, secret: str) -> str:
    """What to print at the first start, to the console and never into a log.

    The secret stands behind the `#`, so that no server or proxy is sent it. `base_url`
    is empty while nothing listens there.
    """
    if not base_url:
        return "There is no administrator yet: run `iobuffer passwd CONFIG NAME`."
    return (
        "There is no administrator yet. To make one, open this link, which is good "
        f"once:\n\n    {base_url}/#set-up={secret}\n\n"
        "or run `iobuffer passwd CONFIG NAME`."
    )


def _address(call: Call) -> str:
    return getattr(call.request.getClientAddress(), "host", None) or "this machine"


def _cookie_name(call: Call) -> bytes:
    # `__Host-`: a browser takes it only with Secure and only from this very host, so
    # that no neighbouring host can plant one.
    return b"__Host-" + SESSION_COOKIE if call.request.isSecure() else SESSION_COOKIE


def _set_cookie(call: Call, value: str, **more: Any) -> None:
    call.request.addCookie(
        _cookie_name(call),
        value.encode("ascii"),
        path=b"/",
        secure=call.request.isSecure(),
        httpOnly=True,
        sameSite=b"strict",
        **more,
    )


def _cookie(call: Call) -> str:
    return (call.request.getCookie(_cookie_name(call)) or b"").decode(
        "ascii", "replace"
    )


def _shown(principal: Principal) -> dict[str, Any]:
    return {
        "name": principal.name,
        "role": principal.role.value,
        "channels": list(principal.channels),
        "csrf": principal.csrf,
        "via": principal.via,
    }


def _open(call: Call, person: Person) -> dict[str, Any]:
    """Sign somebody in: the cookie, and what his page is told."""
    id, signed_in = call.site.people.open_session(person, _cookie(call))
    _set_cookie(call, id)
    return _shown(_principal(signed_in))


def _principal(signed_in: SignedIn) -> Principal:
    role = Role(signed_in.role.value)
    return Principal(
        signed_in.name, role, signed_in.channels, "session", signed_in.csrf
    )


async def _login(call: Call) -> Any:
    people = call.site.people
    person = await in_thread(
        call,
        people.authenticate,
        call.body["name"],
        call.body["password"],
        _address(call),
    )
    if person is None:
        raise Problem(
            401,
            "The name or the password is not right",
            ""
            if people.has_password()
            else "There are no users yet: open the link that the gateway printed when "
            "it started, or run iobuffer passwd.",
        )
    if person.role.value == Role.RELAY.value:
        raise Problem(
            403, "A relay does not sign in", "It sends its name and password."
        )
    return _open(call, person)


def _logout(call: Call) -> Deferred[Reply]:
    people = call.site.people
    session = people.sessions.close(_cookie(call))
    # The browser forgets it too.
    _set_cookie(call, "", max_age=b"0")
    if session is None:
        return in_thread(call, lambda: Reply(204))
    noting = in_thread(call, people.audit.note, session.name, "sign out")
    return noting.addCallback(lambda _: Reply(204))


def _whoami(call: Call) -> dict[str, Any]:
    assert call.principal is not None
    return _shown(call.principal)


async def _set_up(call: Call) -> Any:
    people = call.site.people
    user = await in_thread(
        call,
        people.first_user,
        call.body["secret"],
        call.body["name"],
        call.body["password"],
        _address(call),
    )
    return _open(call, user.person())


async def _password(call: Call) -> Any:
    principal = call.principal
    assert principal is not None
    people = call.site.people
    if people.users.find(principal.name) is None or principal.via == "local":
        raise Problem(409, "Only a user has a password")
    person = await in_thread(
        call, people.authenticate, principal.name, call.body["old"], _address(call)
    )
    if person is None:
        raise Problem(403, "The old password is not right")
    user = await in_thread(call, _change_own, people, person.name, call.body["new"])
    if principal.via != "session":
        return _shown(principal)
    # The change has ended all sessions of this user; the one at hand goes on anew.
    return _open(call, user.person())


def _change_own(people: Any, name: str, password: str) -> Any:
    people.passwords.check(name, password)
    with people.noted(name, "change user", f"{name}: new password"):
        return people.put_user(name, password=password)


ROUTES = (
    Route(
        method="POST",
        path="/api/login",
        roles=None,
        call=_login,
        summary="Sign in: sets the session's cookie, answers with the CSRF token. A "
        "session ends after 15 idle minutes, and after 12 hours.",
        body={
            "type": "object",
            "properties": {"name": _NAME, "password": _PASSWORD},
            "required": ["name", "password"],
            "additionalProperties": False,
        },
        reply=_SIGNED_IN,
        max_body_bytes=_MAX_BODY_BYTES,
    ),
    Route(
        method="POST",
        path="/api/logout",
        roles=_EVERYBODY,
        call=_logout,
        statuses=(204,),
        summary="Sign out: the session is over, and its cookie is taken back.",
    ),
    Route(
        method="GET",
        path="/api/whoami",
        roles=_EVERYBODY,
        call=_whoami,
        summary="Who is asking, with the CSRF token of the session.",
        reply=_SIGNED_IN,
    ),
    Route(
        method="POST",
        path="/api/set-up",
        roles=None,
        call=_set_up,
        summary="Make the first administrator, with the secret of the link that the "
        "gateway printed, and sign him in.",
        body={
            "type": "object",
            "properties": {
                "secret": {"type": "string", "maxLength": 128},
                "name": _NAME,
                "password": _PASSWORD,
            },
            "required": ["secret", "name", "password"],
            "additionalProperties": False,
        },
        reply=_SIGNED_IN,
        max_body_bytes=_MAX_BODY_BYTES,
    ),
    Route(
        method="POST",
        path="/api/password",
        roles=_EVERYBODY,
        call=_password,
        summary="Change one's own password; all other sessions of the user end.",
        body={
            "type": "object",
            "properties": {"old": _PASSWORD, "new": _PASSWORD},
            "required": ["old", "new"],
            "additionalProperties": False,
        },
        reply=_SIGNED_IN,
        max_body_bytes=_MAX_BODY_BYTES,
    ),
    *api_people.ROUTES,
)
