"""JSON (RFC 8259), read to be looked at: laid out, and as a tree.

Numbers, escapes and repeated names are shown as they came: a view that made 1.10 of
1.1, or kept the last of two equal names, would hide what was wrong.
"""

from __future__ import annotations

import json
import re
from typing import Any

from .values import MAX_DECODED_BYTES, Decoded, Field, Segment, Space

__all__ = ["decode_json"]

_BEGINNING = re.compile(rb"(?:\xef\xbb\xbf)?[\t\r\n ]*+[{\[]")
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*+"|[{}\[\],:]|[^\s{}\[\],:"]+')
_MAX_DEPTH = 32
_MAX_PRETTY_CHARACTERS = 256 * 1024
_INDENT = "  "


class _Members(list[tuple[str, Any]]):
    """What an object holds, in order, equal names too."""


def decode_json(message: bytes) -> Decoded | None:
    """An object or a list; None for anything else, also for JSON with a fault in it or
    too large to be taken apart."""
    if len(message) > MAX_DECODED_BYTES or not _BEGINNING.match(message):
        return None
    try:
        text = message.decode("utf-8-sig")
        found = json.loads(
            text,
            object_pairs_hook=_Members,
            parse_float=str,
            parse_int=str,
            parse_constant=str,
        )
    except (ValueError, RecursionError):
        return None
    space = Space()
    title = _counted(found)
    fields = _fields("", found, space, 1)
    # The document begins behind the blanks and the byte order mark.
    at = re.search(rb"[{\[]", message)
    segment = Segment("", title, at.start() if at else 0, fields)
    members = [f"{each.name}: {each.value}" for each in fields if not each.fields]
    summary = f"{title}: {', '.join(members[:6])}" if members else title
    return space.decoded("json", summary, [segment], _laid_out(text, space))


def _counted(found: list[Any]) -> str:
    what = "member" if isinstance(found, _Members) else "element"
    return f"{len(found)} {what}{'' if len(found) == 1 else 's'}"


def _fields(name: str, found: Any, space: Space, depth: int) -> tuple[Field, ...]:
    if depth > _MAX_DEPTH:
        space.note(f"Below {_MAX_DEPTH} levels the tree is left out.")
        return ()
    members = (
        found
        if isinstance(found, _Members)
        else ((f"[{number}]", each) for number, each in enumerate(found))
    )
    fields = []
    for key, value in members:
        if not space.take():
            break
        if isinstance(value, list):
            below = _fields(key, value, space, depth + 1)
            fields.append(Field(space.value(key), "", _counted(value), below))
        else:
            fields.append(Field(space.value(key), "", space.value(_said(value))))
    return tuple(fields)


def _said(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _laid_out(text: str, space: Space) -> str:
    """Each member on a line of its own, indented by its depth (32 at most)."""
    pieces: list[str] = []
    depth = written = 0
    opened = False
    for found in _TOKEN.finditer(text):
        token = found[0]
        if written > _MAX_PRETTY_CHARACTERS:
            space.note("What is laid out is cut off.")
            break
        if token in "}]":
            depth -= 1
            piece = token if opened else _line(depth) + token
            opened = False
        else:
            piece = (_line(depth) if opened else "") + token
            opened = token in "{["
            depth += opened
            if token == ",":
                piece += _line(depth)
            elif token == ":":
                piece += " "
        pieces.append(piece)
        written += len(piece)
    return "".join(pieces)


def _line(depth: int) -> str:
    return "\n" + _INDENT * min(depth, _MAX_DEPTH)
