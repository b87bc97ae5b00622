from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from iobuffer import __version__
from iobuffer.cli import COMMANDS, main
from iobuffer.errors import ExitStatus

PACKAGE = Path(__file__).parents[2] / "iobuffer" / "cli"


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_of_the_table_is_there_and_has_help(name: str) -> None:
    result = CliRunner().invoke(main, [name, "--help"])

    assert result.exit_code == 0, result.output
    assert result.output.startswith(f"Usage: main {name}")


def test_every_public_module_is_in_the_table() -> None:
    modules = {
        path.stem for path in PACKAGE.glob("*.py") if not path.stem.startswith("_")
    }

    # `make docs` runs `reference`; it is no command.
    assert modules - {"reference"} == set(COMMANDS.values())


def test_the_help_lists_every_command() -> None:
    output = CliRunner().invoke(main, ["--help"]).output

    for name in COMMANDS:
        assert f"\n  {name} " in output


def test_an_unknown_command_is_a_usage_error() -> None:
    assert CliRunner().invoke(main, ["chek"]).exit_code == ExitStatus.USAGE
    assert "did you mean check?" in CliRunner().invoke(main, ["chek"]).stderr
    assert main.get_command(click.Context(main), "chek") is None


def test_the_version_is_ours() -> None:
    output = CliRunner().invoke(main, ["--version"]).output

    assert output == f"iobuffer, version {__version__}\n"


def test_finding_the_commands_loads_no_twisted() -> None:
    code = "import sys, iobuffer.cli; sys.exit('twisted' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_help_says_of_each_command_what_it_does_in_one_line() -> None:
    output = CliRunner().invoke(main, ["--help"]).output
    _, *sections = output.partition("Before the start:")
    found = dict(re.findall(r"^  (\S+) +(.+)$", "".join(sections), re.MULTILINE))

    assert sorted(found) == sorted(COMMANDS)
    assert [line for line in found.values() if not line.endswith(".")] == []
    assert [line for line in found.values() if line.endswith("...")] == []


def _ends(command: click.Command, name: str) -> list[tuple[str, click.Command]]:
    if isinstance(command, click.Group):
        return [
            end
            for below, each in command.commands.items()
            for end in _ends(each, f"{name} {below}")
        ]
    return [(name, command)]


ENDS = [
    end
    for name in COMMANDS
    if (command := main.get_command(click.Context(main), name)) is not None
    for end in _ends(command, name)
]
#: A script, a program in the foreground, a file in a format of its own.
WITHOUT_JSON = {"completion", "demo", "store export"}


@pytest.mark.parametrize(("name", "command"), ENDS, ids=[name for name, _ in ENDS])
def test_every_command_speaks_json_and_tells_its_statuses(
    name: str, command: click.Command
) -> None:
    options = {option for each in command.params for option in each.opts}

    assert ("--json" in options) is (name not in WITHOUT_JSON)
    assert "Exit status: 0" in (command.help or "")
