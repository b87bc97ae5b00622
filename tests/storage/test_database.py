"""Who may open the store, and what it is set to."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import apsw
import pytest

from iobuffer.errors import StorageCorrupt, StorageLocked, StorageTooNew
from iobuffer.storage.database import connect, create
from iobuffer.storage.recovery import new_epoch
from iobuffer.storage.sqlite import SqliteStore

from .contract import KEEP, batch_of, read_all

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state"


def test_a_second_object_is_refused_with_one_clear_line(state: Path) -> None:
    store = SqliteStore(state)
    with pytest.raises(StorageLocked) as refused:
        SqliteStore(state)
    assert f"in use by process {os.getpid()}" in str(refused.value)
    assert "\n" not in str(refused.value)
    store.close()
    SqliteStore(state).close()


def test_a_second_process_is_refused_and_the_first_goes_on(state: Path) -> None:
    store = SqliteStore(state)
    store.open_channel("c", KEEP, [])
    second = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys; from iobuffer.storage.sqlite import SqliteStore\n"
            "try: SqliteStore(sys.argv[1])\n"
            "except Exception as error: print(type(error).__name__, error)",
            str(state),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert second.stdout.startswith("StorageLocked")
    assert str(os.getpid()) in second.stdout
    store.append("c", batch_of(b"still mine"))
    store.commit(1.0)
    assert read_all(store, "c") == [(1, b"still mine")]
    store.close()


def test_another_sqlite_program_cannot_come_in(state: Path) -> None:
    store = SqliteStore(state)
    intruder = apsw.Connection(str(state / "store.sqlite3"))
    with pytest.raises(apsw.BusyError):
        intruder.execute("SELECT * FROM store").fetchall()
    intruder.close()
    store.close()


def test_a_newer_format_is_refused_and_not_touched(state: Path) -> None:
    SqliteStore(state).close()
    path = state / "store.sqlite3"
    connection = apsw.Connection(str(path))
    connection.execute("PRAGMA user_version=2")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(StorageTooNew, match="format 2"):
        SqliteStore(state)
    assert path.read_bytes() == before


def test_everything_is_for_the_owner_alone(state: Path) -> None:
    before = os.umask(0)
    try:
        store = SqliteStore(state)
        store.open_channel("c", KEEP, [])
    finally:
        os.umask(before)
    assert stat.S_IMODE(state.stat().st_mode) == 0o700
    modes = {each.name: stat.S_IMODE(each.stat().st_mode) for each in state.iterdir()}
    assert set(modes) == {
        "store.sqlite3",
        "store.sqlite3-wal",
        "store.lock",
        "high-water",
    }
    assert set(modes.values()) == {0o600}
    store.close()


@pytest.mark.parametrize(("secure_delete", "reads"), [(False, 2), (True, 1)])
def test_every_setting_is_as_promised(
    tmp_path: Path, secure_delete: bool, reads: int
) -> None:
    path = tmp_path / "store.sqlite3"
    create(path, new_epoch())
    connection = connect(path, secure_delete=secure_delete)
    expected = {
        "journal_mode": "wal",
        "locking_mode": "exclusive",
        "synchronous": 2,
        "page_size": 16384,
        "auto_vacuum": 2,
        "secure_delete": reads,
        "wal_autocheckpoint": 0,
        "cell_size_check": 1,
        "trusted_schema": 0,
        "cache_size": -4096,
    }
    found = {
        name: connection.execute(f"PRAGMA {name}").fetchone()[0] for name in expected
    }
    assert found == expected
    connection.close()


def test_the_keys_and_logs_of_others_may_lie_beside(state: Path) -> None:
    state.mkdir()
    (state / "server.key").write_text("secret")
    SqliteStore(state).close()
    assert (state / "server.key").read_text() == "secret"


def test_the_lock_goes_when_opening_fails(state: Path) -> None:
    state.mkdir()
    (state / "store.sqlite3").write_bytes(b"no database at all, " * 1000)
    for _ in range(2):
        with pytest.raises(StorageCorrupt, match=r"store\.sqlite3"):
            SqliteStore(state)
