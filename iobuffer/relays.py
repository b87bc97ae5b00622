"""What other instances take from our channels, and give to them.

Floor 4. A relay that takes has a cursor of its own in the store, `relay:USER`, made at
its first question: what it has not had is kept as for a destination, within the limits
of the channel, also while it is away. A relay that gives has its place committed with
its messages, so that what it sends twice is stored once.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import pairwise
from typing import Any

from twisted.internet.defer import Deferred, DeferredLock

from .batch import Batch, join
from .channel import Confidence
from .errors import StorageCorrupt, StorageError
from .gateway import RELAY_CURSOR, Gateway, open_channel
from .pair import ChannelPair, cursors_in
from .relay_format import Malformed, Parcel, decode
from .relay_order import Place, Refusal, Taken, offer, stop_name, take
from .storage.base import Store
from .storekeeper import Storekeeper
from .web.base import Problem

__all__ = ["Relays"]

#: What one answer holds, at most; beyond a first message that is larger.
_PARCEL_BYTES = 4 * 1024 * 1024
_PARCEL_MESSAGES = 1_000_000

#: Batches that came within this become one, up to the size of a row: the other side
#: keeps each as a row. As close as what the store makes one row of by itself, for the
#: time of the first one stands for all of them.
_JOIN_SECONDS = 0.02
_JOIN_BYTES = 256 * 1024

#: What the mark begins with that says how far somebody who gives has got.
_GIVER = "push:"

#: So many channels may one user give to one of ours.
_MAX_GIVERS = 64


class Relays:
    """The serving side of a chain.

    Args:
        gateway: its channels may come and go at any time.
        reactor: with monotonic timers.
    """

    def __init__(self, gateway: Gateway, reactor: Any) -> None:
        self._gateway = gateway
        self._reactor = reactor
        #: The one question that waits, per user and channel.
        self._waiting: dict[tuple[str, str], Deferred[None]] = {}
        self._locks: dict[str, DeferredLock] = {}
        #: What `_places_in` has read, per channel.
        self._places: dict[str, dict[str, Place | None]] = {}

    # -- they take ---------------------------------------------------------------------

    async def following(
        self,
        user: str,
        channel: str,
        after: Place | None,
        wait_seconds: float,
        ahead: int = 0,
    ) -> Parcel | None:
        """What follows `after`, which says that everything up to there is committed at
        the other side; None when nothing has come within `wait_seconds`. With an
        `ahead`, what follows that number: the other side has had it, and is about to
        commit it.

        Raises:
            Problem: no such channel, or a place that cannot be.
        """
        pair, keeper = self._pair(channel), self._keeper()
        cursor = RELAY_CURSOR + user
        if cursor not in pair.channel.cursors:
            await self._gateway.alone(partial(self._add_cursor, channel, cursor))
            pair, keeper = self._pair(channel), self._keeper()
        start = self._acknowledge(pair, keeper, cursor, after)
        if after is not None and after.gateway == keeper.epoch:
            start = max(start, ahead)
        if start >= pair.channel.last_seq:
            await self._more(pair, (user, channel), wait_seconds)
            pair, keeper = self._pair(channel), self._keeper()
        if start >= pair.channel.last_seq or cursor not in pair.channel.cursors:
            return None
        rows = pair.channel.recent(start, _PARCEL_MESSAGES, _PARCEL_BYTES)
        if not rows:
            try:
                rows = await keeper.call(partial(_rows, channel=channel, after=start))
            except StorageError as error:
                raise Problem(503, "The store cannot be read", str(error)) from None
        if not rows:
            return None
        if ahead and start == ahead and rows[0].first_seq > start + 1:
            # What is missing there is told once the cursor has come up to it.
            return None
        batches = [join(moment) for moment in _moments(rows)]
        known = pair.channel.cursors.get(cursor, batches[0].first_seq)
        if batches[0].first_seq > known + 1 and start == known:
            # What the store has dropped by itself it has counted; the rest is damage.
            pair.channel.drop(cursor, batches[0].first_seq - 1, "damaged")
        return Parcel(keeper.epoch, channel, start, tuple(batches))

    def _acknowledge(
        self, pair: ChannelPair, keeper: Storekeeper, cursor: str, after: Place | None
    ) -> int:
        """Behind which number to go on."""
        known = pair.channel.cursors[cursor]
        if after is None or after.gateway != keeper.epoch:
            return known
        if after.seq > pair.channel.last_seq:
            raise Problem(
                409,
                "That place is ahead of this channel",
                f"the last message here is {pair.channel.last_seq}, you have "
                f"{after.seq} of the same store: was it put back from a copy?",
            )
        if after.seq > known:
            pair.channel.advance(cursor, after.seq, Confidence.ACKNOWLEDGED)
        # Behind the cursor: the other side was put back, and what is still here of
        # what it lost it gets.
        return after.seq

    async def _add_cursor(self, channel: str, cursor: str) -> None:
        pair, keeper = self._pair(channel), self._keeper()
        found = await keeper.call(
            partial(open_channel, channel=pair.settings, further=[cursor])
        )
        pair.channel.serve(cursors_in(found))

    async def _more(
        self, pair: ChannelPair, waiter: tuple[str, str], wait_seconds: float
    ) -> None:
        """Return when the channel has grown, or enough time has passed, or the same
        user asks again: then nobody reads this answer any more."""
        earlier = self._waiting.pop(waiter, None)
        if earlier is not None:
            earlier.callback(None)
        more: Deferred[None] = Deferred()
        self._waiting[waiter] = more

        def wake() -> None:
            if self._waiting.get(waiter) is more:
                del self._waiting[waiter]
                more.callback(None)

        timer = self._reactor.callLater(wait_seconds, wake)
        pair.channel.add_reader(wake)
        try:
            await more
        finally:
            if self._waiting.get(waiter) is more:
                del self._waiting[waiter]
            pair.channel.remove_reader(wake)
            if timer.active():
                timer.cancel()

    # -- they give ---------------------------------------------------------------------

    async def given(self, user: str, channel: str, body: bytes) -> dict[str, Any]:
        """Store what is new in a parcel; where that user's channel stands after it is
        committed: `gateway` and `seq`, both None when nothing ever came.

        Raises:
            Problem: it is no parcel (400), leaves something out (409), goes round
                (508), or there is no room (503).
        """
        pair = self._pair(channel)
        if not pair.settings.policy.enabled:
            raise Problem(503, f"The channel {channel} is not enabled")
        parcel = decode(body)
        if isinstance(parcel, Malformed):
            raise Problem(400, "That is no parcel of batches", parcel.reason)
        lock = self._locks.setdefault(channel, DeferredLock())
        await lock.acquire()
        try:
            return await self._store(user, channel, parcel)
        finally:
            lock.release()

    async def _store(self, user: str, channel: str, parcel: Parcel) -> dict[str, Any]:
        pair, keeper = self._pair(channel), self._keeper()
        mine = f"{_GIVER}{user}/"
        mark = mine + parcel.channel
        places = await self._places_in(channel, keeper)
        if (
            mark not in places
            and sum(each.startswith(mine) for each in places) >= _MAX_GIVERS
        ):
            raise Problem(
                409, f"{user} gives {_MAX_GIVERS} channels to this one already"
            )
        place = places.get(mark)
        if not parcel.batches:
            return _where(place)
        here = stop_name(keeper.epoch, channel)
        found = take(place, parcel, here, self._gateway.wall())
        if isinstance(found, Refusal):
            status = 508 if found.loop else 409
            raise Problem(status, "Nothing was taken", found.reason, **_where(place))
        if pair.channel.pressed:
            raise _no_room("more waits for the disk than may")
        found, error = await _stored(pair, found, mark)
        if found.batches:
            batches = [batch for batch, _ in found.batches]
            pair.pushed(
                user,
                sum(map(len, batches)),
                sum(batch.size_bytes for batch in batches),
            )
        self._places[channel][mark] = found.place
        if error is not None:
            raise _no_room(str(error)) from None
        return _where(found.place) | {
            "known": found.known,
            "missing": found.missing,
            "renewed": found.renewed,
        }

    async def _places_in(
        self, channel: str, keeper: Storekeeper
    ) -> dict[str, Place | None]:
        """By mark, how far each that gives to this channel has got: what is committed,
        for whoever holds the channel's lock is the only one that changes it."""
        found = self._places.get(channel)
        if found is None:
            marks = await keeper.call(lambda store: store.marks(channel))
            found = {
                name: Place.of_mark(marks, name)
                for name in marks
                if name.startswith(_GIVER)
            }
            self._places[channel] = found
        return found

    # -- within ------------------------------------------------------------------------

    def _pair(self, channel: str) -> ChannelPair:
        pair = self._gateway.pairs.get(channel)
        if pair is None:
            raise Problem(404, f"There is no channel {channel}")
        return pair

    def _keeper(self) -> Storekeeper:
        if self._gateway.keeper is None:
            raise Problem(503, "The gateway is stopping")
        return self._gateway.keeper


def _no_room(why: str) -> Problem:
    return Problem(
        503, "There is no room for this now", why, headers=(("Retry-After", "2"),)
    )


def _where(place: Place | None) -> dict[str, Any]:
    return {
        "gateway": place.gateway if place else None,
        "seq": place.seq if place else None,
    }


async def _stored(
    pair: ChannelPair, found: Taken, mark: str
) -> tuple[Taken, StorageError | None]:
    """What of it is committed when this returns; the error, if that is not all."""
    answered: Deferred[tuple[Taken, StorageError | None]] = Deferred()
    offer(pair.channel, found, mark, lambda *answer: answered.callback(answer))
    return await answered


def _rows(store: Store, *, channel: str, after: int) -> list[Batch]:
    """The rows that follow, up to a gap, in the store's thread."""
    rows: list[Batch] = []
    size_bytes = messages = 0
    while size_bytes < _PARCEL_BYTES and messages < _PARCEL_MESSAGES:
        try:
            row = store.read(
                channel, after, _PARCEL_MESSAGES - messages, _PARCEL_BYTES - size_bytes
            )
        except StorageCorrupt:
            if not rows:
                raise
            # The next question begins there, and hears of it.
            break
        if row is None or not row.messages or (rows and row.first_seq > after + 1):
            break
        rows.append(row)
        after = row.last_seq
        size_bytes += row.size_bytes
        messages += len(row)
    return rows


def _moments(rows: Sequence[Batch]) -> list[list[Batch]]:
    """Rows that follow each other without a gap and came at almost the same time."""
    found = [[row] for row in rows[:1]]
    size_bytes = rows[0].size_bytes if rows else 0
    for before, row in pairwise(rows):
        first = found[-1][0]
        close = abs(row.received_at - first.received_at) <= _JOIN_SECONDS
        size_bytes += row.size_bytes
        if close and row.first_seq == before.last_seq + 1 and size_bytes <= _JOIN_BYTES:
            found[-1].append(row)
        else:
            found.append([row])
            size_bytes = row.size_bytes
    return found
