"""What the files that an option names must be: there, and not open to everyone.

A file that is not there yet is a warning: the channel is failed until it comes, the
others run (DESIGN 4). A private key that everyone on the machine can read is an error.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator

from .errors import Problem

__all__ = [
    "check_device",
    "check_file",
    "check_key_file",
    "check_state_dir",
    "exposed",
]

_RETRIED = "the channel is failed until it is"


def exposed(mode: int) -> str:
    """Why a file of this mode may not hold a secret, in words; empty if it may."""
    if mode & stat.S_IROTH:
        return "everyone on this machine can read it"
    if mode & (stat.S_IWGRP | stat.S_IWOTH):
        return "others than its owner can write it"
    return ""


def _problem(path: str, wanted: str) -> tuple[os.stat_result | None, Problem | None]:
    try:
        found = os.stat(path)
    except OSError as error:
        words = error.strerror or str(error)
        return None, Problem(f"{path}: {words}; {_RETRIED} there", severity="warning")
    if stat.S_ISDIR(found.st_mode):
        return None, Problem(f"{path} is a directory; expected {wanted}")
    if not os.access(path, os.R_OK):
        return found, Problem(
            f"{path} cannot be read by this user; {_RETRIED} readable",
            severity="warning",
        )
    return found, None


def check_file(path: str) -> Iterator[Problem]:
    """For a file that is read at run time."""
    _, problem = _problem(path, "a file")
    if problem:
        yield problem


def check_key_file(path: str) -> Iterator[Problem]:
    """For a file with a private key: `exposed` is an error that names the chmod."""
    found, problem = _problem(path, "a file with a private key")
    if problem:
        yield problem
    if found is not None and (why := exposed(found.st_mode)):
        yield Problem(f"{path} holds a private key and {why}; chmod 640 {path}")


def check_state_dir(path: str) -> Iterator[Problem]:
    """For the directory of the store, the keys and the audit log. One that is not there
    is made with mode 0700; what else is wrong with it, the start says."""
    try:
        mode = os.stat(path).st_mode
    except OSError:
        return
    remedy = f"chmod 700 {path}"
    if mode & (stat.S_IWGRP | stat.S_IWOTH):
        yield Problem(
            f"others than the owner of {path} can put their files in the place of "
            f"ours; {remedy}"
        )
    elif mode & (stat.S_IROTH | stat.S_IXOTH):
        yield Problem(
            f"everyone on this machine can look into {path}; {remedy}",
            severity="warning",
        )


def check_device(port: str) -> Iterator[Problem]:
    """For a serial port; what is no absolute path is not looked for."""
    if port.startswith("/"):
        _, problem = _problem(port, "a serial device")
        if problem:
            yield problem
