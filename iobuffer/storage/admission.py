"""Whether a batch may come in: the channel's quota and the disk's.

Delivered messages go first, and only then does `when_full` speak.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path

import apsw

from ..options import MIB
from .base import Limits, WhenFull
from .database import fetch
from .ledger import Channel
from .pending import Pending
from .retention import Retention

__all__ = ["Admission"]

#: Free pages are only counted when the file system has less than this to spare.
_PLENTY_BYTES = 64 * MIB


class Admission:
    """Makes room in the open transaction, or says why there is none.

    `touch(name)` makes a channel part of the transaction; `others` are all channels,
    whose delivered messages go when the disk is short.
    """

    def __init__(
        self,
        connection: apsw.Connection,
        retention: Retention,
        state_dir: Path,
        min_free_bytes: int,
        touch: Callable[[str], Channel],
    ) -> None:
        self._connection = connection
        self._retention = retention
        self._state_dir = state_dir
        self._min_free_bytes = min_free_bytes
        self._touch = touch
        self._page_bytes: int = fetch(connection, "PRAGMA page_size")

    def refusal(
        self,
        channel: Channel,
        limits: Limits,
        pending: Pending,
        size_bytes: int,
        count: int,
        others: Iterable[Channel],
    ) -> str:
        """Make room for `count` messages; why there is none, or an empty text."""
        most = limits.max_messages
        over_bytes = channel.used_bytes + size_bytes - limits.max_bytes
        over_messages = channel.messages + count - most if most else 0
        if over_bytes > 0 or over_messages > 0:
            if size_bytes > limits.max_bytes or 0 < most < count:
                return (
                    f"a batch of {count} messages, {size_bytes} bytes, is more than "
                    "max_bytes or max_messages allow at all: raise them"
                )
            settled = channel.settled()
            if limits.when_full is WhenFull.DROP_OLDEST:
                settled = channel.last_seq
            if not self._retention.make_room(
                channel, pending, over_bytes, over_messages, settled
            ):
                return (
                    f"{channel.messages} messages, {channel.used_bytes} bytes with "
                    "the parked ones, wait for delivery; max_bytes or max_messages is "
                    "reached"
                )
        if not self._min_free_bytes:
            return ""
        short_bytes = self._short_bytes(pending, size_bytes)
        if short_bytes <= 0 or self._free(
            channel, limits, pending, short_bytes, others
        ):
            return ""
        return (
            f"less than {self._min_free_bytes} bytes are free on the disk of "
            f"{self._state_dir}: free some, or lower min_free_bytes"
        )

    def _short_bytes(self, pending: Pending, size_bytes: int) -> int:
        if pending.disk_room is None:
            pending.disk_room = self._disk_room()
        # Rows fill their pages loosely: an eighth more, and a page for the rest.
        need = size_bytes + size_bytes // 8 + self._page_bytes
        return need + pending.added_bytes - pending.freed_bytes - pending.disk_room

    def _disk_room(self) -> int:
        found = os.statvfs(self._state_dir)
        room = max(0, found.f_bavail * found.f_frsize - self._min_free_bytes)
        if room < _PLENTY_BYTES:
            # Pages that are free within the file take nothing from the disk.
            free_pages: int = fetch(self._connection, "PRAGMA freelist_count")
            room += free_pages * self._page_bytes
        return room

    def _free(
        self,
        channel: Channel,
        limits: Limits,
        pending: Pending,
        short_bytes: int,
        others: Iterable[Channel],
    ) -> bool:
        """Free that much within the file; what has gone helps the next one, if not
        this."""
        target = pending.freed_bytes + short_bytes
        retention = self._retention
        for each in (channel, *others):
            while pending.freed_bytes < target:
                row = retention.look(each, pending, 0)
                if row is None or row[1] > each.settled():
                    break
                retention.remove_oldest(self._touch(each.name), pending)
        if limits.when_full is WhenFull.DROP_OLDEST:
            while pending.freed_bytes < target:
                if retention.look(channel, pending, 0) is None:
                    break
                retention.remove_oldest(channel, pending)
        return pending.freed_bytes >= target
