"""The people of a state directory, for the commands that change them.

They work on the files themselves, beside a running gateway or without one: whoever may
write there is who may do this, and a gateway hears of it at its next request.
"""

from __future__ import annotations

import contextlib
import datetime
import os
import pwd
import sys
import time
from collections.abc import Iterator

import click

from ..errors import ExitStatus
from ..people import AuditError, People, PeopleError, Role, StateFileError
from ._place import check_owner, ending, state_dir_of

__all__ = ["CHANNELS", "ROLE", "day", "open_people", "own_name", "refusing"]

ROLE = click.option(
    "--role",
    type=click.Choice([role.value for role in Role]),
    help="What it may do; a relay takes the messages of its channels only.",
)
CHANNELS = click.option(
    "--channel",
    "channels",
    multiple=True,
    metavar="CHANNEL",
    help="A channel that a relay is bound to; may be given again.",
)


def open_people(where: str) -> People:
    """The people of CONFIG or STATE_DIR.

    Raises:
        ConfigError: the configuration cannot be read.
        StorageError: the directory belongs to another user.
    """
    state_dir = state_dir_of(where)
    check_owner(state_dir)
    return People(state_dir, wall=time.time, seconds=time.monotonic)


def own_name() -> str:
    """Who runs this command, for the audit log."""
    # sudo tells who it really was; the log is no worse for it if that is not true.
    uid = int(os.environ.get("SUDO_UID", "") or os.getuid())
    try:
        return f"local:{pwd.getpwuid(uid).pw_name}"
    except KeyError:
        return f"local:#{uid}"


def day(at: float) -> str:
    """An epoch time as a date and a minute of UTC."""
    moment = datetime.datetime.fromtimestamp(at, datetime.UTC)
    return moment.strftime("%Y-%m-%d %H:%M")


@contextlib.contextmanager
def refusing() -> Iterator[None]:
    """As `ending`; what is not allowed is a line on standard error and status 1, a file
    that cannot be read or written is 69."""
    with ending():
        try:
            yield
        except PeopleError as error:
            print(f"iobuffer: {error}", file=sys.stderr)
            if isinstance(error, AuditError | StateFileError):
                sys.exit(ExitStatus.UNAVAILABLE)
            sys.exit(1)
