"""export, alarms, log, show --decoded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from iobuffer.cli import main
from iobuffer.errors import ExitStatus

from .gateways import gateway

DECODED: dict[str, Any] = {
    "kind": "hl7",
    "summary": "ORU^R01 4711",
    "segments": [
        {
            "name": "PID",
            "title": "Patient identification",
            "at": 90,
            "fields": [
                {"name": "PID-1", "title": "Set ID", "value": "1"},
                {"name": "PID-2", "title": "Patient ID", "value": ""},
                {
                    "name": "PID-5",
                    "title": "Patient name",
                    "value": "Doe^Jane",
                    "fields": [
                        {"name": "PID-5.1", "title": "Family name", "value": "Doe"},
                        {"name": "PID-5.2", "value": "Jane\x1b"},
                    ],
                },
            ],
        },
        {"name": "ZZZ", "at": 140, "fields": []},
    ],
    "note": "the message ends in the middle of a segment",
}


def _run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, list(map(str, arguments)))


def test_a_decoded_message_names_what_holds_something(tmp_path: Path) -> None:
    with gateway(tmp_path, DECODED) as asked:
        result = _run("show", tmp_path, "chem-1", "42", "--decoded")

    assert asked.targets == ["GET /api/channels/chem-1/messages/42/decoded"]
    assert result.output == (
        "hl7: ORU^R01 4711\n"
        "PID  Patient identification\n"
        "  PID-1  Set ID  1\n"
        "  PID-5  Patient name\n"
        "    PID-5.1  Family name  Doe\n"
        "    PID-5.2  Jane\\x1b\n"
        "ZZZ\n"
        "the message ends in the middle of a segment\n"
    )


def test_an_export_goes_as_it_comes(tmp_path: Path) -> None:
    content = b'{"seq": 1}\n' * 50_000
    with gateway(tmp_path, content) as asked:
        result = _run("export", tmp_path, "chem-1", "--form=csv", "--contains=PID")

    assert asked.targets == ["GET /api/channels/chem-1/export?form=csv&contains=PID"]
    assert result.stdout_bytes == content


def test_an_export_to_a_file_is_for_its_owner_and_overwrites_nothing(
    tmp_path: Path,
) -> None:
    output = tmp_path / "night.jsonl"
    with gateway(tmp_path, b"one\n"):
        good = _run("export", tmp_path, "chem-1", "--output", output)
        again = _run("export", tmp_path, "chem-1", "--output", output)

    assert (good.exit_code, good.output) == (0, "")
    assert output.read_bytes() == b"one\n"
    assert output.stat().st_mode & 0o777 == 0o600
    assert again.exit_code == ExitStatus.UNAVAILABLE
    assert "is there already, and is not overwritten" in again.stderr


def test_an_export_that_is_refused_leaves_no_file(tmp_path: Path) -> None:
    output = tmp_path / "night.jsonl"
    with gateway(tmp_path, {"title": "A viewer may not do this"}, 403):
        result = _run("export", tmp_path, "chem-1", "--output", output)

    assert result.exit_code == 1
    assert not output.exists()


def test_an_alarm_says_where_since_when_and_what(tmp_path: Path) -> None:
    alarm = {
        "alarm": "link_down",
        "channel": "chem-1",
        "part": "lis",
        "text": "down for 5 min: connection refused",
        "raised_at": 1_000_000.0,
    }
    with gateway(tmp_path, [alarm, {**alarm, "channel": "", "part": ""}]):
        result = _run("alarms", tmp_path)

    first, second = result.output.splitlines()
    assert "  chem-1/lis  link_down for " in first
    assert first.endswith(": down for 5 min: connection refused")
    assert "  gateway  link_down for " in second


def test_without_an_alarm_it_says_so(tmp_path: Path) -> None:
    with gateway(tmp_path, []):
        text, spoken = _run("alarms", tmp_path), _run("alarms", tmp_path, "--json")

    assert text.output == "no alarm is on\n"
    assert spoken.output == '{\n  "alarms": []\n}\n'


def test_the_log_of_a_channel_has_the_newest_last(tmp_path: Path) -> None:
    log = [
        {"at": 1_000_001.0, "level": "warn", "part": "lis", "text": "waiting: later"},
        {"at": 1_000_000.0, "level": "info", "part": "", "text": "opened\n"},
    ]
    with gateway(tmp_path, {"log": log}) as asked:
        result = _run("log", tmp_path, "chem-1", "--limit=2")

    assert asked.targets == ["GET /api/channels/chem-1/log?limit=2"]
    first, second = result.output.splitlines()
    assert first.endswith(r"  info   opened\n")
    assert second.endswith("  warn   lis: waiting: later")


def test_an_empty_log_says_why(tmp_path: Path) -> None:
    with gateway(tmp_path, {"log": []}):
        result = _run("log", tmp_path, "chem-1")

    assert result.output == "nothing has happened since the gateway was started\n"
