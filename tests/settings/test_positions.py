"""Where a name stands in a JSON text."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from iobuffer.settings.jsonfile import parse
from iobuffer.settings.positions import Positions
from iobuffer.settings.raw import Report

TEXT = """{
  "id": "chem-1",
  "source": {
    "type": "tcp_server", "port": 5000,
    "tls": {"enabled": true,
            "cert": "a:{b}\\n"}
  },
  "destinations": {
    "lis": {"framing": "mllp"}
  }, "keep":
  "7d"
}
"""


def test_a_name_stands_where_it_is_written() -> None:
    positions = Positions(TEXT)

    assert positions.line("id") == 2
    assert positions.line("source") == 3
    assert positions.line("source.port") == 4
    assert positions.line("source.tls.cert") == 6
    assert positions.line("destinations.lis.framing") == 9
    assert positions.line("keep") == 10


def test_what_is_not_there_is_told_at_what_is_around_it() -> None:
    positions = Positions(TEXT)

    assert positions.line("source.tls.key") == 5
    assert positions.line("destinations.lis.ack.when") == 9
    assert positions.line("kep") == 0


def test_a_second_time_has_the_second_line() -> None:
    text = '{"a": [{"b": 1}, {"b": 2}],\n"c": {"d": 1,\n"d": 2}}'

    assert Positions(text).twice == [("c.d", 3)]


def test_every_problem_of_a_json_file_has_its_line() -> None:
    report = Report("x.json")
    parse(TEXT, report)
    report.error("expected a port", "source.port")
    report.warning("is not there", "source.tls.cert")
    report.error("no such thing")

    assert [str(problem) for problem in report.problems] == [
        "x.json:4: source.port: expected a port",
        "x.json:6: warning: source.tls.cert: is not there",
        "x.json: no such thing",
    ]


_NAMES = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)


_VALUES = st.text(max_size=6) | st.lists(st.integers() | st.text(max_size=6))


# On a busy machine even drawing an object is slow; that is no fault of ours.
@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(_NAMES, _VALUES | st.dictionaries(_NAMES, _VALUES)))
def test_any_object_is_found_its_way_through(found: dict[str, Any]) -> None:
    text = json.dumps(found, indent=1)
    rows = text.split("\n")
    positions = Positions(text)

    assert positions.twice == []
    for name in found:
        if name and "." not in name and name.isprintable():
            row = rows[positions.line(name) - 1]
            assert row.startswith(f" {json.dumps(name)}:")
