"""The one way to the disk: opening, transactions, high-water mark, the end of trust.

After a failed write or sync nothing that the kernel says of the file can be believed,
so a failure is remembered: everything from then on is refused with it, and the file is
neither synced nor checkpointed again.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import apsw

from ..errors import StorageError, StorageFailed, StorageFull
from .base import Finding
from .database import (
    DATABASE,
    HIGH_WATER,
    Lock,
    check_sqlite,
    connect,
    create,
    ready,
    transaction,
)
from .high_water import HighWaterFile, read_mark
from .ledger import Channel
from .pending import save_store
from .recovery import Recovery, new_epoch

__all__ = ["Commits"]

T = TypeVar("T")


@contextmanager
def _opening(path: Path) -> Iterator[None]:
    """What the system says while a store is opened, in words of ours."""
    try:
        yield
    except (apsw.IOError, OSError) as error:
        words = f"{path}: cannot be opened: {error}"
        if isinstance(error, OSError) and error.errno != errno.EIO:
            raise StorageError(words) from error
        raise StorageFailed(f"{words}; check the disk, then start again") from error
    except apsw.Error as error:
        raise StorageError(f"{path}: cannot be opened: {error}") from error


class Commits:
    """A state directory, opened and recovered. `channels` is for the store to take."""

    def __init__(
        self,
        state_dir: Path,
        findings: list[Finding],
        *,
        secure_delete: bool,
        synchronous: str,
    ) -> None:
        check_sqlite()
        self.path = state_dir / DATABASE
        self._failure = ""
        self._closed = False
        with _opening(self.path):
            recovery = self._open(state_dir, findings, secure_delete, synchronous)
        self.epoch = recovery.epoch
        self.channels: dict[str, Channel] = recovery.channels
        self._epoch_bytes = bytes.fromhex(recovery.epoch)
        self._commits = recovery.commits
        self._messages = recovery.messages
        self._held = recovery.held

    def _open(
        self,
        state_dir: Path,
        findings: list[Finding],
        secure_delete: bool,
        synchronous: str,
    ) -> Recovery:
        state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lock = Lock(state_dir)
        self._high_water = HighWaterFile(state_dir / HIGH_WATER)
        try:
            mark = read_mark(state_dir / HIGH_WATER)
            if not ready(state_dir):
                create(self.path, new_epoch())
            self.connection = connect(
                self.path, secure_delete=secure_delete, synchronous=synchronous
            )
        except BaseException:
            self._lock.release()
            raise
        try:
            recovery = Recovery(self.connection, state_dir, mark, findings)
            recovery.load()
            self._high_water.begin(recovery.mark())
        except BaseException:
            self.connection.close()
            self._high_water.close()
            self._lock.release()
            raise
        return recovery

    def usable(self) -> None:
        """Raises StorageFailed after a failure, StorageError after `close`."""
        if self._failure:
            raise StorageFailed(self._failure)
        if self._closed:
            raise StorageError(f"{self.path}: is closed")

    def write(
        self,
        work: Callable[[], None],
        messages: int,
        last_seqs: Callable[[], Iterable[tuple[int, int]]],
        now: float,
    ) -> None:
        """One durable transaction: `work` runs its statements, `messages` are new,
        `last_seqs()` are (channel number, last_seq) for the high-water mark.

        Raises:
            StorageFull: the disk has no room; nothing of it happened.
            StorageFailed: the disk failed.
        """
        self.usable()
        commits, total = self._commits + 1, self._messages + messages
        try:
            with transaction(self.connection):
                work()
                save_store(self.connection, self.epoch, commits, total)
        except apsw.FullError as error:
            raise StorageFull(
                f"{self.path}: the disk is full ({error}); nothing was stored"
            ) from error
        except apsw.Error as error:
            raise self._fail("a commit", error) from error
        self._commits, self._messages = commits, total
        for channel_id, last_seq in last_seqs():
            self._high_water.set(channel_id, last_seq)
        try:
            self._high_water.mark(self._epoch_bytes, commits, total, now)
        except OSError as error:
            raise self._fail("the high-water mark", error) from error

    def guarded(self, what: str, work: Callable[[], T]) -> T:
        """Work on the file outside of a commit; its failure is as final."""
        try:
            return work()
        except (apsw.Error, OSError) as error:
            raise self._fail(what, error) from error

    def close(self, last: Callable[[], None]) -> None:
        """Let go of everything, after the work that is to be done last; which is left
        undone after a failure."""
        if self._closed:
            return
        try:
            if not self._failure:
                self.guarded("the last checkpoint", last)
        finally:
            self._closed = True
            self.connection.close()
            for copied in self._held:
                copied.close()
            self._high_water.close()
            self._lock.release()

    def _fail(self, what: str, error: Exception) -> StorageFailed:
        self._failure = (
            f"{self.path}: {what} failed: {error}. Nothing more is acknowledged; "
            "check the disk, then start again"
        )
        if isinstance(error, apsw.CorruptError | apsw.NotADBError):
            self._failure += "; if that fails as well, run `iobuffer store repair`"
        return StorageFailed(self._failure)
