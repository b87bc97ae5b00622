"""Which messages a command means."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from iobuffer.cli import main
from iobuffer.cli._api import Api
from iobuffer.cli._selecting import NUMBERS, Selection, find, merged
from iobuffer.errors import ExitStatus

from .gateways import gateway

NOTHING = {"messages": [], "next": None}


def _messages(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, ["messages", *map(str, arguments)])


def test_every_bound_is_asked_of_the_gateway(tmp_path: Path) -> None:
    with gateway(tmp_path, NOTHING) as asked:
        result = _messages(
            tmp_path,
            "chem-1",
            "--since=@100",
            "--until=@200.5",
            "--contains-hex=0d0a",
            "--peer=10.0.0.7",
            "--state=parked",
            "--destination=lis",
        )

    assert result.output == "no message was found\n"
    assert asked.targets == [
        "GET /api/channels/chem-1/messages?limit=20&since=100.0&until=200.5"
        "&contains_hex=0d0a&peer=10.0.0.7&state=parked&destination=lis"
    ]


def test_a_time_that_is_none_is_shown_what_one_looks_like(tmp_path: Path) -> None:
    result = _messages(tmp_path, "chem-1", "--since=yesterday evening")

    assert result.exit_code == ExitStatus.USAGE
    assert "'yesterday evening': expected a time such as 02:41" in result.stderr


@pytest.mark.parametrize("option", ["--state=parked", "--destination=lis"])
def test_a_state_is_that_at_a_destination(tmp_path: Path, option: str) -> None:
    result = _messages(tmp_path, "chem-1", option)

    assert result.exit_code == ExitStatus.USAGE
    assert "--state and --destination go together" in result.stderr


@pytest.mark.parametrize(
    ("text", "expected"),
    [("17", (17, 17)), ("17-20", (17, 20)), ("17-", (17, None)), ("5-5", (5, 5))],
)
def test_numbers_are_one_a_range_or_all_from_there_on(
    text: str, expected: tuple[int, int | None]
) -> None:
    assert NUMBERS.convert(text, None, None) == expected


@pytest.mark.parametrize("text", ["", "0", "x", "-5", "20-17", "1-2-3", "9" * 19])
def test_what_are_no_numbers_is_refused(tmp_path: Path, text: str) -> None:
    arguments = ["replay", str(tmp_path), "chem-1", "lis", "--", text]
    result = CliRunner().invoke(main, arguments)

    assert result.exit_code == ExitStatus.USAGE
    assert "expected the number of a message, such as 17" in result.stderr


def test_numbers_are_put_in_order_without_overlap_and_within_what_is_kept() -> None:
    given = [(90, None), (1, 3), (12, 14), (13, 20), (21, 21)]

    assert merged(given, 3, 100) == [(3, 3), (12, 21), (90, 100)]
    assert merged([], 3, 100) == [(3, 100)]
    assert merged([(101, None), (1, 2)], 3, 100) == []
    assert merged([], 1, 0) == []


def test_a_search_goes_on_until_its_last_message(tmp_path: Path) -> None:
    def answer(target: str, bodies: list[object]) -> object:
        if "after=4&" in target:
            return {"messages": [{"seq": 5}, {"seq": 7}], "next": {"after": 7}}
        if "after=7&" in target:
            return {"messages": [], "next": {"after": 9}}
        return {"messages": [{"seq": 10}, {"seq": 12}], "next": {"after": 12}}

    with gateway(tmp_path, answer) as asked:
        found = list(find(Api(str(tmp_path)), "c", Selection(contains="x"), [(5, 10)]))

    assert found == [5, 7, 10]
    assert [target.partition("?")[2] for target in asked.targets] == [
        "limit=1000&after=4&contains=x",
        "limit=1000&after=7&contains=x",
        "limit=1000&after=9&contains=x",
    ]
