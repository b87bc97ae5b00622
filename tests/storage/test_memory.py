"""The reference model is the first to pass the contract."""

from __future__ import annotations

import pytest

from iobuffer.storage.memory import MemoryStore

from .contract import Make, StoreContract


class TestMemoryStore(StoreContract):
    @pytest.fixture
    def make(self) -> Make:
        return MemoryStore
