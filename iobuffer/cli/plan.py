"""`iobuffer plan`: what a change of the configuration would do."""

from __future__ import annotations

import sys
from typing import Any

import click

from ..errors import ConfigError
from ..settings import jsonfile
from ..settings.files import read_text
from ..settings.raw import Report
from ._api import Api, asks
from ._shown import plain, print_json

__all__ = ["command"]

#: As `terraform plan --detailed-exitcode` has it.
_WOULD_CHANGE = 2


@click.command(name="plan")
@asks
@click.argument("file", required=False, type=click.Path(readable=False))
@click.option("--remove", default="", metavar="CHANNEL", help="What removing it does.")
@click.option(
    "--detailed-exitcode",
    is_flag=True,
    help="End with 2 instead of 0 when something would change.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(
    api: Api, file: str | None, remove: str, detailed_exitcode: bool, as_json: bool
) -> None:
    """Say what a change would do, and do nothing.

    With FILE, a channel as a JSON file holds it: if that were put. With --remove: if
    that channel were taken away. With neither: if the configuration were read again,
    as `iobuffer reload` does.

    \b
        iobuffer plan CONFIG
        iobuffer plan CONFIG chem-1.json --detailed-exitcode

    Exit status: 0 asked; 1 the gateway refused, or the change has errors, and which; 69
    no gateway is running there; 78 a file cannot be read. With --detailed-exitcode: 0
    nothing would change, 2 something would.
    """
    if file and remove:
        raise click.UsageError("FILE or --remove, not both")
    body: dict[str, Any] = {}
    if file:
        body["channel"] = _object(file)
    elif remove:
        body["remove"] = remove
    found = api.post("plan", body=body)
    if as_json:
        print_json(found)
    else:
        for change in found["changes"]:
            print(f"{change['channel']}: {change['change']}")
            for effect in change["effects"]:
                print(f"  {plain(effect)}")
        for warning in found.get("warnings", ()):
            print(plain(str(warning)))
        if not found["changes"]:
            print("nothing would change")
    if found["changes"] and detailed_exitcode:
        sys.exit(_WOULD_CHANGE)


def _object(path: str) -> dict[str, Any]:
    report = Report(path)
    found = jsonfile.parse(read_text(path).text, report)
    if found is None or report.errors:
        raise ConfigError(report.problems)
    return found
