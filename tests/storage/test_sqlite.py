"""The durable store passes the contract, as it is and after every restart."""

from __future__ import annotations

from pathlib import Path

import pytest

from iobuffer.storage.base import Store
from iobuffer.storage.sqlite import SqliteStore

from .contract import Make, StoreContract


class TestSqliteStore(StoreContract):
    @pytest.fixture
    def make(self, tmp_path: Path, request: pytest.FixtureRequest) -> Make:
        def make() -> Store:
            store = SqliteStore(tmp_path / "state")
            request.addfinalizer(store.close)
            return store

        return make
