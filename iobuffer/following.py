"""Reading on: several rows of a channel as one batch."""

from __future__ import annotations

from .batch import Batch, join
from .errors import StorageCorrupt
from .storage.base import Store

__all__ = ["read_on"]


def read_on(
    store: Store, channel: str, after: int, max_messages: int, max_bytes: int
) -> Batch | None:
    """As `Store.read`, as far as rows follow each other without a gap: whoever reads
    from the disk is behind, and would wait for a commit between any two rows."""
    batch = store.read(channel, after, max_messages, max_bytes)
    if batch is None or not batch.messages:
        return batch
    parts, messages, size_bytes = [batch], len(batch), batch.size_bytes
    while messages < max_messages and size_bytes < max_bytes:
        try:
            batch = store.read(
                channel,
                parts[-1].last_seq,
                max_messages - messages,
                max_bytes - size_bytes,
            )
        except StorageCorrupt:
            # The next read begins there, and says so; what is before is good.
            break
        if batch is None or batch.first_seq != parts[-1].last_seq + 1:
            break
        parts.append(batch)
        messages += len(batch)
        size_bytes += batch.size_bytes
    return join(parts)
