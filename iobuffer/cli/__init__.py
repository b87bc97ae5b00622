"""The `iobuffer` command: one module per command, imported when it is called for.

A command that needs no reactor never loads Twisted, so `iobuffer check` is quick, and
one broken command leaves the others alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module

import click

from .. import __version__

__all__ = ["COMMANDS", "main"]

#: Command -> module in this folder; each module's `command` is the click command.
COMMANDS: Mapping[str, str] = {
    "audit": "audit",
    "audit-log": "audit_log",
    "channels": "channels",
    "check": "check",
    "demo": "demo",
    "messages": "messages",
    "passwd": "passwd",
    "pause": "pause",
    "reload": "reload",
    "resume": "resume",
    "send": "send",
    "show": "show",
    "start": "start",
    "status": "status",
    "stop": "stop",
    "store": "store",
    "tail": "tail",
    "token": "token",
}


class _Commands(click.Group):
    """Finds its commands in COMMANDS."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = import_module(
            f".{COMMANDS[cmd_name]}", __package__
        ).command
        return command


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="iobuffer")
def main() -> None:
    """Takes messages from devices, has each one safe on disk before it says received,
    and delivers them in order.

    The gateway itself is started with twistd:

    \b
        iobuffer check /etc/iobuffer/iobuffer.ini
        twistd -n iobuffer --config /etc/iobuffer/iobuffer.ini

    The commands here are what goes with it. To see it at work: iobuffer demo.
    """
