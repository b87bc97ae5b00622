"""Parameters and schemas that several tables share."""

from __future__ import annotations

from typing import Any

from .base import Param

__all__ = [
    "ANYTHING",
    "CHANNEL",
    "FILTERS",
    "FORM",
    "LIMIT",
    "PART",
    "SEQ",
    "done",
    "listed",
    "query",
]

#: An object whose members the summary tells.
ANYTHING: dict[str, Any] = {"type": "object"}

CHANNEL = Param(
    name="channel",
    where="path",
    schema={"type": "string", "maxLength": 64},
    help="The channel's name.",
    required=True,
)
PART = Param(
    name="part",
    where="query",
    schema={"type": "string", "maxLength": 64, "default": ""},
    help="`source`, or a destination's name; left out, the whole channel.",
)
SEQ = Param(
    name="seq",
    where="path",
    schema={"type": "integer", "minimum": 1},
    help="The message's sequence number.",
    required=True,
)


def listed(name: str) -> dict[str, Any]:
    """The schema of an object that holds a list of objects by that name."""
    return {
        "type": "object",
        "properties": {name: {"type": "array", "items": {"type": "object"}}},
        "required": [name],
    }


def done(**properties: str) -> dict[str, Any]:
    """The schema of an object with these members, given by their types."""
    return {
        "type": "object",
        "properties": {name: {"type": kind} for name, kind in properties.items()},
        "required": list(properties),
    }


def query(name: str, schema: dict[str, Any], help: str) -> Param:
    """A parameter of the query."""
    return Param(name=name, where="query", schema=schema, help=help)


_TEXT = {"type": "string", "maxLength": 1024}
_MOMENT = {"type": "number", "minimum": 0}

#: Which messages: of a list and of an export.
FILTERS = (
    query("since", _MOMENT, "Received at this time or later, epoch seconds."),
    query("until", _MOMENT, "Received before this time, epoch seconds."),
    query("contains", _TEXT, "Holding this text, as UTF-8."),
    query("contains_hex", _TEXT, "Holding these bytes."),
    query(
        "peer",
        {"type": "string", "maxLength": 128},
        "From a sender whose address contains this.",
    ),
    query(
        "destination",
        {"type": "string", "maxLength": 64},
        "With `state`: the destination that is meant.",
    ),
    query(
        "state",
        {"type": "string", "enum": ["queued", "delivered", "parked", "dropped"]},
        "What became of it at `destination`.",
    ),
)
FORM = query(
    "form",
    {"type": "string", "enum": ["text", "hex", "base64"], "default": "text"},
    "How what the message says is written.",
)
LIMIT = query(
    "limit",
    {"type": "integer", "minimum": 1, "maximum": 1000, "default": 100},
    "How many at most.",
)
