"""Parameters and schemas that several tables share."""

from __future__ import annotations

from typing import Any

from .base import Param

__all__ = ["ANYTHING", "CHANNEL", "PART", "SEQ", "done", "listed"]

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
