"""The commands that hold a channel or a part of it, or let it go on."""

from __future__ import annotations

import click

from ._api import Api, asks
from ._names import CHANNEL, PART
from ._shown import print_json, state

__all__ = ["act"]


def act(verb: str, help: str) -> click.Command:
    """The command of that name, over the API's route of that name."""

    @click.command(name=verb, help=help)
    @asks
    @CHANNEL
    @PART
    @click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
    def command(api: Api, channel: str, part: str, as_json: bool) -> None:
        found = api.ask("POST", "channels", channel, verb, part=part)
        if as_json:
            print_json(found)
            return
        print(f"{found['name']}: {state(found['state'])}")
        for name, one in found["parts"].items():
            print(f"  {name}: {state(one['state'])}")

    return command
