"""`iobuffer check FILE`: what a start would find wrong, without starting."""

from __future__ import annotations

import json
import sys
from typing import TextIO

import attrs
import click

from ..errors import ConfigError, ExitStatus, Problem
from ..settings.load import load
from ..settings.model import Kinds

__all__ = ["check", "command", "print_problems"]


def check(path: str, kinds: Kinds, out: TextIO) -> int:
    """Print every problem, errors first; the exit status, 0 or 78."""
    try:
        settings = load(path, kinds)
    except ConfigError as error:
        print_problems(error.problems, out)
        return ExitStatus.CONFIG
    print_problems(settings.warnings, out)
    count = len(settings.channels)
    print(f"{path}: OK, {count} channel{'' if count == 1 else 's'}", file=out)
    return ExitStatus.OK


def print_problems(problems: tuple[Problem, ...], out: TextIO) -> None:
    """A line for each, errors first."""
    # A stable sort: within each, the order of file and line stays.
    for problem in sorted(problems, key=lambda found: found.severity != "error"):
        print(problem, file=out)


@click.command(name="check")
@click.argument("file", type=click.Path(readable=False))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(file: str, as_json: bool) -> None:
    """Say whether a gateway would start with this configuration.

    Reads FILE and all that it includes, and prints every error and warning with its
    place. Starts nothing and changes nothing, so it is safe beside a running gateway.

    Exit status: 0 the gateway would start with it, 78 it would not.
    """
    from ..registry import KINDS  # loads every kind, and with them Twisted

    sys.exit((_as_json if as_json else check)(file, KINDS, sys.stdout))


def _as_json(path: str, kinds: Kinds, out: TextIO) -> int:
    try:
        settings = load(path, kinds)
        channels, problems = sorted(settings.channels), settings.warnings
        status = ExitStatus.OK
    except ConfigError as error:
        channels, problems = [], error.problems
        status = ExitStatus.CONFIG
    found = {
        "file": path,
        "ok": status is ExitStatus.OK,
        "channels": channels,
        "problems": [attrs.asdict(problem) for problem in problems],
    }
    print(json.dumps(found, indent=2, ensure_ascii=False), file=out)
    return status
