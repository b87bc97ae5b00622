"""What the open transaction has gathered, and how it is written.

Nothing of a transaction touches SQLite before `commit`: appends and settlements gather
here, as objects. So a reader always sees what is committed, a rollback costs nothing,
and the SQL transaction is as short as it can be.
"""

from __future__ import annotations

from collections.abc import Iterable

import apsw

from .database import fetch
from .ledger import (
    CHANNEL_COLUMNS,
    DESTINATION_COLUMNS,
    Channel,
    Destination,
    with_crc,
)
from .rows import text_crc

__all__ = ["COALESCE_SECONDS", "ParkedRow", "Pending", "clean_text", "parked_crc"]

#: Outcomes are joined into one range while it is younger than this.
COALESCE_SECONDS = 60.0

#: channel, first_seq, count, received_at, peers, crc, prev_crc, size, body
BatchRow = tuple[int, int, int, float, str, int, int, int, bytes]

#: destination, seq, peer, received_at, reason, attempts, crc, message
ParkedRow = tuple[int, int, str, float, str, int, int, bytes]

_SET_CHANNEL = (
    "UPDATE channel SET "
    + ", ".join(f"{name}=?" for name in (*CHANNEL_COLUMNS[1:], "crc"))
    + " WHERE id=?"
)
# The names are left out: they never change, and leaving them spares their indexes.
_SET_DESTINATION = (
    "UPDATE destination SET "
    + ", ".join(f"{name}=?" for name in (*DESTINATION_COLUMNS[2:], "crc"))
    + " WHERE id=?"
)
_ADD_ROWS = (
    "INSERT INTO batch (channel, first_seq, count, received_at, peers, crc, prev_crc, "
    "size, body) VALUES (?,?,?,?,?,?,?,?,?)"
)
_REMOVE_ROWS = "DELETE FROM batch WHERE channel=? AND first_seq BETWEEN ? AND ?"
_SET_OUTCOME = (
    "INSERT INTO outcome VALUES (?,?,?,?,?,?) ON CONFLICT (destination, first_seq) "
    "DO UPDATE SET last_seq=excluded.last_seq"
)
_ADD_PARKED = (
    "INSERT INTO parked (destination, seq, peer, received_at, parked_at, reason, "
    "attempts, crc, message) VALUES (?,?,?,?,?,?,?,?,?)"
)
_PARKED_BYTES = "SELECT length(message) FROM parked WHERE destination=? AND seq=?"
_REMOVE_PARKED = "DELETE FROM parked WHERE destination=? AND seq=?"
_SET_MARK = (
    "INSERT INTO mark VALUES (?,?,?,?) ON CONFLICT (channel, name) "
    "DO UPDATE SET value=excluded.value, crc=excluded.crc"
)
_SET_STORE = "UPDATE store SET epoch=?, commits=?, messages=?, crc=?"


def clean_text(text: str) -> str:
    """Text that SQLite can hold: lone surrogates become question marks."""
    return text.encode("utf-8", "replace").decode()


def parked_crc(destination_id: int, seq: int, message: bytes) -> int:
    """The CRC of a parked message's copy."""
    return text_crc(destination_id, seq, message.hex())


def save_channel(connection: apsw.Connection, channel: Channel) -> None:
    """Write a channel's row as it stands."""
    row_id = channel.channel_id
    connection.execute(_SET_CHANNEL, (*with_crc(row_id, channel.columns())[1:], row_id))


def save_destination(connection: apsw.Connection, destination: Destination) -> None:
    """Write a destination's row as it stands."""
    row_id = destination.destination_id
    connection.execute(
        _SET_DESTINATION, (*with_crc(row_id, destination.columns())[2:], row_id)
    )


def save_store(
    connection: apsw.Connection, epoch: str, commits: int, messages: int
) -> None:
    """Write the store's own row."""
    crc = text_crc(epoch, commits, messages)
    connection.execute(_SET_STORE, (epoch, commits, messages, crc))


class Pending:
    """One open transaction. `before` holds the touched channels as committed;
    `changed` says that there is something to write."""

    def __init__(self) -> None:
        self.before: dict[str, Channel] = {}
        self.changed = False
        #: Channel name to its new rows, oldest first.
        self.rows: dict[str, list[BatchRow]] = {}
        #: Runs of committed rows that go: [channel, first row's seq, last row's].
        self.removed: list[list[int]] = []
        #: Channels that were told there is no room: nothing may overtake that.
        self.refused: set[str] = set()
        self.marks: dict[tuple[int, str], bytes] = {}
        #: (destination, first_seq, last_seq, confidence or DROPPED, reason), in order.
        self.settled: list[tuple[Destination, int, int, int, str]] = []
        #: The same for parked messages that were settled: out of order, one by one.
        self.settled_parked: list[tuple[int, int, int, str]] = []
        self.parked: dict[tuple[int, int], ParkedRow] = {}
        self.unparked: dict[tuple[int, int], None] = {}
        self.batches = 0
        self.messages = 0
        self.added_bytes = 0
        self.freed_bytes = 0
        #: What the disk had left when the transaction began to look; None before.
        self.disk_room: int | None = None

    def add(self, channel: str, row: BatchRow) -> None:
        """A new row, behind those that the channel has."""
        self.changed = True
        self.rows.setdefault(channel, []).append(row)
        self.batches += 1
        self.messages += row[2]
        self.added_bytes += row[7]

    def settle(
        self, destination: Destination, upto: int, confidence: int, reason: str
    ) -> None:
        """Move a cursor, and account for what it passes."""
        self.changed = True
        first_seq = destination.cursor + 1
        destination.count(confidence, reason, upto - destination.cursor)
        destination.cursor = upto
        self.settled.append((destination, first_seq, upto, confidence, reason))

    def park(self, row: ParkedRow) -> None:
        """A copy of a refused message."""
        self.changed = True
        self.parked[row[0], row[1]] = row

    def unpark(
        self,
        connection: apsw.Connection,
        destination_id: int,
        seq: int,
        confidence: int,
        reason: str,
    ) -> int | None:
        """A parked message is settled: how many bytes its copy had; None if there is
        none, or none any more."""
        key = (destination_id, seq)
        row = self.parked.pop(key, None)
        if row is not None:
            size_bytes: int | None = len(row[-1])
        elif key in self.unparked:
            return None
        else:
            size_bytes = fetch(connection, _PARKED_BYTES, key)
            if size_bytes is None:
                return None
            self.unparked[key] = None
        self.changed = True
        self.settled_parked.append((*key, confidence, reason))
        return size_bytes

    def remove(self, channel: Channel, first_seq: int, last_seq: int) -> None:
        """A committed row goes. Runs are joined only where nothing lies between, so
        that a row which cannot be read is never touched again."""
        if self.removed:
            run = self.removed[-1]
            if run[0] == channel.channel_id and run[3] + 1 == first_seq:
                run[2] = first_seq
                run[3] = last_seq
                return
        self.removed.append([channel.channel_id, first_seq, first_seq, last_seq])

    def write(
        self, connection: apsw.Connection, channels: Iterable[Channel], now: float
    ) -> None:
        """The transaction's statements, between BEGIN and COMMIT."""
        # First what goes: its pages are then there for what comes.
        for channel_id, first_row, last_row, _ in self.removed:
            connection.execute(_REMOVE_ROWS, (channel_id, first_row, last_row))
        for rows in self.rows.values():
            connection.executemany(_ADD_ROWS, rows)
        if self.marks:
            connection.executemany(
                _SET_MARK,
                [
                    (channel_id, name, value, text_crc(channel_id, name, value.hex()))
                    for (channel_id, name), value in self.marks.items()
                ],
            )
        if self.settled or self.settled_parked:
            connection.executemany(_SET_OUTCOME, self._outcomes(now))
        if self.unparked:
            connection.executemany(_REMOVE_PARKED, list(self.unparked))
        if self.parked:
            connection.executemany(
                _ADD_PARKED,
                [(*row[:4], now, *row[4:]) for row in self.parked.values()],
            )
        for channel in channels:
            before = self.before[channel.name]
            save_channel(connection, channel)
            for name, destination in channel.destinations.items():
                if destination.columns() != before.destinations[name].columns():
                    save_destination(connection, destination)

    def _outcomes(self, now: float) -> list[tuple[int, int, int, int, float, str]]:
        """The outcome rows to write; a range that continues the newest one extends
        it."""
        found: dict[tuple[int, int], tuple[int, int, int, int, float, str]] = {}
        for destination, first_seq, last_seq, confidence, reason in self.settled:
            newest = destination.newest
            settled_at = now
            if (
                newest is not None
                and newest[1] + 1 == first_seq
                and newest[2] == confidence
                and newest[4] == reason
                and 0 <= now - newest[3] < COALESCE_SECONDS
            ):
                first_seq, settled_at = newest[0], newest[3]
            destination.newest = (first_seq, last_seq, confidence, settled_at, reason)
            key = (destination.destination_id, first_seq)
            found[key] = (*key, last_seq, confidence, settled_at, reason)
        for destination_id, seq, confidence, reason in self.settled_parked:
            key = (destination_id, seq)
            found[key] = (*key, seq, confidence, now, reason)
        return list(found.values())
