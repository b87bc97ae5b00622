"""`iobuffer audit`: does the ledger add up?"""

from __future__ import annotations

import json
import sys

import click

from ..errors import ExitStatus
from ..storage.audit import audit
from ._place import WHERE, ending, state_dir_of

__all__ = ["command"]


@click.command(name="audit")
@WHERE
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(where: str, as_json: bool) -> None:
    """Prove that every message is accounted for.

    Of a stopped gateway, from what is stored: for each channel, bytes in = framed +
    skipped; for each destination, received = delivered + queued + parked + dropped.
    Takes the configuration, or the state directory itself.

    Exit status: 0 it adds up; 1 it does not; 69 a gateway is running on it, or there is
    no store; 78 the configuration cannot be read.
    """
    with ending():
        state_dir = state_dir_of(where)
        report = audit(state_dir)
    if as_json:
        found = {
            "state_dir": str(state_dir),
            "adds_up": report.adds_up,
            "ledgers": report.ledgers,
            "problems": report.problems,
        }
        print(json.dumps(found, indent=2, ensure_ascii=False))
    else:
        for line in report.lines:
            print(line)
        for problem in report.problems:
            print(f"does not add up: {problem}")
        print(
            f"{state_dir}: {'it adds up' if report.adds_up else 'it does not add up'}"
        )
    sys.exit(ExitStatus.OK if report.adds_up else ExitStatus.DOES_NOT_ADD_UP)
