"""Whether a request may go on, decided when its header is complete.

The path, the role and the body that is announced: what is refused here is answered at
once, and of its body nothing is kept.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import attrs
from twisted.web.http import Request

from .answers import printable
from .base import Principal, Problem, Reply, Role, Route
from .router import Router, split_target

__all__ = ["Target", "admit", "is_change", "max_body_bytes", "target_of", "too_large"]


@attrs.frozen
class Target:
    """What a request line asks for. `route` is None where its method is not possible,
    `allowed` what is: nothing where there is nothing by that path."""

    route: Route | None
    names: Mapping[str, str]
    query: str
    allowed: Sequence[str]


def target_of(router: Router, method: bytes, uri: bytes) -> Target:
    """Take the request line apart. What there is for it is told only to somebody who
    may know: see admit().

    Raises:
        Problem: it is no path that we could have.
    """
    segments, query = split_target(uri)
    found = router.find(segments)
    if found is None:
        return Target(None, {}, "", ())
    methods, names = found
    word = method.decode("ascii", "replace")
    head = ["HEAD"] if "GET" in methods else []
    allowed = tuple(sorted({*methods, "OPTIONS", *head}))
    if word == "OPTIONS":
        # Whoever may do any of it may ask what there is.
        return Target(_options_of(list(methods.values()), allowed), names, "", allowed)
    route = methods.get("GET" if word == "HEAD" else word)
    return Target(route, names, query, allowed)


def admit(target: Target, method: bytes, principal: Principal | None) -> Route:
    """The route, for somebody who may call it.

    Raises:
        Problem: 401, 403, 404 or 405; a path that does not exist is one to be signed in
            for.
    """
    route = target.route
    everyone = route is not None and route.roles is None
    if principal is None and not everyone:
        raise Problem(
            401,
            "Sign in first",
            "Sign in on the page, or send an API token as Authorization: Bearer.",
            headers=(("WWW-Authenticate", 'Bearer realm="iobuffer"'),),
        )
    if not target.allowed:
        raise Problem(404, "There is nothing by this path")
    if route is None:
        allowed = ", ".join(target.allowed)
        raise Problem(
            405,
            f"{printable(method)} is not possible here",
            f"Possible are {allowed}.",
            headers=(("Allow", allowed),),
        )
    if route.roles is not None and principal is not None:
        _check_role(route.roles, principal, target.names.get("channel"))
    return route


def is_change(method: bytes) -> bool:
    """Whether a request may change something, and may have a body."""
    return method not in (b"GET", b"HEAD", b"OPTIONS")


def max_body_bytes(route: Route, request: Request, length: int | None) -> int:
    """How much body is taken, of one that is announced as `length` bytes (None: it is
    not said).

    Raises:
        Problem: 413 or 415.
    """
    most = route.max_body_bytes if is_change(request.method) else 0
    if length == 0:
        return most
    if (length or 0) > most:
        raise too_large(most)
    if request.requestHeaders.hasHeader(b"content-encoding"):
        # Unpacked it could be of any size.
        raise Problem(415, "The body may not be compressed")
    if route.body is not None:
        given = request.getHeader(b"content-type") or b""
        if given.partition(b";")[0].strip().lower() != b"application/json":
            # A form of another site's page cannot send this type.
            raise Problem(415, "The body must be application/json")
    return most


def too_large(most_bytes: int) -> Problem:
    """The body is longer than that."""
    if not most_bytes:
        return Problem(413, "No body is expected here")
    return Problem(413, f"The body is larger than {most_bytes} bytes")


def _check_role(
    roles: frozenset[Role], principal: Principal, channel: str | None
) -> None:
    role = principal.role
    if role not in roles:
        article = "An" if role.value[0] in "aeiou" else "A"
        takes = " or ".join(sorted(each.value for each in roles))
        raise Problem(
            403,
            f"{article} {role.value} may not do this",
            f"It takes the role {takes}.",
        )
    if role is Role.RELAY and channel is not None and channel not in principal.channels:
        raise Problem(403, "This relay is not bound to that channel")


def _options_of(routes: list[Route], allowed: tuple[str, ...]) -> Route:
    roles: frozenset[Role] | None = frozenset()
    for route in routes:
        roles = None if roles is None or route.roles is None else roles | route.roles
    reply = Reply(204, headers=(("Allow", ", ".join(allowed)),))
    return Route(
        method="OPTIONS",
        path=routes[0].path,
        roles=roles,
        call=lambda call: reply,
        summary="What is possible here.",
        max_body_bytes=0,
    )
