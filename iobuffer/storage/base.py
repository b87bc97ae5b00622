"""The store's contract: where batches live until every destination has had them.

Floor 1: synchronous, no Twisted, no log, blind to framers. Time comes in as an argument
(wall time in epoch seconds, a label and the measure of `keep`). One thread at a time.

What is durable when. Everything between two commits is one transaction. When `commit`
returns, all of it survives a killed process, a crashed system and a power cut, on a
disk that honours flush. When it raises, none of it happened. Nothing may be
acknowledged to a sender before `commit` has returned.

Invariants that every store keeps, and `tests/storage/contract.py` checks:

1. Sequence numbers count messages per channel from 1, have no holes when given, and are
   never given twice in an epoch.
2. `read` returns messages in order, exactly as appended, or says that they are damaged;
   it never returns other bytes.
3. A cursor may lag behind what was delivered (duplicates after a crash), it never leads
   (loss).
4. A message is deleted only when every destination of its channel has settled it, or
   `when_full = drop_oldest` says so; then it is counted, per destination and reason.
5. Per destination: received = delivered + queued + parked + dropped(by reason), after
   every commit and every restart, where `received` counts from the destination's
   `start_seq`.

A shared PostgreSQL is meant to fit the same contract; the in-memory reference model is
the first that passes it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum, IntEnum
from typing import Protocol

import attrs

from ..batch import Batch
from ..options import GIB

__all__ = [
    "ChannelState",
    "Confidence",
    "DestinationLedger",
    "Finding",
    "Limits",
    "OutcomeRange",
    "Parked",
    "Store",
    "StoreStats",
    "WhenFull",
]


class WhenFull(Enum):
    """What happens to a batch for which the channel has no room left, once every
    delivered message has gone."""

    #: append raises StorageFull; the source is paused or told so.
    BLOCK = "block"
    #: The oldest messages go, delivered or not; counted as dropped("full").
    DROP_OLDEST = "drop_oldest"
    #: The new batch goes; counted as dropped("full") without a sequence number.
    DROP_NEWEST = "drop_newest"


@attrs.frozen
class Limits:
    """How much of a channel is kept, and for how long.

    `keep_seconds` is for delivered messages: they stay readable and replayable that
    long after they were received. `max_bytes` counts what the rows of the channel take
    (payload and lengths) and its parked messages; `max_messages` of 0 means no limit.
    """

    keep_seconds: float = 7 * 86400.0
    max_bytes: int = 10 * GIB
    max_messages: int = 0
    when_full: WhenFull = WhenFull.BLOCK


class Confidence(IntEnum):
    """How sure we are that a message has arrived (DESIGN 8). Higher is surer."""

    #: Given to the kernel: UDP, serial after drain.
    SENT = 1
    #: The peer's TCP has acknowledged every byte; or written (and synced) to a file.
    RECEIVED = 2
    #: The application said so.
    ACKNOWLEDGED = 3


@attrs.frozen
class OutcomeRange:
    """Messages `first_seq` to `last_seq`, both included, delivered alike."""

    first_seq: int
    last_seq: int
    confidence: Confidence
    delivered_at: float


@attrs.frozen
class Parked:
    """A message that a destination refused, with a copy of its bytes."""

    seq: int
    message: bytes
    peer: str
    received_at: float
    parked_at: float
    reason: str
    attempts: int


@attrs.frozen
class DestinationLedger:
    """One destination's sum. `delivered` maps confidence to messages; `dropped`, reason
    to messages. `received` counts what came after `start_seq`, and what was dropped
    unnumbered (drop_newest) since then."""

    start_seq: int
    cursor: int
    received: int
    delivered: Mapping[Confidence, int]
    queued: int
    parked: int
    dropped: Mapping[str, int]
    #: Replays are extra deliveries of messages that the sum has counted already.
    replayed: int
    #: The received_at of the oldest message it still waits for, or None; filled by
    #: `Store.state`.
    oldest_queued_at: float | None = None

    @property
    def balance(self) -> int:
        """0 when the ledger adds up; else how many messages nobody accounts for."""
        return (
            self.received
            - sum(self.delivered.values())
            - self.queued
            - self.parked
            - sum(self.dropped.values())
        )


@attrs.frozen
class ChannelState:
    """A channel as it stands after the last commit.

    `first_seq` is the oldest kept (last_seq + 1 when nothing is); `oldest_queued_at` is
    the received_at of the oldest message that some destination still waits for, or
    None. `orphans` are cursors of destinations that are no longer configured, with the
    messages that they had not had (queued and parked). `tallies` are the named totals
    of `tally`.
    """

    channel: str
    first_seq: int
    last_seq: int
    stored_bytes: int
    stored_messages: int
    destinations: Mapping[str, DestinationLedger]
    orphans: Mapping[str, int]
    tallies: Mapping[str, int]
    damaged_messages: int
    oldest_queued_at: float | None = None


@attrs.frozen
class Finding:
    """Something that opening or reading the store found wrong, in words.

    `lost_messages` is how many acknowledged messages are missing, if any are.
    """

    channel: str
    text: str
    lost_messages: int = 0


@attrs.frozen
class StoreStats:
    """Of the store as a whole, in bytes and totals since it was opened."""

    file_bytes: int
    wal_bytes: int
    commits_total: int
    batches_total: int
    messages_total: int


class Store(Protocol):
    """Where batches live. See the module's docstring for what holds."""

    #: Random, new when the store was made, restored or found to have lost something.
    epoch: str
    #: Filled by opening and by reading; the caller logs and empties it.
    findings: list[Finding]

    def open_channel(
        self, channel: str, limits: Limits, destinations: Sequence[str]
    ) -> None:
        """Make the channel known, or give a known one new limits and destinations.

        A new destination begins at the oldest message kept if the channel never had one
        before, else behind the newest. One that is no longer named becomes an orphan:
        what it has not had is kept as if it were still there. Durable on return.
        """

    def append(
        self, channel: str, batch: Batch, marks: Mapping[str, bytes] | None = None
    ) -> int:
        """Add a batch as one row; its first sequence number, or 0 if `drop_newest`
        dropped it. `marks` are committed with it, each replacing its namesake.

        Raises:
            StorageFull: no room in this channel. This append alone did not happen;
                the open transaction is whole, and others may go on.
        """

    def advance(
        self, channel: str, destination: str, upto: int, confidence: Confidence
    ) -> None:
        """Everything after the cursor, up to `upto` included, was delivered."""

    def park(
        self, channel: str, destination: str, seq: int, reason: str, attempts: int
    ) -> None:
        """The message right behind the cursor was refused: copy it aside, move on."""

    def drop(self, channel: str, destination: str, upto: int, reason: str) -> None:
        """Everything after the cursor, up to `upto` included, will not be delivered."""

    def settle_parked(
        self,
        channel: str,
        destination: str,
        seqs: Sequence[int],
        confidence: Confidence | None,
        reason: str = "",
    ) -> int:
        """Parked messages are delivered (`confidence`), or dropped for `reason`.
        Returns how many of them were there."""

    def replayed(self, channel: str, destination: str, count: int) -> None:
        """`count` messages were delivered once more by request."""

    def tally(self, channel: str, totals: Mapping[str, int]) -> None:
        """Add to the channel's named totals, such as bytes_in and bytes_skipped."""

    def commit(self, now: float) -> None:
        """Make everything since the last commit durable, in one transaction.

        Delivered messages beyond `keep` and `max_bytes` go in the same transaction, a
        bounded number at a time.

        Raises:
            StorageFull: the disk has no room. Nothing of the transaction happened,
                and the store is as after the commit before; try again later.
            StorageFailed: the disk failed. Acknowledge nothing, exit (DESIGN 7).
        """

    def rollback(self) -> None:
        """Forget everything since the last commit."""

    def read(
        self, channel: str, after: int, max_messages: int, max_bytes: int
    ) -> Batch | None:
        """Committed messages that follow `after`, from one row at most; None at the
        end.

        At least one message, however large, if there is one. When the batch begins
        later than `after + 1`, those between are gone (damaged, or dropped since); the
        caller drops them by that name and goes on. The batch may then be empty: nothing
        follows, and `first_seq` is one more than the last number given.
        """

    def marks(self, channel: str) -> dict[str, bytes]:
        """The channel's committed marks."""

    def parked(
        self, channel: str, destination: str, after: int = 0, limit: int = 100
    ) -> list[Parked]:
        """Parked messages in order of their sequence numbers."""

    def outcomes(
        self, channel: str, destination: str, first_seq: int, last_seq: int
    ) -> list[OutcomeRange]:
        """How the messages in that range were delivered, in order."""

    def channels(self) -> list[str]:
        """Every channel the store knows, configured now or not."""

    def state(self, channel: str) -> ChannelState:
        """The channel as it stands after the last commit."""

    def forget(self, channel: str, destination: str | None = None) -> int:
        """Delete a channel, or one destination's cursor and parked messages, for good.
        Returns how many messages had not been delivered. Durable on return."""

    def tidy(self, now: float) -> bool:
        """A bounded piece of housekeeping for an idle moment: expired messages, space
        given back to the file system, the log folded in. True if there is more to do.

        Raises:
            StorageFailed: as in commit.
        """

    def stats(self) -> StoreStats:
        """Sizes and totals."""

    def close(self) -> None:
        """Commit nothing more and let go of the files."""
