"""Arguments that name what a gateway has, and their completion in the shell.

The running gateway is asked, quickly; where none answers there is nothing to offer, and
nothing is said: a shell that waits for its user is no place for an error.
"""

from __future__ import annotations

from typing import Any

import click

from ..errors import IobufferError
from ._api import Api

__all__ = [
    "CHANNEL",
    "DESTINATION",
    "DESTINATION_OPTION",
    "MAYBE_CHANNEL",
    "MAYBE_DESTINATION",
    "PART",
]

_TIMEOUT_SECONDS = 1.0


def _given(ctx: click.Context, name: str) -> str:
    """An argument that is on the line already, or ""."""
    if found := ctx.params.get(name):
        return str(found)
    # While the value of an option is being written, click has not told them apart.
    names = [
        each.name for each in ctx.command.params if each.param_type_name != "option"
    ]
    return dict(zip(names, ctx.args, strict=False)).get(name, "")


def _asked(ctx: click.Context, *path: str) -> Any:
    where = _given(ctx, "where")
    if not where:
        return None
    try:
        api = Api(
            where,
            token_file=ctx.params.get("token_file") or "",
            ca=ctx.params.get("ca") or "",
            timeout_seconds=_TIMEOUT_SECONDS,
        )
        return api.ask("GET", *path)
    except (IobufferError, OSError, ValueError):
        # See above.
        return None


def _channels(ctx: click.Context, param: click.Parameter, begun: str) -> list[str]:
    found = _asked(ctx, "channels") or {"channels": []}
    names = [each["name"] for each in found["channels"]]
    return [name for name in names if name.startswith(begun)]


def _parts(ctx: click.Context, begun: str, kinds: tuple[str, ...]) -> list[str]:
    channel = _given(ctx, "channel")
    found = _asked(ctx, "channels", channel) if channel else None
    parts = found["parts"] if found else {}
    return [
        name
        for name, part in parts.items()
        if name.startswith(begun) and part["kind"] in kinds
    ]


def _all_parts(ctx: click.Context, param: click.Parameter, begun: str) -> list[str]:
    return _parts(ctx, begun, ("source", "destination"))


def _destinations(ctx: click.Context, param: click.Parameter, begun: str) -> list[str]:
    return _parts(ctx, begun, ("destination",))


CHANNEL = click.argument("channel", shell_complete=_channels)
MAYBE_CHANNEL = click.argument("channel", default="", shell_complete=_channels)
DESTINATION = click.argument("destination", shell_complete=_destinations)
PART = click.argument("part", default="", shell_complete=_all_parts)
MAYBE_DESTINATION = click.argument(
    "destination", default="", shell_complete=_destinations
)
DESTINATION_OPTION = click.option(
    "--destination",
    default="",
    metavar="NAME",
    shell_complete=_destinations,
    help="With --state: which destination is meant.",
)
