"""`iobuffer check FILE`: what a start would find wrong, without starting."""

from __future__ import annotations

import sys
from typing import TextIO

import click

from ..errors import ConfigError, ExitStatus, Problem
from ..settings.load import load
from ..settings.model import Kinds

__all__ = ["check", "command"]


def check(path: str, kinds: Kinds, out: TextIO) -> int:
    """Print every problem, errors first; the exit status, 0 or 78."""
    try:
        settings = load(path, kinds)
    except ConfigError as error:
        _print(error.problems, out)
        return ExitStatus.CONFIG
    _print(settings.warnings, out)
    count = len(settings.channels)
    print(f"{path}: OK, {count} channel{'' if count == 1 else 's'}", file=out)
    return ExitStatus.OK


def _print(problems: tuple[Problem, ...], out: TextIO) -> None:
    # A stable sort: within each, the order of file and line stays.
    for problem in sorted(problems, key=lambda found: found.severity != "error"):
        print(problem, file=out)


@click.command(name="check")
@click.argument("file", type=click.Path())
def command(file: str) -> None:
    """Say whether FILE and all that it includes would be accepted.

    Prints every error and warning with its place. Exit status 0 if a gateway would
    start with it, 78 if not.
    """
    from ..registry import KINDS  # loads every kind, and with them Twisted

    sys.exit(check(file, KINDS, sys.stdout))
