"""The part of JSON Schema that the route tables use, to hold a value to it.

What is checked here is what `/api/openapi.json` promises: the same tables. Anything
that takes more than a shape (a whole channel) is checked by the loader, in the loader's
words.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

__all__ = ["faults", "parse_scalar"]

_TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "null": (type(None),),
}
_YES = ("true", "yes", "1")
_NO = ("false", "no", "0")


def faults(value: Any, schema: Mapping[str, Any], place: str = "") -> Iterator[str]:
    """Everything that is wrong with a value, each as a sentence with its place."""
    name = place or "the body"
    wanted = schema.get("type")
    if wanted is not None:
        kinds = [wanted] if isinstance(wanted, str) else wanted
        if not any(_is(value, kind) for kind in kinds):
            yield f"{name}: expected {' or '.join(kinds)}"
            return
    if "enum" in schema and value not in schema["enum"]:
        words = ", ".join(str(word) for word in schema["enum"])
        yield f"{name}: expected one of {words}"
    if isinstance(value, str):
        yield from _of_text(value, schema, name)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        if value < schema.get("minimum", value):
            yield f"{name}: expected {schema['minimum']} or more"
        if value > schema.get("maximum", value):
            yield f"{name}: expected {schema['maximum']} or less"
    elif isinstance(value, list):
        if len(value) > schema.get("maxItems", len(value)):
            yield f"{name}: expected {schema['maxItems']} of them at most"
        if len(value) < schema.get("minItems", 0):
            yield f"{name}: expected {schema['minItems']} of them or more"
        for index, one in enumerate(value):
            yield from faults(one, schema.get("items", {}), f"{place}[{index}]")
    elif isinstance(value, dict):
        yield from _of_object(value, schema, place)


def parse_scalar(text: str, schema: Mapping[str, Any]) -> Any:
    """The value that a query or path holds as text; ValueError with a sentence."""
    wanted = schema.get("type", "string")
    value: Any = text
    if wanted == "boolean":
        if text.lower() not in _YES + _NO:
            raise ValueError("expected true or false")
        value = text.lower() in _YES
    elif wanted == "integer":
        # int() takes more than digits, and as many of them as there are.
        if not re.fullmatch(r"-?[0-9]{1,19}", text, re.ASCII):
            raise ValueError("expected a whole number")
        value = int(text)
    elif wanted == "number":
        if not re.fullmatch(r"-?[0-9]{1,19}(\.[0-9]{0,19})?", text, re.ASCII):
            raise ValueError("expected a number")
        value = float(text)
    for fault in faults(value, schema, "it"):
        raise ValueError(fault.removeprefix("it: "))
    return value


def _is(value: Any, kind: str) -> bool:
    if isinstance(value, bool) and kind in ("integer", "number"):
        return False
    return isinstance(value, _TYPES[kind])


def _of_text(value: str, schema: Mapping[str, Any], name: str) -> Iterator[str]:
    if len(value) > schema.get("maxLength", len(value)):
        yield f"{name}: expected {schema['maxLength']} characters at most"
    elif len(value) < schema.get("minLength", 0):
        yield f"{name}: expected {schema['minLength']} characters or more"
    elif "pattern" in schema and not re.search(schema["pattern"], value):
        yield f"{name}: expected a match of {schema['pattern']}"


def _of_object(
    value: Mapping[str, Any], schema: Mapping[str, Any], place: str
) -> Iterator[str]:
    known = schema.get("properties", {})
    prefix = f"{place}." if place else ""
    for name in schema.get("required", ()):
        if name not in value:
            yield f"{prefix}{name}: required and not given"
    for name, one in value.items():
        if name in known:
            yield from faults(one, known[name], f"{prefix}{name}")
        elif schema.get("additionalProperties", True) is False:
            words = ", ".join(known) or "nothing"
            yield f"{prefix}{str(name)[:64]}: not known here; expected {words}"
