"""What a channel needs of whoever keeps its batches.

Plain callables in the thread that owns the channel: the storekeeper is the real one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from .batch import Batch
from .errors import StorageError

__all__ = ["Answer", "Keeper", "ReadDone"]

#: Called once for a batch that was offered with it: `(first_seq, None)` when it is
#: committed, `(0, error)` when it is not and will not be.
Answer = Callable[[int, StorageError | None], None]

#: Called once for a read: the batch, or None when there is nothing yet; or the error.
ReadDone = Callable[[Batch | None, StorageError | None], None]


class Keeper(Protocol):
    """What a channel needs of the storekeeper. Every call returns at once."""

    @property
    def pressed(self) -> bool:
        """More bytes wait for the commit than the limit allows: offer no more."""

    def append(
        self,
        channel: str,
        batch: Batch,
        answer: Answer | None,
        marks: Mapping[str, bytes] | None,
    ) -> None:
        """Commit a batch, in the order of the calls. With an `answer` a full channel
        refuses it; without one it is kept waiting until there is room."""

    def append_all(
        self,
        channel: str,
        run: Sequence[tuple[Batch, Mapping[str, bytes]]],
        answer: Answer,
    ) -> None:
        """Commit batches with their marks in that order; when a full channel refuses
        one of them, it refuses those behind it too. `answer` is called for each."""

    def read(
        self,
        channel: str,
        after: int,
        max_messages: int,
        max_bytes: int,
        done: ReadDone,
    ) -> None:
        """`Store.read`, in the store's thread."""

    def settle(self, method: str, *args: object) -> None:
        """Call a writing method of the store within the next transaction."""

    def recall(self, size_bytes: int) -> None:
        """The channel holds that many bytes of recent batches more (or fewer)."""
