"""Two kinds of full that are no failure: the reserve, and the disk itself."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import attrs
import pytest

from iobuffer.errors import StorageFull
from iobuffer.storage.audit import audit
from iobuffer.storage.base import Confidence, Limits, WhenFull
from iobuffer.storage.sqlite import SqliteStore

from .contract import KEEP, batch_of, read_all

#: No disk has that much: every one is short.
NEVER_ENOUGH = 1 << 60
RESERVE_BYTES = 3 << 20
BIG = b"x" * 100_000


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """8 MiB of tmpfs."""
    if os.geteuid() != 0:
        pytest.skip("needs root to mount a tmpfs")
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(place)],
        capture_output=True,
        text=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip(f"no tmpfs here: {mounted.stderr.strip()}")
    try:
        yield place
    finally:
        # Lazily: a test that failed may have left its store open.
        subprocess.run(["umount", "-l", str(place)], check=True)


def short_of_disk(tmp_path: Path, limits: Limits, rows: int) -> SqliteStore:
    """A store with that many rows of BIG, whose disk has become short since."""
    store = SqliteStore(tmp_path / "state", min_free_bytes=0)
    store.open_channel("c", limits, ["d"])
    for _ in range(rows):
        store.append("c", batch_of(BIG))
        store.commit(1.0)
    store.close()
    store = SqliteStore(tmp_path / "state", min_free_bytes=NEVER_ENOUGH)
    store.open_channel("c", limits, ["d"])
    return store


def test_the_reserve_refuses_appends_and_lets_cursors_advance(tmp_path: Path) -> None:
    store = short_of_disk(tmp_path, KEEP, 3)
    with pytest.raises(StorageFull, match="free on the disk"):
        store.append("c", batch_of(BIG))
    store.advance("c", "d", 1, Confidence.SENT)
    store.commit(2.0)
    assert store.state("c").destinations["d"].cursor == 1
    assert store.state("c").last_seq == 3
    store.close()


def test_delivered_messages_go_first_when_the_disk_is_short(tmp_path: Path) -> None:
    store = short_of_disk(tmp_path, KEEP, 4)
    store.advance("c", "d", 3, Confidence.SENT)
    assert store.append("c", batch_of(BIG)) == 5
    store.commit(2.0)
    seqs = [seq for seq, _ in read_all(store, "c")]
    assert seqs[-2:] == [4, 5]
    assert len(seqs) < 5
    store.close()


def test_delivered_messages_of_other_channels_go_as_well(tmp_path: Path) -> None:
    store = short_of_disk(tmp_path, KEEP, 4)
    store.advance("c", "d", 4, Confidence.SENT)
    store.commit(2.0)
    store.open_channel("e", KEEP, ["d"])
    assert store.append("e", batch_of(BIG)) == 1
    store.commit(2.0)
    assert store.state("c").stored_messages < 4
    store.close()


def test_drop_oldest_frees_its_own_on_a_short_disk(tmp_path: Path) -> None:
    limits = attrs.evolve(KEEP, when_full=WhenFull.DROP_OLDEST)
    store = short_of_disk(tmp_path, limits, 4)
    assert store.append("c", batch_of(BIG)) == 5
    store.commit(2.0)
    ledger = store.state("c").destinations["d"]
    assert ledger.dropped["full"] > 0
    assert ledger.balance == 0
    store.close()


def test_drop_newest_counts_on_a_short_disk(tmp_path: Path) -> None:
    limits = attrs.evolve(KEEP, when_full=WhenFull.DROP_NEWEST)
    store = short_of_disk(tmp_path, limits, 2)
    assert store.append("c", batch_of(BIG)) == 0
    store.commit(2.0)
    assert store.state("c").destinations["d"].dropped == {"full": 1}
    store.close()


def test_a_disk_that_is_full_loses_nothing_and_resumes(small_disk: Path) -> None:
    store = SqliteStore(small_disk / "state", min_free_bytes=RESERVE_BYTES)
    limits = Limits(keep_seconds=0)
    store.open_channel("c", limits, ["d"])
    acked, full = 0, 0
    while full < 5:
        try:
            last_seq = store.append("c", batch_of(BIG))
            store.commit(1.0)
            acked = last_seq
        except StorageFull:
            full += 1
            # What was given out in the failed transaction does not count.
            store.rollback()
        assert acked < 100
    assert acked > 10
    assert [seq for seq, _ in read_all(store, "c")] == list(range(1, acked + 1))
    # Cursors move while nothing comes in, and what they free is enough to go on.
    for cursor in range(1, acked):
        store.advance("c", "d", cursor, Confidence.SENT)
        store.commit(2.0)
    assert store.append("c", batch_of(BIG)) == acked + 1
    store.commit(3.0)
    assert [seq for seq, _ in read_all(store, "c")] == [acked, acked + 1]
    store.close()
    again = SqliteStore(small_disk / "state", min_free_bytes=0)
    assert again.findings == []
    again.close()
    assert audit(small_disk / "state").problems == ()


def test_right_after_a_full_disk_cursors_go_alone(small_disk: Path) -> None:
    """Else an append that never fits would keep the cursors from making room."""
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(1 << 20))
    store = SqliteStore(small_disk / "state", min_free_bytes=0)
    store.open_channel("c", KEEP, ["d"])

    def fill_up() -> None:
        while store.append("c", batch_of(BIG)):
            store.commit(1.0)

    with pytest.raises(StorageFull, match="nothing was stored"):
        fill_up()
    with pytest.raises(StorageFull, match="a moment ago"):
        store.append("c", batch_of(b"small"))
    ballast.unlink()
    store.advance("c", "d", 1, Confidence.SENT)
    store.commit(2.0)
    assert store.state("c").destinations["d"].cursor == 1
    last_seq = store.state("c").last_seq
    assert store.append("c", batch_of(b"small")) == last_seq + 1
    store.commit(3.0)
    store.close()
