"""The `iobuffer` command: one module per command, imported when it is called for.

A command that needs no reactor never loads Twisted, so `iobuffer check` is quick, and
one broken command leaves the others alone.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any

import click

from .. import __version__
from ..errors import ExitStatus

__all__ = ["COMMANDS", "main"]

#: Command -> module in this folder; each module's `command` is the click command.
COMMANDS: Mapping[str, str] = {
    "alarms": "alarms",
    "audit": "audit",
    "audit-log": "audit_log",
    "channels": "channels",
    "check": "check",
    "completion": "completion",
    "demo": "demo",
    "export": "export",
    "log": "log",
    "messages": "messages",
    "park": "park",
    "passwd": "passwd",
    "pause": "pause",
    "plan": "plan",
    "reload": "reload",
    "replay": "replay",
    "restart": "restart",
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


#: How the help lists them.
_SECTIONS: Mapping[str, tuple[str, ...]] = {
    "Before the start": ("check", "demo", "send", "passwd", "token", "completion"),
    "Look at a gateway that runs": (
        "status",
        "channels",
        "alarms",
        "log",
        "messages",
        "show",
        "tail",
        "export",
        "plan",
    ),
    "Tell it what to do": (
        "pause",
        "resume",
        "stop",
        "start",
        "restart",
        "replay",
        "park",
        "reload",
    ),
    "Look after what it keeps": ("audit", "audit-log", "store"),
}


@contextlib.contextmanager
def _usage() -> Iterator[None]:
    """A mistake in the command line ends with a status of its own: click's is 2, which
    `plan --detailed-exitcode` has another use for."""
    try:
        yield
    except click.UsageError as error:
        # Of this one, and not of click's class.
        error.exit_code = ExitStatus.USAGE  # type: ignore[misc]
        raise


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

    def make_context(self, *arguments: Any, **named: Any) -> click.Context:
        with _usage():
            return super().make_context(*arguments, **named)

    def invoke(self, ctx: click.Context) -> Any:
        with _usage():
            return super().invoke(ctx)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if name not in COMMANDS and not ctx.resilient_parsing:
            from ..settings.words import nearest  # only a mistake needs it

            near = nearest(name, COMMANDS)
            hint = f"; did you mean {near}?" if near else "; `iobuffer -h` lists them"
            ctx.fail(f"there is no command {name}{hint}")
        return super().resolve_command(ctx, args)

    def format_commands(
        self, ctx: click.Context, formatter: click.HelpFormatter
    ) -> None:
        width = max(map(len, COMMANDS))
        for title, names in _SECTIONS.items():
            with formatter.section(title):
                rows = []
                for name in names:
                    command = self.get_command(ctx, name)
                    assert command is not None
                    limit = formatter.width - width - 6
                    rows.append((name.ljust(width), command.get_short_help_str(limit)))
                formatter.write_dl(rows)


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
