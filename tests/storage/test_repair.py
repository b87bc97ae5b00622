"""Repair saves what is readable, accounts for the rest, and keeps the original."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import pytest

from iobuffer.errors import StorageCorrupt
from iobuffer.storage.audit import audit
from iobuffer.storage.maintenance import repair, verify
from iobuffer.storage.sqlite import SqliteStore

from .samples import Contents, Reading, fill, flip

DATABASE = "store.sqlite3"
PAGE = 16384


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state"


@pytest.fixture
def contents(state: Path) -> Contents:
    store = SqliteStore(state)
    found = fill(store, 7, rows=25)
    store.close()
    return found


def test_a_good_store_comes_through_whole(state: Path, contents: Contents) -> None:
    before = SqliteStore(state)
    states = [before.state(name) for name in before.channels()]
    marks = before.marks("a")
    parked = before.parked("b", "d")
    before.close()
    report = repair(state)
    assert (report.damaged_messages, report.notes) == (0, ())
    assert report.messages == len(contents)
    after = SqliteStore(state)
    assert after.findings == []
    assert [after.state(name) for name in after.channels()] == states
    assert after.marks("a") == marks
    assert after.parked("b", "d") == parked
    assert after.epoch != before.epoch
    after.close()
    assert verify(state).problems == ()


@pytest.mark.parametrize("part", [0.1, 0.5, 0.99])
def test_what_is_left_of_a_file_that_was_cut_off_is_saved(
    state: Path, part: float
) -> None:
    """As a copy onto a full disk leaves it: SQLite opens no such file at all."""
    store = SqliteStore(state)
    contents = fill(store, 7, rows=60)
    store.close()
    database = state / DATABASE
    left = database.read_bytes()[: int(database.stat().st_size * part)]
    database.write_bytes(left)
    report = repair(state)
    assert report.original.read_bytes() == left
    assert report.messages + report.damaged_messages == len(contents)
    assert report.messages > len(contents) * (part - 0.3)
    assert report.damaged_messages > 0
    assert not list(state.glob("*lengthened*"))
    assert audit(state).problems == ()


def test_a_file_without_anything_readable_is_said_to_be_so(state: Path) -> None:
    SqliteStore(state).close()
    (state / DATABASE).write_bytes(b"SQLite format 3\0 and no more than this")
    with pytest.raises(StorageCorrupt, match="nothing in it can be read any more"):
        repair(state)


def test_the_original_is_kept_byte_for_byte(state: Path, contents: Contents) -> None:
    flip(state / DATABASE, 30 * PAGE * 8 + 5)
    before = (state / DATABASE).read_bytes()
    first = repair(state)
    assert first.original == state / (DATABASE + ".before-repair-1")
    assert first.original.read_bytes() == before
    assert repair(state).original.name.endswith("-2")
    assert first.original.read_bytes() == before


def test_a_zeroed_page_costs_its_own_rows(state: Path, contents: Contents) -> None:
    pages = (state / DATABASE).stat().st_size // PAGE
    # Somewhere among the rows, away from the small tables at the beginning.
    with (state / DATABASE).open("r+b") as file:
        file.seek(pages // 2 * PAGE)
        file.write(bytes(PAGE))
    report = repair(state)
    assert 0 < report.damaged_messages < len(contents) // 4
    assert verify(state).problems == ()
    reading = Reading(state)
    assert reading.findings == []
    assert len(reading.contents) == len(contents) - report.damaged_messages
    assert reading.contents.items() <= contents.items()


@pytest.mark.parametrize("seed", range(12))
def test_after_any_damage_a_repaired_store_is_sound(
    state: Path, contents: Contents, seed: int
) -> None:
    rng = random.Random(seed)
    size = (state / DATABASE).stat().st_size
    for _ in range(6):
        # The first page is the one thing that a store cannot do without.
        flip(state / DATABASE, rng.randrange(PAGE * 8, size * 8))
    report = repair(state)
    assert verify(state).problems == ()
    reading = Reading(state)
    assert not reading.refusal
    corrupt, _ = reading.judge(contents)
    # A channel that lost its name is served under another one.
    assert corrupt == 0
    assert report.batches > 0


def test_a_repair_that_was_cut_off_is_finished(state: Path, contents: Contents) -> None:
    repair(state)
    # As if it had ended between its two renames.
    (state / DATABASE).rename(state / (DATABASE + ".repaired"))
    with pytest.raises(StorageCorrupt, match="finish a repair"):
        SqliteStore(state)
    assert repair(state).notes == ("finished an earlier repair",)
    assert Reading(state).contents == contents


def test_what_was_only_in_the_log_is_saved_too(tmp_path: Path, state: Path) -> None:
    store = SqliteStore(state)
    contents = fill(store, 9, rows=5)
    shutil.copytree(state, tmp_path / "killed")
    store.close()
    report = repair(tmp_path / "killed")
    assert report.messages == len(contents)
    assert report.original.with_name(report.original.name + "-wal").exists()
    assert Reading(tmp_path / "killed").contents == contents
    assert audit(tmp_path / "killed").adds_up
