"""A small JSON file that the gateway and the command line both change.

Whoever changes it holds the lock of the state directory, reads it anew, and puts a
whole new file in its place, synced; whoever reads looks first whether it is still the
file that was read before. So a command beside a running gateway is safe, and heard at
once.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .errors import StateFileError

__all__ = [
    "LOCK",
    "StateFile",
    "check_private",
    "locked",
    "remove_private",
    "write_private",
]

LOCK = "people.lock"
_MAX_BYTES = 16 << 20
_VERSION = 1


@contextlib.contextmanager
def locked(state_dir: Path) -> Iterator[None]:
    """Hold the lock of the people's files, among threads and processes alike.

    It is held for milliseconds, and let go by the kernel when a process dies.
    """
    try:
        state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        fd = os.open(state_dir / LOCK, flags, 0o600)
    except OSError as error:
        raise StateFileError(f"{state_dir / LOCK}: {error.strerror}") from error
    try:
        # flock belongs to the open file, so two threads exclude each other as well.
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)


def check_private(path: Path, fd: int) -> os.stat_result:
    """What `fd` is, which was opened as `path`.

    Raises:
        StateFileError: it is no file, or somebody else can read or write it.
    """
    found = os.fstat(fd)
    if not stat.S_ISREG(found.st_mode):
        raise StateFileError(f"{path} is not a file")
    if found.st_mode & 0o077:
        raise StateFileError(
            f"{path} can be opened by others than its owner; chmod 600 {path}"
        )
    if found.st_uid not in (os.geteuid(), 0):
        raise StateFileError(f"{path} belongs to somebody else; chown it")
    return found


def write_private(path: Path, image: bytes) -> None:
    """Put a file of mode 0600 in the place of `path`, whole or not at all, synced.

    Raises:
        StateFileError: the disk said no; the old file is as it was, or, where the
            message says so, a power cut may still bring it back.
    """
    fresh = path.with_name(path.name + ".new")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
    try:
        # One that a crash has left behind.
        fresh.unlink(missing_ok=True)
        fd = os.open(fresh, flags, 0o600)
        try:
            with os.fdopen(fd, "wb") as out:
                out.write(image)
                out.flush()
                os.fsync(out.fileno())
            os.rename(fresh, path)
        except BaseException:
            fresh.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise StateFileError(
            f"{path} cannot be written: {error.strerror}; nothing was changed"
        ) from error
    _sync_parent(path)


def remove_private(path: Path) -> None:
    """Take a file away, if it is there, synced.

    Raises:
        StateFileError: as write_private.
    """
    try:
        path.unlink()
    except FileNotFoundError:
        return
    except OSError as error:
        raise StateFileError(
            f"{path} cannot be removed: {error.strerror}; nothing was changed"
        ) from error
    _sync_parent(path)


def _sync_parent(path: Path) -> None:
    try:
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise StateFileError(
            f"{path} was changed, but its disk did not confirm it: {error.strerror}; "
            "look at the disk, and do it again"
        ) from error


class StateFile:
    """`{"version": 1, KIND: {name: {...}}}` in a file of mode 0600.

    Args:
        kind: what it holds, such as "users"; the file is `users.json`.
    """

    def __init__(self, state_dir: Path, kind: str) -> None:
        self.path = state_dir / f"{kind}.json"
        self._state_dir = state_dir
        self._kind = kind
        #: What was read, and of which file; replaced in one step, so that a thread
        #: sees the one or the other.
        self._read: tuple[tuple[int, ...], dict[str, dict[str, Any]]] = ((), {})

    def read(self) -> dict[str, dict[str, Any]]:
        """The entries as they are on disk now; a stat when nothing has changed.

        The caller does not change what he gets.

        Raises:
            StateFileError: the file is damaged, or open to others. Nobody is let in
                on the word of such a file.
        """
        try:
            now = _mark(os.stat(self.path, follow_symlinks=False))
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise StateFileError(f"{self.path}: {error.strerror}") from error
        before, entries = self._read
        if now == before:
            return entries
        mark, entries = self._load()
        self._read = mark, entries
        return entries

    @contextlib.contextmanager
    def change(self) -> Iterator[dict[str, dict[str, Any]]]:
        """The entries, to be changed within the block and written at its end.

        An exception in the block changes nothing.
        """
        with locked(self._state_dir):
            entries = {name: dict(entry) for name, entry in self.read().items()}
            yield entries
            obj = {"version": _VERSION, self._kind: entries}
            text = json.dumps(obj, indent=1, ensure_ascii=False, sort_keys=True)
            write_private(self.path, text.encode() + b"\n")

    def _load(self) -> tuple[tuple[int, ...], dict[str, dict[str, Any]]]:
        try:
            fd = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        except OSError as error:
            raise StateFileError(f"{self.path}: {error.strerror}") from error
        with os.fdopen(fd, "rb") as file:
            mark = _mark(check_private(self.path, fd))
            image = file.read(_MAX_BYTES + 1)
        try:
            if len(image) > _MAX_BYTES:
                raise ValueError("too large")
            obj = json.loads(image)
            if obj["version"] != _VERSION:
                raise ValueError("written by a newer iobuffer")
            entries = obj[self._kind]
            if not isinstance(entries, dict) or not all(
                isinstance(entry, dict) for entry in entries.values()
            ):
                raise ValueError("not what iobuffer writes")
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise StateFileError(
                f"{self.path} is damaged ({error}); put a good copy in its place, or "
                f"move it away and set its {self._kind} up again with the command line"
            ) from error
        return mark, entries


def _mark(found: os.stat_result) -> tuple[int, ...]:
    # The inode tells two changes within one tick of the clock apart.
    return (found.st_ino, found.st_mtime_ns, found.st_size, found.st_mode)
