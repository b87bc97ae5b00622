"""Repair: what is readable goes into a new file, and the old one is kept as it is.

The copying is `salvage`; here is what makes the exchange of the files safe.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import apsw
import attrs

from ..errors import StorageCorrupt, StorageError
from .database import DATABASE, Lock, connect, create, query
from .high_water import sync_directory
from .recovery import new_epoch
from .salvage import Salvage

__all__ = ["RepairReport", "repair"]


@attrs.frozen
class RepairReport:
    """`original` is where the store lies that was repaired. `notes` say what was lost
    or made anew."""

    original: Path
    batches: int
    messages: int
    damaged_messages: int
    notes: tuple[str, ...]


def repair(state_dir: str | Path) -> RepairReport:
    """Copy what is readable to a new store, which takes the old one's place; the old
    one becomes `store.sqlite3.before-repair-N`, its log beside it.

    Raises:
        StorageLocked: a gateway runs on it.
        StorageCorrupt: not even SQLite's first page can be read.
        StorageError: there is no store.
    """
    place = Path(state_dir)
    path = place / DATABASE
    repaired = place / (DATABASE + ".repaired")
    if not place.is_dir():
        raise StorageError(f"{place}: there is no store")
    lengthened = place / (DATABASE + ".lengthened")
    lock = Lock(place)
    try:
        if not path.exists():
            if not repaired.exists():
                raise StorageError(f"{path}: there is no store")
            # A repair was cut off between its renames: only the rest is left to do.
            original = _newest_original(place)
            _put_in_place(place, repaired, original)
            return RepairReport(original, 0, 0, 0, ("finished an earlier repair",))
        _remove(repaired)
        _remove(lengthened)
        source = lengthened if _is_cut_off(path) else path
        if source is lengthened:
            _lengthen(path, lengthened)
        old = _connect(source, path)
        try:
            salvage = Salvage(old, place)
            create(repaired, new_epoch())
            new = connect(repaired)
            try:
                salvage.run(new)
                query(new, "PRAGMA wal_checkpoint(TRUNCATE)")
            except apsw.Error as error:
                raise StorageCorrupt(
                    f"{path}: its tables cannot even be found: {error}; the `.recover` "
                    "command of the sqlite3 program may still save something"
                ) from error
            finally:
                new.close()
        finally:
            old.close()
        _log_of(repaired).unlink(missing_ok=True)
        sync_directory(place)
        original = _free_name(place)
        os.rename(path, original)
        _put_in_place(place, repaired, original)
        return RepairReport(
            original,
            salvage.batches,
            salvage.messages,
            salvage.damaged,
            tuple(salvage.notes),
        )
    finally:
        _remove(lengthened)
        lock.release()


def _connect(source: Path, path: Path) -> apsw.Connection:
    try:
        return connect(source)
    except StorageCorrupt as error:
        raise StorageCorrupt(
            f"{path}: nothing in it can be read any more: restore a copy, or move "
            f"{path.parent} away to begin anew"
        ) from error


def _header(path: Path) -> tuple[int, int]:
    """Page size and pages, as the file's own header has them (SQLite's file format,
    1.3); zeros when there is none."""
    with path.open("rb") as file:
        header = file.read(100)
    if len(header) < 100:
        return 0, 0
    return int.from_bytes(header[16:18]), int.from_bytes(header[28:32])


def _is_cut_off(path: Path) -> bool:
    """Whether the file is shorter than it says: SQLite refuses all of it then."""
    page_bytes, pages = _header(path)
    return path.stat().st_size < page_bytes * pages


def _lengthen(path: Path, lengthened: Path) -> None:
    """A copy with holes for the pages that are gone, so that the others can be read.
    The original stays as it is; this takes as much disk again."""
    page_bytes, pages = _header(path)
    shutil.copyfile(path, lengthened)
    lengthened.chmod(0o600)
    os.truncate(lengthened, page_bytes * pages)
    if _log_of(path).exists():
        shutil.copyfile(_log_of(path), _log_of(lengthened))
        _log_of(lengthened).chmod(0o600)


def _log_of(database: Path) -> Path:
    return database.with_name(database.name + "-wal")


def _remove(database: Path) -> None:
    database.unlink(missing_ok=True)
    _log_of(database).unlink(missing_ok=True)


def _free_name(place: Path) -> Path:
    number = 1
    while (found := place / f"{DATABASE}.before-repair-{number}").exists():
        number += 1
    return found


def _newest_original(place: Path) -> Path:
    number = 1
    while (place / f"{DATABASE}.before-repair-{number + 1}").exists():
        number += 1
    return place / f"{DATABASE}.before-repair-{number}"


def _put_in_place(place: Path, repaired: Path, original: Path) -> None:
    """The old log must be gone before the new file has its name: SQLite would replay
    it. Until then there is no store, and opening one refuses."""
    log = _log_of(place / DATABASE)
    if log.exists():
        os.rename(log, _log_of(original))
    sync_directory(place)
    os.rename(repaired, place / DATABASE)
    sync_directory(place)
