"""The durable store: one SQLite file, one connection, one thread.

Constraints
-----------
- What `commit` has returned for survives a killed process, a crashed system and a power
  cut, if the disk honours flush: WAL with `synchronous=FULL` syncs the log in every
  commit. With NORMAL it does not, and a power cut takes everything since the last
  checkpoint (measured: 0 of 30 commits left, even the table was gone).
- One commit is one sync for all channels together. A batch is one row; nothing is done
  per message but measuring, joining and slicing it.
- One process, one connection: flock on `store.lock`, `locking_mode=EXCLUSIVE`. SQLite
  before 3.51.3 is refused, because of the WAL-reset race.
- Opening costs time in channels, not in rows; memory does not grow with the backlog.
- What is read is what was written, or it is reported: SQLite ends its log silently at a
  flipped bit, and `integrity_check` does not see a changed payload (both measured).
- A failed write or sync is final: the object refuses everything from then on, because
  after a failed fsync the kernel may report the next one as good.

Layout
------
In the state directory, mode 0700, files 0600::

    store.sqlite3       the store; application_id "IOBF", user_version 1 (the format)
    store.sqlite3-wal   SQLite's log; belongs to the file above, never move one alone
    store.lock          flock of the running gateway, its process number inside
    high-water          what was committed, told apart from the database: see below
    quarantine/         copies of damaged files, as found, before anything was changed

Pages of 16 KiB, incremental vacuum. The tables::

    store        one row: epoch, number of commits, messages ever stored
    channel      a row per channel: name, first and last number, sums, tallies
    destination  a row per cursor: channel, name, cursor, ledger; configured=0: orphan
    batch        a row per batch: see below
    outcome      how messages were settled: ranges per destination. confidence 1 sent,
                 2 received, 3 acknowledged, 0 dropped for `reason`
    parked       refused messages, each with a copy of its bytes
    mark         named values that were committed with a batch
    damaged      rows that were bad, with what could be read of them; without a body:
                 numbers that are missing

A row of `batch` holds the messages first_seq to first_seq + count - 1 of its channel.
`received_at` is seconds since 1970. `peers` is JSON, `[["10.0.0.1:514",3],...]`, runs
in order. `body` is `count` lengths, unsigned 32 bit little-endian, then the messages
one behind the other. With the sqlite3 program::

    SELECT c.name, b.first_seq, b.count, datetime(b.received_at, 'unixepoch'),
           b.peers, substr(b.body, 4 * b.count + 1) FROM batch b
           JOIN channel c ON c.id = b.channel ORDER BY c.name, b.first_seq;

Stop iobuffer first, and open the file with `sqlite3 -readonly`.

The chain
---------
`batch.crc` is CRC-32 (zlib, IEEE) over: channel, first_seq, count as signed 64 bit,
received_at as 64 bit IEEE, prev_crc as unsigned 32 bit, all little-endian without
padding; then `peers` in UTF-8; then `body`. `prev_crc` is the crc of the row that was
stored before it in that channel, 0 for the first. So a changed byte shows in the row,
and a missing or an exchanged row in the one after it.

`crc` of `channel` and `destination` is CRC-32 over the row's id and the columns before
`crc`, as decimal or as text, joined by `|`, in UTF-8; of `store`, over epoch, commits
and messages; of `mark`, over channel, name and the value in hex; of `parked`, over
destination, seq and the message in hex.

Writing
-------
Appends and settlements gather in memory; `commit` writes them as one SQL transaction:
deletions, new rows, marks, outcomes, parked messages, then the rows of the channels and
destinations that changed, and the store's commit number. After it the high-water mark
is written: see `high_water`. The log is folded into the file by the same connection,
when it has passed 16 MiB or when the store is idle.

An outcome continues the range before it if it is as sure and the range is younger than
60 seconds. Ranges of messages that have gone are summed into `destination.pruned` now
and then: `{"upto": 120, "3:": 100, "0:full": 20}` is the last number summed, then
messages by confidence and reason.

Reading
-------
By channel and sequence number, a row at a time. Its CRC is checked over everything; a
row that follows the one read before must also chain to it.

A bad row is moved to `damaged`, counted and named, and the rest is served; so is a hole
where rows must be. A broken chain between two good rows is reported, and both are
served: each is proved by its own CRC.

Deleting
--------
Rows go whole, the oldest first, when every destination of the channel, orphans too, has
settled all of their messages, and they are older than `keep` or the channel is beyond
`max_bytes` or `max_messages`: at most 256 per channel and commit, in the same
transaction as everything else. When there is no room for a batch, delivered rows go at
once; only then `when_full` speaks. When the disk is short (less than `min_free_bytes`),
pages that are free within the file are still used, delivered rows of all channels go,
appends are refused, and cursors still move.

`secure_delete=FAST` overwrites what is deleted where that costs no extra write; ON
always does. Free pages go back to the file system when the store is idle.

Recovery
--------
SQLite replays its log up to the last whole commit. Then the commit number is compared
with the high-water mark: if the database has fewer, the files are copied to
`quarantine/`, every channel's missing messages are named by number, the numbers are
skipped (`damaged` says so), and there is a new epoch. Sequence numbers are never used
twice in an epoch, and an epoch is never used twice.

A channel's row that is damaged is counted anew from its batches; a destination's row
that is damaged begins anew at the oldest message kept, so that messages may come twice
but none is left out. Where SQLite itself cannot read on, `iobuffer store repair` copies
what is readable to a new file and keeps the old one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from ..batch import Batch
from ..errors import StorageError, StorageFull
from ..options import MIB
from .admission import Admission
from .base import (
    ChannelState,
    Confidence,
    Finding,
    Limits,
    OutcomeRange,
    Parked,
    StoreStats,
    WhenFull,
)
from .commits import Commits
from .database import DATABASE
from .ledger import DROPPED, Channel, Destination
from .looking import channel_state, committed_marks, outcome_ranges, parked_messages
from .pending import Pending, clean_text, parked_crc
from .reading import Reader
from .retention import Retention
from .roster import admit, delete_channel, delete_destination, differs
from .rows import MAX_BODY_BYTES, encode_body, encode_peers, row_crc
from .upkeep import Upkeep

__all__ = ["SqliteStore"]

_SWEEP_SECONDS = 1.0


class SqliteStore:
    """The `Store` on disk. Made by opening it; `close` lets go.

    Args:
        state_dir: made with mode 0700 if it is not there. Keys and the audit log may
            lie beside the store's own files.
        secure_delete: overwrite everything that is deleted, at a third of the speed.
        synchronous: "FULL". "NORMAL" breaks the promise of `commit` on purpose: it is
            there so that the power-cut test can prove that it would notice.
        min_free_bytes: what appends leave free on the disk, so that cursors and the log
            still fit; 0 switches the check off.

    Raises:
        StorageLocked: another process, or another object, has it open.
        StorageTooNew: a newer iobuffer wrote it.
        StorageCorrupt: it cannot be read, or only its remains are there.
        StorageError: this SQLite, or a setting of it, cannot be trusted.
    """

    def __init__(
        self,
        state_dir: str | Path,
        *,
        secure_delete: bool = False,
        synchronous: str = "FULL",
        min_free_bytes: int = 64 * MIB,
    ) -> None:
        self.findings: list[Finding] = []
        self._state_dir = Path(state_dir)
        self._commits = Commits(
            self._state_dir,
            self.findings,
            secure_delete=secure_delete,
            synchronous=synchronous,
        )
        self.epoch = self._commits.epoch
        self._channels = self._commits.channels
        self._connection = connection = self._commits.connection
        self._pending = Pending()
        self._disk_was_full = False
        self._swept_at = 0.0
        self._commits_total = 0
        self._batches_total = 0
        self._messages_total = 0
        self._upkeep = Upkeep(connection, min_free_bytes)
        self._retention = Retention(connection)
        self._reader = Reader(connection, self._views, self.findings)
        self._admission = Admission(
            connection, self._retention, self._state_dir, min_free_bytes, self._touch
        )

    # -- channels ----------------------------------------------------------------------

    def open_channel(
        self, channel: str, limits: Limits, destinations: Sequence[str]
    ) -> None:
        """As `Store.open_channel`; between transactions only."""
        self._between("open_channel")
        known = self._channels.get(channel)
        fresh = known.clone() if known else Channel(0, channel)
        fresh.limits = limits
        if differs(fresh, destinations):
            self._durably(
                lambda: admit(self._connection, fresh, destinations), fresh, gone=False
            )
        self._channels[channel] = fresh

    def channels(self) -> list[str]:
        """As `Store.channels`."""
        self._commits.usable()
        return list(self._channels)

    def forget(self, channel: str, destination: str | None = None) -> int:
        """As `Store.forget`; between transactions only. For a channel it returns the
        most that any one of its destinations had not had."""
        self._between("forget")
        fresh = self._known(channel).clone()
        if destination is not None:
            gone = self._destination(fresh, destination)
            self._durably(
                lambda: delete_destination(self._connection, fresh, gone),
                fresh,
                gone=False,
            )
            self._channels[channel] = fresh
            return fresh.last_seq - gone.cursor + gone.parked
        lost = [
            fresh.last_seq - each.cursor + each.parked
            for each in fresh.destinations.values()
        ]
        self._durably(lambda: delete_channel(self._connection, fresh), fresh, gone=True)
        del self._channels[channel]
        self._reader.forget(fresh.channel_id)
        return max(lost, default=0)

    # -- within a transaction ----------------------------------------------------------

    def append(
        self, channel: str, batch: Batch, marks: Mapping[str, bytes] | None = None
    ) -> int:
        """As `Store.append`. An empty batch stores its marks alone, and returns the
        number that the next message will have. A batch that `drop_newest` drops leaves
        its marks all the same: it was taken, and counted."""
        self._commits.usable()
        known = self._touch(channel)
        limits = known.limits
        if limits is None:
            raise StorageError(f"channel {channel}: open_channel comes first")
        pending = self._pending
        count = len(batch.messages)
        if count == 0:
            self._mark(known, marks)
            return known.last_seq + 1
        if self._disk_was_full:
            raise StorageFull(f"{self._state_dir}: the disk was full a moment ago")
        if channel in pending.refused:
            raise StorageFull(f"channel {channel}: full, as said before")
        body = encode_body(batch.messages)
        size_bytes = len(body)
        if size_bytes > MAX_BODY_BYTES:
            raise ValueError(f"{size_bytes} bytes are more than a row can hold")
        why = self._commits.guarded(
            "a look for room",
            lambda: self._admission.refusal(
                known, limits, pending, size_bytes, count, self._channels.values()
            ),
        )
        if why:
            if limits.when_full is not WhenFull.DROP_NEWEST:
                pending.refused.add(channel)
                raise StorageFull(f"channel {channel}: {why}")
            for destination in known.destinations.values():
                destination.unnumbered += count
                destination.count(DROPPED, "full", count)
            pending.changed = True
            self._mark(known, marks)
            return 0
        first_seq = known.last_seq + 1
        at = float(batch.received_at)
        peers = encode_peers(batch.peers)
        row_id, prev = known.channel_id, known.last_crc
        crc = row_crc(row_id, first_seq, count, at, peers, prev, body)
        row = (row_id, first_seq, count, at, peers, crc, prev, size_bytes, body)
        pending.add(channel, row)
        known.last_seq += count
        known.last_crc = crc
        known.messages += count
        known.bytes += size_bytes
        self._mark(known, marks)
        return first_seq

    def _mark(self, known: Channel, marks: Mapping[str, bytes] | None) -> None:
        if marks:
            self._pending.changed = True
            for name, value in marks.items():
                self._pending.marks[known.channel_id, name] = value

    def advance(
        self, channel: str, destination: str, upto: int, confidence: Confidence
    ) -> None:
        """As `Store.advance`. What the cursor has passed already is no news."""
        self._settle(channel, destination, upto, int(confidence), "")

    def drop(self, channel: str, destination: str, upto: int, reason: str) -> None:
        """As `Store.drop`. What the cursor has passed already is no news."""
        self._settle(channel, destination, upto, DROPPED, clean_text(reason))

    def _settle(
        self, channel: str, name: str, upto: int, confidence: int, reason: str
    ) -> None:
        self._commits.usable()
        last_seq = self._views(channel)[-1].last_seq
        destination = self._destination(self._known(channel), name)
        if upto <= destination.cursor:
            return
        if upto > last_seq:
            raise ValueError(f"{channel}: {upto} is behind {last_seq}, the last one")
        self._touch(channel)
        self._pending.settle(destination, upto, confidence, reason)

    def park(
        self, channel: str, destination: str, seq: int, reason: str, attempts: int
    ) -> None:
        """As `Store.park`. A message that has become unreadable is dropped as
        "damaged"; one that the cursor has passed already is no news."""
        self._commits.usable()
        found = self._destination(self._known(channel), destination)
        if seq <= found.cursor:
            return
        if seq != found.cursor + 1 or seq > self._views(channel)[-1].last_seq:
            raise ValueError(
                f"{channel}/{destination}: {seq} is not the committed message right "
                f"behind the cursor, {found.cursor}"
            )
        row = self._reader.row_from(channel, seq)
        known = self._touch(channel)
        if row is None or row.first_seq > seq:
            self._pending.settle(found, seq, DROPPED, "damaged")
            return
        batch = row.batch(seq - 1, 1, 0)
        message = batch.messages[0]
        row_id = found.destination_id
        peer = clean_text(batch.peers[0][0]) if batch.peers else ""
        crc = parked_crc(row_id, seq, message)
        text = clean_text(reason)
        self._pending.park(
            (row_id, seq, peer, row.received_at, text, attempts, crc, message)
        )
        found.parked += 1
        found.cursor = seq
        known.parked_bytes += len(message)

    def settle_parked(
        self,
        channel: str,
        destination: str,
        seqs: Sequence[int],
        confidence: Confidence | None,
        reason: str = "",
    ) -> int:
        """As `Store.settle_parked`."""
        self._commits.usable()
        known = self._touch(channel)
        found = self._destination(known, destination)
        text = clean_text(reason) if confidence is None else ""
        outcome = DROPPED if confidence is None else int(confidence)
        settled = 0
        for seq in seqs:
            size_bytes = self._pending.unpark(
                self._connection, found.destination_id, seq, outcome, text
            )
            if size_bytes is not None:
                known.parked_bytes -= size_bytes
                found.parked -= 1
                found.count(outcome, text, 1)
                settled += 1
        return settled

    def replayed(self, channel: str, destination: str, count: int) -> None:
        """As `Store.replayed`."""
        self._commits.usable()
        self._destination(self._touch(channel), destination).replayed += count
        self._pending.changed = True

    def tally(self, channel: str, totals: Mapping[str, int]) -> None:
        """As `Store.tally`."""
        self._commits.usable()
        tallies = self._touch(channel).tallies
        for name, total in totals.items():
            tallies[name] = tallies.get(name, 0) + total
            self._pending.changed = True

    # -- commit ------------------------------------------------------------------------

    def commit(self, now: float) -> None:
        """As `Store.commit`. Without anything to write it costs nothing."""
        self._commits.usable()
        pending = self._pending
        self._expire([self._channels[name] for name in pending.before], now)
        # The clock may have been set back: any distance of a second will do.
        if abs(now - self._swept_at) >= _SWEEP_SECONDS:
            self._swept_at = now
            self._expire(self._channels.values(), now)
        self._disk_was_full = False
        if not pending.changed:
            self._pending = Pending()
            return
        self._write(now)
        self._commits.guarded("a checkpoint", self._upkeep.after_commit)

    def _expire(self, channels: Iterable[Channel], now: float) -> bool:
        def work() -> bool:
            more = False
            for channel in channels:
                more |= self._retention.expire(channel, self._pending, now, self._touch)
            return more

        return self._commits.guarded("a look for what has expired", work)

    def _write(self, now: float) -> None:
        pending = self._pending
        touched = [self._channels[name] for name in pending.before]

        def work() -> None:
            self._upkeep.prune(touched, now)
            pending.write(self._connection, touched, now)

        def last_seqs() -> list[tuple[int, int]]:
            return [(each.channel_id, each.last_seq) for each in touched]

        try:
            self._commits.write(work, pending.messages, last_seqs, now)
        except StorageFull:
            self._undo()
            self._commits.guarded("a checkpoint", self._upkeep.after_full)
            # The next transaction is for cursors alone: they make room, appends do not.
            self._disk_was_full = True
            raise
        except BaseException:
            self._undo()
            raise
        self._pending = Pending()
        self._commits_total += 1
        self._batches_total += pending.batches
        self._messages_total += pending.messages

    def _durably(self, work: Callable[[], None], channel: Channel, gone: bool) -> None:
        """A transaction of its own, for what is durable on return."""

        def last_seqs() -> list[tuple[int, int]]:
            return [(channel.channel_id, 0 if gone else channel.last_seq)]

        self._commits.write(work, 0, last_seqs, self._swept_at)

    def rollback(self) -> None:
        """As `Store.rollback`."""
        self._commits.usable()
        self._undo()

    def _undo(self) -> None:
        self._channels.update(self._pending.before)
        self._pending = Pending()

    # -- reading -----------------------------------------------------------------------

    def read(
        self, channel: str, after: int, max_messages: int, max_bytes: int
    ) -> Batch | None:
        """As `Store.read`.

        Raises:
            StorageCorrupt: SQLite cannot find its way on behind `after`; the other
                channels are not touched by that.
        """
        self._commits.usable()
        return self._reader.read(channel, after, max_messages, max_bytes)

    def marks(self, channel: str) -> dict[str, bytes]:
        """As `Store.marks`; one that is damaged is left out, and reported."""
        self._commits.usable()
        return committed_marks(self._connection, self._known(channel), self.findings)

    def parked(
        self, channel: str, destination: str, after: int = 0, limit: int = 100
    ) -> list[Parked]:
        """As `Store.parked`; a copy that is damaged is left out, and reported."""
        self._commits.usable()
        known = self._views(channel)[-1]
        found = self._destination(known, destination)
        return parked_messages(
            self._connection, known, found, after, limit, self.findings
        )

    def outcomes(
        self, channel: str, destination: str, first_seq: int, last_seq: int
    ) -> list[OutcomeRange]:
        """As `Store.outcomes`; ranges are cut to the one asked for."""
        self._commits.usable()
        found = self._destination(self._views(channel)[-1], destination)
        return outcome_ranges(self._connection, found, first_seq, last_seq)

    def state(self, channel: str) -> ChannelState:
        """As `Store.state`."""
        self._commits.usable()
        return channel_state(self._connection, self._views(channel)[-1])

    def stats(self) -> StoreStats:
        """As `Store.stats`."""
        self._commits.usable()
        log = self._state_dir / (DATABASE + "-wal")
        return StoreStats(
            file_bytes=(self._state_dir / DATABASE).stat().st_size,
            wal_bytes=log.stat().st_size if log.exists() else 0,
            commits_total=self._commits_total,
            batches_total=self._batches_total,
            messages_total=self._messages_total,
        )

    # -- housekeeping ------------------------------------------------------------------

    def tidy(self, now: float) -> bool:
        """As `Store.tidy`. Within a transaction it waits for the commit."""
        self._commits.usable()
        if self._pending.changed:
            return True
        more = self._expire(self._channels.values(), now)
        if self._pending.changed:
            self._write(now)
        self._commits.guarded("a checkpoint", self._upkeep.fold_in)
        return (
            self._commits.guarded("giving space back", self._upkeep.give_back) or more
        )

    def close(self) -> None:
        """As `Store.close`. A store that has failed is let go without a checkpoint."""
        self._commits.close(self._upkeep.fold_in)

    # -- within ------------------------------------------------------------------------

    def _between(self, call: str) -> None:
        self._commits.usable()
        if self._pending.changed:
            raise StorageError(
                f"{call} within a transaction: commit or roll back first"
            )
        self._pending = Pending()

    def _known(self, channel: str) -> Channel:
        known = self._channels.get(channel)
        if known is None:
            raise StorageError(f"channel {channel}: the store does not know it")
        return known

    def _destination(self, channel: Channel, name: str) -> Destination:
        found = channel.destinations.get(name)
        if found is None:
            raise StorageError(f"channel {channel.name}: no destination {name}")
        return found

    def _touch(self, channel: str) -> Channel:
        """The channel, part of the open transaction from now on."""
        known = self._known(channel)
        if channel not in self._pending.before:
            self._pending.before[channel] = known.clone()
        return known

    def _views(self, channel: str) -> tuple[Channel, ...]:
        """Every object that stands for the channel, the committed one last."""
        known = self._known(channel)
        before = self._pending.before.get(channel)
        return (known, before) if before is not None else (known,)
