"""Reading config files and secrets: bounded, with the file's mode, errors in words."""

from __future__ import annotations

import os
import stat

import attrs

from ..errors import ConfigError, Problem
from ..options import KIB, MIB

__all__ = ["MAX_CONFIG_BYTES", "MAX_SECRET_BYTES", "FileText", "read_text"]

#: A thousand channels in one file take less than 1 MiB.
MAX_CONFIG_BYTES = 16 * MIB
MAX_SECRET_BYTES = 64 * KIB


@attrs.frozen
class FileText:
    """The text of a file and the mode it had when it was read."""

    text: str
    mode: int

    @property
    def world_readable(self) -> bool:
        return bool(self.mode & stat.S_IROTH)


def read_text(path: str, max_bytes: int = MAX_CONFIG_BYTES) -> FileText:
    """A file as text; a byte order mark at its start is dropped.

    Raises:
        ConfigError: with one Problem, placed at the file: not there, not readable, a
            directory, not UTF-8, more than `max_bytes`.
    """

    def refuse(message: str, line: int = 0) -> ConfigError:
        return ConfigError([Problem(message, file=path, line=line)])

    try:
        # Not blocking, so that a FIFO without a writer cannot hold up the start.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise refuse(f"cannot be read: {error.strerror or error}") from None
    except ValueError:
        raise refuse("cannot be read: not a path") from None
    try:
        # The mode of what was opened, not of what the path names a moment later.
        mode = os.fstat(descriptor).st_mode
        if stat.S_ISDIR(mode):
            raise refuse("is a directory; expected a file")
        if not stat.S_ISREG(mode):
            raise refuse("is not a regular file")
        with open(descriptor, "rb", closefd=False) as file:
            content = file.read(max_bytes + 1)
    except OSError as error:
        raise refuse(f"cannot be read: {error.strerror or error}") from None
    finally:
        os.close(descriptor)
    if len(content) > max_bytes:
        raise refuse(f"is larger than {max_bytes} bytes; is it the right file?")
    try:
        return FileText(content.decode("utf-8-sig"), mode)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise refuse("is not UTF-8; save it as UTF-8", line) from None
