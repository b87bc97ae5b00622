"""The watch: what it samples, what it tells, and to whom."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import attrs
import pytest
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock
from twisted.logger import (
    ILogObserver,
    LogEvent,
    LogLevel,
    formatEvent,
    globalLogPublisher,
)
from zope.interface import provider

from iobuffer.counters import DestinationCounters, Histogram, SourceCounters
from iobuffer.errors import StorageError, StorageFull
from iobuffer.links.tls import TlsConfig
from iobuffer.notifier import AlarmsConfig
from iobuffer.settings.alarms import AlarmConfig, SilenceConfig
from iobuffer.settings.model import (
    ChannelConfig,
    ChannelSettings,
    DestinationSettings,
    GatewayConfig,
    Settings,
    SourceSettings,
)
from iobuffer.state import State, Word
from iobuffer.storage.base import Limits
from iobuffer.storage.memory import MemoryStore
from iobuffer.voice import Voice
from iobuffer.watch import Watch
from tests.fakes import WALL, batch_of
from tests.links.certificates import Authority

POLICY = ChannelConfig(
    silence=SilenceConfig(after=60.0), alarm=AlarmConfig(link_down=30.0)
)


@attrs.frozen
class Part:
    tls: TlsConfig = TlsConfig()


class FakeChannel:
    full = False
    full_reason = ""

    def saw_in_store(self, cursors: Mapping[str, int]) -> None:
        self.seen = dict(cursors)


class FakePair:
    def __init__(self, name: str, policy: Any, part: Part) -> None:
        self.name = name
        self.settings = ChannelSettings(
            name,
            policy,
            SourceSettings("toy", part),
            {"lis": DestinationSettings("lis", "toy", Part())},
            "",
        )
        self.state = State(Word.RUNNING, "", WALL)
        self.link_state = self.state
        self.source: object | None = object()
        self.deliveries = {"lis": object()}
        self.channel = FakeChannel()
        self.messages = 0
        self.voice = Voice(name, lambda: WALL)

    def states(self) -> dict[str, State]:
        return {"source": self.state, "lis": self.link_state}

    def counters(self) -> dict[str, dict[str, Any]]:
        source = SourceCounters(messages_in_total=self.messages)
        lis = {**DestinationCounters().snapshot(), "queued": 0}
        return {"source": source.snapshot(), "lis": lis}


class FakeKeeper:
    pending_bytes = 11
    recent_bytes = 22

    def __init__(self) -> None:
        self.store = MemoryStore()
        self.commit_seconds = Histogram((1.0,))
        self.calls = 0
        self.failing: Exception | None = None

    def call(self, what: Callable[[Any], Any]) -> Deferred[Any]:
        self.calls += 1
        return fail(self.failing) if self.failing else succeed(what(self.store))


class World:
    def __init__(self, names: tuple[str, ...] = ("chem-1",), part: Part = Part()):
        self.clock = Clock()
        #: By how much somebody has set the wall clock.
        self.step_seconds = 0.0
        self.keeper: FakeKeeper | None = FakeKeeper()
        self.pairs = {name: FakePair(name, POLICY, part) for name in names}
        for name in names:
            self.keeper.store.open_channel(name, Limits(), ["lis"])
        self.settings = Settings(
            gateway=GatewayConfig(name="ward-3"),
            extra={},
            channels={name: pair.settings for name, pair in self.pairs.items()},
            warnings=(),
            files=(),
        )
        self.watch = Watch(
            settings=lambda: self.settings,
            pairs=self.pairs,  # type: ignore[arg-type]
            keeper=lambda: self.keeper,  # type: ignore[arg-type,return-value]
            reactor=self.clock,
            wall=lambda: WALL + self.clock.seconds() + self.step_seconds,
            local=time.gmtime,
        )

    def after(self, seconds: float) -> None:
        for _ in range(int(seconds)):
            self.clock.advance(1.0)


@pytest.fixture
def world() -> Iterator[World]:
    made = World()
    yield made
    made.watch.stop()
    assert not made.clock.getDelayedCalls()


@pytest.fixture
def logged() -> Iterator[list[tuple[LogLevel, str]]]:
    lines: list[tuple[LogLevel, str]] = []

    @provider(ILogObserver)
    def observe(event: LogEvent) -> None:
        lines.append((event["log_level"], formatEvent(event)))

    globalLogPublisher.addObserver(observe)
    yield lines
    globalLogPublisher.removeObserver(observe)


def test_an_alarm_is_one_line_when_it_is_raised_and_one_when_it_is_cleared(
    world: World, logged: list[tuple[LogLevel, str]]
) -> None:
    world.watch.start()
    world.after(200.0)
    assert [alarm.kind.value for alarm in world.watch.raised] == ["silence"]
    world.pairs["chem-1"].messages += 1
    world.after(10.0)

    assert world.watch.raised == ()
    (raised, cleared) = logged
    assert raised[0] is LogLevel.warn
    assert raised[1].startswith("chem-1: ALARM silence: no message for 60 s")
    assert cleared == (
        LogLevel.info,
        "chem-1: alarm cleared, silence: a message has come",
    )
    own = world.pairs["chem-1"].voice.log.newest()
    assert [f"chem-1: {line.text}" for line in own] == [cleared[1], raised[1]]


def test_a_channel_without_room_is_an_alarm(world: World) -> None:
    world.watch.start()
    channel = world.pairs["chem-1"].channel
    channel.full, channel.full_reason = True, "the disk is full"
    world.after(5.0)

    (alarm,) = world.watch.raised
    assert alarm.text == "nothing more is taken, for want of room: the disk is full"

    channel.full = False
    world.after(40.0)
    assert world.watch.raised == ()


def test_figures_hold_what_the_store_said_and_what_counts_now(world: World) -> None:
    assert world.keeper is not None
    world.keeper.store.append("chem-1", batch_of(b"a", b"b"))
    world.keeper.store.commit(WALL)
    world.keeper.commit_seconds.observe(0.5)
    world.watch.start()
    world.pairs["chem-1"].messages = 9
    figures = world.watch.figures()
    channel = figures.channels["chem-1"]

    assert figures.name == "ward-3"
    assert figures.store is not None
    assert figures.store.messages_total == 2
    assert (figures.pending_bytes, figures.recent_bytes) == (11, 22)
    assert figures.commit_seconds is not None
    assert figures.commit_seconds.counts == (1, 0)
    assert channel.stored is not None
    assert channel.stored.last_seq == 2
    assert channel.source is not None
    assert channel.source.counters["messages_in_total"] == 9
    assert world.watch.stored["chem-1"].stored_messages == 2


def test_a_channel_hears_how_far_the_store_is(world: World) -> None:
    assert world.keeper is not None
    world.keeper.store.append("chem-1", batch_of(b"a", b"b"))
    world.keeper.store.commit(WALL)
    world.keeper.store.drop("chem-1", "lis", 1, "full")
    world.keeper.store.commit(WALL)
    world.watch.start()

    assert world.pairs["chem-1"].channel.seen == {"lis": 1}


def test_the_store_is_asked_for_a_few_channels_at_a_time() -> None:
    world = World(tuple(f"c{number}" for number in range(120)))
    world.watch.start()
    world.watch.stop()
    assert world.keeper is not None

    assert world.keeper.calls == 4
    assert len(world.watch.stored) == 120


def test_a_channel_that_the_store_does_not_know_is_no_fault(
    world: World, logged: list[tuple[LogLevel, str]]
) -> None:
    world.pairs["new"] = FakePair("new", POLICY, Part())
    world.watch.start()

    assert world.watch.figures().channels["new"].stored is None
    assert logged == []


def test_a_store_that_cannot_answer_is_not_ready_and_told_once(
    world: World, logged: list[tuple[LogLevel, str]]
) -> None:
    assert not world.watch.is_ready
    world.watch.start()
    assert world.watch.is_ready
    assert world.keeper is not None
    world.keeper.failing = StorageFull("no room")
    world.after(15.0)
    assert not world.watch.is_ready
    assert [text for _, text in logged] == ["the store cannot be looked at: no room"]

    world.keeper.failing = None
    world.after(5.0)
    assert world.watch.is_ready


def test_a_store_that_stops_in_the_midst_of_a_look_is_no_fault(
    world: World, logged: list[tuple[LogLevel, str]]
) -> None:
    assert world.keeper is not None
    asked: Deferred[Any] = Deferred()
    world.keeper.call = lambda what: asked  # type: ignore[method-assign]
    world.watch.start()
    world.watch.stop()
    asked.errback(StorageError("the store is closed"))

    assert logged == []


def test_a_fault_in_one_look_does_not_end_the_looking(
    world: World, logged: list[tuple[LogLevel, str]]
) -> None:
    world.watch.start()
    assert world.keeper is not None
    world.keeper.failing = ZeroDivisionError("oops")
    world.after(5.0)
    world.keeper.failing = None
    world.after(100.0)

    assert "a fault of the gateway's own" in logged[0][1]
    assert [alarm.kind.value for alarm in world.watch.raised] == ["silence"]


def test_without_a_keeper_it_is_not_ready_and_asks_nobody(world: World) -> None:
    world.watch.start()
    world.keeper = None
    world.after(10.0)

    assert not world.watch.is_ready
    assert world.watch.figures().commit_seconds is None


def test_a_late_timer_of_the_reactor_is_counted(world: World) -> None:
    world.watch.start()
    world.clock.advance(0.5)
    world.clock.advance(2.5)
    found = world.watch.figures().reactor_seconds
    assert found is not None

    assert sum(found.counts) == 2
    assert found.sum_seconds == pytest.approx(2.0)


def test_the_end_of_a_certificate_is_read_from_its_file(tmp_path: Path) -> None:
    cert, key = Authority(tmp_path).issue("chem", last_day=3)
    part = Part(TlsConfig(enabled=True, cert=cert, key=key))
    world = World(part=part)
    world.settings = attrs.evolve(world.settings, extra={"http": part})
    world.watch.start()
    world.watch.stop()
    figures = world.watch.figures()
    source = figures.channels["chem-1"].source

    assert source is not None
    assert source.certificate_expires_at is not None
    assert source.certificate_expires_at == figures.page_certificate_expires_at


class FakeProcess:
    def __init__(self) -> None:
        self.signals: list[str] = []

    def write(self, data: bytes) -> None:
        pass

    def closeStdin(self) -> None:
        pass

    def signalProcess(self, name: str) -> None:
        self.signals.append(name)


def test_alarms_go_where_the_section_says_also_after_a_reload(world: World) -> None:
    process = FakeProcess()
    spawned: list[list[str]] = []

    def spawn(protocol: Any, path: str, words: list[str], env: Any) -> None:
        spawned.append(words)
        protocol.makeConnection(process)

    world.clock.spawnProcess = spawn  # type: ignore[attr-defined]
    world.watch.start()
    world.after(10.0)
    config = AlarmsConfig(mail_to="a@b.example", mail_command="/bin/post -x")
    world.settings = attrs.evolve(world.settings, extra={"alarms": config})
    world.after(50.0)
    assert spawned == [["/bin/post", "-x"]]
    assert process.signals == []

    world.settings = attrs.evolve(world.settings, extra={})
    world.pairs["chem-1"].messages += 1
    world.after(10.0)
    assert world.watch.raised == ()
    assert len(spawned) == 1
    assert process.signals == ["KILL"]


def test_a_clock_that_is_set_is_told_to_who_wants_to_know() -> None:
    world = World()
    told: list[tuple[str, str]] = []
    world.watch.on_surroundings = lambda what, detail: told.append((what, detail))
    world.watch.start()
    world.after(10)
    world.step_seconds = -3600.0
    world.after(10)
    world.watch.stop()
    assert told == [("clock changed", "set back by 3600 s")]
