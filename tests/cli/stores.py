"""Stores to try the commands on, and ways to spoil them."""

from __future__ import annotations

from pathlib import Path

import apsw

from iobuffer.batch import single_peer
from iobuffer.storage.base import Confidence, Limits
from iobuffer.storage.sqlite import SqliteStore

MESSAGES = [b"one", b"t\xffwo", b"three\r"]


def make_store(state_dir: Path) -> Path:
    """Three messages in channel chem-1: `lis` has had two of them, `file` none and the
    first is parked for it; channel idle is empty."""
    store = SqliteStore(state_dir)
    store.open_channel("chem-1", Limits(), ["lis", "file"])
    store.open_channel("idle", Limits(), ["lis"])
    for message in MESSAGES:
        store.append("chem-1", single_peer([message], 1e9, "10.0.0.1:5"))
        store.commit(1e9)
    store.advance("chem-1", "lis", 2, Confidence.RECEIVED)
    store.park("chem-1", "file", 1, "AE", 3)
    store.commit(1e9)
    store.close()
    return state_dir


def change(state_dir: Path, sql: str) -> None:
    """Change the file behind the store's back."""
    connection = apsw.Connection(str(state_dir / "store.sqlite3"))
    connection.execute(sql)
    connection.close()
