"""`iobuffer alarms`: what needs a person now."""

from __future__ import annotations

import time

import click

from ._api import Api, asks
from ._shown import age, moment, plain, print_json

__all__ = ["command"]


@click.command(name="alarms")
@asks
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(api: Api, as_json: bool) -> None:
    """Show the alarms that are on, the oldest first.

    Exit status: 0 shown, also when there are none; 1 the gateway refused, and why; 69
    none is running there; 78 the configuration cannot be read.
    """
    found = api.ask("GET", "alarms")
    if as_json:
        print_json({"alarms": found})
        return
    for each in found:
        place = "/".join(name for name in (each["channel"], each["part"]) if name)
        since = age(max(0.0, time.time() - each["raised_at"]))
        print(
            f"{moment(each['raised_at'])}  {place or 'gateway'}  {each['alarm']} for "
            f"{since}: {plain(each['text'])}"
        )
    if not found:
        print("no alarm is on")
