"""How an answer is written: JSON, problem documents, and the headers that all have."""

from __future__ import annotations

import json
from collections.abc import Iterable
from itertools import islice
from typing import Any

from twisted.logger import Logger
from twisted.python.failure import Failure

from ..errors import ConfigError, IobufferError, StorageError
from ..people.errors import AuditError, PeopleError, StateFileError, TryLater
from .base import Problem

__all__ = [
    "MAX_ERRORS",
    "PROBLEM_TYPE",
    "SECURITY_HEADERS",
    "faulty",
    "printable",
    "problem_of",
    "to_json",
]

PROBLEM_TYPE = "application/problem+json"

#: An answer is not many times as long as the question: so many errors are told, and
#: so many of them in one text.
MAX_ERRORS = 100
_IN_DETAIL = 10

SECURITY_HEADERS = (
    (
        "Content-Security-Policy",
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'",
    ),
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
    ("Referrer-Policy", "no-referrer"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Cache-Control", "no-store"),
)
_log = Logger(namespace="iobuffer")


def to_json(value: Any) -> bytes:
    """JSON as it goes over the wire."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    # Half a surrogate pair (from a name that is no UTF-8) has no place in UTF-8.
    return text.encode("utf-8", "replace")


def problem_of(failure: Failure) -> Problem:
    """What to answer when a call has failed; a fault of our own is logged."""
    error = failure.value
    if isinstance(error, Problem):
        return error
    if isinstance(error, ConfigError):
        return faulty(422, "The configuration has errors", map(str, error.problems))
    if isinstance(error, TryLater):
        wait = str(int(error.seconds) + 1)
        return Problem(429, str(error), headers=(("Retry-After", wait),))
    if isinstance(error, AuditError | StateFileError):
        return Problem(503, "This could not be written down", str(error))
    if isinstance(error, PeopleError):
        return Problem(422, str(error))
    if isinstance(error, StorageError):
        return Problem(503, "The store could not do this", str(error))
    if isinstance(error, IobufferError):
        return Problem(503, "This could not be done", str(error))
    _log.failure("a fault of the gateway's own in the API", failure)
    return Problem(500, "A fault of the gateway's own; its log has more")


def faulty(status: int, title: str, errors: Iterable[str]) -> Problem:
    """A Problem that lists the errors, the first of them in its detail as well."""
    told = list(islice(errors, MAX_ERRORS))
    more = len(told) - _IN_DETAIL
    detail = "; ".join(told[:_IN_DETAIL]) + (f"; and {more} more" if more > 0 else "")
    return Problem(status, title, detail, errors=told)


def printable(text: bytes) -> str:
    """Bytes of a stranger for our own words: short, printable, one line."""
    return "".join(
        each if each.isprintable() else "?" for each in text.decode("ascii", "replace")
    )[:256]
