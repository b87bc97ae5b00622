"""The files: lock, creation, and the one connection with everything it must be set to.

Every setting is read back: a driver or a build that ignores one of them would otherwise
take the promise of durability with it, in silence.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from pathlib import Path
from typing import Any

import apsw

from ..errors import StorageCorrupt, StorageError, StorageLocked, StorageTooNew
from .high_water import sync_directory
from .rows import text_crc
from .schema import APPLICATION_ID, FORMAT, PAGE_BYTES, SCHEMA

__all__ = [
    "DATABASE",
    "HIGH_WATER",
    "QUARANTINE",
    "Lock",
    "check_sqlite",
    "connect",
    "create",
    "fetch",
    "query",
    "ready",
    "roll_back",
    "transaction",
]

DATABASE = "store.sqlite3"
HIGH_WATER = "high-water"
LOCK = "store.lock"
QUARANTINE = "quarantine"

CACHE_KIB = 4096

#: PRAGMA synchronous, as it reads back.
_SYNCHRONOUS = {"FULL": 2, "NORMAL": 1}

#: The first SQLite without the WAL-reset race, which loses committed rows.
_SOUND_SINCE = (3, 51, 3)


class Lock:
    """A state directory, held by this object alone until `release`.

    flock and not SQLite's own lock, so that the refusal is immediate, names the
    holder, and comes before the database is touched.
    """

    def __init__(self, state_dir: Path) -> None:
        path = state_dir / LOCK
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(self._fd, 32, 0).decode("ascii", "replace").strip()
            os.close(self._fd)
            raise StorageLocked(
                f"{state_dir}: in use by process {holder or 'unknown'}; "
                "stop that iobuffer first, or give this one a state_dir of its own"
            ) from None
        os.ftruncate(self._fd, 0)
        os.pwrite(self._fd, f"{os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def check_sqlite() -> None:
    """Raises StorageError when the bundled SQLite is one that can lose rows."""
    version = apsw.sqlite_lib_version()
    if tuple(map(int, version.split("."))) < _SOUND_SINCE:
        raise StorageError(
            f"SQLite {version} can lose committed rows (the WAL-reset race, fixed in "
            "3.51.3): upgrade apsw"
        )


def query(connection: apsw.Connection, sql: str, values: Any = ()) -> list[Any]:
    """All rows."""
    return connection.execute(sql, values).fetchall()


def fetch(connection: apsw.Connection, sql: str, values: Any = ()) -> Any:
    """The first column of the first row; None when there is none."""
    for row in connection.execute(sql, values):
        return row[0]
    return None


def ready(state_dir: Path) -> bool:
    """Whether there is a store. Raises StorageCorrupt for the remains of one: what is
    not empty is never made anew."""
    if (state_dir / DATABASE).exists():
        return True
    remains = [
        name
        for name in (DATABASE + "-wal", HIGH_WATER, DATABASE + ".repaired")
        if (state_dir / name).exists()
    ]
    if remains:
        raise StorageCorrupt(
            f"{state_dir / DATABASE} is missing, but {', '.join(remains)} is there: "
            "put the file back, or finish a repair with `iobuffer store repair`, or "
            "move the directory's contents away to begin with an empty store"
        )
    return False


def create(path: Path, epoch: str) -> None:
    """An empty store, under another name until it is whole and durable."""
    fresh = path.with_name(path.name + ".new")
    # What a creation that was cut off has left behind holds nothing.
    for leftover in (fresh, fresh.with_name(fresh.name + "-journal")):
        leftover.unlink(missing_ok=True)
    os.close(os.open(fresh, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    connection = apsw.Connection(str(fresh))
    try:
        connection.execute(f"PRAGMA page_size={PAGE_BYTES}").fetchall()
        connection.execute("PRAGMA auto_vacuum=INCREMENTAL").fetchall()
        connection.execute("PRAGMA synchronous=FULL").fetchall()
        connection.execute("BEGIN IMMEDIATE")
        connection.execute(SCHEMA)
        connection.execute(
            "INSERT INTO store VALUES (1, ?, 0, 0, ?)", (epoch, text_crc(epoch, 0, 0))
        )
        connection.execute(f"PRAGMA application_id={APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version={FORMAT}")
        connection.execute("COMMIT")
    finally:
        connection.close()
    fd = os.open(fresh, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
    os.rename(fresh, path)
    sync_directory(path.parent)


def connect(
    path: Path, *, secure_delete: bool = False, synchronous: str = "FULL"
) -> apsw.Connection:
    """The one connection. It never checkpoints on closing: the owner says when.

    Raises:
        StorageTooNew: a newer iobuffer wrote it.
        StorageCorrupt: not a store of ours, or SQLite cannot read it.
        StorageError: a setting did not take.
        apsw.IOError: the disk failed.
    """
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)
    try:
        connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
        connection.config(apsw.SQLITE_DBCONFIG_DEFENSIVE, 1)
        # Before the first access: then there is no -shm file and no second opener.
        _set(connection, path, "locking_mode", "EXCLUSIVE", "exclusive")
        _check_format(connection, path)
        _set(connection, path, "journal_mode", "WAL", "wal")
        _set(connection, path, "synchronous", synchronous, _SYNCHRONOUS[synchronous])
        _set(connection, path, "wal_autocheckpoint", "0", 0)
        # 2 is FAST: what is deleted is overwritten where that costs no extra write.
        if secure_delete:
            _set(connection, path, "secure_delete", "ON", 1)
        else:
            _set(connection, path, "secure_delete", "FAST", 2)
        _set(connection, path, "cell_size_check", "ON", 1)
        _set(connection, path, "trusted_schema", "OFF", 0)
        _set(connection, path, "cache_size", f"-{CACHE_KIB}", -CACHE_KIB)
        _set(connection, path, "mmap_size", "0", 0)
        # These two are the file's own; to set auto_vacuum again would be a write, and
        # nothing is written before recovery has looked.
        _expect(connection, path, "page_size", PAGE_BYTES)
        _expect(connection, path, "auto_vacuum", 2)
    except (apsw.CorruptError, apsw.NotADBError) as error:
        connection.close()
        raise StorageCorrupt(
            f"{path}: {error}; `iobuffer store repair` saves what is readable"
        ) from error
    except apsw.BusyError as error:
        connection.close()
        raise StorageLocked(f"{path}: another program has it open: {error}") from error
    except apsw.IOError:
        connection.close()
        raise
    except apsw.Error as error:
        connection.close()
        raise StorageError(f"{path}: cannot be opened: {error}") from error
    except BaseException:
        connection.close()
        raise
    return connection


def _check_format(connection: apsw.Connection, path: Path) -> None:
    application = fetch(connection, "PRAGMA application_id")
    if application != APPLICATION_ID:
        raise StorageCorrupt(
            f"{path} is not a store of iobuffer (application_id {application}): "
            "nothing was changed; move it away, or repair it"
        )
    found = fetch(connection, "PRAGMA user_version")
    if found > FORMAT:
        raise StorageTooNew(
            f"{path} has format {found}, this iobuffer knows up to {FORMAT}: "
            "run the newer iobuffer that wrote it"
        )
    if found < 1:
        raise StorageCorrupt(f"{path}: format {found} never was; repair it")


def _set(
    connection: apsw.Connection, path: Path, name: str, value: str, expected: object
) -> None:
    query(connection, f"PRAGMA {name}={value}")
    _expect(connection, path, name, expected)


def _expect(
    connection: apsw.Connection, path: Path, name: str, expected: object
) -> None:
    found = fetch(connection, f"PRAGMA {name}")
    if found != expected:
        raise StorageError(
            f"{path}: PRAGMA {name} is {found!r} and must be {expected!r}"
        )


@contextlib.contextmanager
def transaction(connection: apsw.Connection) -> Any:
    """BEGIN IMMEDIATE to COMMIT; rolled back when anything is raised within."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        roll_back(connection)
        raise


def roll_back(connection: apsw.Connection) -> None:
    """Leave the transaction, if SQLite has not left it by itself."""
    if not connection.in_transaction:
        return
    try:
        connection.execute("ROLLBACK")
    except apsw.Error:
        # The error that led here is the one to report; WAL needs no write to roll back.
        pass
