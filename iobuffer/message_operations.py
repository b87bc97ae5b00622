"""What is asked of the messages of a channel: found, shown, set aside, sent again.

Floor 4, the half of `operations.py` that deals with messages. Each answer is a plain
value; payloads are bytes, for the API to show or not. What is asked of the store is one
call in its thread, or a bounded number of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from twisted.internet.defer import Deferred, ensureDeferred

from .batch import Batch
from .errors import StorageError
from .gateway import Gateway
from .pair import ChannelPair
from .relay_order import origin_of, trail_of
from .replays import Replays
from .search import Query, Searcher, states_of
from .settings.words import nearest
from .storage.base import ChannelState, Parked, Store
from .storekeeper import Storekeeper
from .web.base import MIB, Problem

__all__ = ["MessageOperations", "no_part", "parts_of", "stopping"]


class MessageOperations:
    """The messages of a gateway's channels; `GatewayOperations` is one of these.

    Args:
        gateway: it may be stopped and its channels may come and go at any time.
    """

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    # -- messages ----------------------------------------------------------------------

    def messages(self, name: str, query: Mapping[str, Any]) -> Deferred[dict[str, Any]]:
        """See `Operations.messages`; `query` holds the route's parameters, `contains`
        as bytes."""
        return ensureDeferred(self._messages(name, query))

    async def _messages(self, name: str, query: Mapping[str, Any]) -> dict[str, Any]:
        pair = self.pair(name)
        destination = query.get("destination", "")
        if destination and destination not in pair.channel.cursors:
            raise no_part(pair, destination)
        keeper = self.keeper()
        found: ChannelState = await keeper.call(lambda store: store.state(name))
        forward = "after" in query
        end = found.last_seq + 1
        searcher = Searcher(
            keeper,
            name,
            Query(
                after=max(query.get("after", 0), found.first_seq - 1),
                before=min(query.get("before", end), end),
                forward=forward,
                limit=query.get("limit", 100),
                since=query.get("since"),
                until=query.get("until"),
                contains=query.get("contains", b""),
                destination=destination,
                state=query.get("state", ""),
                peer=query.get("peer", ""),
                preview_bytes=query.get("preview_bytes", 256),
                max_bytes=query.get("max_bytes", 4 * MIB),
            ),
            pair.channel.cursors,
            found.stored_bytes / max(1, found.stored_messages),
        )
        messages, go_on = await searcher.run()
        following = None
        if go_on is not None:
            following = {"after" if forward else "before": go_on}
        return {
            "messages": messages,
            "next": following,
            "first_seq": found.first_seq,
            "last_seq": found.last_seq,
        }

    def message(self, name: str, seq: int) -> Deferred[dict[str, Any]]:
        """One message, whole, with what became of it at each destination."""
        return ensureDeferred(self._message(name, seq))

    async def _message(self, name: str, seq: int) -> dict[str, Any]:
        pair = self.pair(name)
        cursors = dict(pair.channel.cursors)
        found = await self.keeper().call(partial(_message_of, name, seq, cursors))
        if found is None:
            raise Problem(
                404,
                f"There is no message {seq} in {name}",
                "It was never received, or what is kept was deleted as keep and "
                "max_bytes say.",
            )
        batch, outcomes = found
        peer = batch.peers[0][0] if batch.peers else ""
        return {
            "seq": seq,
            "received_at": batch.received_at,
            "peer": peer,
            "origin": origin_of(peer),
            "hops": [
                dict(zip(("gateway", "channel"), stop.split("/", 1), strict=False))
                for stop in trail_of(peer)
            ],
            "size_bytes": len(batch.messages[0]),
            "message": batch.messages[0],
            "outcomes": outcomes,
        }

    def payloads(self, name: str) -> str:
        """ "reveal" or "open", as the channel's policy has it now."""
        policy: str = self.pair(name).settings.policy.payloads
        return policy

    def parked(
        self, name: str, destination: str, after: int, limit: int
    ) -> Deferred[dict[str, Any]]:
        """Parked messages of one destination, or of all ("")."""
        return ensureDeferred(self._parked(name, destination, after, limit))

    async def _parked(
        self, name: str, destination: str, after: int, limit: int
    ) -> dict[str, Any]:
        pair = self.pair(name)
        names = [destination] if destination else list(pair.channel.cursors)
        if destination and destination not in pair.channel.cursors:
            raise no_part(pair, destination)

        def look(store: Store) -> list[tuple[str, list[Parked]]]:
            return [(each, store.parked(name, each, after, limit)) for each in names]

        found = await self.keeper().call(look)
        return {
            "parked": [
                {
                    "destination": each,
                    "seq": one.seq,
                    "peer": one.peer,
                    "received_at": one.received_at,
                    "parked_at": one.parked_at,
                    "reason": one.reason,
                    "attempts": one.attempts,
                    "size_bytes": len(one.message),
                    "message": one.message,
                }
                for each, parked in found
                for one in parked
            ]
        }

    def settle_parked(
        self, name: str, destination: str, seqs: Sequence[int], reason: str
    ) -> Deferred[dict[str, Any]]:
        """Drop these parked messages for a reason, for good."""
        return ensureDeferred(self._drop_parked(name, destination, seqs, reason))

    async def _drop_parked(
        self, name: str, destination: str, seqs: Sequence[int], reason: str
    ) -> dict[str, Any]:
        pair = self.pair(name)
        if destination not in pair.channel.cursors:
            raise no_part(pair, destination)
        dropped = await self.keeper().call(
            lambda store: store.settle_parked(
                name, destination, list(seqs), None, reason
            )
        )
        return {"dropped": dropped}

    def replay(
        self, name: str, destination: str, seqs: Sequence[int], dry_run: bool
    ) -> Deferred[dict[str, Any]]:
        """Deliver these messages once more; with `dry_run` only count them."""
        return ensureDeferred(self._replay(name, destination, seqs, dry_run))

    async def _replay(
        self, name: str, destination: str, seqs: Sequence[int], dry_run: bool
    ) -> dict[str, Any]:
        replays = Replays(self.pair(name), destination, self.keeper())
        if dry_run:
            return {"messages": await replays.preview(seqs), "dry_run": True}
        return await replays.send(seqs) | {"dry_run": False}

    def retry_parked(
        self, name: str, destination: str, seqs: Sequence[int]
    ) -> Deferred[dict[str, Any]]:
        """Send parked messages again; those that arrive are parked no more."""
        replays = Replays(self.pair(name), destination, self.keeper())
        return ensureDeferred(replays.retry_parked(seqs))

    # -- for those who follow ----------------------------------------------------------

    def read(
        self, name: str, after: int, max_messages: int, max_bytes: int
    ) -> Deferred[Batch | None]:
        """The next batch behind `after`, as `Channel.read`."""
        answered: Deferred[Batch | None] = Deferred()

        def done(batch: Batch | None, error: StorageError | None) -> None:
            if error is not None:
                answered.errback(error)
            else:
                answered.callback(batch)

        self.pair(name).channel.read(after, max_messages, max_bytes, done)
        return answered

    def last_seq(self, name: str) -> int:
        """The newest message's number."""
        return self.pair(name).channel.last_seq

    def watch(self, name: str, wake: Callable[[], None]) -> Callable[[], None]:
        """Call `wake` after each commit of the channel, until the result is called."""
        channel = self.pair(name).channel
        channel.add_reader(wake)
        return partial(channel.remove_reader, wake)

    # -- what all of it begins with ----------------------------------------------------

    def pair(self, name: str) -> ChannelPair:
        """The pair of this name; a Problem (404) when there is none."""
        pair = self._gateway.pairs.get(name)
        if pair is None:
            near = nearest(name[:64], self._gateway.pairs)
            hint = f"Did you mean {near}?" if near else ""
            raise Problem(404, f"There is no channel {name[:64]}", hint)
        return pair

    def keeper(self) -> Storekeeper:
        """The store's keeper; a Problem (503) while there is none."""
        if self._gateway.keeper is None:
            raise stopping()
        return self._gateway.keeper


def stopping() -> Problem:
    """There is no store to ask just now."""
    return Problem(503, "The gateway is starting or stopping", "Try again shortly.")


def no_part(pair: ChannelPair, part: str) -> Problem:
    """The pair has no such part; the parts it has are named."""
    known = ", ".join(parts_of(pair))
    return Problem(
        404, f"{pair.name} has no part {part[:64]}", f"Its parts are: {known}."
    )


def parts_of(pair: ChannelPair) -> list[str]:
    """ "source" if there is one, then the destinations' names."""
    source = ["source"] if pair.settings.source is not None else []
    return [*source, *pair.settings.destinations]


def _message_of(
    name: str, seq: int, cursors: Mapping[str, int], store: Store
) -> tuple[Batch, dict[str, Any]] | None:
    batch = store.read(name, seq - 1, 1, 1)
    if batch is None or not batch.messages or batch.first_seq != seq:
        return None
    settled = states_of(store, name, cursors, seq, seq)
    return batch, {each: settled[each].outcome(seq) for each in cursors}
