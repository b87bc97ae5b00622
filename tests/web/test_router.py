"""From a request line to a route."""

from __future__ import annotations

import pytest

from iobuffer.web.base import Param, Problem, Route
from iobuffer.web.router import Router, parse_query, split_target


def route(path: str, method: str = "GET") -> Route:
    return Route(method=method, path=path, roles=None, call=lambda call: 0, summary="")


def number(name: str, **more: object) -> Param:
    schema = {"type": "integer", "minimum": 0, "maximum": 10, **more}
    return Param(name=name, where="query", schema=schema, help="")


def test_a_literal_goes_before_a_name() -> None:
    router = Router([route("/a/{x}"), route("/a/b"), route("/{y}/c")])
    assert router.find(["a", "b"]) is not None
    found = {}
    for path in (["a", "b"], ["a", "z"], ["q", "c"]):
        methods, names = router.find(path) or ({}, {})
        found[tuple(path)] = (methods["GET"].path, names)
    assert found == {
        ("a", "b"): ("/a/b", {}),
        ("a", "z"): ("/a/{x}", {"x": "z"}),
        ("q", "c"): ("/{y}/c", {"y": "q"}),
    }
    assert router.find(["a"]) is None
    assert router.find(["a", ""]) is None


def test_two_routes_for_one_place_are_refused() -> None:
    with pytest.raises(ValueError, match="two routes for GET /a"):
        Router([route("/a"), route("/a")])


def test_a_path_is_decoded_by_segment() -> None:
    assert split_target(b"/a/b%20c?x=1") == (["a", "b c"], "x=1")
    assert split_target(b"/") == ([""], "")
    for bad in (b"a", b"/a/../b", b"/%2e", b"/a%2fb", b"/%0a", b"/\xff", b"/a#b"):
        with pytest.raises(Problem):
            split_target(bad)


def test_a_query_is_held_to_its_schema_with_every_fault_told() -> None:
    params = (number("a"), number("b", default=7), number("c"))
    assert parse_query("a=3", params) == {"a": 3, "b": 7}
    with pytest.raises(Problem) as told:
        parse_query("a=x&c=11&d=1", params)
    assert told.value.extra["errors"] == [
        "a: expected a whole number",
        "c: expected 10 or less",
        "d: not known here; known are: a, b, c",
    ]
    with pytest.raises(Problem, match="given twice"):
        parse_query("a=1&a=2", params)


def test_what_is_required_must_be_given() -> None:
    needed = Param(
        name="x", where="query", schema={"type": "string"}, help="", required=True
    )
    with pytest.raises(Problem, match="x: required and not given"):
        parse_query("", (needed,))


def test_a_flood_of_fields_is_refused() -> None:
    with pytest.raises(Problem, match="cannot be read"):
        parse_query("&".join("a=1" for _ in range(1000)), (number("a"),))
