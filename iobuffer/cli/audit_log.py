"""`iobuffer audit-log`: what people did, and whether it still says so."""

from __future__ import annotations

import json
import sys

import attrs
import click

from ..errors import ExitStatus
from ..people.audit import read_back, verify
from ._people import refusing
from ._place import WHERE, state_dir_of

__all__ = ["command"]


@click.group(name="audit-log")
def command() -> None:
    """Show or verify the log of what people did.

    Each command takes the configuration, or the state directory itself, beside a
    running gateway or without one.
    """


@command.command(name="verify")
@WHERE
@click.option("--holds", default="", metavar="HASH", help="A hash noted before.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def verify_command(where: str, holds: str, as_json: bool) -> None:
    """Prove that no line was altered, taken out or put in.

    Follows the chain of hashes and names the first line that is not as it was written.
    Whoever can write all of the files can make the chain anew: note the hash that is
    printed in another place, and give it to --holds the next time.

    Exit status: 0 it holds; 1 it does not; 69 it cannot be read; 78 the configuration
    cannot be read.
    """
    with refusing():
        state_dir = state_dir_of(where)
        verdict = verify(state_dir, holds=holds)
    if as_json:
        found = {"state_dir": str(state_dir), "holds": not verdict.bad}
        print(json.dumps(found | attrs.asdict(verdict), indent=2))
    else:
        for note in verdict.notes:
            print(f"note: {note}")
        if verdict.bad:
            print(verdict.bad)
            print(f"{state_dir}: it does not hold; {verdict.lines} lines do")
        else:
            print(f"{state_dir}: {verdict.lines} lines hold; the last hash is")
            print(verdict.last_hash or "none yet")
    sys.exit(ExitStatus.DOES_NOT_ADD_UP if verdict.bad else ExitStatus.OK)


@command.command(name="show")
@WHERE
@click.option("--count", default=50, show_default=True, type=click.IntRange(1, 100000))
@click.option("--before", default=0, metavar="N", help="Lines before line number N.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object per line.")
def show_command(where: str, count: int, before: int, as_json: bool) -> None:
    """Print the last lines, the newest last.

    Exit status: 0 printed; 69 it cannot be read; 78 the configuration cannot be read.
    """
    with refusing():
        entries = read_back(state_dir_of(where), before=before, limit=count)
    for entry in reversed(entries):
        if as_json:
            print(json.dumps(entry))
        else:
            words = [f"{entry['n']:>6}", entry["at"], entry["who"], entry["what"]]
            words += [entry["detail"]] if entry["detail"] else []
            print("  ".join(_plain(word) for word in words))


def _plain(word: object) -> str:
    # What a stranger wrote stays on its line and leaves the terminal be.
    return "".join(one if one.isprintable() else "?" for one in str(word))
