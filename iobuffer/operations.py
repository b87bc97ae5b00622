"""What the API, the page and the command line ask of the gateway.

Floor 4. Each answer is a plain value, ready for JSON. What is asked of the store is one
call in its thread, and what many ask at once is asked once a second. What is asked of
messages is in `message_operations.py`.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from twisted.internet.defer import Deferred, ensureDeferred

from . import __version__
from .gateway import RELAY_CURSOR, Gateway
from .line_quality import line_of, peers_of
from .links.place import place_of
from .links.serial_names import present_lines
from .message_operations import MessageOperations, no_part, parts_of, stopping
from .pair import ChannelPair
from .past import Past
from .relays import Relays
from .settings.forms import describe
from .settings.model import DestinationSettings, SourceSettings
from .settings.show import brief_ini, channel_object
from .state import State
from .storage.base import ChannelState, DestinationLedger, Store, StoreStats
from .upkeep import ChannelFiles
from .web.base import Problem

__all__ = ["GatewayOperations"]

#: States of the store that are not older than this are shown again.
_FRESH_SECONDS = 1.0
#: Verb -> what a log and a state say of it.
_VERBS = {
    "start": "started",
    "stop": "stopped",
    "pause": "paused",
    "resume": "resumed",
    "restart": "restarted",
}


class GatewayOperations(MessageOperations):
    """Implements `web.base.Operations` over a gateway.

    Args:
        gateway: it may be stopped and its channels may come and go at any time.
        files: where channels that the API makes are kept.
        reactor: for the age of what is shown.
    """

    def __init__(self, gateway: Gateway, files: ChannelFiles, reactor: Any) -> None:
        super().__init__(gateway)
        self.relays = Relays(gateway, reactor)
        self.past = Past(gateway, self.pair)
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
        gateway, keeper = self._gateway, self.keeper()
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
            "alarms": self.past.alarms(),
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
        """One channel, with `config` as a channel file holds it, and briefly as `ini`;
        secrets masked."""
        return ensureDeferred(self._channel(name))

    async def _channel(self, name: str) -> dict[str, Any]:
        self.pair(name)
        await self._fresh()
        pair = self.pair(name)
        view = self._view(pair)
        for part, shown in view["parts"].items():
            expires_at = self._gateway.watch.expiry(_settings_of(pair, part).config)
            shown["line"] = line_of(pair, part, expires_at)
        return view | {
            "config": channel_object(pair.settings),
            "ini": brief_ini(pair.settings),
        }

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
        for part in parts_of(pair):
            source = part == "source"
            configured = _settings_of(pair, part)
            state = states.get(part)
            parts[part] = {
                "kind": "source" if source else "destination",
                "type": configured.type_name,
                "at": _whereabouts(configured.config),
                "state": _whole_state(state) if state else None,
                "counters": _shown(counters.get(part, {})),
            }
            parts[part]["peers"] = peers_of(pair, part)
            if not source:
                ledger = found.destinations.get(part) if found else None
                parts[part] |= self._cursor(pair, part, ledger)
                delivery = pair.deliveries.get(part)
                parts[part]["halted"] = delivery is not None and bool(delivery.halted)
        return {
            "name": pair.name,
            "description": settings.policy.description,
            "enabled": settings.policy.enabled,
            "origin": settings.origin,
            "editable": self._files.owns(settings),
            "state": _whole_state(pair.state),
            "full": pair.channel.full,
            "limits": {
                "max_bytes": settings.policy.max_bytes,
                "max_messages": settings.policy.max_messages,
                "when_full": settings.policy.when_full,
            },
            "parts": parts,
            "relays": {
                cursor.removeprefix(RELAY_CURSOR): self._cursor(
                    pair, cursor, found.destinations.get(cursor) if found else None
                )
                for cursor in pair.channel.cursors
                if cursor.startswith(RELAY_CURSOR)
            },
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
                raise stopping()
            return
        self._taking = []
        try:
            names = self.names()
            self._states, self._stats = await self.keeper().call(
                partial(_look_at_all, names)
            )
            self._taken_at = self._reactor.seconds()
        finally:
            taking, self._taking = self._taking, None
            for each in taking:
                each.callback(None)

    # -- what is done ------------------------------------------------------------------

    def act(
        self, name: str, part: str, verb: str, by: str = ""
    ) -> Deferred[dict[str, Any]]:
        """Start, stop, pause, resume or restart a channel or a part of it; `by` is who
        wants it, for the log and the part's state."""
        return ensureDeferred(self._act(name, part, verb, by or "an operator"))

    async def _act(self, name: str, part: str, verb: str, by: str) -> dict[str, Any]:
        if verb not in _VERBS:
            raise Problem(404, f"{verb} is none of {', '.join(_VERBS)}")

        async def change() -> None:
            pair = self.pair(name)
            parts = parts_of(pair)
            if part and part not in parts:
                raise no_part(pair, part)
            if not pair.settings.policy.enabled:
                raise Problem(
                    409,
                    f"{name} is not enabled",
                    "Set enabled = yes in its configuration, then reload.",
                )
            wanted = [part] if part else parts
            said = f"{_VERBS[verb]} by {by}"
            pair.voice.say(part, "info", said)
            said += self._when()
            if verb == "stop":
                await pair.stop_parts(wanted, f"{said}; start it to go on")
            elif verb == "start":
                pair.start_parts(wanted)
            elif verb == "pause":
                pair.pause_parts(wanted, f"{said}; resume it to go on")
            elif verb == "resume":
                pair.resume_parts(wanted)
            else:
                await pair.stop_parts(wanted, said)
                pair.start_parts(wanted)

        await self._gateway.alone(change)
        return await self._channel(name)

    def _when(self) -> str:
        return time.strftime(
            " at %H:%M on %Y-%m-%d", time.localtime(self._gateway.wall())
        )

    def plan(self, name: str, found: Any) -> Deferred[dict[str, Any]]:
        """What would change; see ChannelFiles.plan."""
        return ensureDeferred(self._plan(name, found))

    async def _plan(self, name: str, found: Any) -> dict[str, Any]:
        return self._files.plan(name, found)

    def kinds(self) -> dict[str, Any]:
        """What a form needs to know of every kind; see settings/forms.py. The serial
        lines that this machine has are offered before the page's examples."""
        found = describe(self._gateway.kinds)
        lines = present_lines()
        for kind in (*found["sources"], *found["destinations"]):
            for option in kind["options"] if kind["type"] == "serial" else ():
                if option["name"] == "port":
                    option["common"] = list(dict.fromkeys(lines + option["common"]))
        return found

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
        self.pair(name)
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


def _settings_of(pair: ChannelPair, part: str) -> SourceSettings | DestinationSettings:
    if part != "source":
        return pair.settings.destinations[part]
    assert pair.settings.source is not None, "parts_of() names it only where it is"
    return pair.settings.source


def _look_at_all(
    names: Sequence[str], store: Store
) -> tuple[dict[str, ChannelState], StoreStats]:
    return {name: store.state(name) for name in names}, store.stats()


def _whereabouts(config: Any) -> str:
    """Where a part listens, dials or writes, as its configuration names it."""
    if hasattr(config, "host"):
        return place_of(config.host, config.port)
    for name in ("url", "port", "path"):
        if hasattr(config, name):
            return str(getattr(config, name))
    return ""


def _state(state: State) -> dict[str, Any]:
    return {"word": state.word.value, "reason": state.reason, "since": state.since}


def _whole_state(state: State) -> dict[str, Any]:
    return _state(state) | {"quoted": state.quoted}


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
