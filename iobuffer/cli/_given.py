"""The messages that `iobuffer send` is given: as arguments, in files, on a pipe."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from typing import BinaryIO

from ..acks.hl7_message import split_block
from ..errors import IobufferError
from ..framing.base import FramingConfig
from ..options import BYTES, MIB

__all__ = ["NotGiven", "from_arguments", "from_files"]

#: All messages are in memory; beyond this a test is better done with a real sender.
_MAX_INPUT_BYTES = 256 * MIB

_LINE_ENDS = re.compile(rb"(?:\r\n|\n|\r)+")


class NotGiven(IobufferError):
    """There is nothing that could be sent; says what is missing."""


def from_arguments(
    texts: Sequence[str], *, escapes: bool = False, hl7: bool = False
) -> list[bytes]:
    r"""Each argument is a message, in UTF-8.

    Args:
        escapes: `\r`, `\x02` and the like stand for the bytes.
        hl7: see `from_files`.

    Raises:
        NotGiven: what follows a backslash is no escape.
    """
    messages: list[bytes] = []
    for text in texts:
        # What was no UTF-8 on the command line goes out as it came.
        message = text.encode("utf-8", "surrogateescape")
        if escapes:
            try:
                message = BYTES.parse(text)
            except ValueError:
                raise NotGiven(
                    f"{text!r} is not written with escapes: expected {BYTES.expects}, "
                    r"a backslash as \\, and what is not ASCII as \xNN"
                ) from None
        messages += _as_hl7(message) if hl7 else [message]
    return messages


def from_files(
    names: Sequence[str], framing: FramingConfig, *, split: bool, hl7: bool
) -> tuple[list[bytes], int]:
    """The messages in files, "-" being standard input; and how many bytes of them are
    no message.

    Args:
        split: a file is a stream in this framing, taken apart as a source would;
            otherwise it is one message, byte for byte.
        hl7: a file is text: every line is a segment and goes out with a CR, and each
            MSH begins a message.

    Raises:
        NotGiven: a file cannot be read, or is too large.
    """
    messages: list[bytes] = []
    skipped_bytes = 0
    for name in names:
        body = _read(name)
        if split:
            framer = framing.framer()
            found = framer.feed(body) + framer.finish()
            skipped_bytes += framer.skipped_bytes
        else:
            found = [body] if body else []
        for message in found:
            messages += _as_hl7(message) if hl7 else [message]
    return messages, skipped_bytes


def _as_hl7(text: bytes) -> list[bytes]:
    body = _LINE_ENDS.sub(b"\r", text.strip(b"\r\n\t \0"))
    return [message.rstrip(b"\r") + b"\r" for message in split_block(body)]


def _read(name: str) -> bytes:
    try:
        if name == "-":
            return _bounded(sys.stdin.buffer, "standard input")
        with open(name, "rb") as file:
            return _bounded(file, name)
    except OSError as error:
        raise NotGiven(f"{name}: cannot be read: {error.strerror}") from error


def _bounded(file: BinaryIO, name: str) -> bytes:
    body = file.read(_MAX_INPUT_BYTES + 1)
    if len(body) > _MAX_INPUT_BYTES:
        raise NotGiven(f"{name}: more than {_MAX_INPUT_BYTES // MIB} MiB; split it")
    return body
