"""Opening: load the working state, check it, and compare it with the high-water mark.

The cost is in channels, not in rows: rows are checked when they are read. What is wrong
becomes a finding and, where numbers can no longer be trusted, a new epoch.
"""

from __future__ import annotations

import os
import secrets
import shutil
from pathlib import Path
from typing import IO, Any

import apsw

from ..errors import StorageCorrupt
from .base import Finding
from .database import DATABASE, QUARANTINE, fetch, query, transaction
from .high_water import Mark
from .ledger import (
    CHANNEL_COLUMNS,
    DESTINATION_COLUMNS,
    Channel,
    Destination,
)
from .pending import save_channel, save_destination, save_store
from .rows import text_crc

__all__ = ["Recovery", "new_epoch"]

#: A larger database is not copied aside before a recovery; its log always is.
_COPY_AT_MOST_BYTES = 1 << 30
_LEAVE_FREE_BYTES = 256 << 20

_CHANNEL = f"SELECT {', '.join(CHANNEL_COLUMNS)}, crc FROM channel WHERE id=?"
_DESTINATION = (
    f"SELECT {', '.join(DESTINATION_COLUMNS)}, crc FROM destination WHERE id=?"
)
# The indexes on the names are a second copy of them. As BLOB, because a flipped bit may
# leave what is no UTF-8.
_CHANNEL_NAMES = (
    "SELECT id, CAST(name AS BLOB) FROM channel "
    "INDEXED BY sqlite_autoindex_channel_1 ORDER BY id"
)
_DESTINATION_NAMES = (
    "SELECT id, channel, CAST(name AS BLOB) FROM destination "
    "INDEXED BY sqlite_autoindex_destination_1 ORDER BY id"
)
_PARKED_BYTES = (
    "SELECT coalesce(sum(length(message)), 0) FROM parked WHERE destination IN "
    "(SELECT id FROM destination WHERE channel=?)"
)


def new_epoch() -> str:
    """32 hex digits that no store has had before."""
    return secrets.token_hex(16)


class Recovery:
    """The state of a store that has just been opened, after `load`."""

    def __init__(
        self,
        connection: apsw.Connection,
        state_dir: Path,
        mark: Mark | None,
        findings: list[Finding],
    ) -> None:
        self._connection = connection
        self._state_dir = state_dir
        self._mark = mark
        self._findings = findings
        self._changed = False
        self._rewound: list[tuple[Channel, Destination]] = []
        self._renumber = False
        #: Copies stay open until the store is closed: closing any descriptor of a file
        #: lets go of every POSIX lock that this process holds on it.
        self.held: list[IO[bytes]] = []
        self.epoch = ""
        self.commits = 0
        self.messages = 0
        self.channels: dict[str, Channel] = {}

    def load(self, *, write: bool = True) -> None:
        """Read everything; with `write`, make what was put right durable.

        Raises:
            StorageCorrupt: SQLite cannot read the tables that everything hangs on.
        """
        try:
            self._load_store()
            self._load_channels()
            self._load_destinations()
            self._load_damage()
            missing = self._missing()
            if not write:
                return
            if missing or self._changed or self._renumber:
                self._copy_aside()
                self._write(missing)
        except apsw.Error as error:
            raise StorageCorrupt(
                f"{self._state_dir / DATABASE}: {error}; run `iobuffer store verify` "
                "to see what is wrong, `iobuffer store repair` to save what is readable"
            ) from error

    def mark(self) -> Mark:
        """The high-water mark of what is there now."""
        last_seqs = [0] * (
            max((each.channel_id for each in self.channels.values()), default=0) + 1
        )
        for channel in self.channels.values():
            last_seqs[channel.channel_id] = channel.last_seq
        return Mark(self.epoch, self.commits, self.messages, tuple(last_seqs))

    def _find(self, channel: str, text: str, lost_messages: int = 0) -> None:
        self._findings.append(Finding(channel, text, lost_messages))

    def _good(self, sql: str, row_id: int) -> tuple[Any, ...] | None:
        """The columns of a small row; None unless its CRC says that they are its."""
        try:
            row = self._connection.execute(sql, (row_id,)).fetchone()
        except UnicodeDecodeError:
            return None
        if row is None or text_crc(row_id, *row[:-1]) != row[-1]:
            return None
        columns: tuple[Any, ...] = row[:-1]
        return columns

    def _load_store(self) -> None:
        try:
            row = self._connection.execute(
                "SELECT epoch, commits, messages, crc FROM store"
            ).fetchone()
        except UnicodeDecodeError:
            row = None
        if row is not None and text_crc(*row[:3]) == row[3]:
            self.epoch, self.commits, self.messages = row[:3]
            return
        mark = self._mark
        self.epoch = mark.epoch if mark else new_epoch()
        self.commits = mark.commits if mark else 0
        self.messages = mark.messages if mark else 0
        self._renumber = True
        self._find("", "the store's own row was damaged; it was made anew")

    def _load_channels(self) -> None:
        for row_id, name in query(self._connection, _CHANNEL_NAMES):
            columns = self._good(_CHANNEL, row_id)
            if columns is not None:
                channel = Channel.from_columns(row_id, columns)
            else:
                channel = self._rebuilt_channel(row_id, name.decode("utf-8", "replace"))
            self.channels[channel.name] = channel

    def _rebuilt_channel(self, row_id: int, name: str) -> Channel:
        channel = Channel(row_id, name)
        rows = query(
            self._connection,
            "SELECT first_seq, count, size, crc FROM batch WHERE channel=? "
            "ORDER BY first_seq",
            (row_id,),
        )
        channel.served = True
        channel.last_seq = self._mark.last_seq(row_id) if self._mark else 0
        channel.first_seq = channel.last_seq + 1
        if rows:
            channel.first_seq = rows[0][0]
            channel.last_seq = max(channel.last_seq, rows[-1][0] + rows[-1][1] - 1)
            channel.last_crc = rows[-1][3]
        channel.messages = sum(row[1] for row in rows)
        channel.bytes = sum(row[2] for row in rows)
        channel.parked_bytes = fetch(self._connection, _PARKED_BYTES, (row_id,))
        self._changed = self._renumber = True
        self._find(
            name,
            "the channel's own row was damaged; its numbers were counted anew from "
            f"{len(rows)} rows, its tallies begin at 0",
        )
        return channel

    def _load_destinations(self) -> None:
        by_id = {each.channel_id: each for each in self.channels.values()}
        for row_id, channel_id, raw_name in query(self._connection, _DESTINATION_NAMES):
            columns = self._good(_DESTINATION, row_id)
            channel = by_id.get(columns[0] if columns else channel_id)
            name = columns[1] if columns else raw_name.decode("utf-8", "replace")
            if channel is None:
                self._find("", f"destination {name} belongs to no channel: left alone")
                continue
            if columns is not None:
                found = Destination.from_columns(row_id, columns)
            else:
                found = self._rebuilt_destination(channel, row_id, name)
            if found.cursor > channel.last_seq:
                # Only where the channel's row had to be counted anew without a mark.
                channel.last_seq = found.cursor
                self._changed = self._renumber = True
            channel.destinations[found.name] = found

    def _rebuilt_destination(
        self, channel: Channel, row_id: int, name: str
    ) -> Destination:
        found = Destination(row_id, channel.channel_id, name, channel.first_seq - 1)
        self._rewound.append((channel, found))
        self._changed = True
        self._find(
            channel.name,
            f"the cursor of destination {name} was damaged: everything that is kept "
            f"({channel.last_seq - channel.first_seq + 1} messages) is delivered to it "
            "again, and its ledger begins anew there",
        )
        return found

    def _load_damage(self) -> None:
        by_id = {each.channel_id: each for each in self.channels.values()}
        for channel_id, first_seq, last_seq in query(
            self._connection,
            "SELECT channel, first_seq, last_seq FROM damaged ORDER BY first_seq",
        ):
            if channel_id in by_id:
                by_id[channel_id].damage.add(first_seq, last_seq)

    def _missing(self) -> bool:
        """Compare with the mark; True if the database has lost commits."""
        mark = self._mark
        if mark is None:
            if self.commits:
                self._find(
                    "",
                    "the high-water file is missing or unreadable: whether the "
                    "newest messages are all there cannot be told",
                )
            return False
        if mark.commits <= self.commits:
            return False
        behind = mark.commits - self.commits
        total = 0
        by_id = {each.channel_id: each for each in self.channels.values()}
        for channel_id, last_seq in enumerate(mark.last_seqs):
            channel = by_id.get(channel_id)
            if channel is None:
                if last_seq:
                    total += last_seq
                    self._find(
                        "",
                        f"channel number {channel_id} is missing with its name and up "
                        f"to {last_seq} acknowledged messages",
                        last_seq,
                    )
                continue
            lost = last_seq - channel.last_seq
            if lost > 0:
                total += lost
                self._find(
                    channel.name,
                    f"{lost} acknowledged messages are missing, numbers "
                    f"{channel.last_seq + 1} to {last_seq}: the database ends before "
                    "them",
                    lost,
                )
        if total == 0:
            self._find(
                "",
                f"the last {behind} commits are missing; there were no messages in "
                "them, so some may be delivered twice",
            )
        return True

    def _copy_aside(self) -> None:
        """Before the first write: what SQLite no longer sees is still in the log."""
        number = 1
        parent = self._state_dir / QUARANTINE
        parent.mkdir(mode=0o700, exist_ok=True)
        while (parent / str(number)).exists():
            number += 1
        aside = parent / str(number)
        aside.mkdir(mode=0o700)
        copied = []
        for name in (DATABASE + "-wal", DATABASE):
            path = self._state_dir / name
            if not path.exists():
                continue
            size = path.stat().st_size
            room = shutil.disk_usage(aside).free - _LEAVE_FREE_BYTES
            if size > room or (name == DATABASE and size > _COPY_AT_MOST_BYTES):
                continue
            source = path.open("rb")
            self.held.append(source)
            fd = os.open(aside / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(fd, "wb") as target:
                shutil.copyfileobj(source, target, 1 << 20)
                target.flush()
                os.fsync(target.fileno())
            copied.append(name)
        self._find(
            "",
            f"{' and '.join(copied) or 'nothing (no room)'} copied to {aside} as found",
        )

    def _write(self, missing: bool) -> None:
        """One transaction for everything that was put right."""
        mark = self._mark
        with transaction(self._connection):
            if missing or self._renumber:
                self.epoch = new_epoch()
            if mark is not None:
                self.commits = max(self.commits, mark.commits)
            self.commits += 1
            for channel in self.channels.values():
                if mark is not None and missing:
                    self._skip_ahead(channel, mark.last_seq(channel.channel_id))
                save_channel(self._connection, channel)
            for channel, destination in self._rewound:
                self._rewind(channel, destination)
                save_destination(self._connection, destination)
                save_channel(self._connection, channel)
            save_store(self._connection, self.epoch, self.commits, self.messages)

    def _skip_ahead(self, channel: Channel, last_seq: int) -> None:
        """Numbers that were given once are not given again."""
        if last_seq <= channel.last_seq:
            return
        first_lost = channel.last_seq + 1
        self._connection.execute(
            "INSERT INTO damaged (channel, first_seq, last_seq, reason, header) "
            "VALUES (?, ?, ?, 'missing from the database', '{}')",
            (channel.channel_id, first_lost, last_seq),
        )
        channel.damage.add(first_lost, last_seq)
        channel.last_seq = last_seq

    def _rewind(self, channel: Channel, destination: Destination) -> None:
        """A new ledger: outcomes go, and parked messages that are still in rows come
        again by themselves; the others are counted as received."""
        row_id, start_seq = destination.destination_id, destination.start_seq
        self._connection.execute("DELETE FROM outcome WHERE destination=?", (row_id,))
        self._connection.execute(
            "DELETE FROM parked WHERE destination=? AND seq>?", (row_id, start_seq)
        )
        destination.parked = destination.unnumbered = fetch(
            self._connection,
            "SELECT count(*) FROM parked WHERE destination=?",
            (row_id,),
        )
        channel.parked_bytes = fetch(
            self._connection, _PARKED_BYTES, (channel.channel_id,)
        )
