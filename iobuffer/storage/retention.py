"""What goes when: expired messages, and the oldest where room is needed.

Rows go from the oldest end only, whole, and only as many as needed. The oldest few are
known by number, size and age without asking SQLite, so that a commit in which nothing
is due costs a comparison.
"""

from __future__ import annotations

from collections.abc import Callable

import apsw

from .ledger import DROPPED, Channel, OldRow
from .pending import Pending

__all__ = ["KEEP_ROWS_PER_COMMIT", "Retention"]

#: How many expired rows of a channel go in one commit at most.
KEEP_ROWS_PER_COMMIT = 256

_LOOK_AHEAD_ROWS = 64

_OLDEST = (
    "SELECT first_seq, first_seq + count - 1, size, received_at FROM batch "
    "WHERE channel=? AND first_seq>? ORDER BY first_seq LIMIT ?"
)


class Retention:
    """Removes rows in the open transaction."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection

    def expire(
        self,
        channel: Channel,
        pending: Pending,
        now: float,
        touch: Callable[[str], Channel],
    ) -> bool:
        """Remove delivered rows that are too old or too many; True if more are due.
        `touch(name)` makes the channel part of the transaction."""
        for _ in range(KEEP_ROWS_PER_COMMIT):
            if not self._is_due(channel, pending, now):
                return False
            self.remove_oldest(touch(channel.name), pending)
        return True

    def _is_due(self, channel: Channel, pending: Pending, now: float) -> bool:
        limits = channel.limits
        if limits is None or channel.messages == 0:
            return False
        row = self.look(channel, pending, 0)
        return (
            row is not None
            and row[1] <= channel.settled()
            and (
                limits.keep_seconds <= 0
                or row[3] + limits.keep_seconds <= now
                or channel.used_bytes > limits.max_bytes
                or 0 < limits.max_messages < channel.messages
            )
        )

    def make_room(
        self,
        channel: Channel,
        pending: Pending,
        over_bytes: int,
        over_messages: int,
        settled: int,
    ) -> bool:
        """Remove the oldest rows up to `settled` until that much is free; all or
        nothing: False, and nothing removed, if that is more than there is."""
        rows = 0
        while over_bytes > 0 or over_messages > 0:
            row = self.look(channel, pending, rows)
            if row is None or row[1] > settled:
                return False
            over_bytes -= row[2]
            over_messages -= row[1] - row[0] + 1
            rows += 1
        for _ in range(rows):
            self.remove_oldest(channel, pending)
        return True

    def look(self, channel: Channel, pending: Pending, index: int) -> OldRow | None:
        """The `index`th oldest row, committed or new; None behind the last."""
        oldest = channel.oldest
        if index >= len(oldest):
            after = oldest[-1][1] if oldest else channel.first_seq - 1
            damage = channel.damage
            for found in self._connection.execute(
                _OLDEST, (channel.channel_id, after, _LOOK_AHEAD_ROWS)
            ):
                # A bad row that could not be moved away is no longer counted.
                if not damage.gaps or not damage.holds(found[0], found[1]):
                    oldest.append(found)
            if index >= len(oldest):
                after = oldest[-1][1] if oldest else channel.first_seq - 1
                oldest.extend(
                    (row[1], row[1] + row[2] - 1, row[7], row[3])
                    for row in pending.rows.get(channel.name, ())
                    if row[1] > after
                )
        return oldest[index] if index < len(oldest) else None

    def remove_oldest(self, channel: Channel, pending: Pending) -> None:
        """Remove the oldest row. Who has not had it loses it, counted as "full"."""
        first_seq, last_seq, size, _ = channel.oldest.popleft()
        pending.changed = True
        channel.bytes -= size
        channel.messages -= last_seq - first_seq + 1
        channel.first_seq = last_seq + 1
        pending.freed_bytes += size
        rows = pending.rows.get(channel.name)
        if rows and rows[0][1] == first_seq:
            del rows[0]
        else:
            pending.remove(channel, first_seq, last_seq)
        for destination in channel.destinations.values():
            if destination.cursor < last_seq:
                pending.settle(destination, last_seq, DROPPED, "full")
