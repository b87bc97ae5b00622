from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from iobuffer import __version__
from iobuffer.cli import COMMANDS, main

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
    assert CliRunner().invoke(main, ["chek"]).exit_code == 2
    assert main.get_command(click.Context(main), "chek") is None


def test_the_version_is_ours() -> None:
    output = CliRunner().invoke(main, ["--version"]).output

    assert output == f"iobuffer, version {__version__}\n"


def test_finding_the_commands_loads_no_twisted() -> None:
    code = "import sys, iobuffer.cli; sys.exit('twisted' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
