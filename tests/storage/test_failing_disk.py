"""An I/O error in a commit: none of it happened, and nothing is ever tried again."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator
from pathlib import Path

import pytest

from iobuffer.errors import StorageFailed
from iobuffer.storage.base import Confidence
from iobuffer.storage.sqlite import SqliteStore

from .contract import KEEP, batch_of, read_all


@pytest.fixture
def no_more_growing() -> Iterator[list[int]]:
    """Writes beyond the length that the test puts into the list fail with EFBIG."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    lengths: list[int] = []
    yield lengths
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_failed_commit_is_final(tmp_path: Path, no_more_growing: list[int]) -> None:
    state = tmp_path / "state"
    store = SqliteStore(state)
    store.open_channel("c", KEEP, ["d"])
    store.append("c", batch_of(b"safe"))
    store.commit(1.0)
    log = state / "store.sqlite3-wal"
    hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    resource.setrlimit(resource.RLIMIT_FSIZE, (log.stat().st_size + 20_000, hard))
    store.append("c", batch_of(b"x" * 200_000))
    with pytest.raises(StorageFailed, match="a commit failed") as failed:
        store.commit(2.0)
    assert "check the disk" in str(failed.value)
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))

    # The disk is good again, and the store does not believe it.
    for call in (
        lambda: store.append("c", batch_of(b"y")),
        lambda: store.commit(3.0),
        store.rollback,
        lambda: store.read("c", 0, 1, 1),
        lambda: store.advance("c", "d", 1, Confidence.SENT),
        lambda: store.park("c", "d", 1, "", 1),
        lambda: store.settle_parked("c", "d", [1], None),
        lambda: store.tally("c", {"x": 1}),
        lambda: store.replayed("c", "d", 1),
        lambda: store.drop("c", "d", 1, "x"),
        lambda: store.open_channel("e", KEEP, []),
        lambda: store.forget("c"),
        lambda: store.marks("c"),
        lambda: store.parked("c", "d"),
        lambda: store.outcomes("c", "d", 1, 1),
        lambda: store.state("c"),
        lambda: store.tidy(3.0),
        store.channels,
        store.stats,
    ):
        with pytest.raises(StorageFailed):
            call()
    before = {each.name: each.read_bytes() for each in state.iterdir()}
    store.close()
    # Closing has neither committed nor folded the log in.
    assert {each.name: each.read_bytes() for each in state.iterdir()} == before
    assert os.path.getsize(log) > 0

    again = SqliteStore(state)
    assert again.findings == []
    assert read_all(again, "c") == [(1, b"safe")]
    again.close()


def test_rows_that_cannot_be_looked_at_are_a_failure_of_the_disk(
    tmp_path: Path,
) -> None:
    """Whatever SQLite says of it, the gateway is to end with one sentence."""
    state = tmp_path / "state"
    store = SqliteStore(state)
    store.open_channel("c", KEEP, ["d"])
    for at in range(50):
        store.append("c", batch_of(b"x" * 20_000))
        store.commit(float(at))
    store.close()
    store = SqliteStore(state)
    store.open_channel("c", KEEP, ["d"])
    os.truncate(state / "store.sqlite3", 6 * 16384)
    store.append("c", batch_of(b"y"))

    with pytest.raises(StorageFailed, match="a look for what has expired failed"):
        store.commit(100.0)
