"""`[manhole]`: whether there is one, where it listens, whose keys open it."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from ipaddress import ip_address

import attrs

from ..errors import Problem
from ..options import BOOL, FILE, HOST, PATH, PORT, TEXT, option, optional

__all__ = ["ManholeConfig", "writable_by_others"]


def writable_by_others(mode: int) -> bool:
    """Who may write the list of keys may run anything in the gateway."""
    return bool(mode & (stat.S_IWGRP | stat.S_IWOTH))


def _check_keys(path: str) -> Iterator[Problem]:
    try:
        found = os.stat(path)
    except OSError as error:
        words = f"{path}: {error.strerror}; nobody can log in until it is there"
        yield Problem(words, severity="warning")
        return
    if stat.S_ISDIR(found.st_mode):
        yield Problem(f"{path} is a directory; expected a file of public keys")
    elif writable_by_others(found.st_mode):
        yield Problem(
            f"others than the owner of {path} can write it; chmod go-w {path}"
        )


_KEYS_FILE = attrs.evolve(FILE, check=_check_keys)


@attrs.frozen(kw_only=True)
class ManholeConfig:
    """A Python prompt inside the running gateway, over SSH, for who must look into it
    while it runs. It can do anything that the gateway can: read every message, and stop
    it. Off by default; on this machine only; with keys only; each login and each line
    that is typed is logged. A reload opens and closes it."""

    enabled: bool = option(BOOL, default=False, help="Whether there is one.")
    authorized_keys: str | None = option(
        optional(_KEYS_FILE),
        default=None,
        help="The public keys that may log in, one to a line, as `ssh-keygen` writes "
        "them; read at each login. Nobody but its owner may write the file. A line "
        "with options before the key (`from=`, `command=`) is not taken.",
    )
    user: str = option(TEXT, default="ops", help="The user name to log in with.")
    host: str = option(
        HOST,
        default="127.0.0.1",
        help="Address to listen on, a loopback address: from elsewhere, log in to this "
        "machine first (`ssh -J`).",
    )
    port: int = option(PORT, default=2222, help="TCP port to listen on.")
    socket: str | None = option(
        optional(PATH),
        default=None,
        help="Listen on this Unix socket, mode 0600, instead of `host` and `port`.",
    )

    def problems(self) -> Iterator[tuple[str, str]]:
        try:
            loopback = ip_address(self.host).is_loopback
        except ValueError:
            # Not even "localhost": what a name means is for others to say.
            loopback = False
        if not loopback:
            yield (
                "host",
                "expected a loopback address, 127.0.0.1 or ::1: whoever is let in can "
                "do anything; from elsewhere log in to this machine first (ssh -J)",
            )
        if self.enabled and self.authorized_keys is None:
            yield (
                "authorized_keys",
                "expected a file with the public keys that may log in",
            )
