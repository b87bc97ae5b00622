"""The errors of the house.

Bad bytes from the network are never raised: a framer returns what was good and keeps a
`FramingError` as a value. What is raised here is the disk's word, the operator's
config, or misuse by our own code.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum

import attrs

__all__ = [
    "ConfigError",
    "ExitStatus",
    "FramingError",
    "IobufferError",
    "Problem",
    "StorageCorrupt",
    "StorageError",
    "StorageFailed",
    "StorageFull",
    "StorageLocked",
    "StorageTooNew",
    "Unframeable",
]


class ExitStatus(IntEnum):
    """The exit codes of `iobuffer` and `twistd iobuffer`, as in sysexits.h."""

    OK = 0
    #: `iobuffer audit`, `store verify`: it ran, and it does not add up. Also whatever a
    #: running gateway refused to do.
    DOES_NOT_ADD_UP = 1
    #: EX_USAGE: a command line that is not understood.
    USAGE = 64
    #: EX_UNAVAILABLE: another gateway holds the state directory.
    UNAVAILABLE = 69
    #: EX_SOFTWARE: a fault of our own in the store's thread.
    SOFTWARE = 70
    #: EX_IOERR: the disk failed in a commit; the supervisor restarts and recovery
    #: replays (DESIGN 7).
    IO_ERROR = 74
    #: EX_CONFIG.
    CONFIG = 78


class IobufferError(Exception):
    """Base of everything that we raise on purpose."""


@attrs.frozen
class Problem:
    """One thing wrong with a configuration, and where.

    `severity` is "error" or "warning"; a warning never stops a start.
    """

    message: str
    file: str = ""
    line: int = 0
    section: str = ""
    option: str = ""
    severity: str = "error"

    def __str__(self) -> str:
        place = self.file
        if self.line:
            place = f"{place}:{self.line}" if place else f"line {self.line}"
        words = [place + ":"] if place else []
        if self.severity != "error":
            words.append(f"{self.severity}:")
        if self.section:
            words.append(f"[{self.section}]")
        if self.option:
            words.append(f"{self.option}:")
        words.append(self.message)
        return " ".join(words)


class ConfigError(IobufferError):
    """Every problem of a configuration, at once."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


class StorageError(IobufferError):
    """The store could not do what was asked; the message names file and remedy."""


class StorageFull(StorageError):
    """No room, by quota or by the disk. Nothing was stored; resumes by itself."""


class StorageDropped(StorageFull):
    """There was no room, and the channel's policy lets go of what is new: it is counted
    as dropped, its marks are kept, and nobody is to offer it again."""


class StorageCorrupt(StorageError):
    """What was read is not what was written."""


class StorageLocked(StorageError):
    """Another process holds this state directory."""


class StorageTooNew(StorageError):
    """The store was written by a newer iobuffer; this one will not touch it."""


class StorageFailed(StorageError):
    """A write or a sync failed with an I/O error.

    The process must acknowledge nothing more and exit with `ExitStatus.IO_ERROR`
    without another sync on that file: after a failed fsync the kernel may report the
    next one as good although the data is gone (PostgreSQL's fsyncgate).
    """


@attrs.frozen
class FramingError:
    """What went wrong in a stream of bytes, kept as a value on the framer.

    `can_continue` is False when no later byte of this connection can be trusted; the
    source then closes it.
    """

    reason: str
    can_continue: bool = True


class Unframeable(IobufferError):
    """A message cannot be carried by this framing: it holds the framing's own bytes.

    Raised by an encoder for the first such message, `index` within the batch. The
    caller sends the messages before it, parks this one and goes on behind it.
    """

    def __init__(self, index: int, reason: str) -> None:
        self.index = index
        self.reason = reason
        super().__init__(reason)
