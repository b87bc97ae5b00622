"""`iobuffer replay`: how many, whether, and what came of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from iobuffer.cli import main
from iobuffer.errors import ExitStatus

from .gateways import gateway


class _Channel:
    """Keeps messages 1 to `last_seq`; `refused` is where a replay ends."""

    def __init__(self, last_seq: int = 250, refused: int = 0) -> None:
        self.last_seq = last_seq
        self.refused = refused
        self.sent: list[int] = []

    def __call__(self, target: str, bodies: list[Any]) -> Any:
        if target.startswith("GET "):
            found = [7, 9, 240] if "contains=PID" in target else []
            return {
                "messages": [{"seq": seq} for seq in found],
                "next": None,
                "first_seq": 1,
                "last_seq": self.last_seq,
            }
        body = bodies[0]
        assert body["destination"] == "lis"
        seqs = body.get("seqs")
        if seqs is None:
            seqs = range(body["first_seq"], body["last_seq"] + 1)
        if body["dry_run"]:
            return {"dry_run": True, "messages": len(seqs)}
        if self.refused in seqs:
            taken = [seq for seq in seqs if seq < self.refused]
            self.sent += taken
            stopped = f"message {self.refused} was refused: AR"
            return {"replayed": len(taken), "missing": 0, "stopped": stopped}
        self.sent += seqs
        return {"replayed": len(seqs), "missing": 0, "stopped": ""}


def _replay(*arguments: str | Path, said: str | None = None) -> Result:
    return CliRunner().invoke(main, ["replay", *map(str, arguments)], input=said)


def test_it_says_how_many_and_asks_before_any_is_sent(tmp_path: Path) -> None:
    channel = _Channel()
    with gateway(tmp_path, channel):
        no = _replay(tmp_path, "chem-1", "lis", "1-", said="n\n")
        nobody = _replay(tmp_path, "chem-1", "lis", "1-", said="")
        assert channel.sent == []
        yes = _replay(tmp_path, "chem-1", "lis", "1-", said="y\n")

    assert "250 messages of chem-1: send once more to lis? [y/N]" in no.stderr
    assert "nothing was done; with --yes it is not asked" in nobody.stderr
    assert no.exit_code == nobody.exit_code == 1
    assert channel.sent == list(range(1, 251))
    assert yes.stdout == "replayed 250 of 250 messages of chem-1 to lis\n"
    assert yes.exit_code == 0


def test_numbers_are_sent_in_order_and_once(tmp_path: Path) -> None:
    channel = _Channel()
    with gateway(tmp_path, channel):
        result = _replay(tmp_path, "chem-1", "lis", "20", "3-5", "4-6", "--yes")

    assert result.exit_code == 0, result.output
    assert channel.sent == [3, 4, 5, 6, 20]


def test_a_search_says_which(tmp_path: Path) -> None:
    channel = _Channel()
    with gateway(tmp_path, channel) as asked:
        result = _replay(
            tmp_path, "chem-1", "lis", "--contains=PID", "--state=parked", "--yes"
        )

    assert result.stdout == "replayed 3 of 3 messages of chem-1 to lis\n"
    assert channel.sent == [7, 9, 240]
    assert asked.targets[1].endswith("&contains=PID&state=parked&destination=lis")


def test_a_dry_run_sends_nothing_and_asks_nothing(tmp_path: Path) -> None:
    channel = _Channel()
    with gateway(tmp_path, channel) as asked:
        by_number = _replay(tmp_path, "chem-1", "lis", "1-10", "--dry-run")
        by_search = _replay(tmp_path, "chem-1", "lis", "--contains=PID", "--dry-run")

    assert by_number.output == "10 messages of chem-1\n"
    assert by_search.output == "3 messages of chem-1\n"
    assert {body["dry_run"] for body in asked.bodies} == {True}


def test_where_it_ended_is_told_and_is_no_success(tmp_path: Path) -> None:
    channel = _Channel(refused=120)
    with gateway(tmp_path, channel):
        text = _replay(tmp_path, "chem-1", "lis", "1-", "--yes")
        spoken = _replay(tmp_path, "chem-1", "lis", "1-", "--yes", "--json")

    assert text.stdout == "replayed 119 of 250 messages of chem-1 to lis\n"
    assert "it ended: message 120 was refused: AR" in text.stderr
    assert text.exit_code == spoken.exit_code == 1
    assert json.loads(spoken.stdout) == {
        "channel": "chem-1",
        "destination": "lis",
        "messages": 250,
        "dry_run": False,
        "replayed": 119,
        "missing": 0,
        "stopped": "message 120 was refused: AR",
    }


def test_where_there_is_none_nothing_is_asked(tmp_path: Path) -> None:
    with gateway(tmp_path, _Channel(last_seq=0)):
        result = _replay(tmp_path, "chem-1", "lis", "1-")

    assert result.output == "0 messages of chem-1\n"
    assert result.exit_code == 0


def test_all_of_a_channel_is_never_meant_by_saying_nothing(tmp_path: Path) -> None:
    result = _replay(tmp_path, "chem-1", "lis", "--yes")

    assert result.exit_code == ExitStatus.USAGE
    assert "say which: numbers, --since" in result.stderr


@pytest.mark.parametrize("arguments", [["1-"], ["--contains=PID"]])
def test_what_the_gateway_refuses_is_told(tmp_path: Path, arguments: list[str]) -> None:
    problem = {"title": "lis is stopped", "detail": "Start it first.", "status": 409}
    with gateway(tmp_path, problem, 409):
        result = _replay(tmp_path, "chem-1", "lis", *arguments)

    assert result.stderr == "iobuffer: lis is stopped. Start it first.\n"
    assert result.exit_code == 1
