"""The options that every framing shares, worded once."""

from __future__ import annotations

from typing import Any

import attrs

from ..options import BYTES, SIZE, choice, option
from .base import DEFAULT_MAX_MESSAGE_BYTES, OnOversize

__all__ = ["MARK", "MESSAGE_SIZE", "max_message_bytes", "on_oversize"]


def _mark(value: Any) -> bytes:
    found: bytes = BYTES.parse(value)
    if not found:
        raise ValueError(value)
    return found


def _message_size(value: Any) -> int:
    found: int = SIZE.parse(value)
    if found < 1:
        raise ValueError(value)
    return found


#: Bytes that are searched for, so there must be some.
MARK = attrs.evolve(
    BYTES, expects=r"one or more bytes such as \r\n or \x02", parse=_mark
)

MESSAGE_SIZE = attrs.evolve(
    SIZE,
    expects="a size of at least 1 byte such as 512, 64 KiB, 16 MiB",
    parse=_message_size,
)


def max_message_bytes() -> Any:
    """The field for the longest message."""
    return option(
        MESSAGE_SIZE,
        default=DEFAULT_MAX_MESSAGE_BYTES,
        help=(
            "Longest message, in bytes, without what the framing adds; default 16 MiB. "
            "One connection never holds more than this and one chunk. A low limit "
            "bounds what a broken sender can occupy; a message above it is treated as "
            "on_oversize says."
        ),
    )


def on_oversize(*choices: OnOversize) -> Any:
    """The field for what becomes of a message that is too long."""
    choices = choices or tuple(OnOversize)
    words = {
        OnOversize.REJECT: "reject skips the whole message and finds the next one",
        OnOversize.TRUNCATE: (
            "truncate keeps its first max_message_bytes, so a cut message goes on "
            "as if it were whole: never for medical results"
        ),
        OnOversize.CLOSE: (
            "close ends the connection, so a sender that repeats itself comes back "
            "with the same message"
        ),
    }
    return option(
        choice(*choices),
        default=OnOversize.REJECT,
        help=(
            "What becomes of a message longer than max_message_bytes; default reject. "
            + "; ".join(words[choice] for choice in choices)
            + ". It is counted in any case."
        ),
    )
