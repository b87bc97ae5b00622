"""Verify and export on a stopped store; both name what is bad."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from iobuffer.errors import StorageError, StorageLocked
from iobuffer.storage.base import Confidence, Limits
from iobuffer.storage.maintenance import export, repair, verify
from iobuffer.storage.sqlite import SqliteStore

from .contract import batch_of
from .samples import Contents, fill, flip

DATABASE = "store.sqlite3"


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state"


@pytest.fixture
def contents(state: Path) -> Contents:
    store = SqliteStore(state)
    found = fill(store, 5, rows=15)
    store.close()
    return found


def damage(state: Path, contents: Contents) -> tuple[str, int]:
    """One bit of one large message; whose it is."""
    key = next(each for each, message in contents.items() if len(message) == 3000)
    image = (state / DATABASE).read_bytes()
    flip(state / DATABASE, (image.index(contents[key][:50]) + 9) * 8)
    return key


def test_a_good_store_verifies(state: Path, contents: Contents) -> None:
    report = verify(state)
    assert report.problems == ()
    assert report.is_sound
    assert (report.channels, report.batches) == (2, 30)
    assert report.messages == len(contents)


def test_verify_sees_what_integrity_check_does_not(
    state: Path, contents: Contents
) -> None:
    name, _ = damage(state, contents)
    report = verify(state)
    assert len(report.problems) == 1
    assert report.problems[0].startswith(f"{name}: messages ")
    assert "CRC" in report.problems[0]


def test_looking_changes_nothing(state: Path, contents: Contents) -> None:
    damage(state, contents)
    before = {
        each.name: each.read_bytes()
        for each in state.iterdir()
        if each.name != "store.lock"
    }
    verify(state)
    list(export(state))
    after = {name: (state / name).read_bytes() for name in before}
    assert after == before


def test_export_gives_everything_in_order(state: Path, contents: Contents) -> None:
    found = list(export(state))
    assert {(each.channel, each.seq): each.message for each in found} == contents
    assert [each.seq for each in found if each.channel == "a"] == sorted(
        seq for name, seq in contents if name == "a"
    )
    assert found[0].peer == "10.0.0.1:514"


def test_export_of_one_channel_begins_where_it_is_told(
    state: Path, contents: Contents
) -> None:
    found = list(export(state, "b", after=17))
    assert {each.channel for each in found} == {"b"}
    assert found[0].seq == 18
    assert found[0].message == contents["b", 18]
    with pytest.raises(StorageError, match="there is: a, b"):
        list(export(state, "c"))


def test_export_names_what_is_bad(state: Path, contents: Contents) -> None:
    name, seq = damage(state, contents)
    found = list(export(state))
    (bad,) = [each for each in found if each.message is None]
    assert bad.channel == name
    assert bad.seq <= seq <= bad.last_seq
    assert "CRC" in bad.damage
    good = {(each.channel, each.seq): each.message for each in found if not each.damage}
    assert len(good) == len(contents) - (bad.last_seq - bad.seq + 1)
    assert good.items() <= contents.items()


def test_export_has_parked_copies_whose_rows_have_gone(state: Path) -> None:
    store = SqliteStore(state)
    store.open_channel("c", Limits(keep_seconds=0), ["d"])
    store.append("c", batch_of(b"refused", b"fine"))
    store.commit(1.0)
    store.park("c", "d", 1, "AE", 1)
    store.advance("c", "d", 2, Confidence.SENT)
    store.commit(2.0)
    store.close()
    (only,) = export(state)
    assert (only.message, only.seq, only.parked_for) == (b"refused", 1, "d")


def test_a_running_store_is_not_looked_at(state: Path) -> None:
    store = SqliteStore(state)
    for look in (verify, repair, lambda place: list(export(place))):
        with pytest.raises(StorageLocked, match="in use"):
            look(state)
    store.close()


def test_no_store_is_said_and_none_is_made(tmp_path: Path) -> None:
    for place in (tmp_path, tmp_path / "nowhere"):
        for look in (verify, repair, lambda place: list(export(place))):
            with pytest.raises(StorageError, match="there is no store"):
                look(place)
    shutil.rmtree(tmp_path / "nowhere", ignore_errors=True)
    assert not (tmp_path / DATABASE).exists()
