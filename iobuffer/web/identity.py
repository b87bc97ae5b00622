"""Who asks: from the headers of a request, before a byte of its body is kept.

Nothing is parsed here but three headers. A token and a session are looked up at once; a
password is checked in a thread, two at a time, because argon2 takes a core and 64 MiB
for a good part of a second.
"""

from __future__ import annotations

import binascii
from base64 import b64decode
from hmac import compare_digest
from typing import Any

from twisted.internet.defer import Deferred, DeferredSemaphore
from twisted.internet.threads import deferToThreadPool
from twisted.web.http import Request

from .base import (
    CSRF_HEADER,
    SESSION_COOKIE,
    People,
    Principal,
    Problem,
    Role,
    User,
)

__all__ = ["Identity", "check_same_site"]

_PASSWORDS_AT_ONCE = 2
#: More than that wait already: whoever comes now is told to come back.
_MAX_WAITING = 16
_MAX_CREDENTIAL_BYTES = 1024


class Identity:
    """Finds the principal of a request.

    Args:
        people: who there is.
        reactor: its thread pool takes the password checks.
    """

    def __init__(self, people: People, reactor: Any) -> None:
        self._people = people
        self._reactor = reactor
        self._turns = DeferredSemaphore(_PASSWORDS_AT_ONCE)
        self._waiting = 0

    def of(
        self, request: Request, *, seen: bool = True
    ) -> Principal | Deferred[Principal | None] | None:
        """Who sent this; None when it names nobody that may come in. A Deferred when a
        password has to be checked. Without `seen` a session is looked up and goes on
        being idle.

        Raises:
            Problem: the header is not one (400), or too many passwords wait (503).
        """
        given = request.requestHeaders.getRawHeaders(b"authorization") or []
        if len(given) > 1:
            raise Problem(400, "There is more than one Authorization header")
        if given:
            scheme, _, credential = given[0].partition(b" ")
            if len(credential) > _MAX_CREDENTIAL_BYTES:
                return None
            if scheme.lower() == b"bearer":
                user = self._people.token(_text(credential.strip()))
                return _principal(user, "token")
            if scheme.lower() == b"basic":
                return self._by_password(credential.strip(), _address(request))
            return None
        name = SESSION_COOKIE if not request.isSecure() else b"__Host-" + SESSION_COOKIE
        cookie = request.getCookie(name)
        if cookie and len(cookie) <= _MAX_CREDENTIAL_BYTES:
            found = self._people.session(_text(cookie), seen=seen)
            return _principal(found, "session")
        return None

    def still(self, request: Request, principal: Principal) -> bool:
        """Whether a request that lasts (a stream) may go on: its session or token is
        still good, or whoever showed a password is who he was. Over the unix socket it
        may.

        That it lasts does not keep the session from being idle: nobody may be there."""
        if principal.via == "local":
            return True
        if principal.via == "basic":
            # Not the password again: that would be a hash every few seconds.
            return self._people.stands(principal.name, principal.generation)
        found = self.of(request, seen=False)
        return isinstance(found, Principal) and found.role is principal.role

    def _by_password(
        self, credential: bytes, address: str
    ) -> Deferred[Principal | None] | None:
        try:
            name, colon, password = (
                b64decode(credential, validate=True).decode("utf-8").partition(":")
            )
        except (binascii.Error, UnicodeDecodeError):
            return None
        if not colon:
            return None
        if self._waiting >= _MAX_WAITING:
            raise Problem(
                503,
                "Too many passwords are being checked",
                "Try again in a few seconds.",
                headers=(("Retry-After", "5"),),
            )
        self._waiting += 1
        checked: Deferred[User | None] = self._turns.run(
            deferToThreadPool,
            self._reactor,
            self._reactor.getThreadPool(),
            self._people.authenticate,
            name,
            password,
            address,
        )
        checked.addBoth(self._one_less)
        return checked.addCallback(_principal, "basic")

    def _one_less(self, result: Any) -> Any:
        self._waiting -= 1
        return result


def check_same_site(request: Request, principal: Principal | None) -> None:
    """Refuse what another site's page makes a browser send.

    Browsers say where a request comes from; programs do not, and need not. Whoever
    comes with a session also brings the word that its page was given.

    Raises:
        Problem: 403.
    """
    fetched = request.getHeader(b"sec-fetch-site")
    origin = request.getHeader(b"origin")
    host = request.getHeader(b"host") or b""
    if fetched is not None and fetched not in (b"same-origin", b"none"):
        raise Problem(403, "This request was made by another site")
    if origin is not None:
        scheme = b"https" if request.isSecure() else b"http"
        if origin.lower() != scheme + b"://" + host.lower():
            raise Problem(403, "This request was made by another site")
    if principal is not None and principal.via == "session":
        word = (request.getHeader(CSRF_HEADER) or b"").decode("ascii", "replace")
        if not compare_digest(word.encode(), principal.csrf.encode()):
            raise Problem(
                403, "The X-CSRF-Token header is not that of this session", "Reload."
            )


def _principal(user: User | None, via: str) -> Principal | None:
    if user is None:
        return None
    return Principal(
        user.name,
        Role(user.role),
        tuple(user.channels),
        via,
        # What only one kind of user has.
        csrf=getattr(user, "csrf", ""),
        generation=getattr(user, "generation", 0),
    )


def _address(request: Request) -> str:
    return getattr(request.getClientAddress(), "host", "") or ""


def _text(credential: bytes) -> str:
    return credential.decode("ascii", "replace")
