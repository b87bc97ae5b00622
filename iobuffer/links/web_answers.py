"""What the answer of a web server means for whoever asked."""

from __future__ import annotations

import json
from email.utils import parsedate_to_datetime
from typing import Any

import attrs

from .web_client import WebAnswer

__all__ = ["WebTrouble", "sample", "trouble_in"]

#: A server that asks for more than this is asked again all the same.
_LONGEST_WAIT_SECONDS = 3600.0

_SAMPLE_CHARACTERS = 300


@attrs.frozen
class WebTrouble:
    """It is not about what was asked, but about us, the server or the way to it.

    `needs_somebody`: it does not go away by itself. `wait_seconds` is what the server
    asked for.
    """

    reason: str
    needs_somebody: bool = False
    wait_seconds: float = 0.0


def trouble_in(answer: WebAnswer, place: str, now: float) -> WebTrouble | None:
    """None for 2xx, and for a 4xx that is about what was asked."""
    status = answer.status
    if 200 <= status < 300:
        return None
    if status in (408, 425, 429) or (status >= 500 and status != 508):
        wait = _retry_after(answer.headers.get("retry-after", ""), now)
        return WebTrouble(
            f"{place} answers {status}{sample(answer)}", wait_seconds=wait
        )
    if status == 508:
        # RFC 5842: another iobuffer has found a loop, which only a person can cut.
        return WebTrouble(f"{place}{sample(answer)}", needs_somebody=True)
    if status in (401, 403, 407):
        # Whatever is asked would be refused alike.
        return WebTrouble(
            f"{place} answers {status}: it does not let us in. Look at auth.username, "
            "auth.password or auth.token, and at what that user may do there",
            needs_somebody=True,
        )
    if status < 400:
        where = answer.headers.get("location", "")[:_SAMPLE_CHARACTERS]
        to = f" to {where}" if where else ""
        return WebTrouble(
            f"{place} answers {status} and sends us on{to}. Redirects are not "
            "followed: set url to where that leads, if it is the right place",
            needs_somebody=True,
        )
    return None


def sample(answer: WebAnswer) -> str:
    """The answer's own words for the end of a sentence, on one line: those of a
    problem document (RFC 9457), or the beginning of the body."""
    text = answer.body[: 4 * _SAMPLE_CHARACTERS].decode("utf-8", "replace")
    if answer.headers.get("content-type", "").startswith("application/problem+json"):
        text = _problem(answer.body) or text
    words = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return f": {words[:_SAMPLE_CHARACTERS]}" if words else ""


def _problem(body: bytes) -> str:
    try:
        found: Any = json.loads(body)
    except (ValueError, RecursionError):
        return ""
    if not isinstance(found, dict):
        return ""
    words = [found.get("title"), found.get("detail")]
    return ": ".join(word for word in words if isinstance(word, str) and word)


def _retry_after(value: str, now: float) -> float:
    """Seconds (RFC 9110, 10.2.3: a number or a date); 0.0 for nothing usable."""
    value = value.strip()
    if value.isascii() and value.isdigit() and len(value) < 10:
        return min(float(value), _LONGEST_WAIT_SECONDS)
    try:
        seconds = parsedate_to_datetime(value).timestamp() - now
    except (ValueError, OverflowError, TypeError, IndexError):
        return 0.0
    return min(max(seconds, 0.0), _LONGEST_WAIT_SECONDS)
