"""The reference model: the contract in its plainest form, in memory, lost on closing.

It keeps the fate of every message by itself and counts on demand, so that it can be
seen to be right. It is what the durable stores are compared with, and a fast stand-in
for them in tests of other rooms. Not for production: nothing is durable, and everything
costs per message.
"""

from __future__ import annotations

import copy
import secrets
from collections import Counter
from collections.abc import Mapping, Sequence

import attrs

from ..batch import Batch, cut
from ..errors import StorageError, StorageFull
from .base import (
    ChannelState,
    Confidence,
    DestinationLedger,
    Finding,
    Limits,
    OutcomeRange,
    Parked,
    StoreStats,
    WhenFull,
)
from .retention import KEEP_ROWS_PER_COMMIT
from .rows import LENGTH_BYTES

__all__ = ["MemoryStore"]


class _Destination:
    def __init__(self, start_seq: int) -> None:
        self.configured = True
        self.start_seq = start_seq
        self.cursor = start_seq
        self.unnumbered = 0
        self.replayed = 0
        #: seq to (how surely it was delivered or None, dropped for what, when)
        self.fates: dict[int, tuple[Confidence | None, str, float | None]] = {}
        self.parked: dict[int, Parked] = {}

    def ledger(self, last_seq: int) -> DestinationLedger:
        fates = self.fates.values()
        dropped = Counter(reason for confidence, reason, _ in fates if not confidence)
        if self.unnumbered:
            dropped["full"] += self.unnumbered
        return DestinationLedger(
            start_seq=self.start_seq,
            cursor=self.cursor,
            received=last_seq - self.start_seq + self.unnumbered,
            delivered=Counter(confidence for confidence, _, _ in fates if confidence),
            queued=last_seq - self.cursor,
            parked=len(self.parked),
            dropped=dropped,
            replayed=self.replayed,
        )


class _Channel:
    def __init__(self) -> None:
        self.limits: Limits | None = None
        self.served = False
        self.last_seq = 0
        self.rows: list[Batch] = []
        self.destinations: dict[str, _Destination] = {}
        self.marks: dict[str, bytes] = {}
        self.tallies: Counter[str] = Counter()

    def __deepcopy__(self, memo: dict[int, object]) -> _Channel:
        # Batches are values: the list of them is copied, they are not.
        twin = _Channel()
        twin.limits = self.limits
        twin.served = self.served
        twin.last_seq = self.last_seq
        twin.rows = list(self.rows)
        twin.destinations = copy.deepcopy(self.destinations, memo)
        twin.marks = dict(self.marks)
        twin.tallies = Counter(self.tallies)
        return twin

    @property
    def first_seq(self) -> int:
        return self.rows[0].first_seq if self.rows else self.last_seq + 1

    @property
    def used_bytes(self) -> int:
        return sum(map(_row_bytes, self.rows)) + sum(
            len(parked.message)
            for destination in self.destinations.values()
            for parked in destination.parked.values()
        )

    @property
    def used_messages(self) -> int:
        return sum(map(len, self.rows))

    def settled(self) -> int:
        cursors = [each.cursor for each in self.destinations.values()]
        return min(cursors, default=self.last_seq)

    def is_over(self, more_bytes: int, more_messages: int) -> bool:
        limits = self.limits
        return limits is not None and (
            self.used_bytes + more_bytes > limits.max_bytes
            or 0 < limits.max_messages < self.used_messages + more_messages
        )

    def remove_oldest(self) -> None:
        last_seq = self.rows.pop(0).last_seq
        for each in self.destinations.values():
            for seq in range(each.cursor + 1, last_seq + 1):
                each.fates[seq] = (None, "full", None)
            each.cursor = max(each.cursor, last_seq)


def _row_bytes(batch: Batch) -> int:
    return batch.size_bytes + LENGTH_BYTES * len(batch)


class MemoryStore:
    """The `Store` that forgets. `committed` and the open transaction are two copies."""

    def __init__(self) -> None:
        self.epoch = secrets.token_hex(16)
        self.findings: list[Finding] = []
        self._committed: dict[str, _Channel] = {}
        self._open: dict[str, _Channel] = {}
        self._refused: set[str] = set()
        self._totals = Counter[str]()
        self._new = Counter[str]()

    def open_channel(
        self, channel: str, limits: Limits, destinations: Sequence[str]
    ) -> None:
        if self._open:
            raise StorageError(
                "open_channel: commit or roll back the transaction first"
            )
        known = self._committed.setdefault(channel, _Channel())
        known.limits = limits
        for name in destinations:
            if name not in known.destinations:
                start_seq = known.last_seq if known.served else known.first_seq - 1
                known.destinations[name] = _Destination(start_seq)
        known.served = known.served or bool(destinations)
        for name, each in known.destinations.items():
            each.configured = name in destinations

    def append(
        self, channel: str, batch: Batch, marks: Mapping[str, bytes] | None = None
    ) -> int:
        known = self._working(channel)
        limits = known.limits
        if limits is None:
            raise StorageError(f"channel {channel}: open_channel comes first")
        if not batch.messages:
            known.marks.update(marks or {})
            return known.last_seq + 1
        if channel in self._refused:
            raise StorageFull(f"channel {channel}: full, as said before")
        if not self._make_room(known, limits, batch):
            if limits.when_full is not WhenFull.DROP_NEWEST:
                self._refused.add(channel)
                raise StorageFull(f"channel {channel}: full")
            for each in known.destinations.values():
                each.unnumbered += len(batch)
            known.marks.update(marks or {})
            return 0
        first_seq = known.last_seq + 1
        known.rows.append(batch.numbered(first_seq))
        known.last_seq += len(batch)
        known.marks.update(marks or {})
        self._new["batches"] += 1
        self._new["messages"] += len(batch)
        return first_seq

    def _make_room(self, known: _Channel, limits: Limits, batch: Batch) -> bool:
        size_bytes, count = _row_bytes(batch), len(batch)
        if size_bytes > limits.max_bytes or 0 < limits.max_messages < count:
            return False
        trial = copy.deepcopy(known)
        while trial.is_over(size_bytes, count):
            oldest = trial.rows[0].last_seq if trial.rows else None
            if oldest is None:
                return False
            if limits.when_full is not WhenFull.DROP_OLDEST and (
                oldest > known.settled()
            ):
                return False
            trial.remove_oldest()
        known.rows, known.destinations = trial.rows, trial.destinations
        return True

    def advance(
        self, channel: str, destination: str, upto: int, confidence: Confidence
    ) -> None:
        self._settle(channel, destination, upto, confidence, "")

    def drop(self, channel: str, destination: str, upto: int, reason: str) -> None:
        self._settle(channel, destination, upto, None, reason)

    def _settle(
        self,
        channel: str,
        name: str,
        upto: int,
        confidence: Confidence | None,
        reason: str,
    ) -> None:
        last_seq = self._known(channel).last_seq
        found = self._destination(self._working(channel), name)
        if upto > max(found.cursor, last_seq):
            raise ValueError(f"{channel}: {upto} is behind {last_seq}, the last one")
        for seq in range(found.cursor + 1, upto + 1):
            found.fates[seq] = (confidence, reason, None)
        found.cursor = max(found.cursor, upto)

    def park(
        self, channel: str, destination: str, seq: int, reason: str, attempts: int
    ) -> None:
        found = self._destination(self._working(channel), destination)
        if seq <= found.cursor:
            return
        if seq != found.cursor + 1 or seq > self._known(channel).last_seq:
            raise ValueError(
                f"{channel}/{destination}: {seq} is not the committed message right "
                f"behind the cursor, {found.cursor}"
            )
        batch = self.read(channel, seq - 1, 1, 1)
        assert batch is not None
        found.parked[seq] = Parked(
            seq,
            batch.messages[0],
            batch.peers[0][0] if batch.peers else "",
            batch.received_at,
            -1.0,
            reason,
            attempts,
        )
        found.cursor = seq

    def settle_parked(
        self,
        channel: str,
        destination: str,
        seqs: Sequence[int],
        confidence: Confidence | None,
        reason: str = "",
    ) -> int:
        found = self._destination(self._working(channel), destination)
        settled = 0
        for seq in seqs:
            if found.parked.pop(seq, None) is not None:
                found.fates[seq] = (confidence, "" if confidence else reason, None)
                settled += 1
        return settled

    def replayed(self, channel: str, destination: str, count: int) -> None:
        self._destination(self._working(channel), destination).replayed += count

    def tally(self, channel: str, totals: Mapping[str, int]) -> None:
        self._working(channel).tallies.update(totals)

    def commit(self, now: float) -> None:
        for name in self._committed:
            self._expire(self._working(name), now)
        for known in self._open.values():
            for each in known.destinations.values():
                for seq, (confidence, reason, at) in each.fates.items():
                    if at is None:
                        each.fates[seq] = (confidence, reason, now)
                for seq, parked in each.parked.items():
                    if parked.parked_at < 0:
                        each.parked[seq] = Parked(
                            seq,
                            parked.message,
                            parked.peer,
                            parked.received_at,
                            now,
                            parked.reason,
                            parked.attempts,
                        )
        self._committed.update(self._open)
        self._totals.update(self._new)
        self._totals["commits"] += 1
        self.rollback()

    def _expire(self, known: _Channel, now: float) -> None:
        limits = known.limits
        if limits is None:
            return
        for _ in range(KEEP_ROWS_PER_COMMIT):
            if not known.rows or known.rows[0].last_seq > known.settled():
                return
            expires_at = known.rows[0].received_at + limits.keep_seconds
            if limits.keep_seconds > 0 and expires_at > now and not known.is_over(0, 0):
                return
            known.remove_oldest()

    def rollback(self) -> None:
        self._open = {}
        self._refused = set()
        self._new = Counter()

    def read(
        self, channel: str, after: int, max_messages: int, max_bytes: int
    ) -> Batch | None:
        known = self._known(channel)
        for row in known.rows:
            if row.last_seq > after:
                start = max(0, after + 1 - row.first_seq)
                stop, size_bytes = start + 1, len(row.messages[start])
                while stop < min(len(row), start + max_messages):
                    size_bytes += len(row.messages[stop])
                    if size_bytes > max_bytes:
                        break
                    stop += 1
                return cut(row, start, stop)
        if after >= known.last_seq:
            return None
        return Batch([], 0.0, (), 0, known.last_seq + 1)

    def marks(self, channel: str) -> dict[str, bytes]:
        return dict(self._known(channel).marks)

    def parked(
        self, channel: str, destination: str, after: int = 0, limit: int = 100
    ) -> list[Parked]:
        parked = self._destination(self._known(channel), destination).parked
        return [parked[seq] for seq in sorted(parked) if seq > after][:limit]

    def outcomes(
        self, channel: str, destination: str, first_seq: int, last_seq: int
    ) -> list[OutcomeRange]:
        fates = self._destination(self._known(channel), destination).fates
        found: list[OutcomeRange] = []
        for seq in range(first_seq, last_seq + 1):
            confidence, _, at = fates.get(seq, (None, "", None))
            if confidence is None or at is None:
                continue
            newest = found[-1] if found else None
            if (
                newest is not None
                and newest.last_seq + 1 == seq
                and newest.confidence is confidence
                and newest.delivered_at == at
            ):
                found.pop()
                found.append(OutcomeRange(newest.first_seq, seq, confidence, at))
            else:
                found.append(OutcomeRange(seq, seq, confidence, at))
        return found

    def channels(self) -> list[str]:
        return list(self._committed)

    def state(self, channel: str) -> ChannelState:
        known = self._known(channel)

        def queued_at(cursor: int) -> float | None:
            waiting = (row.received_at for row in known.rows if row.last_seq > cursor)
            return next(waiting, None)

        return ChannelState(
            channel=channel,
            first_seq=known.first_seq,
            last_seq=known.last_seq,
            stored_bytes=known.used_bytes,
            stored_messages=known.used_messages,
            destinations={
                name: attrs.evolve(
                    each.ledger(known.last_seq), oldest_queued_at=queued_at(each.cursor)
                )
                for name, each in known.destinations.items()
                if each.configured
            },
            orphans={
                name: known.last_seq - each.cursor + len(each.parked)
                for name, each in known.destinations.items()
                if not each.configured
            },
            tallies=dict(known.tallies),
            damaged_messages=0,
            oldest_queued_at=queued_at(known.settled()),
        )

    def forget(self, channel: str, destination: str | None = None) -> int:
        if self._open:
            raise StorageError("forget: commit or roll back the transaction first")
        known = self._known(channel)
        if destination is not None:
            gone = self._destination(known, destination)
            del known.destinations[destination]
            return known.last_seq - gone.cursor + len(gone.parked)
        del self._committed[channel]
        return max(
            (
                known.last_seq - each.cursor + len(each.parked)
                for each in known.destinations.values()
            ),
            default=0,
        )

    def tidy(self, now: float) -> bool:
        if self._open:
            return True
        self.commit(now)
        return False

    def stats(self) -> StoreStats:
        return StoreStats(
            file_bytes=0,
            wal_bytes=0,
            commits_total=self._totals["commits"],
            batches_total=self._totals["batches"],
            messages_total=self._totals["messages"],
        )

    def close(self) -> None:
        self.rollback()

    def _known(self, channel: str) -> _Channel:
        if channel not in self._committed:
            raise StorageError(f"channel {channel}: the store does not know it")
        return self._committed[channel]

    def _working(self, channel: str) -> _Channel:
        if channel not in self._open:
            self._open[channel] = copy.deepcopy(self._known(channel))
        return self._open[channel]

    def _destination(self, channel: _Channel, name: str) -> _Destination:
        if name not in channel.destinations:
            raise StorageError(f"no destination {name}")
        return channel.destinations[name]
