"""How figures and messages are printed."""

from __future__ import annotations

import json
import re
import sys
import time
from typing import Any

import click

from ..errors import ExitStatus
from ..options import KIB

__all__ = [
    "age",
    "agreed",
    "moment",
    "plain",
    "print_json",
    "print_text",
    "size",
    "state",
]

_LINE_END = re.compile(r"\r\n|\r|\n")
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


def print_text(text: str) -> None:
    """What a message says: its lines, whatever ends them, each as in plain()."""
    for line in _LINE_END.split(text):
        print(plain(line))


def agreed(question: str) -> None:
    """Ask, on standard error so that the output stays what it is; ends the command
    unless the answer is yes."""
    try:
        click.confirm(question, abort=True, err=True)
    except click.Abort:
        print("nothing was done; with --yes it is not asked", file=sys.stderr)
        sys.exit(ExitStatus.DOES_NOT_ADD_UP)


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
