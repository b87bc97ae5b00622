"""What can be read of a damaged store, copied to a new one.

Rows are looked up by their own numbers, not through the index, so that a damaged page
costs its own rows and no others. What is bad goes to the new file's table `damaged`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import apsw

from ..errors import StorageCorrupt
from .base import Finding
from .database import HIGH_WATER, query, transaction
from .high_water import read_mark
from .ledger import (
    CHANNEL_COLUMNS,
    DESTINATION_COLUMNS,
    DROPPED,
    Channel,
    Destination,
    with_crc,
)
from .pending import parked_crc, save_store
from .recovery import Recovery, new_epoch
from .rows import Row, text_crc

__all__ = ["Salvage"]

_COLUMNS = "channel, first_seq, count, received_at, peers, crc, prev_crc, size, body"
#: Damaged pages fail again and again; beyond this many tries the steps grow.
_PATIENCE = 10_000
_ROWS_PER_TRANSACTION = 64
_ADD_DAMAGED = (
    "INSERT INTO damaged (channel, first_seq, last_seq, reason, header, body) "
    "VALUES (?,?,?,?,?,?)"
)


class Salvage:
    """From the old file, open as `old`, to a new one. `notes` say what was lost."""

    def __init__(self, old: apsw.Connection, place: Path) -> None:
        self._old = old
        self.notes: list[str] = []
        self.batches = 0
        self.messages = 0
        self.damaged = 0
        findings: list[Finding] = []
        self._recovery = Recovery(old, place, read_mark(place / HIGH_WATER), findings)
        try:
            self._recovery.load(write=False)
        except StorageCorrupt as error:
            self.notes.append(f"not all channels could be read: {error}")
        self._channels = {
            each.channel_id: each for each in self._recovery.channels.values()
        }
        self.notes += [f"{each.channel}: {each.text}" for each in findings]

    def run(self, new: apsw.Connection) -> None:
        """Fill the new store."""
        self._copy_rows(new)
        with transaction(new):
            self._copy_damaged(new)
            for channel in self._channels.values():
                self._finish_channel(new, channel)
            self._copy_marks(new)
            recovery = self._recovery
            save_store(new, new_epoch(), recovery.commits, recovery.messages)

    # -- rows --------------------------------------------------------------------------

    def _copy_rows(self, new: apsw.Connection) -> None:
        """By their own numbers, whatever the index says."""
        row_id, failures, step = -(1 << 62), 0, 1
        last_id = self._last_id()
        while row_id <= last_id:
            with transaction(new):
                for _ in range(_ROWS_PER_TRANSACTION):
                    try:
                        found = self._old.execute(
                            f"SELECT id, {_COLUMNS} FROM batch NOT INDEXED "
                            "WHERE id>=? ORDER BY id LIMIT 1",
                            (row_id,),
                        ).fetchone()
                    except (apsw.Error, UnicodeDecodeError) as error:
                        row_id = self._step_over(new, row_id, step, error)
                        failures += 1
                        step = 1 if failures < _PATIENCE else step * 2
                    else:
                        failures, step = 0, 1
                        if found is None:
                            return
                        self._copy_row(new, found)
                        row_id = found[0] + 1
                    if row_id > last_id:
                        break

    def _last_id(self) -> int:
        for source in ("NOT INDEXED", "INDEXED BY sqlite_autoindex_batch_1"):
            try:
                found = query(self._old, f"SELECT max(id) FROM batch {source}")
            except apsw.Error:
                # The other way may be open.
                continue
            return found[0][0] or 0
        self.notes.append("no batch could be found: its table is unreadable")
        return -(1 << 63)

    def _step_over(
        self, new: apsw.Connection, row_id: int, step: int, error: Exception
    ) -> int:
        """The next number to try. The unreadable row's own is known to the index."""
        try:
            found = query(
                self._old,
                "SELECT min(id) FROM batch INDEXED BY sqlite_autoindex_batch_1 "
                "WHERE id>=?",
                (row_id,),
            )[0][0]
        except apsw.Error:
            found = None
        if found is None:
            return max(row_id, 0) + step
        self.notes.append(f"row {found} is unreadable: {error}")
        self._salvage(new, found)
        return int(found) + 1

    def _salvage(self, new: apsw.Connection, row_id: int) -> None:
        """What can be read of a bad row: its place at least is then accounted for."""
        try:
            channel_id, first_seq, count = query(
                self._old,
                "SELECT channel, first_seq, count FROM batch WHERE id=?",
                (row_id,),
            )[0]
        except (apsw.Error, IndexError):
            # The hole that it leaves is found when the channel is finished.
            return
        if channel_id in self._channels and 0 < count < 1 << 32:
            self._note_damage(
                new, channel_id, first_seq, first_seq + count - 1, "unreadable", None
            )

    def _copy_row(self, new: apsw.Connection, found: tuple[Any, ...]) -> None:
        row_id, channel_id, *rest = found
        row = Row(row_id, *rest)
        fault = row.fault(channel_id)
        if fault:
            last_seq = row.first_seq + min(max(row.count, 1), 1 << 32) - 1
            self._note_damage(
                new, channel_id, row.first_seq, last_seq, fault, row.body, found[1:-1]
            )
            return
        channel = self._channels.get(channel_id)
        if channel is None:
            channel = Channel(channel_id, f"unnamed-{channel_id}")
            channel.first_seq = row.first_seq
            self._channels[channel_id] = channel
            self.notes.append(f"channel number {channel_id} has lost its name")
        if row.first_seq < channel.first_seq:
            # It had gone; the page that held it was not written for the last time.
            return
        new.execute(
            f"INSERT OR IGNORE INTO batch (id, {_COLUMNS}) "
            "VALUES (?,?,?,?,?,?,?,?,?,?)",
            found,
        )
        if new.changes():
            self.batches += 1
            self.messages += row.count

    def _note_damage(
        self,
        new: apsw.Connection,
        channel_id: int,
        first_seq: int,
        last_seq: int,
        reason: str,
        body: bytes | None,
        header: tuple[Any, ...] = (),
    ) -> None:
        new.execute(
            _ADD_DAMAGED,
            (
                channel_id,
                first_seq,
                last_seq,
                reason,
                json.dumps(header, default=repr),
                body if type(body) is bytes else None,
            ),
        )

    def _copy_damaged(self, new: apsw.Connection) -> None:
        try:
            for values in self._old.execute(
                "SELECT channel, first_seq, last_seq, reason, header, body FROM damaged"
            ):
                new.execute(
                    _ADD_DAMAGED,
                    values,
                )
        except (apsw.Error, UnicodeDecodeError) as error:
            self.notes.append(f"earlier damage could not be read: {error}")

    # -- channels ----------------------------------------------------------------------

    def _finish_channel(self, new: apsw.Connection, channel: Channel) -> None:
        """Count the channel anew; every hole becomes damage, and nothing else is."""
        key = (channel.channel_id,)
        notes = query(
            new,
            "SELECT first_seq, last_seq, reason, header, body FROM damaged "
            "WHERE channel=? ORDER BY first_seq",
            key,
        )
        new.execute("DELETE FROM damaged WHERE channel=?", key)
        gone = [each for each in notes if each[1] < channel.first_seq]
        expected = channel.first_seq
        channel.messages = channel.bytes = 0
        holes: list[tuple[int, int]] = []
        for first_seq, count, size, crc in query(
            new,
            "SELECT first_seq, count, size, crc FROM batch WHERE channel=? "
            "ORDER BY first_seq",
            key,
        ):
            if first_seq > expected:
                holes.append((expected, first_seq - 1))
            channel.messages += count
            channel.bytes += size
            channel.last_crc = crc
            expected = first_seq + count
        channel.last_seq = max(channel.last_seq, expected - 1)
        if expected <= channel.last_seq:
            holes.append((expected, channel.last_seq))
        for values in gone:
            new.execute(
                _ADD_DAMAGED,
                (*key, *values),
            )
        for first_seq, last_seq in holes:
            self._fill_hole(new, channel, first_seq, last_seq, notes)
        columns = with_crc(channel.channel_id, channel.columns())
        new.execute(
            f"INSERT INTO channel (id, {', '.join(CHANNEL_COLUMNS)}, crc) "
            f"VALUES ({','.join('?' * (len(columns) + 1))})",
            (channel.channel_id, *columns),
        )
        channel.parked_bytes = 0
        for destination in channel.destinations.values():
            self._finish_destination(new, channel, destination)
        crc = with_crc(channel.channel_id, channel.columns())[-1]
        new.execute(
            "UPDATE channel SET parked_bytes=?, crc=? WHERE id=?",
            (channel.parked_bytes, crc, channel.channel_id),
        )

    def _fill_hole(
        self,
        new: apsw.Connection,
        channel: Channel,
        first_seq: int,
        last_seq: int,
        notes: list[Any],
    ) -> None:
        """The bad rows that fell into a hole keep their bytes; they may overlap, so the
        hole is cut where one of them begins."""
        self.damaged += last_seq - first_seq + 1
        inside = [each for each in notes if first_seq <= each[0] <= last_seq]
        starts = sorted({first_seq, *(each[0] for each in inside)})
        for start, following in zip(starts, [*starts[1:], last_seq + 1], strict=True):
            here = [each for each in inside if each[0] == start]
            reason, header, body = here[0][2:] if here else ("gone", "{}", None)
            new.execute(
                _ADD_DAMAGED,
                (channel.channel_id, start, following - 1, reason, header, body),
            )
        self.notes.append(
            f"{channel.name}: messages {first_seq} to {last_seq} could not be saved"
        )

    def _finish_destination(
        self, new: apsw.Connection, channel: Channel, destination: Destination
    ) -> None:
        destination.cursor = min(destination.cursor, channel.last_seq)
        self._copy_parked(new, channel, destination)
        self._copy_outcomes(new, channel, destination)
        columns = with_crc(destination.destination_id, destination.columns())
        new.execute(
            f"INSERT INTO destination (id, {', '.join(DESTINATION_COLUMNS)}, crc) "
            f"VALUES ({','.join('?' * (len(columns) + 1))})",
            (destination.destination_id, *columns),
        )

    def _copy_parked(
        self, new: apsw.Connection, channel: Channel, destination: Destination
    ) -> None:
        row_id = destination.destination_id
        copied = 0
        try:
            for values in self._old.execute(
                "SELECT destination, seq, peer, received_at, parked_at, reason, "
                "attempts, crc, message FROM parked WHERE destination=?",
                (row_id,),
            ):
                if parked_crc(row_id, values[1], values[-1]) != values[7]:
                    continue
                new.execute(
                    "INSERT INTO parked (destination, seq, peer, received_at, "
                    "parked_at, reason, attempts, crc, message) "
                    "VALUES (?,?,?,?,?,?,?,?,?)",
                    values,
                )
                channel.parked_bytes += len(values[-1])
                copied += 1
        except (apsw.Error, UnicodeDecodeError) as error:
            self.notes.append(f"{channel.name}: parked messages unreadable: {error}")
        lost = destination.parked - copied
        if lost > 0:
            self.notes.append(
                f"{channel.name} -> {destination.name}: {lost} parked messages could "
                "not be saved"
            )
            destination.count(DROPPED, "damaged", lost)
            destination.pruned["0:damaged"] = (
                destination.pruned.get("0:damaged", 0) + lost
            )
            # Their numbers have no outcome of their own any more.
            destination.pruned["upto"] = destination.cursor
        destination.parked = copied

    def _copy_outcomes(
        self, new: apsw.Connection, channel: Channel, destination: Destination
    ) -> None:
        sums: dict[str, int] = {}
        try:
            ranges = query(
                self._old,
                "SELECT * FROM outcome WHERE destination=? ORDER BY first_seq",
                (destination.destination_id,),
            )
        except (apsw.Error, UnicodeDecodeError):
            ranges = []
        for _, first_seq, last_seq, confidence, _, _ in ranges:
            sums[f"{confidence}"] = (
                sums.get(f"{confidence}", 0) + last_seq - first_seq + 1
            )
        pruned = destination.pruned
        for name, messages in pruned.items():
            if name != "upto":
                sums[name[0]] = sums.get(name[0], 0) + messages
        expected = {
            str(confidence): messages
            for confidence, messages in enumerate(destination.delivered)
            if confidence and messages
        }
        expected[str(DROPPED)] = sum(destination.dropped.values())
        delivered_match = all(
            sums.get(name, 0) == messages
            for name, messages in expected.items()
            if name != str(DROPPED)
        )
        unnumbered = expected[str(DROPPED)] - sums.get(str(DROPPED), 0)
        if delivered_match and 0 <= unnumbered <= destination.unnumbered:
            new.executemany("INSERT INTO outcome VALUES (?,?,?,?,?,?)", ranges)
            return
        self.notes.append(
            f"{channel.name} -> {destination.name}: outcomes were damaged; the "
            "ledger's sums are kept, how single messages were delivered is not"
        )
        pruned.clear()
        pruned["upto"] = destination.cursor
        for confidence, messages in enumerate(destination.delivered):
            if confidence and messages:
                pruned[f"{confidence}:"] = messages
        for reason, messages in destination.dropped.items():
            pruned[f"{DROPPED}:{reason}"] = messages

    def _copy_marks(self, new: apsw.Connection) -> None:
        try:
            for channel_id, name, value, crc in self._old.execute(
                "SELECT channel, name, value, crc FROM mark"
            ):
                if text_crc(channel_id, name, value.hex()) == crc:
                    new.execute(
                        "INSERT INTO mark VALUES (?,?,?,?)",
                        (channel_id, name, value, crc),
                    )
                else:
                    self.notes.append(f"the mark {name!r} was damaged and is left out")
        except (apsw.Error, UnicodeDecodeError) as error:
            self.notes.append(f"marks could not be read: {error}")
