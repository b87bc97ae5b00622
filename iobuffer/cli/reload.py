"""`iobuffer reload`: have the gateway read its configuration again."""

from __future__ import annotations

import click

from ._api import Api, asks
from ._shown import print_json

__all__ = ["command"]


@click.command(name="reload")
@asks
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(api: Api, as_json: bool) -> None:
    """Read the configuration again.

    Channels that did not change keep running. With an error in it nothing changes.

    Exit status: 0 done; 1 it has errors, and which; 69 no gateway is running there; 78
    the configuration cannot be read.
    """
    found = api.ask("POST", "reload")
    if as_json:
        print_json(found)
        return
    print(f"read again; channels: {len(found['channels'])}")
    for warning in found["warnings"]:
        print(warning)
