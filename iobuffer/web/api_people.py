"""Users, tokens and the audit log, for administrators.

Each change is written into the audit log before it is done, here and not by the table,
because the line says what was changed; a refusal is written down as well.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import attrs
from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThreadPool

from ..people.audit import read_back, verify
from .base import ADMINS, Call, Param, Problem, Reply, Role, Route
from .shapes import done, listed

__all__ = ["ROUTES", "in_thread"]

_T = TypeVar("_T")
_MAX_BODY_BYTES = 16 * 1024
_ROLE = {"type": "string", "enum": [role.value for role in Role]}
_CHANNELS = {
    "type": "array",
    "maxItems": 1000,
    "items": {"type": "string", "maxLength": 64},
}
_USER = Param(
    name="user",
    where="path",
    schema={"type": "string", "maxLength": 64},
    help="The user's name.",
    required=True,
)
_ANY = {"type": "object"}


def in_thread(call: Call, function: Callable[..., _T], *words: Any) -> Deferred[_T]:
    """Call a function that blocks: a hash, or a sync of the audit log."""
    reactor = call.site.reactor
    return deferToThreadPool(reactor, reactor.getThreadPool(), function, *words)


def _who(call: Call) -> str:
    assert call.principal is not None
    return call.principal.name


def _shown(user: Any) -> dict[str, Any]:
    # The generation is nobody's business.
    return attrs.asdict(user, filter=lambda field, _: field.name != "generation")


# -- users -----------------------------------------------------------------------------


def _users(call: Call) -> Any:
    return {"users": [_shown(user) for user in call.site.people.users.list()]}


async def _put_user(call: Call) -> Any:
    name = call.path["user"].lower()
    is_new = call.site.people.users.find(name) is None
    user = await in_thread(
        call, _change_user, call.site.people, _who(call), name, call.body
    )
    return Reply(201 if is_new else 200, _shown(user))


def _change_user(people: Any, who: str, name: str, given: dict[str, Any]) -> Any:
    password = given.get("password", "")
    known = people.users.find(name)
    words = []
    if "password" in given:
        people.passwords.check(name, password)
        words.append("new password")
    if "role" in given:
        words.append(f"role {given['role']}")
    if "channels" in given:
        words.append(f"channels {', '.join(given['channels'])}")
    if "disabled" in given:
        words.append("disabled" if given["disabled"] else "enabled")
    what = "change user" if known else "add user"
    with people.noted(who, what, f"{name}: {'; '.join(words)}"):
        # A disabled user is never let in for a moment on the way.
        return people.put_user(
            name,
            password=password,
            role=given.get("role"),
            channels=tuple(given["channels"]) if "channels" in given else None,
            disabled=given.get("disabled"),
        )


async def _remove_user(call: Call) -> Any:
    name = call.path["user"].lower()
    if call.site.people.users.find(name) is None:
        raise Problem(404, f"There is no user {name}")
    await in_thread(call, _forget_user, call.site.people, _who(call), name)
    return Reply(204)


def _forget_user(people: Any, who: str, name: str) -> None:
    with people.noted(who, "remove user", name):
        people.remove_user(name)


# -- tokens ----------------------------------------------------------------------------


def _tokens(call: Call) -> Any:
    found = call.site.people.tokens.list()
    return {"tokens": [attrs.asdict(token) for token in found]}


async def _create_token(call: Call) -> Any:
    people, wall = call.site.people, call.site.wall
    token, text = await in_thread(
        call, _make_token, people, _who(call), call.body, wall()
    )
    return Reply(201, {**attrs.asdict(token), "token": text})


def _make_token(people: Any, who: str, given: dict[str, Any], at: float) -> Any:
    days, channels = given.get("days", 365), given.get("channels", ())
    detail = [given["name"], f"role {given['role']}", f"{days:g} days", *channels]
    with people.noted(who, "create token", ", ".join(detail)):
        return people.tokens.create(
            given["name"], given["role"], channels, days=days, at=at
        )


async def _revoke_token(call: Call) -> Any:
    people, id = call.site.people, call.path["token"]
    if all(token.id != id for token in people.tokens.list()):
        raise Problem(404, f"There is no token {id}")
    await in_thread(call, _forget_token, people, _who(call), id)
    return Reply(204)


def _forget_token(people: Any, who: str, id: str) -> None:
    with people.noted(who, "revoke token", id):
        people.tokens.revoke(id)


# -- the audit log ---------------------------------------------------------------------


async def _audit(call: Call) -> Any:
    before, limit = call.query["before"], call.query["limit"]
    contains = call.query["contains"]
    found = await in_thread(
        call,
        lambda: read_back(
            call.site.people.state_dir, before=before, limit=limit, contains=contains
        ),
    )
    # Line 1 is the first there ever was.
    more = len(found) == limit and found[-1]["n"] > 1
    return {"lines": found, "next": found[-1]["n"] if more else None}


async def _verify(call: Call) -> Any:
    verdict = await in_thread(call, verify, call.site.people.state_dir)
    return {
        "holds": not verdict.bad,
        "bad": verdict.bad,
        "lines": verdict.lines,
        "last_hash": verdict.last_hash,
        "notes": list(verdict.notes),
    }


ROUTES = (
    Route(
        method="GET",
        path="/api/users",
        roles=ADMINS,
        call=_users,
        summary="The users, without their passwords.",
        reply=listed("users"),
    ),
    Route(
        method="PUT",
        path="/api/users/{user}",
        roles=ADMINS,
        call=_put_user,
        statuses=(200, 201),
        summary="Add a user, or change one; what is not given stays. His sessions end.",
        params=(_USER,),
        body={
            "type": "object",
            "properties": {
                "password": {"type": "string", "maxLength": 1024},
                "role": _ROLE,
                "channels": _CHANNELS,
                "disabled": {"type": "boolean"},
            },
            "additionalProperties": False,
        },
        reply=_ANY,
        max_body_bytes=_MAX_BODY_BYTES,
    ),
    Route(
        method="DELETE",
        path="/api/users/{user}",
        roles=ADMINS,
        call=_remove_user,
        statuses=(204,),
        summary="Forget a user. The last administrator stays.",
        params=(_USER,),
    ),
    Route(
        method="GET",
        path="/api/tokens",
        roles=ADMINS,
        call=_tokens,
        summary="The API tokens; the secret of none can be shown.",
        reply=listed("tokens"),
    ),
    Route(
        method="POST",
        path="/api/tokens",
        roles=ADMINS,
        call=_create_token,
        statuses=(201,),
        summary="Make a token. `token` in the answer is shown this once.",
        body={
            "type": "object",
            "properties": {
                "name": {"type": "string", "maxLength": 64},
                "role": _ROLE,
                "channels": _CHANNELS,
                "days": {"type": "number", "minimum": 0, "maximum": 3650},
            },
            "required": ["name", "role"],
            "additionalProperties": False,
        },
        reply=_ANY,
        max_body_bytes=_MAX_BODY_BYTES,
    ),
    Route(
        method="DELETE",
        path="/api/tokens/{token}",
        roles=ADMINS,
        call=_revoke_token,
        statuses=(204,),
        summary="Make a token void.",
        params=(
            Param(
                name="token",
                where="path",
                schema={"type": "string", "maxLength": 64},
                help="The token's id.",
                required=True,
            ),
        ),
    ),
    Route(
        method="GET",
        path="/api/audit",
        roles=ADMINS,
        call=_audit,
        summary="What people did, newest first; `next` is the `before` of the next "
        "page, or null.",
        params=(
            Param(
                name="before",
                where="query",
                schema={"type": "integer", "minimum": 0, "default": 0},
                help="Lines before this number; 0 for the last ones.",
            ),
            Param(
                name="limit",
                where="query",
                schema={
                    "type": "integer",
                    "minimum": 1,
                    "maximum": 1000,
                    "default": 100,
                },
                help="How many lines.",
            ),
            Param(
                name="contains",
                where="query",
                schema={"type": "string", "maxLength": 200, "default": ""},
                help="Only lines whose who, what or detail holds this text.",
            ),
        ),
        reply=listed("lines"),
    ),
    Route(
        method="GET",
        path="/api/audit/verify",
        roles=ADMINS,
        call=_verify,
        summary="Follow the audit log's chain of hashes from its first line: whether "
        "it `holds`, else what is `bad`. Note `last_hash` elsewhere: who can write all "
        "of the files can make the chain anew.",
        reply=done(holds="boolean", lines="integer", last_hash="string"),
    ),
)
