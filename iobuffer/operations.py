"""What the API, the page and the command line ask of the gateway.

Floor 4. Each answer is a plain value, ready for JSON (payloads are bytes, for the API
to show or not). What is asked of the store is one call in its thread, and what many ask
at once is asked once a second.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from twisted.internet.defer import Deferred, ensureDeferred

from . import __version__
from .batch import Batch
from .errors import StorageError
from .gateway import Gateway
from .pair import ChannelPair
from .relays import Relays
from .replays import Replays
from .search import Query, Searcher, states_of
from .settings.show import channel_object
from .state import State
from .storage.base import ChannelState, DestinationLedger, Parked, Store, StoreStats
from .storekeeper import Storekeeper
from .upkeep import ChannelFiles
from .web.base import Problem

__all__ = ["GatewayOperations"]

#: States of the store that are not older than this are shown again.
_FRESH_SECONDS = 1.0
_VERBS = ("start", "stop", "pause", "resume")


class GatewayOperations:
    """Implements `web.base.Operations` over a gateway.

    Args:
        gateway: it may be stopped and its channels may come and go at any time.
        files: where channels that the API makes are kept.
        reactor: for the age of what is shown.
    """

    def __init__(self, gateway: Gateway, files: ChannelFiles, reactor: Any) -> None:
        self.relays = Relays(gateway, reactor)
        self._gateway = gateway
        self._files = files
        self._reactor = reactor
        self._states: dict[str, ChannelState] = {}
        self._stats: StoreStats | None = None
        self._taken_at = 0.0
        self._taking: list[Deferred[None]] | None = None

    # -- what is so --------------------------------------------------------------------

    def names(self) -> list[str]:
        """The channels that are configured and open, in order."""
        return sorted(self._gateway.pairs)

    def status(self) -> Deferred[dict[str, Any]]:
        """The gateway as a whole."""
        return ensureDeferred(self._status())

    async def _status(self) -> dict[str, Any]:
        await self._fresh()
        gateway, keeper = self._gateway, self._keeper()
        words: dict[str, int] = {}
        for pair in gateway.pairs.values():
            word = pair.state.word.value
            words[word] = words.get(word, 0) + 1
        stats = self._stats
        assert stats is not None
        return {
            "name": gateway.settings.gateway.name,
            "version": __version__,
            "now": gateway.wall(),
            "started_at": gateway.started_at,
            "state_dir": gateway.settings.gateway.state_dir,
            "channels": words,
            "store": {
                "file_bytes": stats.file_bytes,
                "wal_bytes": stats.wal_bytes,
                "commits_total": stats.commits_total,
                "batches_total": stats.batches_total,
                "messages_total": stats.messages_total,
                "pending_bytes": keeper.pending_bytes,
                "recent_bytes": keeper.recent_bytes,
            },
            "warnings": [str(each) for each in gateway.settings.warnings],
        }

    def channels(self) -> Deferred[list[dict[str, Any]]]:
        """Each channel as in channel(), without `config`."""
        return ensureDeferred(self._channels())

    async def _channels(self) -> list[dict[str, Any]]:
        await self._fresh()
        return [self._view(self._gateway.pairs[name]) for name in self.names()]

    def channel(self, name: str) -> Deferred[dict[str, Any]]:
        """One channel, with `config` as a channel file holds it, secrets masked."""
        return ensureDeferred(self._channel(name))

    async def _channel(self, name: str) -> dict[str, Any]:
        self._pair(name)
        await self._fresh()
        pair = self._pair(name)
        return self._view(pair) | {"config": channel_object(pair.settings)}

    def lines(self) -> dict[str, dict[str, Any]]:
        """Each channel in a few figures, from memory alone: what is sent live."""
        found = {}
        for name in self.names():
            pair = self._gateway.pairs[name]
            cursors = pair.channel.cursors
            found[name] = {
                "state": _state(pair.state),
                "parts": {part: _state(state) for part, state in pair.states().items()},
                "rates": pair.meter.last_second(),
                "last_seq": pair.channel.last_seq,
                "queued": {each: pair.channel.queued(each) for each in cursors},
            }
        return found

    def _view(self, pair: ChannelPair) -> dict[str, Any]:
        settings = pair.settings
        counters = pair.counters()
        states = pair.states()
        found = self._states.get(pair.name)
        parts: dict[str, Any] = {}
        for part in _parts_of(pair):
            source = part == "source"
            configured = settings.source if source else settings.destinations[part]
            assert configured is not None
            state = states.get(part)
            parts[part] = {
                "kind": "source" if source else "destination",
                "type": configured.type_name,
                "state": _state(state) if state else None,
                "counters": _shown(counters.get(part, {})),
            }
            if source:
                parts[part]["peers"] = pair.source.peers() if pair.source else []
            else:
                ledger = found.destinations.get(part) if found else None
                parts[part] |= self._cursor(pair, part, ledger)
        return {
            "name": pair.name,
            "description": settings.policy.description,
            "enabled": settings.policy.enabled,
            "origin": settings.origin,
            "editable": self._files.owns(settings),
            "state": _state(pair.state),
            "full": pair.channel.full,
            "parts": parts,
            "rates": {
                "last_second": pair.meter.last_second(),
                "last_minute": pair.meter.last_minute(),
            },
            "store": _stored(found) if found else None,
        }

    def _cursor(
        self, pair: ChannelPair, name: str, ledger: DestinationLedger | None
    ) -> dict[str, Any]:
        cursor = pair.channel.cursors.get(name)
        queued = pair.channel.queued(name) if cursor is not None else 0
        oldest = ledger.oldest_queued_at if ledger and queued else None
        age = max(0.0, self._gateway.wall() - oldest) if oldest is not None else None
        return {
            "cursor": cursor,
            "queued": queued,
            "oldest_queued_age_seconds": age,
            "ledger": _ledger(ledger) if ledger else None,
        }

    async def _fresh(self) -> None:
        """Have what the store knows of every channel, not older than a second."""
        now = self._reactor.seconds()
        if self._stats is not None and now - self._taken_at < _FRESH_SECONDS:
            return
        if self._taking is not None:
            waiting: Deferred[None] = Deferred()
            self._taking.append(waiting)
            await waiting
            if self._stats is None:
                raise _stopping()
            return
        self._taking = []
        try:
            names = self.names()
            self._states, self._stats = await self._keeper().call(
                partial(_look_at_all, names)
            )
            self._taken_at = self._reactor.seconds()
        finally:
            taking, self._taking = self._taking, None
            for each in taking:
                each.callback(None)

    # -- messages ----------------------------------------------------------------------

    def messages(self, name: str, query: Mapping[str, Any]) -> Deferred[dict[str, Any]]:
        """See `Operations.messages`; `query` holds the route's parameters, `contains`
        as bytes."""
        return ensureDeferred(self._messages(name, query))

    async def _messages(self, name: str, query: Mapping[str, Any]) -> dict[str, Any]:
        pair = self._pair(name)
        destination = query.get("destination", "")
        if destination and destination not in pair.channel.cursors:
            raise _no_part(pair, destination)
        keeper = self._keeper()
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
                preview_bytes=query.get("preview_bytes", 256),
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
        pair = self._pair(name)
        cursors = dict(pair.channel.cursors)
        found = await self._keeper().call(partial(_message_of, name, seq, cursors))
        if found is None:
            raise Problem(
                404,
                f"There is no message {seq} in {name}",
                "It was never received, or what is kept was deleted as keep and "
                "max_bytes say.",
            )
        batch, outcomes = found
        return {
            "seq": seq,
            "received_at": batch.received_at,
            "peer": batch.peers[0][0] if batch.peers else "",
            "size_bytes": len(batch.messages[0]),
            "message": batch.messages[0],
            "outcomes": outcomes,
        }

    def parked(
        self, name: str, destination: str, after: int, limit: int
    ) -> Deferred[dict[str, Any]]:
        """Parked messages of one destination, or of all ("")."""
        return ensureDeferred(self._parked(name, destination, after, limit))

    async def _parked(
        self, name: str, destination: str, after: int, limit: int
    ) -> dict[str, Any]:
        pair = self._pair(name)
        names = [destination] if destination else list(pair.channel.cursors)
        if destination and destination not in pair.channel.cursors:
            raise _no_part(pair, destination)

        def look(store: Store) -> list[tuple[str, list[Parked]]]:
            return [(each, store.parked(name, each, after, limit)) for each in names]

        found = await self._keeper().call(look)
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
        pair = self._pair(name)
        if destination not in pair.channel.cursors:
            raise _no_part(pair, destination)
        dropped = await self._keeper().call(
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
        replays = Replays(self._pair(name), destination, self._keeper())
        if dry_run:
            return {"messages": await replays.preview(seqs), "dry_run": True}
        return await replays.send(seqs) | {"dry_run": False}

    def retry_parked(
        self, name: str, destination: str, seqs: Sequence[int]
    ) -> Deferred[dict[str, Any]]:
        """Send parked messages again; those that arrive are parked no more."""
        replays = Replays(self._pair(name), destination, self._keeper())
        return ensureDeferred(replays.retry_parked(seqs))

    # -- what is done ------------------------------------------------------------------

    def act(self, name: str, part: str, verb: str) -> Deferred[dict[str, Any]]:
        """Start, stop, pause or resume a channel or a part of it."""
        return ensureDeferred(self._act(name, part, verb))

    async def _act(self, name: str, part: str, verb: str) -> dict[str, Any]:
        if verb not in _VERBS:
            raise Problem(404, f"{verb} is none of {', '.join(_VERBS)}")

        async def change() -> None:
            pair = self._pair(name)
            parts = _parts_of(pair)
            if part and part not in parts:
                raise _no_part(pair, part)
            if not pair.settings.policy.enabled:
                raise Problem(
                    409,
                    f"{name} is not enabled",
                    "Set enabled = yes in its configuration, then reload.",
                )
            wanted = [part] if part else parts
            if verb == "stop":
                await pair.stop_parts(wanted)
            elif verb == "start":
                pair.start_parts(wanted)
            elif verb == "pause":
                pair.pause_parts(wanted)
            else:
                pair.resume_parts(wanted)

        await self._gateway.alone(change)
        return await self._channel(name)

    def plan(self, name: str, found: Any) -> Deferred[dict[str, Any]]:
        """What would change; see ChannelFiles.plan."""
        return ensureDeferred(self._plan(name, found))

    async def _plan(self, name: str, found: Any) -> dict[str, Any]:
        return {"changes": self._files.plan(name, found)}

    def put_channel(self, name: str, found: Any) -> Deferred[dict[str, Any]]:
        """Keep a channel's file and run it."""
        return ensureDeferred(self._put_channel(name, found))

    async def _put_channel(self, name: str, found: Any) -> dict[str, Any]:
        await self._gateway.take(self._files.putting(name, found))
        return await self._channel(name)

    def remove_channel(self, name: str) -> Deferred[dict[str, Any]]:
        """Take a channel's file away; what is stored stays."""
        return ensureDeferred(self._remove_channel(name))

    async def _remove_channel(self, name: str) -> dict[str, Any]:
        self._pair(name)
        done = await self._gateway.take(self._files.removing(name))
        return {"removed": name, "done": done}

    def reload(self) -> Deferred[dict[str, Any]]:
        """Read the configuration again; fails with ConfigError."""
        return ensureDeferred(self._reload())

    async def _reload(self) -> dict[str, Any]:
        done = await self._gateway.take()
        return {
            "done": done,
            "channels": self.names(),
            "warnings": [str(each) for each in self._gateway.settings.warnings],
        }

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

        self._pair(name).channel.read(after, max_messages, max_bytes, done)
        return answered

    def last_seq(self, name: str) -> int:
        """The newest message's number."""
        return self._pair(name).channel.last_seq

    def watch(self, name: str, wake: Callable[[], None]) -> Callable[[], None]:
        """Call `wake` after each commit of the channel, until the result is called."""
        channel = self._pair(name).channel
        channel.add_reader(wake)
        return partial(channel.remove_reader, wake)

    # -- within ------------------------------------------------------------------------

    def _pair(self, name: str) -> ChannelPair:
        pair = self._gateway.pairs.get(name)
        if pair is None:
            raise Problem(404, f"There is no channel {name[:64]}")
        return pair

    def _keeper(self) -> Storekeeper:
        if self._gateway.keeper is None:
            raise _stopping()
        return self._gateway.keeper


def _stopping() -> Problem:
    return Problem(503, "The gateway is starting or stopping", "Try again shortly.")


def _no_part(pair: ChannelPair, part: str) -> Problem:
    known = ", ".join(_parts_of(pair))
    return Problem(
        404, f"{pair.name} has no part {part[:64]}", f"Its parts are: {known}."
    )


def _parts_of(pair: ChannelPair) -> list[str]:
    source = ["source"] if pair.settings.source is not None else []
    return [*source, *pair.settings.destinations]


def _look_at_all(
    names: Sequence[str], store: Store
) -> tuple[dict[str, ChannelState], StoreStats]:
    return {name: store.state(name) for name in names}, store.stats()


def _message_of(
    name: str, seq: int, cursors: Mapping[str, int], store: Store
) -> tuple[Batch, dict[str, Any]] | None:
    batch = store.read(name, seq - 1, 1, 1)
    if batch is None or not batch.messages or batch.first_seq != seq:
        return None
    settled = states_of(store, name, cursors, seq, seq)
    outcomes: dict[str, Any] = {}
    for destination in cursors:
        outcomes[destination] = {"state": settled[destination].state(seq)}
        for each in store.outcomes(name, destination, seq, seq):
            outcomes[destination] |= {
                "confidence": each.confidence.name.lower(),
                "delivered_at": each.delivered_at,
            }
        for parked in store.parked(name, destination, seq - 1, 1):
            if parked.seq == seq:
                outcomes[destination] |= {
                    "parked_at": parked.parked_at,
                    "reason": parked.reason,
                    "attempts": parked.attempts,
                }
    return batch, outcomes


def _state(state: State) -> dict[str, Any]:
    return {"word": state.word.value, "reason": state.reason, "since": state.since}


def _shown(counters: Mapping[str, Any]) -> dict[str, Any]:
    """The counters, without the sample of skipped bytes: that is payload."""
    return {
        name: value for name, value in counters.items() if not isinstance(value, bytes)
    }


def _stored(found: ChannelState) -> dict[str, Any]:
    return {
        "first_seq": found.first_seq,
        "last_seq": found.last_seq,
        "stored_bytes": found.stored_bytes,
        "stored_messages": found.stored_messages,
        "damaged_messages": found.damaged_messages,
        "oldest_queued_at": found.oldest_queued_at,
        "tallies": dict(found.tallies),
        "orphans": dict(found.orphans),
    }


def _ledger(ledger: DestinationLedger) -> dict[str, Any]:
    return {
        "received": ledger.received,
        "delivered": {
            confidence.name.lower(): count
            for confidence, count in ledger.delivered.items()
        },
        "queued": ledger.queued,
        "parked": ledger.parked,
        "dropped": dict(ledger.dropped),
        "replayed": ledger.replayed,
        "balance": ledger.balance,
        "cursor": ledger.cursor,
        "start_seq": ledger.start_seq,
    }
