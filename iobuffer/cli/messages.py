"""`iobuffer messages`: find messages in a running gateway."""

from __future__ import annotations

import click

from ._api import Api, asks
from ._names import CHANNEL
from ._selecting import Selection, selects
from ._shown import moment, plain, print_json

__all__ = ["command"]


@click.command(name="messages")
@asks
@CHANNEL
@selects()
@click.option("--after", type=int, help="Those behind this number, oldest first.")
@click.option("--before", type=int, help="Those before this number, newest first.")
@click.option(
    "--limit",
    type=click.IntRange(1, 1000),
    default=20,
    show_default=True,
    help="At most.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(
    api: Api,
    channel: str,
    selection: Selection,
    after: int | None,
    before: int | None,
    limit: int,
    as_json: bool,
) -> None:
    """Find messages of CHANNEL, the newest first.

    Of each its number, time, sender, size and beginning. A search looks at a bounded
    number of them; where there may be more, the last line says how to go on. `iobuffer
    show` shows one whole, `iobuffer export` writes all of them to a file.

    \b
        iobuffer messages CONFIG chem-1 --since 02:41 --contains 'PID|1||4711'

    Exit status: 0 listed; 1 the gateway refused, and why; 69 none is running there; 78
    the configuration cannot be read.
    """
    found = api.ask(
        "GET",
        "channels",
        channel,
        "messages",
        after=after,
        before=before,
        limit=limit,
        **selection.query(),
    )
    if as_json:
        print_json(found)
        return
    for each in found["messages"]:
        words = [str(each["seq"]), moment(each["received_at"]), each["peer"] or "-"]
        words.append(f"{each['size_bytes']} bytes")
        if "text" in each:
            words.append(plain(each["text"]))
        print("  ".join(words))
    if found["next"]:
        (name, value), *_ = found["next"].items()
        print(f"there may be more: --{name} {value}")
    elif not found["messages"]:
        print("no message was found")
