"""A channel pair: what a change of settings touches, and what it leaves alone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import attrs
import pytest
from twisted.internet.defer import Deferred, ensureDeferred, succeed
from twisted.logger import ILogObserver, LogEvent, formatEvent, globalLogPublisher
from zope.interface import provider

from iobuffer.channel import Confidence
from iobuffer.destinations.base import LinkContext
from iobuffer.destinations.policy import DeliveryConfig
from iobuffer.framing import FRAMINGS
from iobuffer.line_quality import line_of, peers_of
from iobuffer.pair import ChannelPair, limits_of
from iobuffer.settings.model import (
    ChannelConfig,
    ChannelSettings,
    DestinationSettings,
    Kind,
    Kinds,
    SourceSettings,
)
from iobuffer.sources.base import SourceContext
from iobuffer.state import Word
from iobuffer.storage.base import WhenFull
from iobuffer.storekeeper import Storekeeper
from tests.fakes import WALL, ManualReactor, ScriptedLink, TroubledStore, batch_of


@attrs.frozen(kw_only=True)
class ToySourceConfig:
    port: int = 1
    framing: Any = attrs.field(factory=FRAMINGS["auto"])


@attrs.frozen(kw_only=True)
class ToyMessagesConfig:
    """Of a source that is given messages as such."""

    topic: str = "a"


class ToySource:
    def __init__(self, config: Any, context: SourceContext, order: list[str]) -> None:
        self.config = config
        self.context = context
        self._order = order

    def start(self) -> None:
        self._order.append("source started")
        self.context.state.set(Word.RUNNING)

    def stop(self) -> Deferred[None]:
        self._order.append("source stopped")
        return succeed(None)

    def pause(self, reason: str = "") -> None:
        self.context.state.set(Word.PAUSED, reason)

    def resume(self) -> None:
        self.context.state.set(Word.RUNNING)

    def peers(self) -> list[dict[str, Any]]:
        return []

    def quality(self) -> dict[str, int]:
        return {"parity_errors": 3}


@attrs.frozen(kw_only=True)
class ToyDestinationConfig(DeliveryConfig):
    path: str = "a"


class ToyLink(ScriptedLink):
    def __init__(self, config: Any, context: LinkContext, order: list[str]) -> None:
        super().__init__()
        self.config = config
        self.context = context
        self._order = order

    def start(self, user: Any) -> None:
        super().start(user)
        self._order.append(f"{self.context.name} started")

    def stop(self) -> Deferred[None]:
        self._order.append(f"{self.context.name} stopped")
        return super().stop()


def kind(config_class: type, build: Any) -> Kind:
    return Kind(config_class=config_class, build=build, summary="A toy.")


def settings(
    *destinations: str,
    source: Any = None,
    paths: dict[str, str] | None = None,
    **policy: Any,
) -> ChannelSettings:
    config = source or ToySourceConfig()
    name = "messages" if isinstance(config, ToyMessagesConfig) else "toy"
    found = {
        each: DestinationSettings(
            each,
            "toy",
            ToyDestinationConfig(
                path=(paths or {}).get(each, "a"), ack=FakeAck(), framing=None
            ),
        )
        for each in destinations
    }
    return ChannelSettings(
        "c", ChannelConfig(**policy), SourceSettings(name, config), found, "file"
    )


@attrs.frozen
class FakeAck:
    """A peer that answers nothing."""

    def receipts(self, framing: str) -> None:
        return None


class World:
    """A ChannelPair over a real Storekeeper and toys at both ends."""

    def __init__(self) -> None:
        self.reactor = ManualReactor()
        self.store = TroubledStore()
        self.order: list[str] = []
        self.sources: list[ToySource] = []
        self.links: dict[str, ToyLink] = {}
        self.keeper = Storekeeper(
            self.reactor,
            self.store,
            max_pending_bytes=10_000,
            recent_bytes=10_000,
            wall=lambda: WALL,
            on_fatal=lambda error: None,
            on_findings=lambda findings: None,
        )
        self.kinds = Kinds(
            sources={
                "toy": kind(ToySourceConfig, self._source),
                "messages": kind(ToyMessagesConfig, self._source),
            },
            destinations={"toy": kind(ToyDestinationConfig, self._link)},
        )
        self.pair: ChannelPair | None = None
        self.keeper.start()

    def _source(self, config: Any, context: SourceContext) -> ToySource:
        made = ToySource(config, context, self.order)
        self.sources.append(made)
        return made

    def _link(self, config: Any, context: LinkContext) -> ToyLink:
        made = ToyLink(config, context, self.order)
        self.links[context.name] = made
        return made

    def _open(self, wanted: ChannelSettings) -> Any:
        def opening(store: Any) -> Any:
            store.open_channel("c", limits_of(wanted), list(wanted.destinations))
            return store.state("c")

        return self.reactor.result_of(self.keeper.call(opening))

    def begin(self, wanted: ChannelSettings) -> ChannelPair:
        found = self._open(wanted)
        self.pair = ChannelPair(
            wanted,
            kinds=self.kinds,
            keeper=self.keeper,
            found=found,
            reactor=self.reactor,
            wall=lambda: WALL,
        )
        self.pair.start()
        return self.pair

    def change(self, wanted: ChannelSettings) -> None:
        assert self.pair is not None
        self.order.clear()
        found = self._open(wanted)
        self.reactor.result_of(ensureDeferred(self.pair.change(wanted, found)))

    def take(self, *messages: bytes) -> None:
        assert self.pair is not None
        channel = self.pair.channel
        expected = channel.last_seq + len(messages)
        channel.offer(batch_of(*messages))
        self.reactor.run_until(lambda: channel.last_seq == expected)

    def state(self) -> Any:
        """What the store knows, with everything before it committed."""
        return self.reactor.result_of(self.keeper.call(lambda store: store.state("c")))

    def end(self) -> None:
        if self.pair is not None:
            self.reactor.result_of(self.pair.stop())
            self.pair = None
        self.reactor.result_of(self.keeper.stop())


@pytest.fixture
def world() -> Iterator[World]:
    made = World()
    yield made
    made.end()
    assert made.reactor.getDelayedCalls() == []


@pytest.fixture
def lines() -> Iterator[list[str]]:
    found: list[str] = []

    @provider(ILogObserver)
    def observe(event: LogEvent) -> None:
        found.append(f"{event['log_level'].name} {formatEvent(event)}")

    globalLogPublisher.addObserver(observe)
    yield found
    globalLogPublisher.removeObserver(observe)


# -- life ------------------------------------------------------------------------------


def test_destinations_start_before_the_source_and_stop_after_it(world: World) -> None:
    pair = world.begin(settings("lis"))
    assert world.order == ["lis started", "source started"]
    world.reactor.result_of(pair.stop())
    world.pair = None
    assert world.order[2:] == ["source stopped", "lis stopped"]
    assert world.keeper.recent_bytes == 0


def test_what_a_destination_confirms_while_it_stops_is_kept(world: World) -> None:
    pair = world.begin(settings("lis"))
    world.links["lis"].up()
    world.take(b"1", b"2")
    world.links["lis"].confirm()
    world.reactor.result_of(pair.stop())
    world.pair = None
    assert world.state().destinations["lis"].cursor == 2


def test_a_channel_without_a_source_waits_for_whoever_pushes(world: World) -> None:
    pair = world.begin(attrs.evolve(settings("lis"), source=None))
    world.links["lis"].up()
    assert pair.state.word is Word.WAITING
    assert "waiting for another instance to push" in pair.state.reason

    pair.pushed("hop", 3, 70)
    assert pair.state.word is Word.STARTING, "the toy at the other end is, for ever"
    pair.tally()
    world.reactor.advance(1.0)
    pair.tally()
    assert pair.look().totals["in"] == 3
    assert world.state().tallies == {"bytes_in": 70, "bytes_framed": 70}
    world.change(settings("lis"))
    assert world.order == ["source started"]
    world.change(attrs.evolve(settings("lis"), source=None))
    assert "waiting for another" in pair.state.reason


def test_a_channel_that_is_not_enabled_starts_nothing(world: World) -> None:
    pair = world.begin(settings("lis", enabled=False))
    assert world.order == []
    assert pair.state.word is Word.STOPPED
    world.change(settings("lis"))
    assert world.order == ["lis started", "source started"]
    world.change(settings("lis", enabled=False))
    assert world.order == ["source stopped", "lis stopped"]


# -- change ----------------------------------------------------------------------------


def test_a_change_of_policy_alone_touches_no_connection(world: World) -> None:
    pair = world.begin(settings("lis"))
    world.change(settings("lis", max_partial_bytes=5, max_messages=40))
    assert world.order == []
    assert pair.channel.max_partial_bytes == 5


def test_a_changed_destination_alone_is_replaced(world: World) -> None:
    world.begin(settings("lis", "log"))
    log = world.links["log"]
    world.change(settings("lis", "log", paths={"lis": "b"}))
    assert world.order == ["lis stopped", "lis started"]
    assert world.links["lis"].config.path == "b"
    assert world.links["log"] is log
    assert len(world.sources) == 1


def test_a_replaced_destination_goes_on_behind_what_was_confirmed(
    world: World,
) -> None:
    world.begin(settings("lis"))
    world.links["lis"].up()
    world.take(b"1")
    world.take(b"2")
    world.links["lis"].confirm()
    world.change(settings("lis", paths={"lis": "b"}))
    world.links["lis"].up()
    assert world.links["lis"].messages_sent == [b"2"]


def test_a_changed_source_alone_is_replaced(world: World) -> None:
    framing = FRAMINGS["line"]()
    world.begin(settings("lis", source=ToySourceConfig(port=1, framing=framing)))
    world.change(settings("lis", source=ToySourceConfig(port=2, framing=framing)))
    assert world.order == ["source stopped", "source started"]
    assert [source.config.port for source in world.sources] == [1, 2]


def test_a_destination_that_takes_its_framing_from_the_source_follows_it(
    world: World,
) -> None:
    world.begin(settings("lis"))
    assert world.links["lis"].context.framing.type_name == "line"
    mllp = ToySourceConfig(framing=FRAMINGS["mllp"]())
    world.change(settings("lis", source=mllp))
    assert world.order == [
        "source stopped",
        "lis stopped",
        "lis started",
        "source started",
    ]
    assert world.links["lis"].context.framing.type_name == "mllp"
    world.change(settings("lis", source=ToyMessagesConfig()))
    assert world.links["lis"].context.framing.type_name == "line"


def test_destinations_come_and_go_with_cursors_of_their_own(world: World) -> None:
    pair = world.begin(settings("lis"))
    world.take(b"1")
    world.change(settings("lis", "log"))
    assert world.order == ["log started"]
    assert pair.channel.cursors == {"lis": 0, "log": 1}
    world.take(b"2")
    world.change(settings("log"))
    assert world.order == ["lis stopped"]
    assert pair.channel.cursors == {"log": 1}
    assert world.state().orphans == {"lis": 2}
    world.change(settings("lis", "log"))
    world.links["lis"].up()
    world.reactor.run_until(lambda: world.links["lis"].waiting)
    assert world.links["lis"].messages_sent[0] == b"1"


def test_a_destination_that_goes_while_it_confirms_is_no_fault(world: World) -> None:
    """The store is told of the change before the link is closed."""
    pair = world.begin(settings("lis", "log"))
    world.links["log"].up()
    world.take(b"1")
    found = world._open(settings("lis"))
    world.links["log"].confirm()
    changing = pair.change(settings("lis"), found)
    world.reactor.result_of(ensureDeferred(changing))
    assert world.state().orphans == {"log": 0}


# -- what it shows ---------------------------------------------------------------------


def test_a_channel_is_as_its_worst_part_is_and_says_which(world: World) -> None:
    pair = world.begin(settings("lis", "log"))
    world.links["lis"].context.state.set(Word.RUNNING)
    world.links["log"].context.state.set(Word.RUNNING)
    assert str(pair.state) == "running"
    world.links["log"].context.state.set(Word.WAITING, "connection refused")
    assert str(pair.state) == "waiting: log: connection refused"
    world.links["lis"].context.state.set(Word.FAILED, "not trusted")
    assert str(pair.state) == "failed: lis: not trusted"
    assert set(pair.states()) == {"source", "lis", "log"}
    assert set(pair.deliveries) == {"lis", "log"}


def test_counters_have_what_waits_for_each_destination(world: World) -> None:
    pair = world.begin(settings("lis"))
    world.take(b"1", b"2")
    counters = pair.counters()
    assert counters["lis"]["queued"] == 2
    assert counters["source"]["messages_in_total"] == 0


def test_what_an_operator_holds_says_who_it_was(world: World) -> None:
    pair = world.begin(settings("lis", "log"))
    pair.pause_parts(["source", "lis"], "paused by ada")
    world.reactor.result_of(ensureDeferred(pair.stop_parts(["log"], "stopped by ben")))
    assert {name: str(state) for name, state in pair.states().items()} == {
        "source": "paused: paused by ada",
        "lis": "paused: paused by ada",
        "log": "stopped: stopped by ben",
    }
    pair.resume_parts(["source", "lis"])
    pair.start_parts(["log"])
    assert {state.reason for state in pair.states().values()} == {""}


def test_what_is_logged_of_a_channel_is_in_its_own_log_and_notes_only_there(
    world: World, lines: list[str]
) -> None:
    pair = world.begin(settings("lis"))
    source = world.sources[0].context
    source.note("info", "10.0.0.5:4711 is connected")
    source.log("warn", "bad bytes")
    world.links["lis"].context.log("info", "up")
    assert [(line.level, line.part, line.text) for line in pair.voice.log.newest()] == [
        ("info", "lis", "up"),
        ("warn", "source", "bad bytes"),
        ("info", "source", "10.0.0.5:4711 is connected"),
        ("info", "source", "running"),
    ]
    assert pair.voice.log.newest()[0].at == WALL
    assert lines[-2:] == ["warn c/source: bad bytes", "info c/lis: up"]


def test_a_line_has_what_its_counters_and_its_driver_know(world: World) -> None:
    pair = world.begin(settings("lis"))
    world.sources[0].context.counters.skipped_bytes_total = 7
    assert line_of(pair, "source", 1.5) == {
        "framing": "auto",
        "framings_found": {},
        "skipped_bytes": 7,
        "parity_errors": 3,
        "certificate_expires_at": 1.5,
    }
    assert line_of(pair, "lis", None) == {"framing": "line"}
    assert peers_of(pair, "lis") == []
    world.links["lis"].up()
    assert peers_of(pair, "lis") == [{"peer": "scripted", "since": WALL}]
    world.reactor.result_of(ensureDeferred(pair.stop_parts(["source", "lis"])))
    assert line_of(pair, "source", None) == line_of(pair, "lis", None) == {}
    assert peers_of(pair, "source") == peers_of(pair, "lis") == []


def test_history_sees_what_came_what_went_and_what_waits(world: World) -> None:
    pair = world.begin(settings("lis"))
    world.sources[0].context.counters.messages_in_total = 3
    world.links["lis"].up()
    world.take(b"1", b"2")
    world.links["lis"].confirm()
    world.take(b"3")
    found = pair.look()
    assert found.totals == {"in": 3, "out:lis": 2}
    assert found.levels == {"queued:lis": 1}
    world.reactor.result_of(ensureDeferred(pair.stop_parts(["source", "lis"])))
    found = pair.look()
    assert found.totals == {"in": 3, "out:lis": 2}
    assert found.levels == {"queued:lis": 1}


def test_a_part_that_stops_looks_like_no_burst_of_the_others(world: World) -> None:
    pair = world.begin(settings("lis", "log"))
    for name in ("lis", "log"):
        pair.deliveries[name].counters.messages_out_total = 1000
    pair.pushed("hub", 500, 5000)
    world.sources[0].context.counters.messages_in_total = 10
    pair.tally()
    world.reactor.result_of(ensureDeferred(pair.stop_parts(["source", "log"])))
    world.reactor.advance(1.0)
    pair.tally()
    rates = pair.meter.last_second()
    assert (rates["messages_in"], rates["messages_out"]) == (0.0, 0.0)
    pair.start_parts(["source", "log"])
    pair.deliveries["log"].counters.messages_out_total = 3
    world.reactor.advance(1.0)
    pair.tally()
    assert pair.meter.last_second()["messages_out"] == 3.0
    assert pair.look().totals == {"in": 510, "out:lis": 1000, "out:log": 1003}


def test_what_the_source_has_counted_is_tallied_once(world: World) -> None:
    pair = world.begin(settings("lis"))
    counters = world.sources[0].context.counters
    counters.bytes_in_total = 100
    counters.partial_bytes = 10
    counters.framed_bytes_total = 85
    counters.skipped_bytes_total = 5
    pair.tally()
    pair.tally()
    expected = {"bytes_in": 90, "bytes_framed": 85, "bytes_skipped": 5}
    assert world.state().tallies == expected
    counters.partial_bytes = 0
    counters.framed_bytes_total = 95
    world.reactor.result_of(pair.stop())
    world.pair = None
    assert world.state().tallies == {**expected, "bytes_in": 100, "bytes_framed": 95}


def test_a_full_channel_says_why_and_flutters_in_one_line(
    world: World, lines: list[str]
) -> None:
    pair = world.begin(settings("lis", max_messages=4))
    for number in range(4):
        world.take(b"%d" % number)
    world.sources[0].context.state.set(Word.RUNNING)
    pair.channel.offer(batch_of(b"held"))
    world.reactor.run_until(lambda: pair.channel.full)
    assert pair.state.word is Word.WAITING
    assert "full" in pair.state.reason
    lines.clear()
    for upto in (1, 2, 3):
        pair.channel.advance("lis", upto, Confidence.RECEIVED)
        world.reactor.run_until(lambda: not pair.channel.full)
        pair.channel.offer(batch_of(b"more"))
        world.reactor.run_until(lambda: pair.channel.full)
    assert [line for line in lines if "room" in line] == []
    pair.channel.advance("lis", 5, Confidence.RECEIVED)
    world.reactor.run_until(lambda: not pair.channel.full)
    world.reactor.advance(30.0)
    assert [line for line in lines if "room" in line] == [
        "info c: the store has room again"
    ]


def test_entering_full_is_one_error_with_the_stores_sentence(
    world: World, lines: list[str]
) -> None:
    pair = world.begin(settings("lis", max_messages=1))
    world.take(b"1")
    pair.channel.offer(batch_of(b"2"))
    world.reactor.run_until(lambda: pair.channel.full)
    errors = [line for line in lines if line.startswith("error")]
    assert errors == [
        "error c: nothing more is taken, for want of room: channel c: full"
    ]


def test_a_pair_that_stops_right_after_it_was_full_leaves_no_timer(
    world: World,
) -> None:
    pair = world.begin(settings("lis", max_messages=1))
    world.take(b"1")
    pair.channel.offer(batch_of(b"2"))
    world.reactor.run_until(lambda: pair.channel.full)
    pair.channel.advance("lis", 1, Confidence.RECEIVED)
    world.reactor.run_until(lambda: not pair.channel.full)


def test_the_store_hears_of_the_channels_limits() -> None:
    limits = limits_of(
        settings("lis", max_bytes=7, max_messages=8, keep=9.0, when_full="drop_oldest")
    )
    assert (limits.max_bytes, limits.max_messages, limits.keep_seconds) == (7, 8, 9.0)
    assert limits.when_full is WhenFull.DROP_OLDEST
