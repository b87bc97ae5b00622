"""Which serial lines this machine has, by the names that last."""

from __future__ import annotations

import glob
import os

__all__ = ["present_lines"]

#: Adapters and on-board lines that are there only when something is; /dev/ttyS0 to S31
#: are there on every PC.
_ADAPTERS = ("ttyUSB*", "ttyACM*", "ttyAMA*", "ttyXR*")
_MAX_LINES = 50


def present_lines(devices: str = "/dev") -> list[str]:
    """The paths of the lines that are plugged in now: /dev/serial/by-id/... first, then
    those that have no such name. At most 50; empty where there are none.

    Args:
        devices: where device files are. They are on no disk, so this does not block.
    """
    by_id = sorted(glob.glob(os.path.join(glob.escape(devices), "serial/by-id/*")))
    named = {os.path.realpath(each) for each in by_id}
    others = [
        path
        for pattern in _ADAPTERS
        for path in sorted(glob.glob(os.path.join(glob.escape(devices), pattern)))
        if os.path.realpath(path) not in named
    ]
    return [*by_id, *others][:_MAX_LINES]
