"""One destination's reader: at least once, in order, and never past what is unsure.

The link is scripted, the keeper is a MemoryStore turned by hand, time is a Clock.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import attrs
import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from iobuffer.batch import Batch
from iobuffer.channel import Channel, Confidence
from iobuffer.counters import DestinationCounters
from iobuffer.destinations.base import Dropped, LinkLost, Refused
from iobuffer.destinations.delivery import Delivery
from iobuffer.destinations.policy import DeliveryConfig
from iobuffer.errors import StorageCorrupt
from iobuffer.state import StateCell, Word
from iobuffer.storage.base import DestinationLedger, Limits, WhenFull
from tests.fakes import WALL, KeeperLikeStore, ScriptedLink, batch_of, seeded

PLENTY = Limits(max_bytes=1 << 40)


class World:
    """A Delivery between a MemoryStore and a ScriptedLink."""

    def __init__(
        self,
        *,
        limits: Limits = PLENTY,
        answered: bool = False,
        link: Any = None,
        **options: Any,
    ) -> None:
        self.clock = Clock()
        self.keeper = KeeperLikeStore(limits, ["lis"])
        self.channel = Channel(
            "c",
            self.keeper,
            last_seq=0,
            cursors={"lis": 0},
            max_partial_bytes=1000,
        )
        self.link = link or ScriptedLink()
        self.lines: list[tuple[str, str]] = []
        self.notes: list[tuple[str, str]] = []
        self.counters = DestinationCounters()
        self.link_state = StateCell(lambda: WALL, lambda old, new: None)
        self.delivery = Delivery(
            channel=self.channel,
            name="lis",
            link=self.link,
            config=DeliveryConfig(**options),
            answered=answered,
            link_state=self.link_state,
            counters=self.counters,
            reactor=self.clock,
            wall=lambda: WALL + self.clock.seconds(),
            log=self._log,
            note=lambda level, text, quoted="": self.notes.append((text, quoted)),
        )

    def _log(self, level: str, text: str, quoted: str = "") -> None:
        self.lines.append((level, f"{text}: {quoted}" if quoted else text))

    def store(self, *batches: Sequence[bytes]) -> None:
        for messages in batches:
            self.channel.offer(batch_of(*messages))
        self.keeper.turn(self.channel)

    def begin(self) -> None:
        self.delivery.start()
        self.link.up()

    def turn(self) -> None:
        self.keeper.turn(self.channel)

    def evict(self) -> None:
        while self.channel.recent_bytes:
            self.channel.forget_recent()

    @property
    def cursor(self) -> int:
        return self.channel.cursors["lis"]

    @property
    def ledger(self) -> DestinationLedger:
        self.turn()
        found = self.keeper.store.state("c").destinations["lis"]
        assert found.balance == 0
        return found

    @property
    def parked(self) -> list[bytes]:
        self.turn()
        return [each.message for each in self.keeper.store.parked("c", "lis")]


def texts(world: World) -> str:
    return "\n".join(f"{level}: {text}" for level, text in world.lines)


# -- let go on purpose -----------------------------------------------------------------


def test_what_a_link_lets_go_is_dropped_by_name_and_the_rest_goes_on() -> None:
    world = World()
    world.link.at_once = lambda batch: Dropped("nobody connected", 1)
    world.begin()
    world.store([b"1", b"2", b"3"])
    world.link.at_once = None
    world.store([b"4"])
    world.link.confirm()

    assert world.cursor == 4
    assert world.counters.dropped_total == 2
    assert world.ledger.dropped == {"nobody connected": 2}
    assert sum(world.ledger.delivered.values()) == 2


# -- sending and confirming ------------------------------------------------------------


def test_what_waited_and_what_comes_is_sent_in_order() -> None:
    world = World()
    world.store([b"1", b"2"], [b"3"])
    world.begin()
    world.store([b"4"])
    assert world.link.messages_sent == [b"1", b"2", b"3", b"4"]


def test_the_cursor_moves_on_confirmation_and_not_on_sending() -> None:
    world = World()
    world.store([b"1", b"2"])
    world.begin()
    assert world.cursor == 0
    world.link.confirm()
    assert world.cursor == 2
    assert world.ledger.delivered == {Confidence.RECEIVED: 2}
    assert world.counters.messages_out_total == 2
    assert world.counters.bytes_out_total == 2
    assert world.counters.batches_out_total == 1


def test_nothing_is_sent_before_the_link_is_up_and_has_room() -> None:
    world = World()
    world.store([b"1"])
    world.delivery.start()
    assert world.link.sent == []
    world.link.is_up = True
    world.delivery.link_up()
    assert world.link.sent == []
    world.link.up()
    assert world.link.messages_sent == [b"1"]


def test_the_window_bounds_what_is_in_flight() -> None:
    world = World(window=3)
    world.store([b"1", b"2"], [b"3", b"4"], [b"5"])
    world.begin()
    assert world.link.messages_sent == [b"1", b"2", b"3"]
    world.link.confirm()
    assert world.link.messages_sent == [b"1", b"2", b"3", b"4", b"5"]


def test_where_the_peer_answers_one_message_is_in_flight() -> None:
    world = World(answered=True)
    world.store([b"1", b"2", b"3"])
    world.begin()
    for number in range(3):
        assert len(world.link.sent) == number + 1
        world.link.confirm(confidence=Confidence.ACKNOWLEDGED)
    assert world.ledger.delivered == {Confidence.ACKNOWLEDGED: 3}


def test_payload_in_flight_is_bounded_whatever_the_window() -> None:
    world = World()
    for _ in range(20):
        world.store([b"x" * 256 * 1024])
    world.begin()
    assert sum(batch.size_bytes for batch in world.link.sent) == 2 * 1024 * 1024


def test_what_memory_no_longer_has_is_read_from_the_store() -> None:
    world = World()
    world.store([b"1"], [b"2"])
    world.store([b"3"])
    world.channel.forget_recent()
    world.begin()
    for _ in range(3):
        world.turn()
    assert world.link.messages_sent == [b"1", b"2", b"3"]


def test_a_link_that_confirms_at_once_is_not_a_recursion() -> None:
    world = World(window=1)
    world.link.at_once = lambda batch: Confidence.SENT
    world.store(*[[b"x"]] * 5000)
    world.begin()
    assert world.cursor == 5000
    assert world.ledger.delivered == {Confidence.SENT: 5000}


def test_room_told_within_a_send_does_not_send_in_between() -> None:
    world = World()
    order: list[str] = []

    def at_once(batch: Batch) -> Confidence:
        text = batch.messages[0].decode()
        order.append(f"begin {text}")
        world.delivery.link_up()
        order.append(f"end {text}")
        return Confidence.SENT

    world.link.at_once = at_once
    world.store([b"1"])
    world.evict()
    world.store([b"2"])
    world.begin()
    world.turn()
    assert order == ["begin 1", "end 1", "begin 2", "end 2"]


def test_outcomes_that_are_told_out_of_order_are_taken_in_order() -> None:
    world = World(window=2)
    world.store([b"1"], [b"2"])
    world.link.at_once = None
    world.delivery.start()
    world.link.is_up = world.link.writable = True
    # Two sends of one message each.
    world.delivery._window = 1
    world.delivery.link_up()
    world.delivery._window = 2
    world.delivery.link_up()
    first, second = world.link.waiting
    second[1].callback(Confidence.RECEIVED)
    assert world.cursor == 0
    first[1].callback(Confidence.RECEIVED)
    assert world.cursor == 2


# -- a lost link -----------------------------------------------------------------------


def test_after_a_lost_link_it_goes_on_behind_what_was_confirmed() -> None:
    world = World()
    world.store([b"1", b"2", b"3"])
    world.begin()
    world.store([b"4"])
    world.link.lose(delivered=2)
    assert world.cursor == 2
    world.link.sent.clear()
    world.link.up()
    assert world.link.messages_sent == [b"3", b"4"]
    assert world.counters.resent_messages_total == 2


def test_a_first_batch_that_had_arrived_whole_is_not_sent_again() -> None:
    world = World()
    world.store([b"1"])
    world.begin()
    world.store([b"2"])
    world.link.lose(delivered=1)
    world.link.sent.clear()
    world.link.up()
    assert world.link.messages_sent == [b"2"]


def test_nothing_is_sent_between_the_loss_and_the_next_connection() -> None:
    """A link fails what is in flight before it tells that it is down."""
    world = World()
    world.store([b"1"])
    world.begin()
    _, done = world.link.waiting.pop()
    # Still up and writable, by its own word.
    done.errback(LinkLost("reset by peer"))
    assert len(world.link.sent) == 1
    world.delivery.link_down("reset by peer")
    world.link.up()
    assert len(world.link.sent) == 2


def test_a_link_that_fails_each_send_at_once_does_not_hang_the_process() -> None:
    world = World()
    world.link.at_once = lambda batch: LinkLost("not really up")
    world.store([b"1"])
    world.begin()
    assert len(world.link.sent) == 1
    world.link.up()
    assert len(world.link.sent) == 2


def test_a_loss_told_after_the_next_connection_does_not_silence_it() -> None:
    world = World()
    world.store([b"1"])
    world.begin()
    _, done = world.link.waiting.pop()
    world.delivery.link_down("gone")
    world.delivery.link_up()
    done.errback(LinkLost("gone"))
    assert world.link.messages_sent == [b"1", b"1"]


def test_a_read_that_comes_back_after_the_link_went_is_not_sent() -> None:
    world = World()
    world.store([b"1"])
    world.evict()
    world.begin()
    assert len(world.keeper.reads) == 1
    world.link.lose()
    world.turn()
    assert world.link.sent == []
    world.link.up()
    world.turn()
    assert world.link.messages_sent == [b"1"]


def test_a_read_of_the_connection_before_is_not_sent_on_the_next() -> None:
    world = World()
    world.store([b"1"], [b"2"])
    world.evict()
    world.begin()
    world.link.lose()
    world.link.up()
    assert len(world.keeper.reads) == 2
    world.turn()
    world.turn()
    assert world.link.messages_sent == [b"1", b"2"]


def test_a_send_that_raises_halts_and_says_so_and_breaks_nothing_else() -> None:
    world = World()

    def broken(batch: Batch) -> None:
        raise ZeroDivisionError("by accident")

    world.link.at_once = broken
    world.store([b"1"])
    world.begin()
    assert world.delivery.state.word is Word.FAILED
    assert "by accident" in world.delivery.state.reason
    assert "ZeroDivisionError" in texts(world)
    assert world.cursor == 0
    world.link.at_once = None
    world.delivery.resume()
    world.link.confirm()
    assert world.cursor == 1


# -- refusals --------------------------------------------------------------------------


def test_a_refused_message_is_tried_again_after_a_pause_and_then_parked() -> None:
    world = World(attempts=3, refused="park")
    world.store([b"1", b"bad", b"3"])
    world.begin()
    world.link.refuse(1)
    assert world.cursor == 1
    assert len(world.link.sent) == 1
    for _ in range(2):
        world.clock.advance(2.0)
        assert world.link.sent[-1].messages == [b"bad", b"3"]
        world.link.refuse(0)
    assert world.cursor == 2
    assert world.link.sent[-1].messages == [b"3"]
    world.link.confirm()
    assert world.parked == [b"bad"]
    assert world.ledger.parked == 1
    assert (world.counters.refused_total, world.counters.parked_total) == (3, 1)
    assert "warn: message 2 is parked: no" in texts(world)
    assert world.notes == [("message 2 was refused", "no")]


def test_a_flood_of_parked_messages_is_a_few_lines() -> None:
    world = World(refused="park", stall=60.0)
    world.store([b"x"] * 300)
    world.begin()
    for _ in range(300):
        world.link.refuse(0, "holds the delimiter", final=True)
    assert world.counters.parked_total == 300
    world.clock.advance(61.0)
    assert [text for _, text in world.lines if "parked" in text] == [
        "message 1 is parked: holds the delimiter",
        "299 more messages were parked since",
    ]
    world.clock.advance(15.0)
    world.store([b"x"])
    world.link.refuse(0, "holds the delimiter", final=True)
    assert "message 301 is parked" in texts(world)


def test_attempts_are_counted_for_one_message_and_not_for_the_next() -> None:
    world = World(attempts=2, refused="park")
    world.store([b"1", b"2"])
    world.begin()
    world.link.refuse(0)
    world.clock.advance(2.0)
    world.link.refuse(1)
    world.clock.advance(5.0)
    world.link.confirm()
    assert world.parked == []
    assert world.cursor == 2


def test_what_can_never_be_accepted_is_parked_at_once() -> None:
    world = World(attempts=10, refused="retry")
    world.store([b"1", b"unframeable", b"3"])
    world.begin()
    world.link.refuse(1, "holds the delimiter", final=True)
    world.link.confirm()
    assert world.parked == [b"unframeable"]
    assert world.link.messages_sent == [b"1", b"unframeable", b"3", b"3"]
    assert world.cursor == 3


def test_refused_stop_delivers_nothing_more_until_it_is_started_again() -> None:
    world = World(attempts=2, answered=True)
    world.store([b"1", b"2"])
    world.begin()
    world.link.refuse(0, "AE")
    world.clock.advance(2.0)
    world.link.refuse(0, "AE")
    assert world.delivery.state.word is Word.FAILED
    assert "message 1 was refused 2 times; nothing" in world.delivery.state.reason
    assert world.delivery.state.quoted == "AE"
    assert str(world.delivery.state).endswith(". The receiver said: AE")
    assert world.delivery.state.since == WALL + 2.0
    world.link.lose()
    world.link.up()
    world.store([b"3"])
    world.clock.advance(1000)
    assert len(world.link.sent) == 2
    assert world.ledger.queued == 3
    world.delivery.resume()
    assert world.lines[-1] == ("info", "no longer halted: trying again")
    assert world.link.sent[-1].messages == [b"1"]
    assert world.delivery.state.word is not Word.FAILED


def test_refused_retry_never_gives_up_and_is_never_overtaken() -> None:
    world = World(attempts=1, refused="retry", retry_max=4.0)
    world.store([b"1", b"2"])
    world.begin()
    for _ in range(20):
        world.link.refuse(0)
        world.clock.advance(4.0)
    assert {batch.messages[0] for batch in world.link.sent} == {b"1"}
    world.link.confirm()
    assert world.cursor == 2
    assert world.ledger.parked == 0


def test_the_pause_before_the_next_attempt_outlives_a_lost_link() -> None:
    world = World(refused="retry")
    world.store([b"1"])
    world.begin()
    world.link.refuse(0)
    world.link.lose()
    world.link.up()
    assert len(world.link.sent) == 1
    world.clock.advance(1.0)
    assert len(world.link.sent) == 2


def test_an_operator_who_resumes_does_not_wait_for_the_pause() -> None:
    world = World(refused="retry")
    world.store([b"1"])
    world.begin()
    world.link.refuse(0)
    world.delivery.resume()
    assert len(world.link.sent) == 2


@attrs.define
class Flight:
    """Three batches of two messages in flight at once."""

    world: World

    @property
    def waiting(self) -> list[tuple[Batch, Deferred[Confidence]]]:
        waiting: list[tuple[Batch, Deferred[Confidence]]] = self.world.link.waiting
        return waiting


@pytest.fixture
def flight() -> Flight:
    world = World(refused="park", attempts=1)
    world.begin()
    for messages in ([b"1", b"2"], [b"3", b"4"], [b"5", b"6"]):
        world.store(messages)
    assert len(world.link.waiting) == 3
    return Flight(world)


def test_what_was_sent_behind_a_refused_message_is_sent_again_behind_it(
    flight: Flight,
) -> None:
    world = flight.world
    world.link.refuse(0)
    # The rest of the first batch was not sent; what overtook it does not count.
    assert world.cursor == 1
    world.link.confirm(2)
    assert world.cursor == 1
    assert world.link.sent[-1].messages == [b"2", b"3", b"4", b"5", b"6"]
    world.link.confirm()
    assert world.cursor == 6
    assert world.parked == [b"1"]
    assert world.ledger.delivered == {Confidence.RECEIVED: 5}


def test_behind_the_last_message_of_a_batch_nothing_was_overtaken(
    flight: Flight,
) -> None:
    world = flight.world
    world.link.refuse(1)
    assert world.cursor == 2
    world.link.confirm(2)
    assert world.cursor == 6
    assert len(world.link.sent) == 3
    assert world.parked == [b"2"]


def test_a_refusal_told_before_its_turn_waits_for_those_before_it(
    flight: Flight,
) -> None:
    """An encoder refuses at once, with earlier batches still on the line."""
    world = flight.world
    _, second = flight.waiting.pop(1)
    second.errback(Refused(1, "cannot be framed", final=True))
    assert (world.cursor, world.parked) == (0, [])
    world.link.confirm()
    assert world.cursor == 4
    assert world.parked == [b"4"]
    world.link.confirm()
    assert world.cursor == 6
    assert len(world.link.sent) == 3


def test_a_refusal_told_before_its_turn_and_a_lost_link(flight: Flight) -> None:
    world = flight.world
    _, second = flight.waiting.pop(1)
    second.errback(Refused(0, "cannot be framed", final=True))
    world.link.lose(delivered=1)
    assert (world.cursor, world.parked) == (1, [])
    world.link.sent.clear()
    world.link.up()
    assert world.link.messages_sent == [b"2", b"3", b"4", b"5", b"6"]


# -- gaps ------------------------------------------------------------------------------


class WithDamage(KeeperLikeStore):
    """Rows that have become unreadable are passed over, as the durable store does."""

    damaged: tuple[int, int] = (0, 0)

    def turn(self, channel: Channel) -> None:
        read = self.store.read

        def skipping(
            name: str, after: int, max_messages: int, max_bytes: int
        ) -> Batch | None:
            first, last = self.damaged
            if first <= after + 1 <= last:
                after = last
            found = read(name, after, max_messages, max_bytes)
            state = self.store.state(name)
            if found is None and after == last == state.last_seq:
                return Batch([], 0.0, (), 0, last + 1)
            return found

        self.store.read = skipping  # type: ignore
        try:
            super().turn(channel)
        finally:
            del self.store.read


def damaged_world(first: int, last: int, **options: Any) -> World:
    world = World(**options)
    world.keeper.__class__ = WithDamage
    world.keeper.damaged = (first, last)  # type: ignore[attr-defined]
    return world


def test_a_damaged_row_is_dropped_by_that_name_and_the_rest_is_delivered() -> None:
    world = damaged_world(3, 4)
    world.store([b"1", b"2"], [b"3", b"4"], [b"5"])
    world.evict()
    world.begin()
    world.turn()
    world.turn()
    # It waits for what is in flight before the cursor passes the gap.
    assert world.cursor == 0
    assert world.link.messages_sent == [b"1", b"2"]
    world.link.confirm()
    world.turn()
    assert world.link.messages_sent == [b"1", b"2", b"5"]
    world.link.confirm()
    assert world.cursor == 5
    assert world.ledger.dropped == {"damaged": 2}
    assert world.counters.dropped_total == 2


def test_a_damaged_end_leaves_nothing_queued_and_no_busy_loop() -> None:
    world = damaged_world(2, 3)
    world.store([b"1"], [b"2", b"3"])
    world.evict()
    world.begin()
    world.turn()
    world.link.confirm()
    for _ in range(3):
        world.turn()
    assert world.cursor == 3
    assert world.keeper.reads == []
    world.store([b"4"])
    assert world.link.messages_sent == [b"1", b"4"]


def test_what_drop_oldest_took_is_counted_once_and_not_as_damage() -> None:
    limits = Limits(max_messages=4, when_full=WhenFull.DROP_OLDEST)
    world = World(limits=limits)
    world.delivery.start()
    for number in range(8):
        world.store([b"%d" % number])
    world.evict()
    world.link.up()
    for _ in range(8):
        world.turn()
    assert world.link.messages_sent == [b"4", b"5", b"6", b"7"]
    world.link.confirm(len(world.link.waiting))
    ledger = world.ledger
    assert (ledger.dropped, ledger.queued) == ({"full": 4}, 0)
    assert world.cursor == 8


def test_a_refusal_of_what_drop_oldest_has_taken_meanwhile_is_no_fault() -> None:
    limits = Limits(max_messages=2, when_full=WhenFull.DROP_OLDEST)
    world = World(limits=limits, refused="park", attempts=1)
    world.begin()
    world.store([b"1"], [b"2"])
    world.store([b"3"], [b"4"])
    world.link.refuse(0)
    world.turn()
    while world.link.waiting:
        world.link.confirm()
        world.turn()
    assert world.cursor == 4
    assert world.ledger.queued == 0


def test_a_store_that_cannot_be_read_is_tried_again_and_told_once() -> None:
    world = World()
    world.store([b"1"])
    world.evict()
    world.begin()
    for _ in range(3):
        *_, done = world.keeper.reads.pop()
        done(None, StorageCorrupt("no index"))
        world.clock.advance(60.0)
    assert texts(world).count("the store cannot be read: no index") == 1
    world.turn()
    assert world.link.messages_sent == [b"1"]


# -- the stall watch -------------------------------------------------------------------


def test_a_link_that_is_up_and_moves_nothing_is_reopened_and_logged() -> None:
    world = World(stall=20.0)
    world.begin()
    world.store([b"1"])
    for _ in range(5):
        world.clock.advance(5.0)
    assert world.link.reopened == ["no progress"]
    assert world.counters.stalls_total == 1
    assert "1 messages wait" in texts(world)


def test_progress_idleness_and_being_down_are_no_stalls() -> None:
    world = World(stall=4.0, window=1)
    world.begin()
    for _ in range(10):
        world.clock.advance(1.0)
    world.store(*[[b"x"]] * 10)
    for _ in range(8):
        world.clock.advance(1.0)
        world.link.confirm()
    world.link.lose()
    for _ in range(10):
        world.clock.advance(1.0)
    assert world.link.reopened == []


def test_pausing_halting_and_waiting_after_a_refusal_are_no_stalls() -> None:
    world = World(stall=4.0, attempts=2, refused="stop", retry_max=60.0)
    world.begin()
    world.store([b"1"])
    world.delivery.pause()
    for _ in range(10):
        world.clock.advance(1.0)
    world.delivery.resume()
    world.link.refuse(0)
    world.clock.advance(1.0)
    world.link.refuse(0)
    for _ in range(10):
        world.clock.advance(1.0)
    assert world.link.reopened == []


# -- pause, resume, stop ---------------------------------------------------------------


def test_paused_it_sends_nothing_more_but_hears_what_is_confirmed() -> None:
    world = World()
    world.begin()
    world.store([b"1"])
    world.delivery.pause()
    assert str(world.delivery.state) == "paused: paused by an operator"
    world.store([b"2"])
    world.link.confirm()
    assert (world.cursor, world.link.messages_sent) == (1, [b"1"])
    world.delivery.resume()
    assert world.link.messages_sent == [b"1", b"2"]
    assert world.delivery.state is world.link_state.current
    world.delivery.pause("paused by ada at 14:02")
    assert world.delivery.state.reason == "paused by ada at 14:02"


def test_a_read_that_comes_back_while_paused_is_read_again_on_resume() -> None:
    world = World()
    world.store([b"1"])
    world.evict()
    world.begin()
    world.delivery.pause()
    world.turn()
    assert world.link.sent == []
    world.delivery.resume()
    world.turn()
    assert world.link.messages_sent == [b"1"]


def test_stopping_leaves_the_unconfirmed_behind_the_cursor_and_no_timer() -> None:
    world = World(refused="retry")
    world.begin()
    world.store([b"1", b"2"], [b"3"])
    world.link.refuse(0)
    world.delivery.stop()
    assert world.link.stopped
    assert world.clock.getDelayedCalls() == []
    world.store([b"4"])
    assert world.ledger.queued == 4


def test_a_refusal_that_arrives_while_stopping_leaves_no_timer() -> None:
    world = World(refused="retry")
    world.begin()
    world.store([b"1"])
    _, done = world.link.waiting.pop()
    world.delivery.stop()
    done.errback(Refused(0, "AE"))
    assert world.clock.getDelayedCalls() == []


# -- the model -------------------------------------------------------------------------


@attrs.define
class Trace:
    """What the far end of the link saw, and what it may conclude."""

    received: list[bytes] = attrs.Factory(list)
    confirmed: set[bytes] = attrs.Factory(set)


def in_order_of_first_arrival(received: list[bytes]) -> list[int]:
    return [int(message) for message in dict.fromkeys(received)]


@pytest.mark.parametrize("seed", range(16))
def test_whatever_happens_nothing_is_lost_overtaken_or_passed_over(seed: int) -> None:
    """Random losses, partial confirmations, refusals and evictions."""
    random = seeded(seed)
    policy = random.choice(["park", "retry"])
    world = World(
        window=random.choice([0, 1, 3, 7]),
        attempts=random.choice([1, 2]),
        refused=policy,
        retry_max=1.0,
    )
    world.delivery.start()
    link, trace = world.link, Trace()
    total = 0
    sent_in_session: list[bytes] = []

    def lose() -> None:
        sent_in_session.clear()
        delivered = 0
        if link.waiting:
            batch = link.waiting[0][0]
            delivered = random.randint(0, len(batch))
            trace.confirmed.update(batch.messages[:delivered])
        link.lose(delivered=delivered)

    def refuse() -> None:
        batch, _ = link.waiting[0]
        if len(link.waiting) > 1:
            # A link that keeps to the seam refuses with nothing behind it.
            return
        index = random.randrange(len(batch))
        trace.confirmed.update(batch.messages[:index])
        for message in batch.messages[index:]:
            sent_in_session.remove(message)
        link.refuse(index, final=random.random() < 0.3)

    def check() -> None:
        settled = {b"%d" % seq for seq in range(1, world.cursor + 1)}
        world.turn()
        parked = {each.message for each in world.keeper.store.parked("c", "lis")}
        assert settled <= trace.confirmed | parked
        assert world.ledger.cursor <= world.cursor or not link.waiting

    def on_send(batch: Batch) -> None:
        trace.received.extend(batch.messages)
        sent_in_session.extend(batch.messages)
        assert len(set(sent_in_session)) == len(sent_in_session), "sent twice"

    link.on_send = on_send
    for _ in range(300):
        act = random.random()
        if act < 0.25:
            new = [b"%d" % (total + 1 + at) for at in range(random.randint(1, 5))]
            total += len(new)
            world.channel.offer(batch_of(*new))
        elif act < 0.35:
            world.channel.forget_recent()
        elif act < 0.55:
            world.turn()
        elif act < 0.65:
            if link.is_up:
                lose()
            else:
                link.up()
        elif act < 0.72 and link.waiting:
            refuse()
        elif act < 0.80:
            world.clock.advance(random.random())
        elif act < 0.83:
            link.writable = link.is_up and not link.writable
            if link.writable:
                world.delivery.link_up()
        elif act < 0.86:
            random.choice([world.delivery.pause, world.delivery.resume])()
        elif link.waiting:
            trace.confirmed.update(link.waiting[0][0].messages)
            link.confirm()
        check()

    world.delivery.resume()
    for _ in range(total * 3 + 10):
        if world.cursor == total and not link.waiting:
            break
        world.clock.advance(1.0)
        if not link.is_up:
            link.up()
        link.writable = True
        world.delivery.link_up()
        world.turn()
        while link.waiting:
            trace.confirmed.update(link.waiting[0][0].messages)
            link.confirm()
        check()
    assert world.cursor == total
    assert in_order_of_first_arrival(trace.received) == list(range(1, total + 1))
    ledger = world.ledger
    assert (ledger.received, ledger.queued) == (total, 0)
    assert sum(ledger.delivered.values()) + ledger.parked == total


@pytest.mark.parametrize("seed", range(8))
def test_a_link_that_breaks_every_promise_still_costs_no_message(seed: int) -> None:
    """It refuses with others in flight, and tells outcomes in any order."""
    random = seeded(1000 + seed)
    world = World(window=random.choice([2, 5, 9]), attempts=1, refused="park")
    world.delivery.start()
    link = world.link
    link.up()
    confirmed: set[bytes] = set()
    total = 0
    for step in range(400):
        if step < 200 and random.random() < 0.5:
            new = [b"%d" % (total + 1 + at) for at in range(random.randint(1, 3))]
            total += len(new)
            world.store(new)
        elif link.waiting:
            batch, done = link.waiting.pop(random.randrange(len(link.waiting)))
            if random.random() < 0.2:
                index = random.randrange(len(batch))
                confirmed.update(batch.messages[:index])
                done.errback(Refused(index, "no"))
            else:
                confirmed.update(batch.messages)
                done.callback(Confidence.RECEIVED)
        world.turn()
        parked = {each.message for each in world.keeper.store.parked("c", "lis")}
        passed = {b"%d" % seq for seq in range(1, world.cursor + 1)}
        assert passed <= confirmed | parked
    while link.waiting:
        confirmed.update(link.waiting[0][0].messages)
        link.confirm()
        world.turn()
    assert world.cursor == total
    assert world.ledger.queued == 0


# -- slow lines ------------------------------------------------------------------------


def test_a_line_that_takes_bytes_is_not_stalled_before_it_confirms() -> None:
    world = World(stall=60.0)
    world.begin()
    world.store([b"1"])
    for _ in range(10):
        world.clock.advance(30.0)
        world.link.progress_at = world.clock.seconds()
    assert world.link.reopened == []

    world.clock.advance(100.0)
    assert len(world.link.reopened) == 1


def test_a_slow_link_has_no_more_in_flight_than_it_says() -> None:
    world = World()
    world.link.window_bytes = 10
    world.store([b"x" * 4] * 8)
    world.begin()
    # The last read may begin just below the window and fill another.
    assert sum(map(len, world.link.messages_sent)) < 2 * 10
    world.link.confirm()
    assert world.counters.messages_out_total > 0


# -- replays ---------------------------------------------------------------------------


def told(deferred: Deferred[Any]) -> list[Any]:
    """What it has fired with, once it has."""
    found: list[Any] = []
    deferred.addBoth(found.append)
    return found


def numbered(seq: int, *messages: bytes) -> Batch:
    return batch_of(*messages).numbered(seq)


def test_a_replay_goes_at_once_when_nothing_is_in_flight() -> None:
    world = World()
    world.store([b"a"])
    world.begin()
    world.link.confirm()
    found = told(world.delivery.replay(numbered(1, b"a")))
    assert world.link.messages_sent == [b"a", b"a"]
    assert found == []
    world.link.confirm(confidence=Confidence.ACKNOWLEDGED)
    assert found == [Confidence.ACKNOWLEDGED]
    assert world.cursor == 1, "the cursor does not move"


def test_a_replay_waits_for_what_is_in_flight_and_holds_up_what_follows() -> None:
    world = World(window=1)
    world.store([b"a"], [b"b"])
    world.begin()
    found = told(world.delivery.replay(numbered(1, b"r")))
    assert world.link.messages_sent == [b"a"]
    world.link.confirm()
    assert world.link.messages_sent == [b"a", b"r"]
    world.link.confirm()
    assert len(found) == 1
    assert world.link.messages_sent == [b"a", b"r", b"b"]
    world.link.confirm()
    assert world.cursor == 2


def test_a_refused_replay_tells_the_caller_and_parks_nothing() -> None:
    world = World()
    world.begin()
    found = told(world.delivery.replay(numbered(1, b"r")))
    world.link.refuse(0, "no such patient")
    assert found[0].check(Refused)
    assert not world.delivery.halted
    world.store([b"a"])
    assert world.link.messages_sent == [b"r", b"a"]


def test_a_replay_over_a_link_that_is_down_fails_at_once() -> None:
    world = World()
    world.delivery.start()
    assert told(world.delivery.replay(numbered(1, b"r")))[0].check(LinkLost)


def test_a_replay_that_is_lost_with_the_link_is_not_sent_again() -> None:
    world = World()
    world.begin()
    found = told(world.delivery.replay(numbered(1, b"r")))
    world.link.lose()
    assert found[0].check(LinkLost)
    world.link.up()
    world.store([b"a"])
    assert world.link.messages_sent == [b"r", b"a"]


def test_a_replay_that_waits_hears_of_a_stop() -> None:
    world = World()
    world.store([b"a"])
    world.begin()
    found = told(world.delivery.replay(numbered(1, b"r")))
    world.delivery.stop()
    assert found[0].check(LinkLost)


def test_a_replay_that_nobody_confirms_is_a_stall() -> None:
    world = World(stall=8.0)
    world.begin()
    told(world.delivery.replay(numbered(1, b"r")))
    world.clock.pump([1.0] * 20)
    assert world.counters.stalls_total >= 1
