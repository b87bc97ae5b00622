"""Why a serial device cannot be opened, and what to do about it, in words."""

from __future__ import annotations

import errno
import getpass
import os
import re
import termios
from collections.abc import Sequence

__all__ = ["advice_on_name", "present_devices", "why_not"]

_BY_ID = "/dev/serial/by-id"
_MAX_NAMED = 5


def present_devices(folder: str = _BY_ID) -> list[str]:
    """The devices that are plugged in, by the names that stay with them."""
    try:
        return [os.path.join(folder, name) for name in sorted(os.listdir(folder))]
    except OSError:
        return []


def why_not(
    port: str, error: BaseException, settings: object, present: Sequence[str]
) -> str:
    """The reason and the remedy.

    Args:
        error: what opening raised.
        settings: the line's, in words, such as `9600 8N1`.
        present: see present_devices().
    """
    number = _number_of(error)
    if re.fullmatch(r"(?i)com[0-9]+", port):
        return (
            f"{port} is a name of Windows; here a device is a path such as "
            f"/dev/ttyS0. {_those(present)}"
        )
    if number == errno.ENOENT:
        return f"no such device: {port}. {_those(present)}"
    if number in (errno.ENODEV, errno.ENXIO):
        return f"{port}: nothing is plugged in there. {_those(present)}"
    if number in (errno.EACCES, errno.EPERM):
        return (
            f"{port}: permission denied. Add the user {getpass.getuser()} to the group "
            f"of the device (usermod -aG dialout {getpass.getuser()}) and restart the "
            "service"
        )
    if number in (errno.EBUSY, errno.EAGAIN):
        return (
            f"{port} is in use by another program (fuser -v {port} names it). Is it "
            "in two channels?"
        )
    if number == errno.ENOTTY:
        return f"{port} is no serial device"
    if isinstance(error, termios.error) or number == errno.EINVAL:
        return (
            f"{port}: the driver does not take {settings}. Look at data_bits, parity "
            "and stop_bits"
        )
    if number == errno.EIO:
        return f"{port}: the device does not answer (I/O error). Plug it in again"
    if isinstance(error, ValueError) and "RS485" in str(error):
        return (
            f"{port}: the driver has no RS-485 mode. Set rs485.enabled = no and use an "
            "adapter that turns the line round by itself"
        )
    return f"{port}: {error}"


def advice_on_name(port: str, folder: str = _BY_ID) -> str:
    """For a name that another device may have after a replugging; else empty."""
    if not re.fullmatch(r"/dev/tty(USB|ACM)[0-9]+", port):
        return ""
    stable = ""
    for path in present_devices(folder):
        if os.path.realpath(path) == os.path.realpath(port):
            stable = f" ({path} is the same device)"
    return (
        f"{port} may be another device after the next start or replugging; name it by "
        f"/dev/serial/by-id/...{stable}"
    )


def _those(present: Sequence[str]) -> str:
    if not present:
        return "No device is to be seen in /dev/serial/by-id: is it plugged in?"
    named = ", ".join(present[:_MAX_NAMED])
    more = len(present) - _MAX_NAMED
    return f"There are: {named}" + (f" and {more} more" if more > 0 else "")


def _number_of(error: BaseException) -> int | None:
    number = getattr(error, "errno", None)
    if isinstance(number, int):
        return number
    # termios.error, and pyserial's "Could not configure port: (5, 'Input/...')".
    if error.args and isinstance(error.args[0], int):
        return error.args[0]
    found = re.search(r"\((\d+), '", str(error))
    return int(found[1]) if found else None
