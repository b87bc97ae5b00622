"""A batch: messages that arrived together, with what is known of them.

Everything that would be a cost per message is held once per batch: the time, and the
peers as runs of `(peer, count)`.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate

import attrs

__all__ = ["Batch", "Peers", "cut", "fitting", "join", "single_peer"]

#: Who sent the messages, as runs in order, such as
#: `(("10.0.0.1:514", 3), ("10.0.0.2:514", 1))`.
#: The counts add up to the number of messages.
Peers = tuple[tuple[str, int], ...]


@attrs.frozen(eq=False)
class Batch:
    """An ordered list of messages that arrived together.

    `first_seq` is 0 until the store has numbered it; then `messages[i]` has sequence
    number `first_seq + i`. `received_at` is wall time in epoch seconds, a label only.
    `size_bytes` counts payload, without lengths and framing. The list belongs to the
    batch: nobody changes it once the batch is made.
    """

    messages: list[bytes]
    received_at: float
    peers: Peers
    size_bytes: int
    first_seq: int = 0

    def __len__(self) -> int:
        return len(self.messages)

    @property
    def last_seq(self) -> int:
        return self.first_seq + len(self.messages) - 1

    def numbered(self, first_seq: int) -> Batch:
        """The same batch under the sequence number that the store gave it."""
        return Batch(
            self.messages, self.received_at, self.peers, self.size_bytes, first_seq
        )


def single_peer(messages: list[bytes], received_at: float, peer: str) -> Batch:
    """A batch whose messages all came from one peer."""
    return Batch(
        messages, received_at, ((peer, len(messages)),), sum(map(len, messages))
    )


def join(batches: Sequence[Batch]) -> Batch:
    """Neighbouring batches of one channel as one; the first one's time stands for all.

    They waited for the same commit, so their times differ by no more than that.
    """
    if len(batches) == 1:
        return batches[0]
    messages: list[bytes] = []
    runs: list[tuple[str, int]] = []
    size_bytes = 0
    for batch in batches:
        messages += batch.messages
        size_bytes += batch.size_bytes
        for peer, count in batch.peers:
            if runs and runs[-1][0] == peer:
                runs[-1] = (peer, runs[-1][1] + count)
            else:
                runs.append((peer, count))
    first = batches[0]
    return Batch(messages, first.received_at, tuple(runs), size_bytes, first.first_seq)


def cut(batch: Batch, start: int, stop: int) -> Batch:
    """Messages `start` (included) to `stop` (excluded) of a batch, with their peers."""
    if start <= 0 and stop >= len(batch.messages):
        return batch
    messages = batch.messages[start:stop]
    runs: list[tuple[str, int]] = []
    at = 0
    for peer, count in batch.peers:
        kept = min(stop, at + count) - max(start, at)
        if kept > 0:
            runs.append((peer, kept))
        at += count
    return Batch(
        messages,
        batch.received_at,
        tuple(runs),
        sum(map(len, messages)),
        batch.first_seq + start if batch.first_seq else 0,
    )


def fitting(batch: Batch, max_bytes: int) -> Batch:
    """The first messages of a batch that make no more than `max_bytes`; at least one.

    For slow lines: a fast one takes batches whole, and pays nothing per message.
    """
    ends = list(accumulate(map(len, batch.messages)))
    return cut(batch, 0, max(1, bisect_right(ends, max_bytes)))
