"""`iobuffer log`: what has lately happened in a channel."""

from __future__ import annotations

import click

from ._api import Api, asks
from ._names import CHANNEL
from ._shown import moment, plain, print_json

__all__ = ["command"]


@click.command(name="log")
@asks
@CHANNEL
@click.option(
    "--limit",
    type=click.IntRange(1, 200),
    default=50,
    show_default=True,
    help="The last so many.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(api: Api, channel: str, limit: int, as_json: bool) -> None:
    """Show what has lately happened in CHANNEL, the newest last.

    Connections, changes of state, refusals, skipped bytes, alarms: as much as the
    gateway has in memory, since its start. The log file has all of it but a receiver's
    own words, which may quote a message.

    Exit status: 0 shown; 1 the gateway refused, and why; 69 none is running there; 78
    the configuration cannot be read.
    """
    found = api.ask("GET", "channels", channel, "log", limit=limit)
    if as_json:
        print_json(found)
        return
    for each in reversed(found["log"]):
        place = f"{each['part']}: " if each["part"] else ""
        print(f"{moment(each['at'])}  {each['level']:5}  {place}{plain(each['text'])}")
    if not found["log"]:
        print("nothing has happened since the gateway was started")
