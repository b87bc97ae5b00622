"""The durable store passes the contract, as it is and after every restart."""

from __future__ import annotations

from pathlib import Path

import attrs
import pytest

from iobuffer.errors import StorageFull
from iobuffer.storage.audit import audit
from iobuffer.storage.base import Confidence, Store
from iobuffer.storage.sqlite import SqliteStore

from .contract import KEEP, Make, StoreContract, batch_of


class TestSqliteStore(StoreContract):
    @pytest.fixture
    def make(self, tmp_path: Path, request: pytest.FixtureRequest) -> Make:
        def make() -> Store:
            store = SqliteStore(tmp_path / "state")
            request.addfinalizer(store.close)
            return store

        return make


def test_a_batch_beyond_the_quota_is_refused_with_the_remedy(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "state")
    store.open_channel("c", attrs.evolve(KEEP, max_bytes=100), ["d"])
    with pytest.raises(StorageFull, match=r"max_bytes .* raise them"):
        store.append("c", batch_of(b"x" * 101))
    store.close()


def test_a_quota_that_is_reached_is_refused_with_the_numbers(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "state")
    store.open_channel("c", attrs.evolve(KEEP, max_bytes=100), ["d"])
    store.append("c", batch_of(b"x" * 80))
    with pytest.raises(StorageFull, match=r"1 messages, 84 bytes .* wait for delivery"):
        store.append("c", batch_of(b"x" * 80))
    store.close()


def test_space_goes_back_to_the_file_system_when_idle(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "state")
    store.open_channel("c", attrs.evolve(KEEP, keep_seconds=0), ["d"])
    for _ in range(60):
        store.append("c", batch_of(b"x" * 1_000_000))
        store.commit(1.0)
    store.advance("c", "d", 60, Confidence.SENT)
    store.commit(2.0)
    largest = store.stats().file_bytes
    while store.tidy(3.0):
        pass
    stats = store.stats()
    assert stats.file_bytes < largest * 0.5
    assert stats.wal_bytes == 0
    assert store.state("c").stored_messages == 0
    store.close()


def test_the_log_stays_short_under_load(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "state")
    store.open_channel("c", attrs.evolve(KEEP, keep_seconds=0), [])
    for now in range(60):
        store.append("c", batch_of(b"x" * 1_000_000))
        store.commit(float(now))
        assert store.stats().wal_bytes < 20 << 20
    store.close()


def test_outcomes_of_messages_that_have_gone_become_sums(tmp_path: Path) -> None:
    """Else a busy channel would keep a row a minute for ever."""
    store = SqliteStore(tmp_path / "state")
    store.open_channel("c", attrs.evolve(KEEP, keep_seconds=0), ["d"])
    for number in range(1, 40):
        store.append("c", batch_of(b"x"))
        store.commit(number * 100.0)
        store.advance("c", "d", number, Confidence.SENT)
        store.commit(number * 100.0 + 1)
    assert len(store.outcomes("c", "d", 1, 100)) <= 2
    assert store.state("c").destinations["d"].delivered == {Confidence.SENT: 39}
    store.close()
    report = audit(tmp_path / "state")
    assert report.problems == ()
