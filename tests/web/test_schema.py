"""Values, held to the schemas of the route tables."""

from __future__ import annotations

from typing import Any

import pytest

from iobuffer.web.schema import faults, parse_scalar

OBJECT = {
    "type": "object",
    "properties": {
        "n": {"type": "integer", "minimum": 1, "maximum": 9},
        "s": {"type": "string", "minLength": 1, "maxLength": 3},
        "l": {"type": "array", "items": {"type": "integer"}, "maxItems": 2},
        "w": {"enum": ["a", "b"]},
    },
    "required": ["n"],
    "additionalProperties": False,
}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"n": 1, "s": "x", "l": [1], "w": "a"}, []),
        ([], ["the body: expected object"]),
        ({}, ["n: required and not given"]),
        ({"n": True}, ["n: expected integer"]),
        ({"n": 0}, ["n: expected 1 or more"]),
        ({"n": 10}, ["n: expected 9 or less"]),
        ({"n": 1, "s": ""}, ["s: expected 1 characters or more"]),
        ({"n": 1, "s": "xxxx"}, ["s: expected 3 characters at most"]),
        ({"n": 1, "l": [1, "x"]}, ["l[1]: expected integer"]),
        ({"n": 1, "l": [1, 2, 3]}, ["l: expected 2 of them at most"]),
        ({"n": 1, "w": "c"}, ["w: expected one of a, b"]),
        ({"n": 1, "z": 1}, ["z: not known here; expected n, s, l, w"]),
    ],
)
def test_every_fault_is_told_with_its_place(value: Any, expected: list[str]) -> None:
    assert list(faults(value, OBJECT)) == expected


def test_text_becomes_what_the_schema_says() -> None:
    assert parse_scalar("7", {"type": "integer"}) == 7
    assert parse_scalar("1.5", {"type": "number"}) == 1.5
    assert parse_scalar("yes", {"type": "boolean"}) is True
    assert parse_scalar("yes", {"type": "string"}) == "yes"


@pytest.mark.parametrize("text", ["", "1e3", "0x1", "1_0", "९", "9" * 30, "nan", " 1"])
def test_only_digits_are_a_number(text: str) -> None:
    for kind in ("integer", "number"):
        with pytest.raises(ValueError, match="expected a"):
            parse_scalar(text, {"type": kind})
