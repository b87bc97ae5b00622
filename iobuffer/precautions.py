"""What the process does for its secrets before anything else.

Messages, passwords and keys are in its memory; files are made all the time.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable

__all__ = ["take_precautions", "warn_of_root"]

#: prctl(2).
_PR_SET_DUMPABLE = 4
_OTHERS = 0o007
_GROUP_WRITES = 0o020


def take_precautions(log: Callable[[str, str], None]) -> None:
    """No core dump and no debugger of the same user, and no file for everybody. To be
    called once twistd has become the user that it stays.

    Args:
        log: log(level, text), for what could not be had.
    """
    # A program that looks into another of the same user is a way around every check of
    # ours; root still can, and so can the manhole.
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0) != 0:
        why = os.strerror(ctypes.get_errno())
        log("warn", f"other programs of this user can read this one's memory: {why}")
    # Only ever stricter than what whoever starts us has chosen.
    before = os.umask(_OTHERS | _GROUP_WRITES)
    os.umask(before | _OTHERS | _GROUP_WRITES)


def warn_of_root(log: Callable[[str, str], None]) -> None:
    """Say so if this is root: whoever then finds a way in has the whole machine."""
    if os.geteuid() == 0:
        log(
            "warn",
            "this runs as root, which it needs for nothing; start it as a user of its "
            "own (twistd --uid, User= of the unit), who owns state_dir",
        )
