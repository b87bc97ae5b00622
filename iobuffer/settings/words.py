"""The words of an error: how a value is quoted, and which name was probably meant."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any

__all__ = ["nearest", "plain", "quoted", "unknown"]

_LONGEST = 80
_USER_IN_URL = re.compile(r"(//[^/@\s:]*):[^/@\s]*@")


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else text[: _LONGEST - 3] + "..."


def plain(name: str) -> str:
    """A name from a file as an error may print it: on one line, printable, short."""
    return _short(name if name.isprintable() and name else repr(name))


def quoted(value: Any) -> str:
    """A value as it was written; a password inside a URL is left out.

    Never call it for an option that is a secret.
    """
    if isinstance(value, str):
        return _short(repr(_USER_IN_URL.sub(r"\1:***@", value)))
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return "a list"
    return _short(json.dumps(value))


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that was probably meant, if any comes near.

    A last part that fits exactly (`cert` for `tls.cert`) is nearer than letters alike
    at the top.
    """
    lower = name.lower()
    names = list(known)
    for candidate in names:
        if candidate == lower or candidate.rpartition(".")[2] == lower:
            return candidate
    # 0.5 and not difflib's 0.6, so that `bauds` still finds `baud_rate`.
    close = get_close_matches(lower, names, n=1, cutoff=0.5)
    return close[0] if close else None


def unknown(what: str, name: str, known: Iterable[str], prefix: str = "") -> str:
    """The sentence about a name that nobody knows; `prefix` goes before the known."""
    names = list(known)
    near = nearest(name, names)
    if near:
        return f"unknown {what}; did you mean {prefix}{near}?"
    listed = ", ".join(prefix + one for one in names if "." not in one)
    return f"unknown {what}; known are {listed}"
