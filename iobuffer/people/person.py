"""Who somebody is, and what he may do."""

from __future__ import annotations

import enum
import re
from collections.abc import Iterable

import attrs

from .errors import PeopleError

__all__ = ["Person", "Role", "check_name", "check_scope"]

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_CHANNEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")


class Role(enum.StrEnum):
    """What a person or a token may do; as a str, the word of files and the API."""

    #: Sees states and figures, never what a message says.
    VIEWER = "viewer"
    #: Sees messages too, replays them, pauses and starts channels.
    OPERATOR = "operator"
    #: Changes channels and people too.
    ADMIN = "admin"
    #: Another gateway: takes or gives the messages of its channels, nothing else.
    RELAY = "relay"


@attrs.frozen
class Person:
    """Somebody who has shown who he is: a user, or the bearer of a token.

    `channels` is what a relay is bound to; empty for every other role. `generation`
    grows when a session of before must no longer hold; it means nothing to a token.
    """

    name: str
    role: Role
    channels: tuple[str, ...] = ()
    generation: int = 0


def check_name(name: str) -> str:
    """The name in lower case.

    Raises:
        PeopleError: it is no name for a user or a token.
    """
    name = name.strip().lower()
    if not _NAME.fullmatch(name):
        raise PeopleError(
            "a name has up to 64 letters a-z, digits, dots, hyphens and underscores, "
            "and begins with a letter or a digit"
        )
    return name


def check_scope(role: str | Role, channels: Iterable[str]) -> tuple[Role, list[str]]:
    """The role and the channels, checked against each other.

    Raises:
        PeopleError: no such role, a relay without a channel, or channels for others.
    """
    try:
        role = Role(role)
    except ValueError:
        words = ", ".join(known.value for known in Role)
        raise PeopleError(f"{role!r} is no role; expected one of {words}") from None
    channels = sorted(set(channels))
    for channel in channels:
        if not _CHANNEL.fullmatch(channel):
            raise PeopleError(f"{channel!r} cannot be the name of a channel")
    if role is Role.RELAY and not channels:
        raise PeopleError("a relay is bound to channels; name at least one")
    if role is not Role.RELAY and channels:
        raise PeopleError(f"only a relay is bound to channels; {role.value} is not")
    return role, channels
