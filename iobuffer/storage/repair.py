"""Repair: what is readable goes into a new file, and the old one is kept as it is.

The copying is `salvage`; here is what makes the exchange of the files safe.
"""

from __future__ import annotations

import os
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
    lock = Lock(place)
    try:
        if not path.exists():
            if not repaired.exists():
                raise StorageError(f"{path}: there is no store")
            # A repair was cut off between its renames: only the rest is left to do.
            original = _newest_original(place)
            _put_in_place(place, repaired, original)
            return RepairReport(original, 0, 0, 0, ("finished an earlier repair",))
        for leftover in (repaired, repaired.with_name(repaired.name + "-wal")):
            leftover.unlink(missing_ok=True)
        old = connect(path)
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
        repaired.with_name(repaired.name + "-wal").unlink(missing_ok=True)
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
        lock.release()


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
    log = place / (DATABASE + "-wal")
    if log.exists():
        os.rename(log, original.with_name(original.name + "-wal"))
    sync_directory(place)
    os.rename(repaired, place / DATABASE)
    sync_directory(place)
