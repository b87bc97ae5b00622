"""`iobuffer store ...`: what can be done with a store while no gateway runs on it."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import attrs
import click

from ..converters import BYTES
from ..errors import ExitStatus, StorageError
from ..storage.base import Store
from ..storage.database import ready
from ..storage.maintenance import export, repair, verify
from ..storage.sqlite import SqliteStore
from ._exported import FORMATS, opened
from ._place import WHERE, check_owner, ending, state_dir_of
from ._shown import agreed, print_json

__all__ = ["command"]

_STATUS = """
    Exit status: 0 all is well; 1 something is damaged or lost; 69 a gateway is running
    on it, or there is no store; 78 the configuration cannot be read.
"""


@click.group(name="store")
def command() -> None:
    """Check, export or repair the store of a stopped gateway.

    Each command takes the configuration, or the state directory itself. Run them as the
    user that the gateway runs as.
    """


def _with_status(function: click.decorators.FC) -> click.decorators.FC:
    function.__doc__ = f"{function.__doc__}{_STATUS}"
    return function


@command.command(name="verify")
@WHERE
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@_with_status
def verify_command(where: str, as_json: bool) -> None:
    """Read everything and say what is damaged.

    Looks at every message's checksum and its chain to the one before, at SQLite's own
    structure, and at the ledger. Changes nothing.
    """
    with ending():
        state_dir = state_dir_of(where)
        report = verify(state_dir)
    if as_json:
        found = {
            "state_dir": str(state_dir),
            "is_sound": report.is_sound,
            **attrs.asdict(report),
        }
        print(json.dumps(found, indent=2, ensure_ascii=False))
    else:
        for problem in report.problems:
            print(problem)
        print(
            f"{state_dir}: read {report.messages} messages, "
            f"channels: {report.channels}, problems: {len(report.problems)}"
        )
        if not report.is_sound:
            print(f"`iobuffer store repair {where}` saves the rest; once is enough")
    sys.exit(ExitStatus.OK if report.is_sound else ExitStatus.DOES_NOT_ADD_UP)


@command.command(name="repair")
@WHERE
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@_with_status
def repair_command(where: str, as_json: bool) -> None:
    """Save what is readable into a new store.

    The new store takes the place of the old one, which is kept beside it, unchanged,
    as store.sqlite3.before-repair-1; delete it when you no longer need it. What could
    not be saved is named. Needs as much free disk as the store takes, and as much again
    if the file was cut off.
    """
    with ending():
        state_dir = state_dir_of(where)
        check_owner(state_dir)
        report = repair(state_dir)
    if as_json:
        found = {**attrs.asdict(report), "original": str(report.original)}
        print_json({"state_dir": str(state_dir), **found})
    else:
        for note in report.notes:
            print(note)
        print(f"{state_dir}: saved {report.messages} messages")
        if report.damaged_messages:
            print(f"{report.damaged_messages} messages could not be saved")
        print(f"the store as it was: {report.original}")
    lost = report.notes or report.damaged_messages
    sys.exit(ExitStatus.DOES_NOT_ADD_UP if lost else ExitStatus.OK)


@command.command(name="export")
@WHERE
@click.option("--channel", help="Only this channel; without it, one after the other.")
@click.option(
    "--from",
    "first_seq",
    type=click.IntRange(1),
    help="The first message, by its number; needs --channel.",
)
@click.option(
    "--to",
    "last_seq",
    type=click.IntRange(1),
    help="The last message, by its number; needs --channel.",
)
@click.option(
    "--format",
    "format_name",
    type=click.Choice(list(FORMATS)),
    default="raw",
    show_default=True,
    help="raw: the messages as they are. hex: a line for each, with channel, number "
    "and the bytes in hex. json: an object for each, with time and peer.",
)
@click.option(
    "--end",
    default=r"\n",
    show_default=True,
    metavar="BYTES",
    help=r"What follows each message in raw: \r\n, \x00, or '' for nothing.",
)
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    help="A new file, readable for you alone; without it, standard output.",
)
@_with_status
def export_command(
    where: str,
    channel: str | None,
    first_seq: int | None,
    last_seq: int | None,
    format_name: str,
    end: str,
    output: Path | None,
) -> None:
    """Write the stored messages to a file or to standard output.

    Every message that is kept, delivered or not, in order, channel by channel. What is
    damaged is named on standard error (and in json, in its place); the rest is written.
    """
    if channel is None and (first_seq or last_seq):
        raise click.UsageError("--from and --to need --channel: each has its own count")
    try:
        end_bytes = BYTES.parse(end)
    except ValueError:
        raise click.UsageError(f"--end: expected {BYTES.expects}") from None
    write = FORMATS[format_name]
    messages = damaged = 0
    with ending():
        state_dir = state_dir_of(where)
        with opened(output) as out:
            for found in export(state_dir, channel, (first_seq or 1) - 1):
                if last_seq and found.seq > last_seq:
                    continue
                write(out, found, end_bytes)
                if found.message is not None:
                    messages += 1
                    continue
                upto = min(found.last_seq, last_seq or found.last_seq)
                damaged += upto - found.seq + 1
                print(
                    f"{found.channel}: messages {found.seq} to {upto}: {found.damage}",
                    file=sys.stderr,
                )
            out.flush()
    print(f"{messages} messages written, {damaged} damaged", file=sys.stderr)
    sys.exit(ExitStatus.DOES_NOT_ADD_UP if damaged else ExitStatus.OK)


@command.command(name="forget")
@WHERE
@click.argument("channel")
@click.argument("destination", required=False)
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@_with_status
def forget_command(
    where: str, channel: str, destination: str | None, yes: bool, as_json: bool
) -> None:
    """Delete a channel, or one of its destinations, for good.

    With CHANNEL alone: all its messages, delivered or not. With DESTINATION: how far it
    had got, and the messages parked for it; the channel's messages stay. Meant for what
    is no longer configured: what still is begins anew at the next start.
    """
    with ending():
        state_dir = state_dir_of(where)
        check_owner(state_dir)
        if not ready(state_dir):
            # Opening would make one.
            raise StorageError(f"{state_dir}: there is no store")
        store: Store = SqliteStore(state_dir)
        try:
            for finding in store.findings:
                print(f"{finding.channel}: {finding.text}", file=sys.stderr)
            what, missed = _forget(store, channel, destination, yes)
        finally:
            store.close()
    if as_json:
        deleted = {"channel": channel, "destination": destination or ""}
        print_json({"deleted": deleted, "not_delivered": missed})
    else:
        print(f"deleted: {what}")


def _forget(
    store: Store, channel: str, destination: str | None, yes: bool
) -> tuple[str, int]:
    """What is gone, in words, and how many messages of it were not delivered."""
    known = store.channels()
    if channel not in known:
        raise click.UsageError(
            f"no channel {channel} in the store; there is: {', '.join(known) or 'none'}"
        )
    state = store.state(channel)
    waiting = {
        **{
            name: each.queued + each.parked for name, each in state.destinations.items()
        },
        **state.orphans,
    }
    if destination is None:
        what = f"channel {channel} with {state.stored_messages} messages"
        missed = max(waiting.values(), default=0)
    elif destination in waiting:
        what = f"destination {destination} of channel {channel}"
        missed = waiting[destination]
    else:
        raise click.UsageError(
            f"no destination {destination} in channel {channel}; there is: "
            f"{', '.join(waiting) or 'none'}"
        )
    if missed:
        what += f"; not delivered: {missed}"
    if not yes:
        agreed(f"Delete for good: {what}?")
    store.forget(channel, destination)
    return what, missed
