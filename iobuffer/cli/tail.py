"""`iobuffer tail`: messages of a running gateway as they come."""

from __future__ import annotations

import json

import click

from ._api import Api, asks
from ._names import CHANNEL
from ._shown import moment, plain

__all__ = ["command"]


@click.command(name="tail")
@asks
@CHANNEL
@click.option("--count", type=click.IntRange(1), help="End after so many messages.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object per line.")
def command(api: Api, channel: str, count: int | None, as_json: bool) -> None:
    """Show messages of CHANNEL as they are stored, until Ctrl-C.

    Of a channel that is too fast to be read by people some are shown, and how many were
    left out.

    Exit status: 0 ended; 1 the gateway refused, and why; 69 none is running there; 78
    the configuration cannot be read.
    """
    shown = 0
    try:
        for name, found in api.follow("channels", channel, "tail"):
            if name == "skipped":
                line = f"... {found['messages']} not shown"
            elif name == "message":
                shown += 1
                line = (
                    f"{found['seq']}  {moment(found['received_at'])}  "
                    f"{found['peer'] or '-'}  {plain(found['text'])}"
                )
            else:
                continue
            if as_json:
                line = json.dumps({"event": name} | found, ensure_ascii=False)
            print(line, flush=True)
            if shown == count:
                return
    except KeyboardInterrupt:
        # How it is meant to end.
        return
