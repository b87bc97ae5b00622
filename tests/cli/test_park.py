"""`iobuffer park`: what was refused, and what becomes of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from click.testing import CliRunner, Result

from iobuffer.cli import main
from iobuffer.errors import ExitStatus

from .gateways import gateway


def _parked(destination: str, seq: int) -> dict[str, Any]:
    return {
        "destination": destination,
        "seq": seq,
        "peer": "10.0.0.7:4711",
        "received_at": 1_000_000.0,
        "parked_at": 1_000_060.0,
        "reason": "AE: unknown\npatient",
        "attempts": 3,
        "size_bytes": 9,
        "text": "MSH|\rPID|",
        "truncated": False,
    }


class _Channel:
    """`lis` has refused 1200 messages, `file` one."""

    def __init__(self) -> None:
        self.parked = {"lis": list(range(1, 1201)), "file": [5]}

    def __call__(self, target: str, bodies: list[Any]) -> Any:
        path, _, query = target.partition("?")
        if path == "GET /api/channels/chem-1":
            parts: dict[str, Any] = {"source": {"kind": "source"}}
            return {
                "parts": parts | {name: {"kind": "destination"} for name in self.parked}
            }
        if path == "GET /api/channels/chem-1/parked":
            asked = {name: values[0] for name, values in parse_qs(query).items()}
            name, after = asked["destination"], int(asked["after"])
            found = [seq for seq in self.parked[name] if seq > after]
            return {"parked": [_parked(name, s) for s in found[: int(asked["limit"])]]}
        body = bodies[0]
        if path.endswith("/drop"):
            return {"dropped": len(body["seqs"])}
        assert path.endswith("/parked/retry")
        refused = [{"seq": 7, "reason": "AE: still"}] if 7 in body["seqs"] else []
        return {
            "delivered": len(body["seqs"]) - len(refused),
            "refused": refused,
            "missing": 0,
            "stopped": "the line is lost" if 1100 in body["seqs"] else "",
        }


def _park(*arguments: str | Path, said: str | None = None) -> Result:
    return CliRunner().invoke(main, ["park", *map(str, arguments)], input=said)


def test_the_list_has_every_destination_s_and_all_of_them(tmp_path: Path) -> None:
    with gateway(tmp_path, _Channel()):
        result = _park("list", tmp_path, "chem-1")
        spoken = _park("list", tmp_path, "chem-1", "file", "--json")

    lines = result.output.splitlines()
    assert len(lines) == 1201
    assert lines[0].startswith("lis  1  ")
    assert lines[-1].startswith("file  5  ")
    assert lines[-1].endswith(r"  9 bytes  AE: unknown\npatient")
    assert [each["seq"] for each in json.loads(spoken.output)["parked"]] == [5]


def test_one_is_shown_with_why_it_was_refused(tmp_path: Path) -> None:
    with gateway(tmp_path, _Channel()):
        result = _park("show", tmp_path, "chem-1", "lis", "7")
        nothing = _park("show", tmp_path, "chem-1", "file", "7")

    head, why, blank, *text = result.output.splitlines()
    assert head.startswith("message 7 of chem-1, 9 bytes, received ")
    assert why.endswith(r" after 3 attempts: AE: unknown\npatient")
    assert (blank, text) == ("", ["MSH|", "PID|"])
    assert nothing.exit_code == 1
    assert "message 7 is not parked at file; `iobuffer park list`" in nothing.stderr


def test_a_retry_takes_numbers_and_tells_of_each_refusal(tmp_path: Path) -> None:
    with gateway(tmp_path, _Channel()) as asked:
        result = _park("retry", tmp_path, "chem-1", "lis", "5-8", "11")

    assert asked.bodies == [{"destination": "lis", "seqs": [5, 6, 7, 8, 11]}]
    assert result.stdout == "delivered 4, refused again 1\n"
    assert result.stderr == "message 7: AE: still\n"
    assert result.exit_code == 1


def test_a_retry_of_all_goes_in_parts_and_ends_with_the_connection(
    tmp_path: Path,
) -> None:
    with gateway(tmp_path, _Channel()) as asked:
        result = _park("retry", tmp_path, "chem-1", "lis", "--all", "--json")
        good = _park("retry", tmp_path, "chem-1", "file", "--all")

    found = json.loads(result.stdout)
    assert found["stopped"] == "the line is lost"
    assert found["delivered"] == 1099
    assert result.exit_code == 1
    assert len(asked.bodies) == 11 + 1
    assert (good.output, good.exit_code) == ("delivered 1, refused again 0\n", 0)


def test_a_drop_asks_and_says_why(tmp_path: Path) -> None:
    with gateway(tmp_path, _Channel()) as asked:
        no = _park("drop", tmp_path, "chem-1", "lis", "--all", "--reason=x", said="n\n")
        assert asked.bodies == []
        yes = _park(
            "drop", tmp_path, "chem-1", "lis", "--all", "--reason=test data", "--yes"
        )

    assert "1200 parked messages: drop for good? [y/N]" in no.stderr
    assert no.exit_code == 1
    assert yes.output == "dropped 1200\n"
    assert [len(body["seqs"]) for body in asked.bodies] == [1000, 200]
    assert {body["reason"] for body in asked.bodies} == {"test data"}


def test_a_drop_without_a_reason_is_none(tmp_path: Path) -> None:
    result = _park("drop", tmp_path, "chem-1", "lis", "7", "--yes")

    assert result.exit_code == ExitStatus.USAGE
    assert "--reason" in result.stderr


def test_which_ones_must_be_said(tmp_path: Path) -> None:
    with gateway(tmp_path, _Channel()):
        neither = _park("retry", tmp_path, "chem-1", "lis")
        both = _park("retry", tmp_path, "chem-1", "lis", "1", "--all")
        none = _park("retry", tmp_path, "chem-1", "file", "6-9")

    assert neither.exit_code == both.exit_code == ExitStatus.USAGE
    assert "say which: numbers, or --all" in neither.stderr
    assert none.exit_code == 1
    assert "none of these is parked at file" in none.stderr
