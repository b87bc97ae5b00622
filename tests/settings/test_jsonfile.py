from __future__ import annotations

import pytest

from iobuffer.settings.jsonfile import parse
from iobuffer.settings.raw import Report


def _problems(text: str) -> list[str]:
    report = Report("channels/x.json")
    parse(text, report)
    return [str(problem) for problem in report.problems]


def test_an_object_is_returned_as_it_stands() -> None:
    report = Report("channels/x.json")

    assert parse('{"id": "x", "source": {"port": 5}}', report) == {
        "id": "x",
        "source": {"port": 5},
    }
    assert report.problems == []


def test_a_syntax_fault_has_line_and_column() -> None:
    [problem] = _problems('{\n  "id": "x",\n}')

    assert problem.startswith("channels/x.json:")
    assert "not JSON: " in problem
    assert "(column " in problem


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[1]", "expected an object in { }"),
        ('{"a": NaN}', "not JSON: NaN is not JSON"),
        ('{"a": ' + "9" * 5000 + "}", "not JSON: Exceeds the limit"),
        ("[" * 100_000, "nested too deeply"),
    ],
)
def test_what_is_no_object_is_one_problem(text: str, words: str) -> None:
    [problem] = _problems(text)

    assert words in problem


def test_a_key_that_stands_twice_is_an_error() -> None:
    assert _problems('{"source": {"port": 1, "port": 2}}') == [
        "channels/x.json:1: source.port: given twice in one object"
    ]


@pytest.mark.parametrize("count", [33, 400, 900, 100_000])
def test_what_is_nested_without_end_is_refused(count: int) -> None:
    for begin, end in (('{"x":', "}"), ('{"x":[', "]}")):
        report = Report("x.json")
        assert parse(begin * count + "0" + end * count, report) is None
        assert "nested" in report.problems[0].message
