"""`iobuffer messages`: find messages in a running gateway."""

from __future__ import annotations

import click

from ._api import Api, asks
from ._shown import moment, plain, print_json

__all__ = ["command"]


@click.command(name="messages")
@asks
@click.argument("channel")
@click.option("--after", type=int, help="Those behind this number, oldest first.")
@click.option("--before", type=int, help="Those before this number, newest first.")
@click.option(
    "--limit",
    type=click.IntRange(1, 1000),
    default=20,
    show_default=True,
    help="At most.",
)
@click.option("--contains", default="", metavar="TEXT", help="Holding this text.")
@click.option("--destination", default="", help="With --state: which is meant.")
@click.option(
    "--state",
    default="",
    type=click.Choice(["", "queued", "delivered", "parked", "dropped"]),
    metavar="queued|delivered|parked|dropped",
    help="What became of it at --destination.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(
    api: Api,
    channel: str,
    after: int | None,
    before: int | None,
    limit: int,
    contains: str,
    destination: str,
    state: str,
    as_json: bool,
) -> None:
    """List messages of CHANNEL, the newest first: number, time, size, beginning.

    A search looks at a bounded number of them; where there may be more, the last line
    says how to go on. `iobuffer show` shows one whole.

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
        contains=contains,
        destination=destination,
        state=state,
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
