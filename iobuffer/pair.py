"""A channel pair, put together: a source, its channel, and a delivery per destination.

Floor 4. What a reload changes is changed here piece by piece: a source whose settings
are the same keeps its connections, and so does each destination.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import attrs
from twisted.internet.defer import Deferred, gatherResults, succeed

from .acks.base import AckConfig
from .channel import Channel
from .counted import Counted
from .counters import DestinationCounters, SourceCounters
from .destinations.base import LinkContext
from .destinations.delivery import Delivery
from .framing import FRAMINGS
from .history import Look
from .rates import Meter
from .settings.model import (
    ChannelSettings,
    DestinationSettings,
    Kinds,
    SourceSettings,
)
from .sources.base import Source, SourceContext
from .state import State, StateCell, Word
from .storage.base import ChannelState, Limits, WhenFull
from .storekeeper import Storekeeper
from .transitions import Transitions
from .voice import Voice

__all__ = ["ChannelPair", "cursors_in", "limits_of"]

#: A channel that is full takes a batch whenever a destination has made room for one,
#: and is full again: for the log there is room again once it has lasted.
_ROOM_SECONDS = 10.0

#: The worst of its parts is how a channel is.
_GRAVITY = (
    Word.STOPPED,
    Word.RUNNING,
    Word.PAUSED,
    Word.STARTING,
    Word.WAITING,
    Word.FAILED,
)


@attrs.define(eq=False)
class _RunningSource:
    settings: SourceSettings
    source: Source
    state: StateCell
    counters: SourceCounters


@attrs.define(eq=False)
class _RunningDestination:
    settings: DestinationSettings
    framing: Any
    delivery: Delivery


class ChannelPair:
    """One channel with what is before and behind it.

    Args:
        settings: as loaded.
        kinds: builds sources and links.
        keeper: commits for the channel; it is attached here.
        found: what the store knows of the channel, once opened with these settings.
        reactor: with monotonic timers.
        wall: epoch seconds.
    """

    def __init__(
        self,
        settings: ChannelSettings,
        *,
        kinds: Kinds,
        keeper: Storekeeper,
        found: ChannelState,
        reactor: Any,
        wall: Callable[[], float],
    ) -> None:
        self.name = settings.name
        self.settings = settings
        self._kinds = kinds
        self._keeper = keeper
        self._reactor = reactor
        self._wall = wall
        self.channel = Channel(
            settings.name,
            keeper,
            last_seq=found.last_seq,
            cursors=cursors_in(found),
            max_partial_bytes=settings.policy.max_partial_bytes,
        )
        self.channel.on_full = self._full_changed
        keeper.attach(self.channel, limits_of(settings))
        self._source: _RunningSource | None = None
        self._destinations: dict[str, _RunningDestination] = {}
        self._full_logged = False
        self._room_call: Any = None
        self._counted = Counted()
        self.voice = Voice(settings.name, wall)
        #: How it is where other instances push and there is no source.
        self._pushing = StateCell(wall, Transitions(self.voice.saying("source")))
        # What an operator has stopped, until it is started or the gateway is.
        self._held: dict[str, State] = {}

    # -- life --------------------------------------------------------------------------

    def start(self) -> None:
        """Start the destinations, then the source."""
        if not self.settings.policy.enabled:
            self.voice.say("", "info", self._not_enabled())
            return
        for destination in self.settings.destinations.values():
            self._start_destination(destination)
        self._start_source()

    def stop(self) -> Deferred[None]:
        """Stop the source, then the destinations; what was taken is committed."""
        stopped = self._stop_source()
        stopped.addCallback(lambda _: self._stop_destinations(self._destinations))
        stopped.addCallback(lambda _: self._detach())
        return stopped

    async def change(self, settings: ChannelSettings, found: ChannelState) -> None:
        """Take new settings; what they leave as it is goes on undisturbed.

        `found` is the store's word after it was opened with them.
        """
        old, self.settings = self.settings, settings
        self.channel.max_partial_bytes = settings.policy.max_partial_bytes
        self._keeper.attach(self.channel, limits_of(settings))
        was, now = (each.policy.enabled for each in (old, settings))
        keep_source = was and now and old.source == settings.source
        framing = _source_framing(settings)
        kept = {
            name
            for name, running in self._destinations.items()
            if now
            and settings.destinations.get(name) == running.settings
            and _resolve_framing(running.settings.config, framing) == running.framing
        }
        if not keep_source:
            await self._stop_source()
        gone = {
            name: running
            for name, running in self._destinations.items()
            if name not in kept
        }
        await self._stop_destinations(gone)
        self.channel.serve(cursors_in(found))
        self._held = {
            name: state
            for name, state in self._held.items()
            if name == "source" or name in settings.destinations
        }
        if not now:
            return
        for name, destination in settings.destinations.items():
            if name not in kept and name not in self._held:
                self._start_destination(destination)
        if not keep_source and "source" not in self._held:
            self._start_source()

    # -- what an operator may do -------------------------------------------------------

    async def stop_parts(
        self, parts: Sequence[str], reason: str = "stopped by an operator"
    ) -> None:
        """Stop these parts ("source", destinations by name), the source first, until
        they are started again or the gateway is. Their states say the reason."""
        state = State(Word.STOPPED, reason, self._wall())
        if "source" in parts and self.settings.source is not None:
            self._held.setdefault("source", state)
            await self._stop_source()
        for name in parts:
            if name in self.settings.destinations:
                self._held.setdefault(name, state)
        await self._stop_destinations(
            {name: each for name, each in self._destinations.items() if name in parts}
        )

    def start_parts(self, parts: Sequence[str]) -> None:
        """Start those of these parts that do not run, destinations first."""
        for name in parts:
            self._held.pop(name, None)
        for name, destination in self.settings.destinations.items():
            if name in parts and name not in self._destinations:
                self._start_destination(destination)
        if "source" in parts and self._source is None:
            self._start_source()

    def pause_parts(
        self, parts: Sequence[str], reason: str = "paused by an operator"
    ) -> None:
        """Hold these parts; connections stay. Their states say the reason."""
        if "source" in parts and self._source is not None:
            self._source.source.pause(reason)
        for name, running in self._destinations.items():
            if name in parts:
                running.delivery.pause(reason)

    def resume_parts(self, parts: Sequence[str]) -> None:
        """Undo pause_parts(); a delivery that a refusal has halted tries again."""
        for name, running in self._destinations.items():
            if name in parts:
                running.delivery.resume()
        if "source" in parts and self._source is not None:
            self._source.source.resume()

    # -- what it shows -----------------------------------------------------------------

    def _not_enabled(self) -> str:
        return (
            "not enabled: what is stored is kept. To run it, set enabled = yes in "
            f"{self.settings.origin}, then reload"
        )

    @property
    def state(self) -> State:
        """The worst of its parts, with the part's name before the reason."""
        if not self.settings.policy.enabled:
            return State(Word.STOPPED, self._not_enabled(), 0.0)
        parts = self.states()
        if not parts:
            return State(Word.STARTING, "", 0.0)
        if self.settings.source is None:
            parts["source"] = self._pushing.current
        name, state = max(parts.items(), key=lambda part: _GRAVITY.index(part[1].word))
        if self.channel.full and state.word is not Word.FAILED:
            return State(Word.WAITING, self.channel.full_reason, state.since)
        reason = f"{name}: {state.reason}" if state.reason else ""
        return State(state.word, reason, state.since, state.quoted)

    def states(self) -> dict[str, State]:
        """`source` and each destination by name."""
        found: dict[str, State] = {}
        if self._source is not None:
            found["source"] = self._source.state.current
        for name, running in self._destinations.items():
            found[name] = running.delivery.state
        return found | self._held

    def counters(self) -> dict[str, dict[str, Any]]:
        """`source` and each destination by name."""
        found: dict[str, dict[str, Any]] = {}
        if self._source is not None:
            found["source"] = self._source.counters.snapshot()
        for name, running in self._destinations.items():
            found[name] = dict(running.delivery.counters.snapshot())
            found[name]["queued"] = self.channel.queued(name)
        return found

    @property
    def deliveries(self) -> dict[str, Delivery]:
        """By destination."""
        return {name: each.delivery for name, each in self._destinations.items()}

    def framing(self, destination: str) -> Any:
        """What a destination that runs puts around its messages."""
        return self._destinations[destination].framing

    @property
    def source(self) -> Source | None:
        """None while it is stopped."""
        return self._source.source if self._source else None

    def resume_halted(self) -> None:
        """Try again where a refusal has halted a delivery: somebody has looked."""
        for running in self._destinations.values():
            if running.delivery.halted:
                running.delivery.resume()

    @property
    def meter(self) -> Meter:
        """How fast it goes; `tally` feeds it."""
        return self._counted.meter

    def tally(self) -> None:
        """Look at what was counted since the last call, about once a second; the store
        keeps of it what the ledger needs over restarts."""
        self.meter.take(self._reactor.seconds(), self._totals())
        if self._source is not None:
            grown = self._counted.for_the_ledger(self._source.counters)
            if grown:
                self.channel.tally(grown)

    def pushed(self, user: str, messages: int, size_bytes: int) -> None:
        """Another instance, known by that name, has pushed messages that are stored."""
        self._counted.pushed(messages, size_bytes)
        self.channel.tally({"bytes_in": size_bytes, "bytes_framed": size_bytes})
        if self.settings.source is None:
            self._pushing.set(Word.RUNNING, f"{user} pushes to this channel")

    def look(self) -> Look:
        """What history has of it."""
        totals, names = self._totals(), self.settings.destinations
        out = {f"out:{name}": totals[f"messages_out:{name}"] for name in names}
        queued = {
            f"queued:{name}": self.channel.queued(name)
            for name in names
            if name in self.channel.cursors
        }
        return Look({"in": totals["messages_in"], **out}, queued)

    def _totals(self) -> dict[str, int]:
        running = self._destinations
        return self._counted.totals(
            self._source.counters if self._source is not None else None,
            {
                name: running[name].delivery.counters if name in running else None
                for name in self.settings.destinations
            },
        )

    # -- parts -------------------------------------------------------------------------

    def _start_source(self) -> None:
        settings = self.settings.source
        if settings is None:
            self._pushing.set(
                Word.WAITING, "waiting for another instance to push to this channel"
            )
            return
        log = self.voice.saying("source")
        state = StateCell(self._wall, Transitions(log))
        counters = SourceCounters()
        context = SourceContext(
            reactor=self._reactor,
            channel=self.channel,
            counters=counters,
            state=state,
            wall=self._wall,
            log=log,
            note=self.voice.noting("source"),
            epoch=self._epoch,
            marks=self._marks,
        )
        build = self._kinds.sources[settings.type_name].build
        source = build(settings.config, context)
        self._source = _RunningSource(settings, source, state, counters)
        source.start()

    def _stop_source(self) -> Deferred[None]:
        running = self._source
        if running is None:
            return succeed(None)

        def stopped(_: object) -> None:
            self.tally()
            self._counted.source_ended(running.counters)
            self._source = None

        return running.source.stop().addCallback(stopped)

    def _start_destination(self, settings: DestinationSettings) -> None:
        log = self.voice.saying(settings.name)
        state = StateCell(self._wall, Transitions(log))
        counters = DestinationCounters()
        source_framing = _source_framing(self.settings)
        framing = _resolve_framing(settings.config, source_framing)
        context = LinkContext(
            reactor=self._reactor,
            channel=self.name,
            name=settings.name,
            framing=framing,
            counters=counters,
            state=state,
            wall=self._wall,
            log=log,
            note=self.voice.noting(settings.name),
            epoch=self._epoch,
        )
        ack: AckConfig = settings.config.ack
        delivery = Delivery(
            channel=self.channel,
            name=settings.name,
            link=self._kinds.destinations[settings.type_name].build(
                settings.config, context
            ),
            config=settings.config,
            answered=ack.receipts(framing.type_name) is not None,
            link_state=state,
            counters=counters,
            reactor=self._reactor,
            wall=self._wall,
            log=log,
            note=self.voice.noting(settings.name),
        )
        running = _RunningDestination(settings, framing, delivery)
        self._destinations[settings.name] = running
        delivery.start()

    def _stop_destinations(
        self, which: dict[str, _RunningDestination]
    ) -> Deferred[None]:
        stopping = [running.delivery.stop() for running in which.values()]
        for name, running in tuple(which.items()):
            self._counted.destination_ended(name, running.delivery.counters)
            del self._destinations[name]
        return gatherResults(stopping, consumeErrors=True).addCallback(lambda _: None)

    def _detach(self) -> None:
        self._keeper.detach(self.channel)
        self._cancel_room_call()

    def _cancel_room_call(self) -> None:
        if self._room_call is not None:
            self._room_call.cancel()
            self._room_call = None

    def _full_changed(self, full: bool) -> None:
        self._cancel_room_call()
        if not full:
            self._room_call = self._reactor.callLater(_ROOM_SECONDS, self._room_lasts)
        elif not self._full_logged:
            self._full_logged = True
            reason = self.channel.full_reason
            self.voice.say(
                "", "error", f"nothing more is taken, for want of room: {reason}"
            )

    def _room_lasts(self) -> None:
        self._room_call = None
        self._full_logged = False
        self.voice.say("", "info", "the store has room again")

    def _epoch(self) -> str:
        return self._keeper.epoch

    def _marks(self) -> Deferred[dict[str, bytes]]:
        return self._keeper.call(lambda store: store.marks(self.name))


def limits_of(settings: ChannelSettings) -> Limits:
    """What the store needs to know of a channel's policy."""
    policy = settings.policy
    return Limits(
        keep_seconds=policy.keep,
        max_bytes=policy.max_bytes,
        max_messages=policy.max_messages,
        when_full=WhenFull(policy.when_full),
    )


def cursors_in(found: ChannelState) -> dict[str, int]:
    """What each destination and relay has settled."""
    return {name: ledger.cursor for name, ledger in found.destinations.items()}


def _source_framing(settings: ChannelSettings) -> Any:
    """None where there is no source, or one that is given messages as such."""
    if settings.source is None:
        return None
    return getattr(settings.source.config, "framing", None)


def _resolve_framing(config: Any, source_framing: Any) -> Any:
    """The framing of a destination: its own, or the source's, or line (DESIGN 8)."""
    if config.framing is not None:
        return config.framing
    if source_framing is None or source_framing.type_name in ("auto", "datagram"):
        return FRAMINGS["line"]()
    return source_framing
