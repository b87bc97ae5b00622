"""What waits for a commit, and how it is gathered into rows.

Neighbouring batches of one channel become one row of up to 256 KiB, and never more than
a quarter of what the channel may hold: a row larger than the whole would wait for room
for ever, with everything else of the channel behind it, although the store is empty.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping

from .batch import Batch, cut
from .channel import Answer
from .storage.base import Limits

__all__ = ["Offer", "RowLimits", "rows"]

#: Rows larger than this cost SQLite overflow chains and readers memory, and gain
#: nothing: measured 64 KiB to 1 MiB, flat from 256 KiB on.
_ROW_BYTES = 256 * 1024

#: A row is at most this part of what its channel may hold.
_ROWS_PER_CHANNEL = 4


class Offer:
    """A batch on its way into the store. One object per batch, not per message."""

    __slots__ = ("answer", "batch", "marks", "most", "pending_bytes")

    def __init__(
        self,
        batch: Batch,
        answer: Answer | None,
        marks: Mapping[str, bytes] | None,
        most: RowLimits,
    ) -> None:
        self.batch = batch
        self.answer = answer
        self.marks = marks
        self.most = most
        self.pending_bytes = batch.size_bytes


class RowLimits:
    """How large a row of one channel may be; `joined_bytes`, if it is made of several
    batches."""

    __slots__ = ("joined_bytes", "messages", "size_bytes")

    def __init__(self, limits: Limits) -> None:
        self.messages = (
            max(1, limits.max_messages // _ROWS_PER_CHANNEL)
            if limits.max_messages
            else sys.maxsize
        )
        self.size_bytes = limits.max_bytes // _ROWS_PER_CHANNEL
        self.joined_bytes = min(_ROW_BYTES, self.size_bytes)

    def exceeded_by(self, batch: Batch) -> bool:
        return len(batch) > self.messages or batch.size_bytes > self.size_bytes

    def cut(self, batch: Batch) -> list[Batch]:
        """The same messages in batches that do not exceed this."""
        parts = []
        start, part_bytes = 0, 0
        for at, message in enumerate(batch.messages):
            part_bytes += len(message)
            if at > start and (
                at - start == self.messages or part_bytes > self.size_bytes
            ):
                parts.append(cut(batch, start, at))
                start, part_bytes = at, len(message)
        parts.append(cut(batch, start, len(batch)))
        return parts


def rows(offers: Iterable[Offer]) -> Iterable[list[Offer]]:
    """Neighbouring offers, gathered into rows; marks end a row, so that they are
    committed with the batch that they speak of."""
    row: list[Offer] = []
    size_bytes = messages = 0
    for offer in offers:
        size_bytes += offer.batch.size_bytes
        messages += len(offer.batch)
        most = offer.most
        if row and (size_bytes > most.joined_bytes or messages > most.messages):
            yield row
            row = []
            size_bytes, messages = offer.batch.size_bytes, len(offer.batch)
        row.append(offer)
        if offer.marks:
            yield row
            row = []
            size_bytes = messages = 0
    if row:
        yield row
