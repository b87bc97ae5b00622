"""How figures and messages are printed."""

from __future__ import annotations

import json
import time
from typing import Any

from ..options import KIB

__all__ = ["age", "moment", "plain", "print_json", "size", "state"]

_UNITS = ((86400, "d"), (3600, "h"), (60, "min"))


def print_json(found: Any) -> None:
    """What a program reads: the API's own answer."""
    print(json.dumps(found, indent=2, ensure_ascii=False))


def plain(text: str) -> str:
    """On one line, without anything that a terminal would obey."""
    return "".join(
        each if each.isprintable() else each.encode("unicode_escape").decode("ascii")
        for each in text
    )


def moment(at: float) -> str:
    """A time, to the second, as the clock of this machine shows it."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(at))


def age(seconds: float) -> str:
    """A duration, roughly."""
    for length, unit in _UNITS:
        if seconds >= length:
            return f"{seconds / length:.1f} {unit}"
    return f"{seconds:.0f} s"


def size(bytes_: float) -> str:
    """A number of bytes, roughly."""
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if bytes_ < KIB or unit == "GiB":
            break
        bytes_ /= KIB
    return f"{bytes_:.0f} {unit}" if unit == "bytes" else f"{bytes_:.1f} {unit}"


def state(found: dict[str, Any] | None) -> str:
    """A state of the API: its word, and the reason if there is one."""
    if found is None:
        return "not there"
    word, reason = str(found["word"]), str(found["reason"])
    return f"{word}: {plain(reason)}" if reason else word
