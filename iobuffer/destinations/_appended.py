"""A file that only grows at its end, the next one after it, and what is safe of them.

Blocking: the link calls it from one thread at a time. Times are epoch seconds.

Writing: one `write` per batch. Under `fsync = batch` what was written is synced before
`append` says that it is settled, and a new name is synced in its folder. A write or a
sync that fails is undone: the file is cut back to what was settled, so that the batches
can be written again, behind whole messages and nothing else.
"""

from __future__ import annotations

import errno
import fcntl
import os
import re
import stat
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from enum import Enum
from typing import Any

import attrs

from ._file_tail import torn_bytes

__all__ = ["FIELDS", "Appended", "Piece", "Sync", "fill_fields"]

#: What may stand in braces in a path.
FIELDS = ("channel", "destination")
_FIELD = re.compile(r"\{(\w*)\}")

_FOLDER_MODE = 0o750


class Sync(Enum):
    """When what was written is forced to the disk."""

    BATCH = "batch"
    NEVER = "never"
    INTERVAL = "interval"


@attrs.frozen
class Piece:
    """One batch, framed. `received_at` chooses the file, `now` the rotation."""

    data: bytes
    received_at: float
    now: float


def fill_fields(path: str, names: dict[str, str]) -> str:
    """The path with `{channel}` and `{destination}` filled in, for strftime.

    A name is one path segment, or a part of one: it cannot lead to another folder.
    """

    def word(match: re.Match[str]) -> str:
        name = names.get(match[1])
        if name is None:
            return match[0]
        safe = re.sub(r"[/\\\x00-\x1f]", "_", name)
        if safe.strip(".") == "":
            safe = "_" * max(len(safe), 1)
        return safe.replace("%", "%%")

    return _FIELD.sub(word, path)


class Appended:
    """The current file and its rotation.

    Args:
        template: the path, with strftime's fields still in it.
        mark: what ends a message, see `end_mark`; empty: a cut tail cannot be told.
        mode: of new files.
        rotate_bytes: a file that would grow beyond this is set aside; 0: never.
        rotate_every_seconds: likewise at each multiple of this in local time; 0: never.
        disk: has write, ftruncate, fdatasync and fsync as `os` has them.
    """

    def __init__(
        self,
        template: str,
        *,
        mark: bytes,
        mode: int,
        sync: Sync,
        rotate_bytes: int,
        rotate_every_seconds: float,
        disk: Any = os,
    ) -> None:
        self._disk = disk
        self._template = template
        self._mark = mark
        self._mode = mode
        self._sync_when = sync
        self._rotate_bytes = rotate_bytes
        self._rotate_every_seconds = rotate_every_seconds
        self._fd = -1
        self.path = ""
        self._size_bytes = 0
        self._written_at = 0.0
        #: Up to here the current file is as safe as `sync` says.
        self._settled_bytes = 0
        #: Files to be cut to a size before anything else is written to them.
        self._cuts: dict[str, int] = {}
        #: Sentences for the log, taken by the caller.
        self.notices: list[str] = []

    def open_at(self, received_at: float) -> str:
        """Open the file for messages of that time; its path.

        Raises:
            OSError: with the path as its filename.
        """
        path = self.path_at(received_at)
        if self._fd < 0 or path != self.path or self._replaced():
            self.close()
            self._open(path)
        return path

    def path_at(self, received_at: float) -> str:
        return time.strftime(self._template, time.localtime(received_at))

    def append(self, pieces: Sequence[Piece]) -> tuple[int, OSError | None]:
        """Write the pieces in order.

        Returns:
            How many of them are settled, and what kept the others from it.
        """
        settled = written = 0
        failure: OSError | None = None
        try:
            for piece in pieces:
                path = self.path_at(piece.received_at)
                if self._fd >= 0 and (path != self.path or self._replaced()):
                    self.close()
                    settled = written
                if self._fd < 0:
                    self._open(path)
                if self._due(piece):
                    self.close()
                    settled = written
                    self._set_aside(path)
                    self._open(path)
                self._write(piece)
                written += 1
        except OSError as error:
            failure = error
        if self._sync_when is not Sync.BATCH:
            return written, failure
        if self._fd >= 0:
            try:
                self.sync()
                settled = written
            except OSError as error:
                failure = error
                self._cut_back(self._settled_bytes)
        return settled, failure

    def sync(self) -> None:
        """Force what was written to the disk.

        Raises:
            OSError: what was written since the last sync may not be there.
        """
        if self._fd >= 0 and self._unsettled:
            with _naming(self.path):
                self._disk.fdatasync(self._fd)
            self._settled_bytes = self._size_bytes

    def close(self) -> None:
        """Sync, unless `never`, and close. Raises OSError if the sync failed."""
        try:
            if self._sync_when is not Sync.NEVER:
                self.sync()
        except OSError:
            if self._sync_when is Sync.BATCH:
                self._cuts[self.path] = self._settled_bytes
            raise
        finally:
            self._drop()

    # -- within ------------------------------------------------------------------------

    @property
    def _unsettled(self) -> bool:
        return self._settled_bytes != self._size_bytes

    def _write(self, piece: Piece) -> None:
        before = self._size_bytes
        view = memoryview(piece.data)
        try:
            with _naming(self.path):
                while view:
                    count = self._disk.write(self._fd, view)
                    self._size_bytes += count
                    view = view[count:]
        except OSError:
            self._cut_back(before)
            raise
        self._written_at = piece.now

    def _cut_back(self, size_bytes: int) -> None:
        """Undo what was written beyond this, now, or before the next write."""
        try:
            self._disk.ftruncate(self._fd, size_bytes)
        except OSError:
            # Not now: when the file is opened again. Then what is not settled goes
            # too, for it will be written again.
            if self._sync_when is Sync.BATCH:
                size_bytes = self._settled_bytes
            self._cuts[self.path] = size_bytes
            self._drop()
            return
        self._size_bytes = size_bytes
        self._settled_bytes = min(self._settled_bytes, size_bytes)

    def _due(self, piece: Piece) -> bool:
        if not self._size_bytes:
            return False
        grown = self._size_bytes + len(piece.data)
        if self._rotate_bytes and grown > self._rotate_bytes:
            return True
        return bool(self._rotate_every_seconds) and (
            self._period(piece.now) != self._period(self._written_at)
        )

    def _period(self, at: float) -> int:
        # In local time, so that `1d` means midnight here.
        offset = time.localtime(at).tm_gmtoff
        return int((at + offset) // self._rotate_every_seconds)

    def _set_aside(self, path: str) -> str:
        """Rename to PATH.1, PATH.2, ...: the highest number is the youngest."""
        folder, name = os.path.split(path)
        numbers = [
            int(found[len(name) + 1 :])
            for found in os.listdir(folder)
            if found.startswith(name + ".") and found[len(name) + 1 :].isdecimal()
        ]
        aside = f"{path}.{max(numbers, default=0) + 1}"
        os.rename(path, aside)
        self._sync_folder(folder)
        return aside

    def _drop(self) -> None:
        if self._fd >= 0:
            fd, self._fd = self._fd, -1
            os.close(fd)

    def _replaced(self) -> bool:
        """The name no longer leads to our file: it was moved or deleted."""
        try:
            there = os.stat(self.path)
        except FileNotFoundError:
            return True
        ours = os.fstat(self._fd)
        return (there.st_dev, there.st_ino) != (ours.st_dev, ours.st_ino)

    def _open(self, path: str) -> None:
        with _naming(path):
            self._make_folders(os.path.dirname(path))
            fd, created = self._open_or_create(path)
            try:
                size_bytes = self._claim(fd, path)
            except BaseException:
                os.close(fd)
                raise
            if size_bytes < 0:
                # What stands there is not ours to go on with.
                os.close(fd)
                aside = self._set_aside(path)
                self.notices.append(
                    f"{path} holds no message of this framing; it is now {aside}"
                )
                self._open(path)
                return
            if created:
                os.fchmod(fd, self._mode)
                self._sync_folder(os.path.dirname(path))
        self._fd = fd
        self.path = path
        self._size_bytes = self._settled_bytes = size_bytes
        self._written_at = os.fstat(fd).st_mtime

    def _open_or_create(self, path: str) -> tuple[int, bool]:
        # O_NONBLOCK, because opening a FIFO that nobody reads would wait for ever.
        # O_NOFOLLOW, because whoever may write in this folder could name any file of
        # ours for us to append to; folders on the way may be links.
        flags = os.O_RDWR | os.O_APPEND | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOFOLLOW
        try:
            return os.open(path, flags | os.O_CREAT | os.O_EXCL, self._mode), True
        except FileExistsError:
            pass
        try:
            return os.open(path, flags), False
        except OSError as error:
            if error.errno == errno.ELOOP:
                why = "a symbolic link, which is not followed"
                raise OSError(errno.ELOOP, why, path) from None
            raise

    def _claim(self, fd: int, path: str) -> int:
        """Lock and look at the end; the size from which to go on, -1: not with it."""
        found = os.fstat(fd)
        if not stat.S_ISREG(found.st_mode):
            raise OSError(errno.EINVAL, "not a regular file", path)
        # Two writers of one file would cut each other's messages off.
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        size_bytes = found.st_size
        cut = self._cuts.pop(path, None)
        if cut is not None and cut < size_bytes:
            try:
                self._disk.ftruncate(fd, cut)
            except OSError:
                self._cuts[path] = cut
                raise
            size_bytes = cut
        if not (self._mark and size_bytes):
            return size_bytes
        torn = torn_bytes(fd, size_bytes, self._mark)
        if torn is None:
            return -1
        if torn:
            self._put_aside_tail(fd, path, size_bytes - torn, torn)
        return size_bytes - torn

    def _put_aside_tail(self, fd: int, path: str, start: int, count: int) -> None:
        """A crash cut a message off: it is written again, whole, because it was never
        confirmed. What is there of it goes to PATH.torn, so nothing is thrown away."""
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        aside = os.open(path + ".torn", flags, self._mode)
        try:
            os.lseek(fd, start, os.SEEK_SET)
            left = count
            while left > 0:
                block = os.read(fd, min(left, 64 * 1024))
                if not block:
                    break
                left -= len(block)
                while block:
                    block = block[self._disk.write(aside, block) :]
            self._disk.fsync(aside)
        finally:
            os.close(aside)
        self._disk.ftruncate(fd, start)
        self.notices.append(
            f"{path} ended inside a message: its {count} bytes are now in {path}.torn"
        )

    def _make_folders(self, folder: str) -> None:
        if os.path.isdir(folder):
            return
        parent = os.path.dirname(folder)
        if parent != folder:
            self._make_folders(parent)
        try:
            os.mkdir(folder, _FOLDER_MODE)
        except FileExistsError:
            # Another destination has just made it, in a thread of its own.
            if not os.path.isdir(folder):
                raise
        self._sync_folder(parent)

    def _sync_folder(self, folder: str) -> None:
        # A new name lives in the folder: without this a power cut takes the whole file.
        if self._sync_when is Sync.NEVER:
            return
        fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            self._disk.fsync(fd)
        finally:
            os.close(fd)


@contextmanager
def _naming(path: str) -> Iterator[None]:
    """Puts the path into an OSError that has none, such as os.write's."""
    try:
        yield
    except OSError as error:
        if error.filename is None:
            error.filename = path
        raise
