"""Looking for messages in a channel: bounded work at a time, and where to go on.

Floor 4. The store is read in small pieces, each a call of its own in its thread, so
that commits wait for no search longer than for one piece; a call of the API looks at so
many pieces, and says where the next one begins.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Mapping
from typing import Any

import attrs

from .batch import Batch
from .storage.base import OutcomeRange, Parked, Store
from .storekeeper import Storekeeper

__all__ = ["Query", "Searcher", "states_of"]

_PIECE_BYTES = 256 * 1024
_MAX_PIECE_MESSAGES = 2000
#: What one call of the API looks at, at most.
_MAX_PIECES = 64
#: Copies of parked messages looked at for one piece; with more, the piece is smaller
#: the next time.
_MAX_PARKED = 1000


@attrs.frozen(kw_only=True)
class Query:
    """What is looked for. Between `after` and `before`, both excluded; `forward` from
    the oldest, else from the newest. `since` (included) and `until` (excluded) are
    epoch seconds of receipt. `state` is that at `destination`; `peer` is a part of the
    sender's address."""

    after: int
    before: int
    forward: bool
    limit: int = 100
    since: float | None = None
    until: float | None = None
    contains: bytes = b""
    destination: str = ""
    state: str = ""
    peer: str = ""
    #: As much of each message is given.
    preview_bytes: int = 256
    #: As much of all of them; at least one is given.
    max_bytes: int = 4 * 1024 * 1024


class Searcher:
    """One search in one channel.

    Args:
        cursors: destination -> what it has settled, as the channel knows it now.
        mean_bytes: of a message, to choose the size of a piece by.
    """

    def __init__(
        self,
        keeper: Storekeeper,
        channel: str,
        query: Query,
        cursors: Mapping[str, int],
        mean_bytes: float,
    ) -> None:
        self._keeper = keeper
        self._channel = channel
        self._query = query
        self._cursors = dict(cursors)
        fitting = int(_PIECE_BYTES / max(1.0, mean_bytes))
        self._piece_messages = max(1, min(_MAX_PIECE_MESSAGES, fitting))
        self._found: list[dict[str, Any]] = []
        self._found_bytes = 0

    async def run(self) -> tuple[list[dict[str, Any]], int | None]:
        """What was found, in the order of the search; and the bound to go on from
        (`after` when forward, `before` when not), None at the end."""
        query = self._query
        low, high = query.after, query.before - 1
        if query.since is not None:
            low = max(low, await self._seek(query.since, low, high))
        if query.until is not None:
            high = min(high, await self._seek(query.until, low, high))
        for _ in range(_MAX_PIECES):
            if low >= high:
                return self._found, None
            if query.forward:
                first, last = low + 1, min(high, low + self._piece_messages)
            else:
                first, last = max(low + 1, high - self._piece_messages + 1), high
            stop = await self._look(first, last)
            if stop is not None:
                more = stop < high if query.forward else stop > low + 1
                return self._found, stop if more else None
            if query.forward:
                low = last
            else:
                high = first - 1
        if low >= high:
            return self._found, None
        return self._found, low if query.forward else high + 1

    async def _look(self, first: int, last: int) -> int | None:
        """Look at these messages; the number of the last one taken once there are as
        many as were asked for."""
        batches, states = await self._keeper.call(
            lambda store: _piece(store, self._channel, first, last, self._cursors)
        )
        if not self._query.forward:
            batches.reverse()
        for batch in batches:
            indices = range(len(batch.messages))
            for index in indices if self._query.forward else reversed(indices):
                if self._take(batch, index, states):
                    return batch.first_seq + index
        return None

    def _take(self, batch: Batch, index: int, states: Mapping[str, _Settled]) -> bool:
        """Take the message if it is looked for; True when there are enough."""
        query, message = self._query, batch.messages[index]
        if query.contains and query.contains not in message:
            return False
        peer = _peer_of(batch, index)
        if query.peer and query.peer not in peer:
            return False
        seq = batch.first_seq + index
        if query.state:
            settled = states[query.destination]
            if settled.state(seq) != query.state:
                return False
        if query.since is not None and batch.received_at < query.since:
            return False
        preview = message[: query.preview_bytes]
        outcomes = {name: each.outcome(seq) for name, each in states.items()}
        self._found.append(
            {
                "seq": seq,
                "received_at": batch.received_at,
                "peer": peer,
                "size_bytes": len(message),
                "message": preview,
                "states": {name: each["state"] for name, each in outcomes.items()},
                "outcomes": outcomes,
            }
        )
        self._found_bytes += len(preview)
        enough = self._found_bytes >= query.max_bytes
        return enough or len(self._found) >= query.limit

    async def _seek(self, at: float, low: int, high: int) -> int:
        """The last message in (low, high] that was received before `at`, or `low`.

        Times go with the numbers, as far as the clock of the machine did.
        """
        while low < high:
            middle = (low + high + 1) // 2
            batch = await self._keeper.call(_one(self._channel, middle))
            if batch is None or not batch.messages or batch.first_seq > high:
                # What is there between is gone; it cannot be what is looked for.
                high = middle - 1
            elif batch.received_at < at:
                low = max(middle, batch.first_seq)
            else:
                high = middle - 1
        return low


class _Settled:
    """What became of a run of messages at one destination."""

    def __init__(
        self, cursor: int, outcomes: list[OutcomeRange], parked: list[Parked]
    ) -> None:
        self._cursor = cursor
        self._outcomes = outcomes
        self._first_seqs = [each.first_seq for each in outcomes]
        self._parked = {each.seq: each for each in parked}

    def state(self, seq: int) -> str:
        """ "queued", "parked", "delivered" or "dropped"."""
        if seq > self._cursor:
            return "queued"
        if seq in self._parked:
            return "parked"
        return "dropped" if self._delivered(seq) is None else "delivered"

    def outcome(self, seq: int) -> dict[str, Any]:
        """The `state`, and what else is known of it."""
        state = self.state(seq)
        found: dict[str, Any] = {"state": state}
        if state == "parked":
            parked = self._parked[seq]
            found |= {
                "parked_at": parked.parked_at,
                "reason": parked.reason,
                "attempts": parked.attempts,
            }
        delivered = self._delivered(seq) if state == "delivered" else None
        if delivered is not None:
            found |= {
                "confidence": delivered.confidence.name.lower(),
                "delivered_at": delivered.delivered_at,
            }
        return found

    def _delivered(self, seq: int) -> OutcomeRange | None:
        at = bisect_right(self._first_seqs, seq) - 1
        if at >= 0 and seq <= self._outcomes[at].last_seq:
            return self._outcomes[at]
        return None


def states_of(
    store: Store, channel: str, cursors: Mapping[str, int], first: int, last: int
) -> dict[str, _Settled]:
    """By destination, for the messages `first` to `last`."""
    return {
        name: _Settled(
            cursor,
            store.outcomes(channel, name, first, last),
            [
                each
                for each in store.parked(channel, name, first - 1, _MAX_PARKED)
                if each.seq <= last
            ],
        )
        for name, cursor in cursors.items()
    }


def _piece(
    store: Store, channel: str, first: int, last: int, cursors: Mapping[str, int]
) -> tuple[list[Batch], dict[str, _Settled]]:
    batches: list[Batch] = []
    after = first - 1
    while after < last:
        batch = store.read(channel, after, last - after, _PIECE_BYTES)
        if batch is None or not batch.messages or batch.first_seq > last:
            break
        batches.append(batch)
        after = batch.last_seq
    return batches, states_of(store, channel, cursors, first, last)


def _one(channel: str, seq: int) -> Callable[[Store], Batch | None]:
    return lambda store: store.read(channel, seq - 1, 1, 1)


def _peer_of(batch: Batch, index: int) -> str:
    for peer, count in batch.peers:
        if index < count:
            return peer
        index -= count
    return ""
