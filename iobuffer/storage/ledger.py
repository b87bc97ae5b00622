"""The store's working state: channels, cursors and sums, as objects in memory.

They are what the next commit will write. A transaction keeps a clone of each channel
that it touches, so that a rollback is one assignment and a reader sees what is
committed. The rows themselves are never held here, only the sizes of the oldest few.
"""

from __future__ import annotations

import json
from collections import deque

from .base import Confidence, DestinationLedger, Limits
from .rows import text_crc

__all__ = [
    "CHANNEL_COLUMNS",
    "DESTINATION_COLUMNS",
    "DROPPED",
    "Channel",
    "Damage",
    "Destination",
    "OldRow",
    "Outcome",
    "with_crc",
]

#: The confidence column of an outcome that is a drop.
DROPPED = 0

#: (first_seq, last_seq, size, received_at) of a row, oldest first.
OldRow = tuple[int, int, int, float]

#: (first_seq, last_seq, confidence or DROPPED, settled_at, reason)
Outcome = tuple[int, int, int, float, str]

CHANNEL_COLUMNS = (
    "name",
    "served",
    "first_seq",
    "last_seq",
    "last_crc",
    "messages",
    "bytes",
    "parked_bytes",
    "tallies",
)

DESTINATION_COLUMNS = (
    "channel",
    "name",
    "configured",
    "start_seq",
    "cursor",
    "unnumbered",
    "parked",
    "replayed",
    "sent",
    "received",
    "acknowledged",
    "dropped",
    "pruned",
)

Columns = tuple[int | str, ...]


class Destination:
    """One destination's cursor and sum. `delivered[confidence]` are messages."""

    __slots__ = (
        "channel_id",
        "configured",
        "cursor",
        "delivered",
        "destination_id",
        "dropped",
        "name",
        "newest",
        "parked",
        "pruned",
        "replayed",
        "start_seq",
        "unnumbered",
    )

    def __init__(
        self, destination_id: int, channel_id: int, name: str, start_seq: int
    ) -> None:
        self.destination_id = destination_id
        self.channel_id = channel_id
        self.name = name
        self.configured = True
        self.start_seq = start_seq
        self.cursor = start_seq
        self.unnumbered = 0
        self.parked = 0
        self.replayed = 0
        self.delivered = [0, 0, 0, 0]
        self.dropped: dict[str, int] = {}
        self.pruned: dict[str, int] = {}
        #: The newest outcome row, which the next one may continue.
        self.newest: Outcome | None = None

    def clone(self) -> Destination:
        twin = Destination.__new__(Destination)
        twin.destination_id = self.destination_id
        twin.channel_id = self.channel_id
        twin.name = self.name
        twin.configured = self.configured
        twin.start_seq = self.start_seq
        twin.cursor = self.cursor
        twin.unnumbered = self.unnumbered
        twin.parked = self.parked
        twin.replayed = self.replayed
        twin.delivered = self.delivered.copy()
        twin.dropped = self.dropped.copy()
        twin.pruned = self.pruned.copy()
        twin.newest = self.newest
        return twin

    def count(self, confidence: int, reason: str, messages: int) -> None:
        """Add to the sum what was delivered or, with DROPPED, dropped."""
        if confidence == DROPPED:
            self.dropped[reason] = self.dropped.get(reason, 0) + messages
        else:
            self.delivered[confidence] += messages

    def columns(self) -> Columns:
        """The values of DESTINATION_COLUMNS."""
        return (
            self.channel_id,
            self.name,
            int(self.configured),
            self.start_seq,
            self.cursor,
            self.unnumbered,
            self.parked,
            self.replayed,
            self.delivered[Confidence.SENT],
            self.delivered[Confidence.RECEIVED],
            self.delivered[Confidence.ACKNOWLEDGED],
            json.dumps(self.dropped) if self.dropped else "{}",
            json.dumps(self.pruned) if self.pruned else "{}",
        )

    @classmethod
    def from_columns(cls, destination_id: int, values: Columns) -> Destination:
        """The inverse of `columns`. Raises ValueError for what is no JSON object."""
        (
            channel_id,
            name,
            configured,
            start_seq,
            cursor,
            unnumbered,
            parked,
            replayed,
            sent,
            received,
            acknowledged,
            dropped,
            pruned,
        ) = values
        found = cls(destination_id, int(channel_id), str(name), int(start_seq))
        found.configured = bool(configured)
        found.cursor = int(cursor)
        found.unnumbered = int(unnumbered)
        found.parked = int(parked)
        found.replayed = int(replayed)
        found.delivered = [0, int(sent), int(received), int(acknowledged)]
        found.dropped = json.loads(str(dropped))
        found.pruned = json.loads(str(pruned))
        return found

    def sum(self, last_seq: int) -> DestinationLedger:
        """The ledger for a channel that ends at `last_seq`."""
        return DestinationLedger(
            start_seq=self.start_seq,
            cursor=self.cursor,
            received=last_seq - self.start_seq + self.unnumbered,
            delivered={
                confidence: self.delivered[confidence]
                for confidence in Confidence
                if self.delivered[confidence]
            },
            queued=last_seq - self.cursor,
            parked=self.parked,
            dropped=dict(self.dropped),
            replayed=self.replayed,
        )


class Damage:
    """Which of a channel's messages are known to be lost or unreadable.

    Shared by a channel and its clones: no rollback makes a bad row good again.
    """

    __slots__ = ("gaps", "messages")

    def __init__(self) -> None:
        self.gaps: list[tuple[int, int]] = []
        self.messages = 0

    def add(self, first_seq: int, last_seq: int) -> None:
        self.gaps.append((first_seq, last_seq))
        self.gaps.sort()
        self.messages += last_seq - first_seq + 1

    def skip(self, seq: int) -> int:
        """The first number from `seq` on that is not known to be damaged."""
        for first_seq, last_seq in self.gaps:
            if first_seq <= seq <= last_seq:
                seq = last_seq + 1
        return seq

    def holds(self, first_seq: int, last_seq: int) -> bool:
        """Whether any number of that range is known to be damaged."""
        return any(first <= last_seq and first_seq <= last for first, last in self.gaps)


class Channel:
    """One channel's numbers, limits and destinations. Without limits: not opened."""

    __slots__ = (
        "bytes",
        "channel_id",
        "damage",
        "destinations",
        "first_seq",
        "last_crc",
        "last_seq",
        "limits",
        "messages",
        "name",
        "oldest",
        "parked_bytes",
        "served",
        "tallies",
    )

    def __init__(self, channel_id: int, name: str) -> None:
        self.channel_id = channel_id
        self.name = name
        self.limits: Limits | None = None
        self.served = False
        self.first_seq = 1
        self.last_seq = 0
        self.last_crc = 0
        self.messages = 0
        self.bytes = 0
        self.parked_bytes = 0
        self.tallies: dict[str, int] = {}
        self.damage = Damage()
        self.destinations: dict[str, Destination] = {}
        #: The oldest rows, as far as they have been looked up; only ever a beginning.
        self.oldest: deque[OldRow] = deque()

    def clone(self) -> Channel:
        twin = Channel.__new__(Channel)
        twin.channel_id = self.channel_id
        twin.name = self.name
        twin.limits = self.limits
        twin.served = self.served
        twin.first_seq = self.first_seq
        twin.last_seq = self.last_seq
        twin.last_crc = self.last_crc
        twin.messages = self.messages
        twin.bytes = self.bytes
        twin.parked_bytes = self.parked_bytes
        twin.tallies = self.tallies.copy()
        twin.damage = self.damage
        twin.destinations = {
            name: destination.clone() for name, destination in self.destinations.items()
        }
        twin.oldest = deque()
        return twin

    @property
    def used_bytes(self) -> int:
        return self.bytes + self.parked_bytes

    def settled(self) -> int:
        """Up to where every destination, configured or orphaned, has settled."""
        if not self.destinations:
            return self.last_seq
        return min([each.cursor for each in self.destinations.values()])

    def columns(self) -> Columns:
        """The values of CHANNEL_COLUMNS."""
        return (
            self.name,
            int(self.served),
            self.first_seq,
            self.last_seq,
            self.last_crc,
            self.messages,
            self.bytes,
            self.parked_bytes,
            json.dumps(self.tallies) if self.tallies else "{}",
        )

    @classmethod
    def from_columns(cls, channel_id: int, values: Columns) -> Channel:
        """The inverse of `columns`. Raises ValueError for what is no JSON object."""
        (
            name,
            served,
            first_seq,
            last_seq,
            last_crc,
            messages,
            size,
            parked,
            tallies,
        ) = values
        found = cls(channel_id, str(name))
        found.served = bool(served)
        found.first_seq = int(first_seq)
        found.last_seq = int(last_seq)
        found.last_crc = int(last_crc)
        found.messages = int(messages)
        found.bytes = int(size)
        found.parked_bytes = int(parked)
        found.tallies = json.loads(str(tallies))
        return found


def with_crc(row_id: int, columns: Columns) -> Columns:
    """A channel's or destination's columns, its CRC behind them, which covers the
    row's id as well."""
    return (*columns, text_crc(row_id, *columns))
