"""From a request line to a route, its path's names and its query's values."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl, unquote_to_bytes

from .base import Param, Problem, Route
from .schema import parse_scalar

__all__ = ["Router", "parse_query", "split_target"]

_MAX_QUERY_FIELDS = 32
#: %-escapes are two hexadecimal digits; Python lets others stand.
_BAD_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")


class Router:
    """Finds the route of a path. A literal segment goes before a named one.

    Args:
        routes: every route; two for the same method and path are a ValueError.
    """

    def __init__(self, routes: Iterable[Route]) -> None:
        self._paths: dict[int, list[tuple[tuple[str, ...], dict[str, Route]]]] = {}
        by_path: dict[tuple[str, ...], dict[str, Route]] = {}
        for route in routes:
            methods = by_path.setdefault(tuple(route.path.split("/")[1:]), {})
            if route.method in methods:
                raise ValueError(f"two routes for {route.method} {route.path}")
            methods[route.method] = route
        for segments in sorted(by_path, key=_by_literals):
            self._paths.setdefault(len(segments), []).append(
                (segments, by_path[segments])
            )

    def find(
        self, segments: Sequence[str]
    ) -> tuple[Mapping[str, Route], dict[str, str]] | None:
        """(method -> route, names in the path) of a path, or None."""
        for pattern, methods in self._paths.get(len(segments), ()):
            found = _match(pattern, segments)
            if found is not None:
                return methods, found
        return None


def split_target(target: bytes) -> tuple[list[str], str]:
    """The segments of a request target's path, decoded, and its query as text.

    A name in a path is an id: a slash, a dot segment or a control character within one
    names nothing.

    Raises:
        Problem: 400, for what is no path of ours in form.
    """
    path, _, query = target.partition(b"?")
    if not path.startswith(b"/") or b"#" in target or b"\\" in path:
        raise Problem(400, "This is no path", "Expected a path that begins with /.")
    if _BAD_ESCAPE.search(target):
        raise Problem(400, "A % in the path or query has no two hex digits behind it")
    try:
        segments = [
            unquote_to_bytes(each).decode("utf-8") for each in path[1:].split(b"/")
        ]
        text = query.decode("ascii")
    except UnicodeDecodeError:
        raise Problem(400, "The path is not UTF-8, escaped with %") from None
    for segment in segments:
        dotted = segment in (".", "..")
        if dotted or "/" in segment or "\\" in segment or not segment.isprintable():
            raise Problem(400, "A name in the path holds what no name may hold")
    return segments, text


def parse_query(text: str, params: Sequence[Param]) -> dict[str, Any]:
    """The values of a query, each held to its schema; defaults where there are any.

    Raises:
        Problem: 400, with every fault in `errors`.
    """
    known = {param.name: param for param in params if param.where == "query"}
    values: dict[str, Any] = {}
    errors: list[str] = []
    try:
        pairs = parse_qsl(
            text,
            keep_blank_values=True,
            errors="strict",
            max_num_fields=_MAX_QUERY_FIELDS,
        )
    except (ValueError, UnicodeDecodeError):
        raise Problem(400, "The query cannot be read") from None
    for name, value in pairs:
        param = known.get(name)
        if param is None:
            words = ", ".join(known) or "none"
            errors.append(f"{name[:64]}: not known here; known are: {words}")
        elif name in values:
            errors.append(f"{name}: given twice")
        else:
            try:
                values[name] = parse_scalar(value, param.schema)
            except ValueError as error:
                errors.append(f"{name}: {error}")
    for name, param in known.items():
        if param.required and name not in values:
            errors.append(f"{name}: required and not given")
        elif "default" in param.schema:
            values.setdefault(name, param.schema["default"])
    if errors:
        raise Problem(
            400, "The query is not as expected", "; ".join(errors), errors=errors
        )
    return values


def _by_literals(segments: tuple[str, ...]) -> tuple[bool, ...]:
    return tuple(segment.startswith("{") for segment in segments)


def _match(pattern: Sequence[str], segments: Sequence[str]) -> dict[str, str] | None:
    found = {}
    for expected, segment in zip(pattern, segments, strict=True):
        if expected.startswith("{"):
            if not segment:
                return None
            found[expected[1:-1]] = segment
        elif expected != segment:
            return None
    return found
