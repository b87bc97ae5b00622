"""What a start finds: the same as before, or it says exactly what is missing."""

from __future__ import annotations

import shutil
from pathlib import Path

import apsw
import attrs
import pytest

from iobuffer.errors import StorageCorrupt
from iobuffer.storage.audit import audit
from iobuffer.storage.base import Confidence
from iobuffer.storage.sqlite import SqliteStore

from .contract import KEEP, batch_of, numbered, read_all

DATABASE = "store.sqlite3"


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state"


def make(state: Path, rows: int = 5) -> SqliteStore:
    store = SqliteStore(state)
    store.open_channel("c", KEEP, ["d"])
    store.open_channel("e", KEEP, ["d"])
    for row in range(rows):
        store.append("c", numbered(row * 10 + 1, 10))
        store.append("e", batch_of(b"one"))
        store.commit(float(row))
    return store


def test_everything_is_there_after_a_clean_end(state: Path) -> None:
    store = make(state)
    store.advance("c", "d", 12, Confidence.ACKNOWLEDGED)
    store.park("c", "d", 13, "AE", 2)
    store.append("e", batch_of(b"two"), {"m": b"\0"})
    store.tally("e", {"bytes_in": 3})
    store.commit(10.0)
    before = store.state("c"), store.state("e")
    parked, outcomes = store.parked("c", "d"), store.outcomes("c", "d", 1, 50)
    epoch = store.epoch
    store.close()
    again = SqliteStore(state)
    assert (again.state("c"), again.state("e")) == before
    assert again.parked("c", "d") == parked
    assert again.outcomes("c", "d", 1, 50) == outcomes
    assert again.marks("e") == {"m": b"\0"}
    assert (again.epoch, again.findings) == (epoch, [])
    again.close()


def test_everything_committed_is_there_after_a_kill(
    state: Path, tmp_path: Path
) -> None:
    store = make(state)
    store.append("c", batch_of(b"never committed"))
    shutil.copytree(state, tmp_path / "killed")
    store.close()
    again = SqliteStore(tmp_path / "killed")
    assert again.findings == []
    assert again.state("c").last_seq == 50
    again.close()


def test_an_older_database_is_found_out_and_numbers_are_not_used_again(
    state: Path, tmp_path: Path
) -> None:
    make(state, 2).close()
    shutil.copy(state / DATABASE, tmp_path / "backup")
    store = SqliteStore(state)
    store.open_channel("c", KEEP, ["d"])
    store.append("c", numbered(21, 17))
    store.commit(5.0)
    epoch = store.epoch
    store.close()
    shutil.copy(tmp_path / "backup", state / DATABASE)

    again = SqliteStore(state)
    assert [(each.channel, each.lost_messages) for each in again.findings] == [
        ("c", 17),
        ("", 0),
    ]
    assert "numbers 21 to 37" in again.findings[0].text
    assert again.epoch != epoch
    again.open_channel("c", KEEP, ["d"])
    assert again.append("c", batch_of(b"next")) == 38
    again.commit(6.0)
    gap = again.read("c", 20, 10, 1000)
    assert gap is not None
    assert (gap.first_seq, gap.messages) == (38, [b"next"])
    again.advance("c", "d", 20, Confidence.SENT)
    again.drop("c", "d", 37, "damaged")
    again.commit(7.0)
    ledger = again.state("c").destinations["d"]
    assert (ledger.balance, ledger.queued) == (0, 1)
    again.close()
    assert audit(state).problems == ()

    third = SqliteStore(state)
    assert third.findings == []
    third.close()


def test_a_gap_at_the_end_is_an_empty_batch(state: Path, tmp_path: Path) -> None:
    make(state, 1).close()
    shutil.copy(state / DATABASE, tmp_path / "backup")
    store = SqliteStore(state)
    store.open_channel("c", KEEP, ["d"])
    store.append("c", batch_of(b"lost"))
    store.commit(5.0)
    store.close()
    shutil.copy(tmp_path / "backup", state / DATABASE)
    again = SqliteStore(state)
    batch = again.read("c", 10, 10, 1000)
    assert batch is not None
    assert (batch.first_seq, batch.messages) == (12, [])
    assert again.read("c", 11, 10, 1000) is None
    again.close()


def test_lost_cursors_are_told_apart_from_lost_messages(
    state: Path, tmp_path: Path
) -> None:
    make(state, 2).close()
    shutil.copy(state / DATABASE, tmp_path / "backup")
    store = SqliteStore(state)
    store.advance("c", "d", 3, Confidence.SENT)
    store.commit(5.0)
    store.close()
    shutil.copy(tmp_path / "backup", state / DATABASE)
    again = SqliteStore(state)
    assert "may be delivered twice" in again.findings[0].text
    assert sum(each.lost_messages for each in again.findings) == 0
    again.close()


def test_the_files_are_copied_as_found_before_anything_is_written(
    state: Path, tmp_path: Path
) -> None:
    store = make(state)
    shutil.copytree(state, tmp_path / "killed")
    store.close()
    killed = tmp_path / "killed"
    with (killed / (DATABASE + "-wal")).open("r+b") as log:
        log.truncate(100_000)
    found = [(killed / (DATABASE + end)).read_bytes() for end in ("", "-wal")]
    SqliteStore(killed).close()
    kept = [
        (killed / "quarantine" / "1" / (DATABASE + end)).read_bytes()
        for end in ("", "-wal")
    ]
    assert kept == found


@pytest.mark.parametrize("slot", [0, 1])
def test_a_torn_mark_is_tolerated(state: Path, slot: int) -> None:
    make(state).close()
    path = state / "high-water"
    image = bytearray(path.read_bytes())
    image[slot * len(image) // 2 + 20] ^= 1
    path.write_bytes(image)
    store = SqliteStore(state)
    assert store.findings == []
    store.close()


@pytest.mark.parametrize("lost", ["removed", "zeroed"])
def test_a_lost_mark_is_said_and_made_anew(state: Path, lost: str) -> None:
    make(state).close()
    path = state / "high-water"
    path.unlink() if lost == "removed" else path.write_bytes(bytes(8192))
    store = SqliteStore(state)
    (finding,) = store.findings
    assert "cannot be told" in finding.text
    assert len(read_all(store, "c")) == 50
    store.close()
    again = SqliteStore(state)
    assert again.findings == []
    again.close()


def test_remains_without_a_database_are_never_made_anew(state: Path) -> None:
    make(state).close()
    (state / DATABASE).unlink()
    with pytest.raises(StorageCorrupt, match=r"store\.sqlite3 is missing"):
        SqliteStore(state)
    assert not (state / DATABASE).exists()


def test_a_file_that_is_no_store_is_left_alone(state: Path) -> None:
    state.mkdir()
    path = state / DATABASE
    for content in (b"", b"my diary, not a database" * 1000):
        path.write_bytes(content)
        with pytest.raises(StorageCorrupt, match=r"store\.sqlite3"):
            SqliteStore(state)
        assert path.read_bytes() == content


def test_a_creation_that_was_cut_off_begins_again(state: Path) -> None:
    state.mkdir()
    (state / (DATABASE + ".new")).write_bytes(b"half of a page")
    store = SqliteStore(state)
    assert store.findings == []
    store.close()
    assert not (state / (DATABASE + ".new")).exists()


def test_opening_costs_channels_not_rows(state: Path) -> None:
    """Not a row of `batch` is looked at."""
    store = make(state)
    store.close()
    steps = []
    original = apsw.connection_hooks[:]

    def watch(connection: apsw.Connection) -> None:
        connection.set_exec_trace(
            lambda cursor, sql, bindings: steps.append(sql) or True
        )

    apsw.connection_hooks.append(watch)
    try:
        SqliteStore(state).close()
    finally:
        apsw.connection_hooks[:] = original
    assert any("FROM channel" in sql for sql in steps)
    assert not any("FROM batch" in sql for sql in steps)


def test_limits_are_not_remembered_and_unopened_channels_lose_nothing(
    state: Path,
) -> None:
    store = make(state)
    store.open_channel("c", attrs.evolve(KEEP, keep_seconds=0), ["d"])
    store.close()
    again = SqliteStore(state)
    again.advance("c", "d", 50, Confidence.SENT)
    again.commit(1e12)
    assert len(read_all(again, "c")) == 50
    again.close()
