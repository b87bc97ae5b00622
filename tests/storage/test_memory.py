"""The reference model is the first to pass the contract."""

from __future__ import annotations

import pytest
from storage.contract import Make, StoreContract

from iobuffer.storage.memory import MemoryStore


class TestMemoryStore(StoreContract):
    @pytest.fixture
    def make(self) -> Make:
        return MemoryStore
