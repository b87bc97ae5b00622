"""Which channels have found no room in the store, until there is room again.

Where what was refused is held, it is tried again anyway. Where a sender was told no,
nothing of it is left here, and it may be a day until its next message: so it is looked
whether such a row would fit now, after what may have freed room (a delivery, an
operator, housekeeping, a moment without work), never for a message.
"""

from __future__ import annotations

import time
from collections.abc import Collection

from .batch import single_peer
from .errors import StorageError, StorageFailed, StorageFull
from .storage.base import Store
from .turns import RETRY_SECONDS

__all__ = ["Fullness"]


class Fullness:
    """Of one store; used in its thread only."""

    def __init__(self) -> None:
        #: Channel -> how large a row found no room, in messages and bytes; None when
        #: it was the disk that had none for the whole commit.
        self._refused: dict[str, tuple[int, int] | None] = {}
        self._look_at = 0.0

    def __contains__(self, channel: str) -> bool:
        return channel in self._refused

    def refused(self, channel: str, row: tuple[int, int] | None) -> None:
        """There was no room for a row of so many messages and bytes."""
        self._refused[channel] = row
        self._look_at = time.monotonic() + RETRY_SECONDS

    def stored(self, channel: str) -> None:
        """There was room."""
        del self._refused[channel]

    def written(self) -> list[str]:
        """The disk has taken something; the channels that this is news for."""
        freed = [name for name, row in self._refused.items() if row is None]
        for name in freed:
            del self._refused[name]
        return freed

    def look(self, store: Store, held: Collection[str]) -> list[str]:
        """The channels that have room again, those of `held` apart; between two
        transactions.

        Raises:
            StorageFailed: as the store.
        """
        if not self._refused or time.monotonic() < self._look_at:
            return []
        self._look_at = time.monotonic() + RETRY_SECONDS
        freed = [
            name
            for name, row in self._refused.items()
            if row is not None and name not in held and _fits(store, name, row)
        ]
        for name in freed:
            del self._refused[name]
        return freed


def _fits(store: Store, channel: str, row: tuple[int, int]) -> bool:
    """Whether the store would take such a row now. Nothing of it is written."""
    messages, size_bytes = row
    like = [bytes(size_bytes), *[b""] * (messages - 1)]
    fits = True
    try:
        store.append(channel, single_peer(like, 0.0, ""))
    except StorageFull:
        fits = False
    except StorageFailed:
        raise
    except StorageError:
        # The channel is there no longer: nobody is to be told that it is full.
        pass
    store.rollback()
    return fits
