from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from iobuffer import tap
from iobuffer.cli import main
from iobuffer.errors import ExitStatus

GOOD = "[channel:x]\nenabled = no\n"
BAD = "[gateway]\nstat = /s\n[source:x]\ntype = tpc_server\n"


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return Path("iobuffer.ini")


def _ended(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        tap.Options().parseOptions(arguments)
    assert isinstance(ended.value.code, int)
    return ended.value.code


@pytest.mark.parametrize(
    ("text", "status"), [(GOOD, ExitStatus.OK), (BAD, ExitStatus.CONFIG)]
)
def test_check_says_what_the_command_says(
    config: Path, text: str, status: int, capsys: pytest.CaptureFixture[str]
) -> None:
    config.write_text(text)

    assert _ended("--check", "--config", str(config)) == status
    said = capsys.readouterr().out

    command = CliRunner().invoke(main, ["check", str(config)])
    assert (command.exit_code, command.output) == (status, said)
    assert said


def test_a_start_with_a_bad_file_names_every_error(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config.write_text(BAD)

    assert _ended("--config", str(config)) == ExitStatus.CONFIG
    lines = capsys.readouterr().err.splitlines()

    assert f"{config.resolve()}:2: [gateway] stat: unknown option" in lines[0]
    assert f"{config.resolve()}:4: [source:x] type: expected one of" in lines[1]


def test_the_path_is_made_whole_for_a_reload_after_a_change_of_directory(
    config: Path,
) -> None:
    config.write_text(GOOD)
    options = tap.Options()

    options.parseOptions(["--config", str(config)])

    assert options["config"] == str(config.resolve())
    assert [*options.settings.channels] == ["x"]


@pytest.mark.parametrize(
    ("twistd", "path"),
    [
        ({}, None),
        ({"nodaemon": True, "logfile": None, "rundir": "."}, None),
        ({"nodaemon": False, "logfile": "-", "rundir": "/r"}, None),
        ({"nodaemon": False, "logfile": None, "rundir": "/r"}, "/r/twistd.log"),
        ({"nodaemon": False, "logfile": "own.log", "rundir": "/r"}, "/r/own.log"),
        (
            {"nodaemon": True, "logfile": "/var/log/i.log", "rundir": "/r"},
            "/var/log/i.log",
        ),
    ],
)
def test_the_log_goes_where_twistd_would_write_it(
    twistd: dict[str, Any], path: str | None
) -> None:
    """As a daemon it has no standard output: there must be a file."""
    assert tap.log_path(twistd) == path
