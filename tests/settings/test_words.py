from __future__ import annotations

from typing import Any

import pytest

from iobuffer.settings.words import nearest, plain, quoted, unknown


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("bauds", "baud_rate"),
        ("Port", "port"),
        ("prot", "port"),
        ("cert", "tls.cert"),
        ("tls.crt", "tls.cert"),
        ("zzzzzz", None),
    ],
)
def test_the_nearest_name_is_the_one_that_was_probably_meant(
    name: str, near: str | None
) -> None:
    assert nearest(name, ["host", "port", "baud_rate", "tls", "tls.cert"]) == near


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("99999", "'99999'"),
        (99999, "99999"),
        (True, "true"),
        (None, "null"),
        ({"a": 1}, "an object"),
        ([1], "a list"),
        ("x" * 200, "'" + "x" * 76 + "..."),
        ("a\nb", r"'a\nb'"),
        ("\ud800", r"'\ud800'"),
        ("http://me:hunter2@host:80/", "'http://me:***@host:80/'"),
    ],
)
def test_a_value_is_quoted_on_one_short_line(value: Any, words: str) -> None:
    assert quoted(value) == words


def test_a_name_that_cannot_be_printed_is_escaped() -> None:
    assert plain("port") == "port"
    assert plain("") == "''"
    assert plain("a\x1b[2J") == r"'a\x1b[2J'"


def test_without_a_near_name_the_known_ones_are_listed() -> None:
    assert unknown("option", "zz", ["host", "port", "tls.cert"], "source.") == (
        "unknown option; known are source.host, source.port"
    )
    assert unknown("option", "prot", ["host", "port"], "source.") == (
        "unknown option; did you mean source.port?"
    )
