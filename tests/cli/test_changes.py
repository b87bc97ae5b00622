"""`iobuffer plan`: what would change."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from iobuffer.cli import main
from iobuffer.errors import ExitStatus

from .gateways import gateway

PLAN = {
    "changes": [
        {
            "channel": "chem-1",
            "change": "changed",
            "effects": ["the source is closed; 2 peers are disconnected"],
        }
    ],
    "warnings": ["chem-1: tls.cert is not there"],
}


def _plan(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, ["plan", *map(str, arguments)])


def test_a_plan_tells_every_effect(tmp_path: Path) -> None:
    with gateway(tmp_path, PLAN) as asked:
        result = _plan(tmp_path)

    assert asked.targets == ["POST /api/plan"]
    assert asked.bodies == [{}]
    assert result.output == (
        "chem-1: changed\n"
        "  the source is closed; 2 peers are disconnected\n"
        "chem-1: tls.cert is not there\n"
    )
    assert result.exit_code == 0


def test_its_status_tells_a_script_whether_something_would_change(
    tmp_path: Path,
) -> None:
    with gateway(tmp_path, PLAN):
        some = _plan(tmp_path, "--detailed-exitcode", "--json")
    (tmp_path / "api.sock").unlink()
    with gateway(tmp_path, {"changes": []}):
        none = _plan(tmp_path, "--detailed-exitcode")

    assert some.exit_code == 2
    assert json.loads(some.output) == PLAN
    assert (none.exit_code, none.output) == (0, "nothing would change\n")


def test_a_channel_is_read_from_its_file_or_taken_away(tmp_path: Path) -> None:
    channel = tmp_path / "chem-1.json"
    channel.write_text('{"id": "chem-1", "source": {"type": "udp", "port": 1}}')

    with gateway(tmp_path, PLAN) as asked:
        _plan(tmp_path, channel)
        _plan(tmp_path, "--remove=chem-1")

    source = {"type": "udp", "port": 1}
    assert asked.bodies == [
        {"channel": {"id": "chem-1", "source": source}},
        {"remove": "chem-1"},
    ]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (None, "x.json: cannot be read: No such file"),
        ("{", "x.json:1: not JSON"),
        ("[]", "x.json: expected an object"),
    ],
)
def test_a_file_that_is_no_channel_is_not_sent(
    tmp_path: Path, text: str | None, why: str
) -> None:
    if text is not None:
        (tmp_path / "x.json").write_text(text)

    with gateway(tmp_path, PLAN) as asked:
        result = _plan(tmp_path, tmp_path / "x.json")

    assert asked.targets == []
    assert result.exit_code == ExitStatus.CONFIG
    assert why in result.stderr


def test_a_file_or_a_removal_not_both(tmp_path: Path) -> None:
    result = _plan(tmp_path, "x.json", "--remove=chem-1")

    assert result.exit_code == ExitStatus.USAGE
