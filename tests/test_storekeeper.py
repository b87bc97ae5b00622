"""The thread around a store: group commit, answers, back-pressure, and its end.

The thread is a real one, over a MemoryStore with a gate; the reactor runs by hand, so
every test waits for something that happens, with a deadline, and for no time to pass.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from twisted.logger import ILogObserver, LogEvent, globalLogPublisher
from zope.interface import provider

from iobuffer.batch import Batch
from iobuffer.channel import Channel, Confidence
from iobuffer.errors import (
    StorageCorrupt,
    StorageDropped,
    StorageError,
    StorageFailed,
    StorageFull,
)
from iobuffer.storage.base import Finding, Limits, WhenFull
from iobuffer.storekeeper import Storekeeper
from tests.fakes import (
    DEADLINE_SECONDS,
    WALL,
    Answers,
    ManualReactor,
    TroubledStore,
    batch_of,
    seeded,
)

PLENTY = Limits(max_bytes=1 << 40)


class World:
    """A Storekeeper with its thread, and the channels it commits for."""

    def __init__(self, max_pending_bytes: int = 10_000, recent_bytes: int = 10_000):
        self.reactor = ManualReactor()
        self.store = TroubledStore()
        self.fatal: list[BaseException] = []
        self.findings: list[Finding] = []
        self.answers = Answers()
        self.started = False
        self.keeper = Storekeeper(
            self.reactor,
            self.store,
            max_pending_bytes=max_pending_bytes,
            recent_bytes=recent_bytes,
            wall=lambda: WALL,
            on_fatal=self._on_fatal,
            on_findings=self.findings.extend,
        )

    def _on_fatal(self, error: BaseException) -> None:
        self.fatal.append(error)
        # Wakes whoever runs the reactor: in life the process has ended here.
        self.reactor.callFromThread(lambda: None)

    def channel(
        self, name: str = "c", limits: Limits = PLENTY, *destinations: str
    ) -> Channel:
        self.store.open_channel(name, limits, destinations)
        return self.attached(name, limits, *destinations)

    def attached(self, name: str, limits: Limits, *destinations: str) -> Channel:
        state = self.store.state(name)
        channel = Channel(
            name,
            self.keeper,
            last_seq=state.last_seq,
            cursors={each: state.destinations[each].cursor for each in destinations},
            max_partial_bytes=1000,
        )
        self.keeper.attach(channel, limits)
        return channel

    def start(self) -> None:
        self.started = True
        self.keeper.start()

    def offer(self, channel: Channel, name: str, *messages: bytes) -> None:
        channel.offer(batch_of(*messages), self.answers.named(name))

    def until_answered(self, count: int) -> None:
        self.reactor.run_until(lambda: len(self.answers.told) >= count)

    def stop(self) -> int:
        self.started = False
        stopped: int = self.reactor.result_of(self.keeper.stop())
        return stopped

    def stored(self, name: str = "c") -> list[bytes]:
        """Every message in the store, read from its beginning."""
        found: list[bytes] = []
        after = 0
        while (batch := self.store.read(name, after, 10_000, 1 << 30)) is not None:
            found += batch.messages
            after = batch.last_seq
        return found

    def busy(self) -> None:
        """Have the thread sit in a commit, so that what comes now waits together."""
        self.store.gate.clear()
        self.keeper.settle("tally", next(iter(self.store.channels())), {"busy": 1})
        assert self.store.entered.wait(DEADLINE_SECONDS)

    def go_on(self) -> None:
        self.store.gate.set()


@pytest.fixture
def world() -> Iterator[World]:
    made = World()
    yield made
    made.go_on()
    made.store.failing = None
    if made.started and not made.fatal:
        made.stop()
    assert not made.keeper._thread.is_alive() or made.fatal


@pytest.fixture
def logged() -> Iterator[list[LogEvent]]:
    events: list[LogEvent] = []
    observe = provider(ILogObserver)(lambda event: events.append(event))
    globalLogPublisher.addObserver(observe)
    yield events
    globalLogPublisher.removeObserver(observe)


# -- commit and answer -----------------------------------------------------------------


def test_each_commit_of_offers_is_counted_by_how_long_it_took(world: World) -> None:
    channel = world.channel()
    world.start()
    world.offer(channel, "a", b"1")
    world.until_answered(1)
    assert sum(world.keeper.commit_seconds.figures().counts) == 1

    world.store.failing = StorageFull("no room")
    world.offer(channel, "b", b"2")
    world.until_answered(2)
    assert sum(world.keeper.commit_seconds.figures().counts) == 1


def test_nobody_is_answered_before_the_commit_has_returned(world: World) -> None:
    channel = world.channel()
    world.start()
    world.store.gate.clear()
    world.offer(channel, "a", b"1")
    assert world.store.entered.wait(DEADLINE_SECONDS)
    assert world.answers.told == []
    assert world.store.read("c", 0, 9, 9) is None
    world.go_on()
    world.until_answered(1)
    assert world.answers.stored == [("a", 1)]
    assert world.stored() == [b"1"]


def test_what_comes_during_a_commit_becomes_the_next_one_and_one_row(
    world: World,
) -> None:
    channel = world.channel()
    world.start()
    world.busy()
    for number in range(5):
        world.offer(channel, f"s{number}", b"%d" % number, b"x")
    before = world.store.commits
    world.go_on()
    world.until_answered(5)
    assert world.answers.stored == [(f"s{n}", 1 + 2 * n) for n in range(5)]
    assert world.store.commits == before + 2
    row = world.store.read("c", 0, 100, 1000)
    assert row is not None
    assert len(row) == 10


def test_all_channels_share_a_commit(world: World) -> None:
    channels = [world.channel(f"c{number}") for number in range(20)]
    world.start()
    world.busy()
    for channel in channels:
        world.offer(channel, channel.name, b"1")
    before = world.store.commits
    world.go_on()
    world.until_answered(20)
    assert world.store.commits == before + 2


def test_a_row_ends_at_its_size_and_at_marks(world: World) -> None:
    channel = world.channel()
    world.start()
    world.busy()
    channel.offer(batch_of(b"a"), marks={"seq": b"1"})
    channel.offer(batch_of(b"b"))
    channel.offer(batch_of(b"c"), marks={"seq": b"2"})
    channel.offer(batch_of(b"d" * 200_000))
    channel.offer(batch_of(b"e" * 200_000))
    world.offer(channel, "last", b"f")
    world.go_on()
    world.until_answered(1)
    rows = []
    after = 0
    while (row := world.store.read("c", after, 10_000, 1 << 30)) is not None:
        rows.append([message[:1] for message in row.messages])
        after = row.last_seq
    assert rows == [[b"a"], [b"b", b"c"], [b"d"], [b"e", b"f"]]
    assert world.store.marks("c") == {"seq": b"2"}


def test_senders_are_answered_in_order_and_before_the_readers_wake(
    world: World,
) -> None:
    channel = world.channel("c", PLENTY, "lis")
    order: list[str] = []
    channel.add_reader(lambda: order.append("reader"))
    world.start()
    world.busy()
    channel.offer(batch_of(b"1"), lambda seq, error: order.append("a"))
    channel.offer(batch_of(b"1"), lambda seq, error: order.append("b"))
    world.go_on()
    world.reactor.run_until(lambda: "reader" in order)
    assert order == ["a", "b", "reader"]
    assert channel.last_seq == 2


def test_one_sender_whose_answer_breaks_does_not_cost_the_others_theirs(
    world: World, logged: list[LogEvent]
) -> None:
    channel = world.channel()

    def broken(seq: int, error: StorageError | None) -> None:
        raise RuntimeError("the connection is in pieces")

    woken: list[int] = []

    def wake() -> None:
        woken.append(1)
        raise RuntimeError("so is a reader")

    channel.add_reader(wake)
    world.start()
    world.busy()
    channel.offer(batch_of(b"1"), broken)
    world.offer(channel, "b", b"2")
    world.go_on()
    world.until_answered(1)
    found = world.reactor.result_of(world.keeper.call(lambda store: "alive"))
    assert (world.answers.stored, woken, found) == ([("b", 2)], [1], "alive")
    failures = [event for event in logged if event.get("log_failure")]
    assert len(failures) == 2


def test_many_threads_turns_keep_each_channels_order(world: World) -> None:
    random = seeded(1)
    channels = [world.channel(f"c{number}") for number in range(4)]
    expected: dict[str, list[bytes]] = {channel.name: [] for channel in channels}
    world.start()
    for number in range(400):
        channel = random.choice(channels)
        messages = [b"%d.%d" % (number, at) for at in range(random.randint(1, 3))]
        expected[channel.name] += messages
        world.offer(channel, channel.name, *messages)
        if random.random() < 0.1:
            world.until_answered(number + 1)
    world.until_answered(400)
    for channel in channels:
        assert world.stored(channel.name) == expected[channel.name]
    seqs = [seq for name, seq in world.answers.stored if name == "c0"]
    assert seqs == sorted(seqs)


def test_cursors_alone_wait_a_moment_for_company_and_are_then_written(
    world: World,
) -> None:
    channel = world.channel("c", PLENTY, "lis")
    world.start()
    world.offer(channel, "a", b"1", b"2")
    world.until_answered(1)
    channel.advance("lis", 1, Confidence.RECEIVED)
    channel.advance("lis", 2, Confidence.RECEIVED)
    state = world.reactor.result_of(world.keeper.call(lambda store: store.state("c")))
    assert state.destinations["lis"].cursor == 2


# -- calls and reads -------------------------------------------------------------------


def test_a_call_is_durable_when_it_is_answered(world: World) -> None:
    channel = world.channel("c", PLENTY, "lis")
    world.start()
    world.offer(channel, "a", b"1")
    world.until_answered(1)
    channel.park("lis", 1, "AR", 1)

    def settle(store: Any) -> int:
        done: int = store.settle_parked("c", "lis", [1], None, "dropped by hand")
        return done

    assert world.reactor.result_of(world.keeper.call(settle)) == 1
    # It does not stand in an open transaction: opening a channel would refuse that.
    opened = world.keeper.call(lambda store: store.open_channel("d", PLENTY, []))
    world.reactor.result_of(opened)
    ledger = world.store.state("c").destinations["lis"]
    assert (ledger.parked, ledger.dropped) == (0, {"dropped by hand": 1})


def test_a_call_that_fails_halfway_has_changed_nothing(world: World) -> None:
    world.channel("c", PLENTY, "lis")
    world.start()

    def half(store: Any) -> None:
        store.replayed("c", "lis", 5)
        raise StorageError("not like that")

    with pytest.raises(StorageError, match="not like that"):
        world.reactor.result_of(world.keeper.call(half))
    world.reactor.result_of(world.keeper.call(lambda store: None))
    state = world.reactor.result_of(world.keeper.call(lambda store: store.state("c")))
    assert state.destinations["lis"].replayed == 0
    assert world.fatal == []


def test_a_read_that_finds_damage_tells_its_reader_and_nobody_else(
    world: World,
) -> None:
    class Damaged(TroubledStore):
        def read(self, *args: Any) -> Batch | None:
            raise StorageCorrupt("row 7")

    world.store = Damaged()
    world.keeper._store = world.store
    channel = world.channel()
    world.start()
    found: list[Any] = []
    world.keeper.read("c", 0, 1, 1, lambda batch, error: found.append((batch, error)))
    world.offer(channel, "a", b"1")
    world.until_answered(1)
    world.reactor.run_until(lambda: found)
    batch, error = found[0]
    assert batch is None
    assert isinstance(error, StorageCorrupt)
    assert world.fatal == []


def test_what_the_store_finds_wrong_is_told_once(world: World) -> None:
    channel = world.channel()
    world.start()
    world.store.report(Finding("c", "row 3 is damaged", 2))
    world.offer(channel, "a", b"1")
    world.reactor.run_until(lambda: world.findings)
    world.offer(channel, "b", b"2")
    world.until_answered(2)
    assert world.findings == [Finding("c", "row 3 is damaged", 2)]


# -- back-pressure ---------------------------------------------------------------------


def test_sources_are_pressed_by_bytes_and_relieved_at_half(world: World) -> None:
    channel = world.channel()
    other = world.channel("d")
    resumed: list[str] = []
    world.start()
    world.busy()
    world.offer(channel, "a", b"x" * 10_000)
    assert not channel.pressed
    world.offer(channel, "b", b"x")
    assert channel.pressed
    assert other.pressed
    assert world.keeper.pending_bytes == 10_001
    channel.when_relieved(lambda: resumed.append("c"))
    other.when_relieved(lambda: resumed.append("d"))
    world.go_on()
    world.reactor.run_until(lambda: len(resumed) == 2)
    assert sorted(resumed) == ["c", "d"]
    assert world.keeper.pending_bytes == 0


def test_no_wake_up_is_lost_when_resuming_presses_again(world: World) -> None:
    channel = world.channel()
    rounds: list[int] = []
    world.start()

    def read_on() -> None:
        rounds.append(1)
        while not channel.pressed:
            world.offer(channel, "s", b"x" * 4000)
        if len(rounds) < 50:
            channel.when_relieved(read_on)

    read_on()
    world.reactor.run_until(lambda: len(rounds) == 50)
    world.reactor.run_until(lambda: world.keeper.pending_bytes == 0)
    assert len(world.answers.stored) == len(world.stored())


def test_recent_batches_are_bounded_over_all_channels_and_the_largest_gives(
    world: World,
) -> None:
    small = world.channel("small", PLENTY, "lis")
    large = world.channel("large", PLENTY, "lis")
    world.start()
    world.offer(small, "s", b"x" * 500)
    for number in range(30):
        # One row each: what is joined into a row comes and goes as one.
        world.offer(large, str(number), b"x" * 1000)
        world.until_answered(number + 2)
    world.reactor.run_until(lambda: large.last_seq == 30)
    assert world.keeper.recent_bytes <= 10_000
    assert world.keeper.recent_bytes == small.recent_bytes + large.recent_bytes
    assert small.recent_bytes > 500
    assert large.recent_bytes > 5000


def test_a_channel_that_is_detached_gives_back_its_memory(world: World) -> None:
    channel = world.channel("c", PLENTY, "lis")
    world.start()
    world.offer(channel, "a", b"1")
    world.until_answered(1)
    world.reactor.run_until(lambda: channel.recent_bytes)
    world.keeper.detach(channel)
    assert world.keeper.recent_bytes == 0


def test_what_a_detached_channel_offered_is_committed_and_answered(
    world: World,
) -> None:
    channel = world.channel()
    world.start()
    world.busy()
    world.offer(channel, "a", b"1")
    world.keeper.detach(channel)
    world.go_on()
    world.until_answered(1)
    assert world.answers.stored == [("a", 1)]


# -- no room ---------------------------------------------------------------------------


def small(messages: int, when_full: WhenFull = WhenFull.BLOCK) -> Limits:
    return Limits(max_messages=messages, when_full=when_full)


def test_without_room_who_can_be_told_is_refused_and_the_others_are_held_in_order(
    world: World,
) -> None:
    limits = small(4)
    channel = world.channel("c", limits, "lis")
    full: list[bool] = []
    channel.on_full = full.append
    world.start()
    world.offer(channel, "fits", b"1", b"2", b"3", b"4")
    world.until_answered(1)
    channel.offer(batch_of(b"held 1"))
    world.offer(channel, "refused", b"5")
    channel.offer(batch_of(b"held 2"))
    world.reactor.run_until(lambda: channel.pressed and world.answers.refused)
    assert world.answers.refused == ["refused"]
    assert "full" in str(world.answers.told[-1][2])
    assert channel.full
    assert full == [True]
    assert world.keeper.pending_bytes == 0
    resumed: list[int] = []
    channel.when_relieved(lambda: resumed.append(1))

    channel.advance("lis", 4, Confidence.RECEIVED)
    world.reactor.run_until(lambda: channel.last_seq == 6)
    assert world.stored()[-2:] == [b"held 1", b"held 2"]
    world.reactor.run_until(lambda: resumed)
    assert (channel.pressed, channel.full, full) == (False, False, [True, False])


def test_where_a_sender_was_refused_there_is_room_again_without_its_next_message(
    world: World,
) -> None:
    channel = world.channel("c", small(4), "lis")
    full: list[bool] = []
    channel.on_full = full.append
    world.start()
    world.offer(channel, "fits", b"1", b"2", b"3")
    world.offer(channel, "refused", b"4", b"5")
    world.reactor.run_until(lambda: channel.full and len(world.answers.told) == 2)
    assert world.answers.refused == ["refused"]

    channel.advance("lis", 3, Confidence.RECEIVED)
    world.reactor.run_until(lambda: not channel.full)
    assert full == [True, False]
    # To look whether it would fit leaves nothing behind.
    world.offer(channel, "again", b"4", b"5")
    world.until_answered(3)
    assert world.answers.refused == ["refused"]
    assert world.store.state("c").last_seq == 5
    assert world.stored()[-2:] == [b"4", b"5"]


def test_while_there_is_no_room_for_it_a_channel_stays_full(world: World) -> None:
    channel = world.channel("c", small(8), "lis")
    world.start()
    for number in range(4):
        world.offer(channel, f"fits {number}", b"1", b"2")
    world.offer(channel, "refused", b"9", b"10")
    world.reactor.run_until(lambda: channel.full)

    before = world.store.appended
    deadline = time.monotonic() + DEADLINE_SECONDS
    while world.store.appended == before and time.monotonic() < deadline:
        world.reactor.result_of(world.keeper.call(lambda store: None))
    assert world.store.appended > before
    assert channel.full
    channel.advance("lis", 2, Confidence.RECEIVED)
    world.reactor.run_until(lambda: not channel.full)


def test_a_disk_that_takes_something_again_has_room_for_all(world: World) -> None:
    refused, other = world.channel("a", PLENTY, "lis"), world.channel("b")
    world.start()
    world.store.failing = StorageFull("the disk is full")
    world.offer(refused, "refused", b"1")
    world.reactor.run_until(lambda: refused.full)
    world.store.failing = None
    world.offer(other, "taken", b"2")
    world.reactor.run_until(lambda: not refused.full)
    assert world.answers.refused == ["refused"]


def test_a_full_channel_does_not_hold_up_another(world: World) -> None:
    blocked = world.channel("blocked", small(1), "lis")
    free = world.channel("free")
    world.start()
    blocked.offer(batch_of(b"1"))
    blocked.offer(batch_of(b"2"))
    world.reactor.run_until(lambda: blocked.pressed)
    world.offer(free, "a", b"1")
    world.until_answered(1)
    assert world.answers.stored == [("a", 1)]
    assert not free.pressed


def test_an_empty_message_that_is_refused_is_answered_as_well(world: World) -> None:
    channel = world.channel("c", small(1), "lis")
    world.start()
    world.offer(channel, "first", b"")
    world.offer(channel, "second", b"")
    world.until_answered(2)
    world.offer(channel, "third", b"")
    world.until_answered(3)
    assert world.answers.refused == ["second", "third"]


def test_a_batch_larger_than_the_channel_may_hold_goes_in_by_and_by(
    world: World,
) -> None:
    channel = world.channel("c", small(8), "lis")
    world.start()
    messages = [b"%d" % number for number in range(30)]
    channel.offer(batch_of(*messages), marks={"frame": b"30"})
    got: list[bytes] = []

    def deliver(batch: Batch | None, error: StorageError | None) -> None:
        assert error is None
        if batch is not None:
            got.extend(batch.messages)
            channel.advance("lis", batch.last_seq, Confidence.RECEIVED)

    def all_delivered() -> bool:
        channel.read(channel.cursors["lis"], 100, 1000, deliver)
        return len(got) == 30

    while not all_delivered():
        world.reactor.run_until(lambda: channel.last_seq > len(got))
    assert got == messages
    assert world.store.marks("c") == {"frame": b"30"}


def test_small_batches_are_not_joined_into_one_that_never_fits(world: World) -> None:
    limits = Limits(max_bytes=400)
    channel = world.channel("c", limits, "lis")
    world.start()
    world.busy()
    for number in range(4):
        channel.offer(batch_of(b"%d" % number * 90))
    world.go_on()
    world.reactor.run_until(lambda: channel.last_seq >= 3)
    assert channel.last_seq >= 3


def test_drop_newest_says_so_to_the_sender_and_stores_nothing(world: World) -> None:
    channel = world.channel("c", small(1, WhenFull.DROP_NEWEST), "lis")
    world.start()
    world.offer(channel, "first", b"1")
    world.until_answered(1)
    world.offer(channel, "second", b"2")
    world.until_answered(2)
    assert world.answers.refused == ["second"]
    assert world.stored() == [b"1"]
    assert not channel.pressed


def test_a_full_disk_refuses_and_holds_and_goes_on_by_itself(world: World) -> None:
    channel = world.channel("c", PLENTY, "lis")
    world.start()
    world.offer(channel, "before", b"0")
    world.until_answered(1)
    world.store.failing = StorageFull("the disk is full")
    world.offer(channel, "refused", b"x")
    channel.offer(batch_of(b"held 1"))
    channel.advance("lis", 1, Confidence.RECEIVED)
    world.reactor.run_until(lambda: world.answers.refused and channel.pressed)
    channel.offer(batch_of(b"held 2"))
    assert world.stored() == [b"0"]
    assert world.store.state("c").destinations["lis"].cursor == 0

    world.store.failing = None
    world.reactor.run_until(lambda: channel.last_seq == 3)
    assert world.stored() == [b"0", b"held 1", b"held 2"]
    # What was delivered while nothing could be written is not forgotten.
    assert world.store.state("c").destinations["lis"].cursor == 1
    assert not channel.pressed
    assert world.fatal == []


def test_while_the_disk_is_full_it_is_tried_a_few_times_a_second_and_no_more(
    world: World,
) -> None:
    channel = world.channel()
    world.start()
    world.store.failing = StorageFull("the disk is full")
    channel.offer(batch_of(b"held"))
    world.reactor.run_until(lambda: channel.pressed)
    before, begun = world.store.tried, time.monotonic()
    world.reactor.run_until(lambda: world.store.tried >= before + 3)
    assert time.monotonic() - begun > 0.3
    # What is held has been taken off the pressure on all channels, once.
    assert world.keeper.pending_bytes == 0
    assert not world.keeper.pressed


def test_a_channel_that_comes_back_while_it_is_full_hears_that_it_is(
    world: World,
) -> None:
    limits = small(1)
    channel = world.channel("c", limits, "lis")
    world.start()
    channel.offer(batch_of(b"1"))
    channel.offer(batch_of(b"2"))
    world.reactor.run_until(lambda: channel.pressed)
    world.keeper.detach(channel)
    again = world.attached("c", limits, "lis")
    again.offer(batch_of(b"3"))
    world.reactor.run_until(lambda: again.pressed)
    assert again.full


def test_cursors_that_find_no_room_do_not_keep_a_stop_from_ending(
    world: World,
) -> None:
    channel = world.channel("c", PLENTY, "lis")
    world.start()
    world.offer(channel, "a", b"1")
    world.until_answered(1)
    world.store.failing = StorageFull("the disk is full")
    channel.advance("lis", 1, Confidence.RECEIVED)
    assert world.stop() == 0
    assert world.store.closed
    assert world.store.state("c").destinations["lis"].cursor == 0


def test_housekeeping_that_finds_no_room_is_no_failure(world: World) -> None:
    channel = world.channel()
    world.start()
    world.store.failing = StorageFull("the disk is full")
    channel.offer(batch_of(b"held"))
    before = world.store.tidied
    world.reactor.run_until(lambda: world.store.tidied > before + 1)
    world.store.failing = None
    world.reactor.run_until(lambda: channel.last_seq == 1)
    assert world.fatal == []


def test_rows_before_a_damaged_one_are_read_all_the_same(world: World) -> None:
    class Damaged(TroubledStore):
        def read(
            self, channel: str, after: int, max_messages: int, max_bytes: int
        ) -> Batch | None:
            if after >= 1:
                raise StorageCorrupt("row 2")
            return super().read(channel, after, max_messages, max_bytes)

    world.store = Damaged()
    world.keeper._store = world.store
    channel = world.channel()
    world.start()
    for name in ("a", "b"):
        world.offer(channel, name, name.encode())
        world.until_answered(1 if name == "a" else 2)
    found: list[Any] = []
    world.keeper.read("c", 0, 9, 99, lambda batch, error: found.append((batch, error)))
    world.reactor.run_until(lambda: found)
    batch, error = found[0]
    assert (batch.messages, error) == ([b"a"], None)


def test_stopping_while_full_says_how_much_was_not_stored(world: World) -> None:
    channel = world.channel("c", small(1), "lis")
    world.start()
    channel.offer(batch_of(b"1"))
    channel.offer(batch_of(b"2", b"3"))
    channel.offer(batch_of(b"4"))
    world.reactor.run_until(lambda: channel.pressed)
    assert world.stop() == 3
    assert world.store.closed


# -- the end ---------------------------------------------------------------------------


def test_stopping_commits_what_waits_and_closes(world: World) -> None:
    channel = world.channel("c", PLENTY, "lis")
    world.start()
    world.busy()
    world.offer(channel, "a", b"1")
    stopped = world.keeper.stop()
    world.offer(channel, "b", b"2")
    world.go_on()
    assert world.reactor.result_of(stopped) == 0
    world.started = False
    assert world.answers.stored == [("a", 1), ("b", 2)]
    assert world.store.closed


def test_stopping_writes_cursors_that_wait_for_company(world: World) -> None:
    channel = world.channel("c", PLENTY, "lis")
    world.start()
    world.offer(channel, "a", b"1")
    world.until_answered(1)
    channel.advance("lis", 1, Confidence.RECEIVED)
    world.stop()
    assert world.store.state("c").destinations["lis"].cursor == 1


def dies(world: World, act: Callable[[], object]) -> BaseException:
    act()
    world.reactor.run_until(lambda: world.fatal)
    world.keeper._thread.join(DEADLINE_SECONDS)
    return world.fatal[0]


def test_a_disk_that_fails_answers_nobody_and_ends_the_process(world: World) -> None:
    channel = world.channel()
    world.start()
    world.store.failing = StorageFailed("I/O error")
    error = dies(world, lambda: world.offer(channel, "a", b"1"))
    assert isinstance(error, StorageFailed)
    assert world.answers.told == []
    assert world.store.tried == 1
    assert not world.store.closed


def test_a_fault_of_our_own_in_the_thread_ends_the_process(world: World) -> None:
    world.channel("c", PLENTY, "lis")
    world.start()
    error = dies(world, lambda: world.keeper.settle("advance", "unknown", "lis", 1, 1))
    assert isinstance(error, StorageError)


def test_a_disk_that_fails_within_a_call_ends_the_process(world: World) -> None:
    def broken(store: Any) -> None:
        raise StorageFailed("I/O error")

    world.channel()
    world.start()
    assert isinstance(dies(world, lambda: world.keeper.call(broken)), StorageFailed)


# -- company ---------------------------------------------------------------------------


def test_what_nobody_waits_for_gathers_behind_a_commit(world: World) -> None:
    channels = [world.channel(f"c{number}") for number in range(20)]
    world.start()
    channels[0].offer(batch_of(b"first"))
    world.reactor.run_until(lambda: channels[0].last_seq == 1)
    for channel in channels:
        # Each wakes the thread by itself, as separate reads of a reactor would.
        channel.offer(batch_of(b"x"))
        time.sleep(0)
    world.reactor.run_until(lambda: all(each.last_seq for each in channels))
    # The first, those that came within its 20 ms, and what a slow machine left over.
    assert world.store.commits <= 5


def test_who_waits_for_an_answer_waits_for_no_company(world: World) -> None:
    channel = world.channel()
    world.start()
    began = time.monotonic()
    for number in range(50):
        world.offer(channel, str(number), b"x")
        world.until_answered(number + 1)
    # In company each would take 20 ms.
    assert time.monotonic() - began < 50 * 0.02
    assert world.store.commits == 50


# -- what belongs together -------------------------------------------------------------


def test_behind_one_that_finds_no_room_the_rest_of_a_run_finds_none(
    world: World,
) -> None:
    channel = world.channel("c", Limits(max_bytes=1 << 40, max_messages=3), "lis")
    world.start()
    run = [
        (batch_of(b"1", b"2"), {"at": b"2"}),
        (batch_of(b"3", b"4"), {"at": b"4"}),
        (batch_of(b"5"), {"at": b"5"}),
    ]
    channel.offer_all(run, world.answers.named("run"))
    world.until_answered(3)

    assert [error is None for _, _, error in world.answers.told] == [True, False, False]
    assert world.store.marks("c") == {"at": b"2"}
    assert channel.last_seq == 2


def test_what_the_policy_drops_is_told_as_dropped_and_its_mark_kept(
    world: World,
) -> None:
    limits = Limits(max_bytes=1 << 40, max_messages=3, when_full=WhenFull.DROP_NEWEST)
    channel = world.channel("c", limits, "lis")
    world.start()
    run = [
        (batch_of(b"1", b"2"), {"at": b"2"}),
        (batch_of(b"3", b"4"), {"at": b"4"}),
        (batch_of(b"5"), {"at": b"5"}),
    ]
    channel.offer_all(run, world.answers.named("run"))
    world.until_answered(3)

    told = [(seq, type(error)) for _, seq, error in world.answers.told]
    assert told == [(1, type(None)), (0, StorageDropped), (3, type(None))]
    assert world.store.marks("c") == {"at": b"5"}
