"""Where a stopped store lies, and how a command about it ends.

The commands on a store take a configuration or the state directory itself. Of a
configuration only `[gateway]` is read: a mistake in a channel must not keep anybody
from looking after what is stored.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import click

from ..errors import ConfigError, ExitStatus, Problem, StorageCorrupt, StorageError
from ..settings import ini
from ..settings.build import build
from ..settings.files import read_text
from ..settings.model import GatewayConfig
from ..settings.raw import Node, Report
from ..storage.database import DATABASE

__all__ = ["WHERE", "check_owner", "ending", "state_dir_of"]

#: The argument of every command on a store.
WHERE = click.argument(
    "where", metavar="CONFIG|STATE_DIR", type=click.Path(readable=False)
)


def state_dir_of(where: str) -> Path:
    """The state directory: `where` itself, or what its `[gateway]` section says.

    Raises:
        ConfigError: there is no such file, or `[gateway]` has errors.
    """
    place = Path(where)
    if os.path.isdir(where):
        return place
    if place.name == DATABASE:
        return place.parent
    _check_readable(where)
    report = Report(where)
    node = Node("")
    text = read_text(where).text
    if not where.endswith(".json"):
        sections = ini.parse(text, report)
        # What is wrong with the lines themselves may have hidden [gateway]; what is
        # wrong within another section is not this command's business.
        report.problems[:] = [
            found for found in report.problems if found.section in ("", "gateway")
        ]
        for section in sections:
            if section.words == ("gateway",):
                node, report = section.root, section.report
    gateway = build(node, GatewayConfig, report)
    wrong = any(found.severity == "error" for found in report.problems)
    if gateway is None or wrong:
        raise ConfigError(report.problems)
    return Path(gateway.state_dir)


def _check_readable(where: str) -> None:
    """Tell what the first argument is meant to be, where `read_text` would only say
    that it is no such file."""
    if not os.path.lexists(where):
        words = "no such file; expected the configuration, its state directory"
        raise ConfigError([Problem(f"{words} or the URL of the page", file=where)])
    if not os.access(where, os.R_OK, effective_ids=True):
        words = "may not be read by you; run this command as the gateway's user, such"
        raise ConfigError([Problem(f"{words} as with `sudo -u iobuffer`", file=where)])


def check_owner(state_dir: Path) -> None:
    """Refuse to write as another user: the gateway could not open its files any more.

    Raises:
        StorageError: it belongs to somebody else.
    """
    owner = state_dir.stat().st_uid if state_dir.is_dir() else os.geteuid()
    if owner == os.geteuid():
        return
    try:
        name = pwd.getpwuid(owner).pw_name
    except KeyError:
        name = f"#{owner}"
    raise StorageError(
        f"{state_dir} belongs to {name}; run this command as that user, such as with "
        f"`sudo -u '{name}'`, or the gateway cannot open what it writes"
    )


@contextlib.contextmanager
def ending() -> Iterator[None]:
    """Turns what the block raises into a line on standard error and an exit status."""
    try:
        yield
    except ConfigError as error:
        _end(str(error), ExitStatus.CONFIG)
    except StorageCorrupt as error:
        _end(f"iobuffer: {error}", ExitStatus.DOES_NOT_ADD_UP)
    except BrokenPipeError:
        # Whoever reads the output has seen enough; click ends the command quietly.
        raise
    except StorageError as error:
        _end(f"iobuffer: {error}", ExitStatus.UNAVAILABLE)
    except FileExistsError as error:
        what = f"{error.filename}: is there already, and is not overwritten"
        _end(f"iobuffer: {what}", ExitStatus.UNAVAILABLE)
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        _end(f"iobuffer: {place}{error.strerror or error}", ExitStatus.UNAVAILABLE)


def _end(text: str, status: ExitStatus) -> NoReturn:
    print(text, file=sys.stderr)
    sys.exit(status)
