"""Reading rows back: every one checked, bad ones set aside, nothing read twice in vain.

A row is good when its CRC covers what was read. Then it is kept for a moment, because a
destination that takes one message at a time comes back for the next one. A bad row is
moved to the table `damaged`, counted and named in the findings; its messages become a
gap, and the rest is served.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Callable

import apsw

from ..batch import Batch
from ..errors import StorageCorrupt
from .base import Finding
from .database import fetch, transaction
from .ledger import Channel
from .pending import clean_text, save_channel
from .rows import Row

__all__ = ["Reader"]

#: Checked rows that are kept for the next call, all channels together.
_KEPT_BYTES = 2 * 1024 * 1024

_COLUMNS = "id, first_seq, count, received_at, peers, crc, prev_crc, size, body"
_ROW_AT = (
    f"SELECT {_COLUMNS} FROM batch WHERE channel=? AND first_seq<=? "
    "ORDER BY first_seq DESC LIMIT 1"
)
# Both are answered from the index alone, without touching a row.
_KEY_AT = (
    "SELECT first_seq FROM batch WHERE channel=? AND first_seq<=? "
    "ORDER BY first_seq DESC LIMIT 1"
)
_KEY_BEHIND = (
    "SELECT first_seq FROM batch WHERE channel=? AND first_seq>? "
    "ORDER BY first_seq LIMIT 1"
)
_ID_AT = "SELECT id FROM batch WHERE channel=? AND first_seq=?"
_ADD_DAMAGED = (
    "INSERT INTO damaged (channel, first_seq, last_seq, reason, header, body) "
    "VALUES (?,?,?,?,?,?)"
)


class Reader:
    """Reads the committed rows of a channel.

    `views(name)` gives every object that stands for the channel, the committed one
    last: a bad row is bad for all of them.
    """

    def __init__(
        self,
        connection: apsw.Connection,
        views: Callable[[str], tuple[Channel, ...]],
        findings: list[Finding],
    ) -> None:
        self._connection = connection
        self._views = views
        self._findings = findings
        self._kept: OrderedDict[tuple[int, int], Row] = OrderedDict()
        self._kept_bytes = 0
        #: Channel id to the row that was checked last: what the next one chains to.
        self._newest: dict[int, tuple[int, int]] = {}
        self._breaks: set[tuple[int, int]] = set()

    def read(
        self, name: str, after: int, max_messages: int, max_bytes: int
    ) -> Batch | None:
        """As `Store.read`."""
        channel = self._views(name)[-1]
        row = self.row_from(name, after + 1)
        if row is not None:
            return row.batch(max(after, row.first_seq - 1), max_messages, max_bytes)
        if after >= channel.last_seq:
            return None
        return Batch([], 0.0, (), 0, channel.last_seq + 1)

    def row_from(self, name: str, seq: int) -> Row | None:
        """The row that holds `seq`, or the next good one; None behind the last.

        Raises:
            StorageCorrupt: SQLite can not even say what comes next.
        """
        while True:
            # Anew each time: setting a row aside changes it.
            channel = self._views(name)[-1]
            seq = channel.damage.skip(max(seq, channel.first_seq))
            if seq > channel.last_seq:
                return None
            row = self._kept_row(channel.channel_id, seq) or self._fetch(channel, seq)
            if row is not None:
                return row

    def forget(self, channel_id: int) -> None:
        """Let go of what is kept of a channel."""
        for key in [key for key in self._kept if key[0] == channel_id]:
            self._kept_bytes -= self._kept.pop(key).size
        self._newest.pop(channel_id, None)

    def _kept_row(self, channel_id: int, seq: int) -> Row | None:
        # The rows that are kept are few: a walk is cheaper than an ordered index.
        for key, row in self._kept.items():
            if key[0] == channel_id and row.first_seq <= seq <= row.last_seq:
                self._kept.move_to_end(key)
                return row
        return None

    def _keep(self, channel_id: int, row: Row) -> None:
        if row.size > _KEPT_BYTES // 2:
            return
        key = (channel_id, row.first_seq)
        replaced = self._kept.pop(key, None)
        if replaced is not None:
            self._kept_bytes -= replaced.size
        self._kept[key] = row
        self._kept_bytes += row.size
        while self._kept_bytes > _KEPT_BYTES:
            self._kept_bytes -= self._kept.popitem(last=False)[1].size

    def _fetch(self, channel: Channel, seq: int) -> Row | None:
        """The row at `seq`, checked; None when something there was set aside."""
        channel_id = channel.channel_id
        try:
            columns = self._connection.execute(_ROW_AT, (channel_id, seq)).fetchone()
        except (apsw.CorruptError, UnicodeDecodeError) as error:
            self._set_aside(channel, seq, f"unreadable: {error}")
            return None
        except apsw.Error as error:
            raise StorageCorrupt(
                f"channel {channel.name}: message {seq} cannot be read: {error}"
            ) from error
        if columns is None:
            self._record_hole(channel, seq, channel.first_seq)
            return None
        row = Row(*columns)
        fault = row.fault(channel_id)
        if fault:
            self._set_aside(channel, seq, fault)
            return None
        if row.last_seq < seq:
            self._record_hole(channel, seq, row.last_seq + 1)
            return None
        self._check_chain(channel, row)
        self._keep(channel_id, row)
        return row

    def _check_chain(self, channel: Channel, row: Row) -> None:
        """A break says that a row is not the one which was written there; what this row
        holds is proved by its own CRC, so it is served."""
        channel_id = channel.channel_id
        last_seq, crc = self._newest.get(channel_id, (0, 0))
        self._newest[channel_id] = (row.last_seq, row.crc)
        if last_seq + 1 != row.first_seq or last_seq == 0 or crc == row.prev_crc:
            return
        key = (channel_id, row.first_seq)
        if key not in self._breaks:
            self._breaks.add(key)
            self._findings.append(
                Finding(
                    channel.name,
                    f"the chain is broken before message {row.first_seq}: the row "
                    "before it is not the one it was written after",
                )
            )

    def _behind(self, channel: Channel, seq: int) -> int:
        """The last number before the next row's, or before the next known gap."""
        try:
            behind = fetch(self._connection, _KEY_BEHIND, (channel.channel_id, seq))
        except apsw.Error as error:
            raise StorageCorrupt(
                f"channel {channel.name}: nothing behind message {seq} can be found: "
                f"{error}; stop iobuffer and run `iobuffer store repair`"
            ) from error
        last_seq = channel.last_seq
        if type(behind) is int and seq < behind <= last_seq:
            last_seq = behind - 1
        for first, _ in channel.damage.gaps:
            if seq < first <= last_seq:
                last_seq = first - 1
        return last_seq

    def _record_hole(self, channel: Channel, seq: int, first_seq: int) -> None:
        """Rows that must be there are not."""
        for _, last in channel.damage.gaps:
            if last < seq:
                first_seq = max(first_seq, last + 1)
        first_seq = max(first_seq, channel.first_seq)
        last_seq = self._behind(channel, seq)
        self._record(channel, first_seq, last_seq, "the row is gone", None, "{}", None)

    def _set_aside(self, channel: Channel, seq: int, reason: str) -> None:
        """The row at `seq` is bad: copy what can be read of it, and take it out."""
        channel_id = channel.channel_id
        first_seq, row_id = seq, None
        header, body = "{}", None
        try:
            key = fetch(self._connection, _KEY_AT, (channel_id, seq))
            if type(key) is int:
                row_id = fetch(self._connection, _ID_AT, (channel_id, key))
                first_seq = max(key, channel.first_seq)
                for _, last in channel.damage.gaps:
                    if last < seq:
                        first_seq = max(first_seq, last + 1)
            if row_id is not None:
                header = self._header(row_id)
                body = self._body(row_id)
        except apsw.Error:
            # The index is damaged as well: the gap is what `_behind` can still tell.
            pass
        last_seq = self._behind(channel, seq)
        self._record(channel, first_seq, last_seq, reason, row_id, header, body)

    def _header(self, row_id: int) -> str:
        try:
            for columns in self._connection.execute(
                "SELECT channel, first_seq, count, received_at, peers, crc, prev_crc, "
                "size FROM batch WHERE id=?",
                (row_id,),
            ):
                return json.dumps(columns, default=repr)
        except (apsw.Error, UnicodeError):
            # The body may be readable all the same.
            pass
        return "{}"

    def _body(self, row_id: int) -> bytes | None:
        try:
            found = fetch(
                self._connection, "SELECT body FROM batch WHERE id=?", (row_id,)
            )
        except (apsw.Error, UnicodeError):
            return None
        return found if type(found) is bytes else None

    def _record(
        self,
        channel: Channel,
        first_seq: int,
        last_seq: int,
        reason: str,
        row_id: int | None,
        header: str,
        body: bytes | None,
    ) -> None:
        """Count the gap in every view; make it durable as far as the file allows."""
        views = self._views(channel.name)
        channel.damage.add(first_seq, last_seq)
        messages, size = self._still_there(channel)
        self.forget(channel.channel_id)
        lost_messages, lost_bytes = channel.messages - messages, channel.bytes - size
        for view in views:
            view.messages -= lost_messages
            view.bytes -= lost_bytes
            view.oldest.clear()
        values = (
            channel.channel_id,
            first_seq,
            last_seq,
            clean_text(reason),
            header,
            body,
        )
        kept = "moved to the table 'damaged'" if body is not None else "not readable"
        if not self._write(channel, values, row_id):
            kept = "left where it is, and passed over: run `iobuffer store repair`"
        self._findings.append(
            Finding(
                channel.name,
                f"messages {first_seq} to {last_seq} are damaged ({reason}); "
                f"the row is {kept}",
                last_seq - first_seq + 1,
            )
        )

    def _still_there(self, channel: Channel) -> tuple[int, int]:
        """Messages and bytes in rows that are not known to be damaged."""
        messages = size = 0
        try:
            for first_seq, count, row_size in self._connection.execute(
                "SELECT first_seq, count, size FROM batch WHERE channel=?",
                (channel.channel_id,),
            ):
                if not channel.damage.holds(first_seq, first_seq + count - 1):
                    messages += count
                    size += row_size
        except apsw.Error:
            # It cannot be counted; the sums stay a little high until a repair.
            return channel.messages, channel.bytes
        return messages, size

    def _write(
        self, channel: Channel, values: tuple[object, ...], row_id: int | None
    ) -> bool:
        for removing in (row_id, None):
            try:
                with transaction(self._connection):
                    self._connection.execute(_ADD_DAMAGED, values)
                    if removing is not None:
                        self._connection.execute(
                            "DELETE FROM batch WHERE id=?", (removing,)
                        )
                    save_channel(self._connection, channel)
                return removing is not None or row_id is None
            except apsw.Error:
                # Pages around the row are damaged too, or the disk is full: remember
                # the gap without removing the row, and if need be only in memory.
                continue
        return False
