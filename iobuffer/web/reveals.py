"""Who has asked to see what the messages of a channel say, and may see it for an hour.

Somebody who has signed in on the page sees payloads masked until he says why he needs
them (the channel's policy `payloads = reveal`). What he says goes into the audit log;
that he has said it is kept here, in memory, for his session and that channel alone.
docs/decisions/0011-masked-until-revealed.rst has the reasons.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .api_people import in_thread
from .base import OPERATORS, Call, Principal, Problem, Route, Site
from .shapes import CHANNEL

__all__ = ["REVEAL_SECONDS", "ROUTES", "Reveals", "reveals_of"]

REVEAL_SECONDS = 3600.0
#: More than all sessions with a handful of channels each; beyond it the oldest ends.
_MAX_REVEALS = 5000


class Reveals:
    """What each session has revealed.

    Args:
        seconds: a clock that only goes forward.
    """

    def __init__(self, seconds: Callable[[], float]) -> None:
        self._seconds = seconds
        #: In the order of their ends.
        self._ends_at: dict[tuple[str, str, str], float] = {}

    def __len__(self) -> int:
        return len(self._ends_at)

    def add(self, principal: Principal, channel: str) -> None:
        """From now on, for an hour."""
        key, now = _key(principal, channel), self._seconds()
        self._ends_at.pop(key, None)
        while self._ends_at:
            oldest = next(iter(self._ends_at))
            if self._ends_at[oldest] > now and len(self._ends_at) < _MAX_REVEALS:
                break
            del self._ends_at[oldest]
        self._ends_at[key] = now + REVEAL_SECONDS

    def holds(self, principal: Principal, channel: str) -> bool:
        """Whether this session has revealed it, and not too long ago."""
        return self._ends_at.get(_key(principal, channel), 0.0) > self._seconds()


def _key(principal: Principal, channel: str) -> tuple[str, str, str]:
    # A session is told from others by its CSRF word; a new sign-in has a new one.
    return principal.name, principal.csrf, channel


def reveals_of(site: Site) -> Reveals:
    """The one Reveals of a site."""
    if site.reveals is None:
        site.reveals = Reveals(site.reactor.seconds)
    reveals: Reveals = site.reveals
    return reveals


async def _reveal(call: Call) -> Any:
    principal, channel = call.principal, call.path["channel"]
    assert principal is not None
    call.site.operations.payloads(channel)
    reason = " ".join(call.body["reason"].split())
    if not reason:
        raise Problem(400, "Say why you need to see what the messages say")
    if principal.via != "session":
        raise Problem(
            409,
            "Nothing is masked here",
            "Only whoever signs in on the page has payloads masked; a token or a "
            "password sees them at once.",
        )
    # Before it is done: what cannot be written down is not done.
    await in_thread(
        call,
        call.site.people.audit.append,
        principal.name,
        "reveal",
        f"{channel}: {reason}",
    )
    reveals_of(call.site).add(principal, channel)
    return {"until": call.site.wall() + REVEAL_SECONDS}


ROUTES = (
    Route(
        method="POST",
        path="/api/channels/{channel}/reveal",
        roles=OPERATORS,
        call=_reveal,
        summary="Show this session what the channel's messages say, for an hour. The "
        "reason goes into the audit log.",
        params=(CHANNEL,),
        body={
            "type": "object",
            "properties": {
                "reason": {"type": "string", "minLength": 1, "maxLength": 200}
            },
            "required": ["reason"],
            "additionalProperties": False,
        },
        reply={
            "type": "object",
            "properties": {"until": {"type": "number"}},
            "required": ["until"],
        },
    ),
)
