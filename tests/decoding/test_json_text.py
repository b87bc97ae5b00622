"""JSON as it is shown."""

from __future__ import annotations

from iobuffer.decoding import decode
from tests.decoding.test_any_message import fields_of

DOCUMENT = b'{"a":[1.10,{"b":null}],"a":"x, \\u00e9","t":true,"e":{},"l":[]}'


def test_it_is_laid_out_without_a_change() -> None:
    assert (
        decode(DOCUMENT).pretty
        == """\
{
  "a": [
    1.10,
    {
      "b": null
    }
  ],
  "a": "x, \\u00e9",
  "t": true,
  "e": {},
  "l": []
}"""
    )


def test_the_tree_keeps_numbers_and_equal_names() -> None:
    fields = fields_of(decode(DOCUMENT))
    assert [(each.name, each.value) for each in fields] == [
        ("a", "2 elements"),
        ("[0]", "1.10"),
        ("[1]", "1 member"),
        ("b", "null"),
        ("a", "x, é"),
        ("t", "true"),
        ("e", "0 members"),
        ("l", "0 elements"),
    ]


def test_what_is_no_json_to_the_end_is_text() -> None:
    assert decode(DOCUMENT[:-1]).kind == "text"
    assert decode(b"[NaN, 1e400, " + b"9" * 5000 + b"]").kind == "json"
