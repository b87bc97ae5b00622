"""A channel: recent batches, cursors, and who waits for what. No store, no clock."""

from __future__ import annotations

from functools import partial

from iobuffer.batch import Batch
from iobuffer.channel import Channel, Confidence
from iobuffer.errors import StorageError
from tests.fakes import RecordingKeeper, batch_of, seeded

OVERHEAD_BYTES = 56


class World:
    """A channel over a RecordingKeeper."""

    def __init__(self, *destinations: str, last_seq: int = 0) -> None:
        self.keeper = RecordingKeeper()
        self.channel = Channel(
            "c",
            self.keeper,
            last_seq=last_seq,
            cursors=dict.fromkeys(destinations, last_seq),
            max_partial_bytes=1000,
        )

    def store(self, *batches: Batch) -> None:
        for batch in batches:
            self.channel.offer(batch)
        self.keeper.commit_into(self.channel)

    def read(
        self, after: int, max_messages: int = 1000, max_bytes: int = 1000
    ) -> Batch | str | None:
        """What is read at once; "disk" when the keeper was asked instead."""
        found: list[Batch | None] = []

        def done(batch: Batch | None, error: StorageError | None) -> None:
            assert error is None
            found.append(batch)

        self.channel.read(after, max_messages, max_bytes, done)
        return found[0] if found else "disk"


def messages_of(found: Batch | str | None) -> list[bytes]:
    assert isinstance(found, Batch)
    return found.messages


def test_what_the_store_has_dropped_by_itself_is_queued_no_more() -> None:
    world = World("lis", "archive")
    world.store(batch_of(b"a", b"b", b"c"))
    world.channel.advance("archive", 3, Confidence.RECEIVED)

    world.channel.saw_in_store({"lis": 2, "archive": 2, "gone": 7})
    assert (world.channel.queued("lis"), world.channel.queued("archive")) == (1, 0)
    world.channel.advance("lis", 3, Confidence.RECEIVED)
    assert world.channel.queued("lis") == 0


# -- reading ---------------------------------------------------------------------------


def test_at_the_end_there_is_nothing_yet() -> None:
    assert World("lis").read(0) is None


def test_what_was_just_committed_is_read_from_memory_with_its_numbers() -> None:
    world = World("lis", last_seq=41)
    world.store(batch_of(b"a", b"b"))
    found = world.read(41)
    assert isinstance(found, Batch)
    assert (found.first_seq, found.messages) == (42, [b"a", b"b"])


def test_neighbouring_batches_are_read_as_one_up_to_both_limits() -> None:
    world = World("lis")
    world.store(batch_of(b"aa", b"bb"), batch_of(b"cc"), batch_of(b"dd", b"ee"))
    assert messages_of(world.read(0)) == [b"aa", b"bb", b"cc", b"dd", b"ee"]
    assert messages_of(world.read(0, max_bytes=6)) == [b"aa", b"bb", b"cc"]
    assert messages_of(world.read(0, max_messages=4)) == [b"aa", b"bb", b"cc", b"dd"]
    assert messages_of(world.read(1, max_messages=1)) == [b"bb"]


def test_one_message_is_read_however_large_it_is() -> None:
    world = World("lis")
    world.store(batch_of(b"x" * 5000))
    assert messages_of(world.read(0, max_bytes=10)) == [b"x" * 5000]


def test_what_is_older_than_memory_is_read_from_the_disk() -> None:
    world = World("lis", last_seq=10)
    world.channel.cursors["lis"] = 3
    world.store(batch_of(b"new"))
    assert world.read(3) == "disk"
    assert world.keeper.reads[0][:3] == (3, 1000, 1000)
    assert messages_of(world.read(10)) == [b"new"]


def test_reading_across_an_eviction_leaves_no_hole_and_no_duplicate() -> None:
    world = World("lis")
    for number in range(6):
        world.store(batch_of(b"%d" % number))
    world.channel.forget_recent()
    world.channel.forget_recent()
    assert world.read(0) == "disk"
    assert world.read(1) == "disk"
    assert messages_of(world.read(2)) == [b"2", b"3", b"4", b"5"]


def test_rows_that_are_not_in_memory_are_a_hole_that_the_disk_fills() -> None:
    world = World("lis")
    world.channel.committed([batch_of(b"1").numbered(1), batch_of(b"3").numbered(3)])
    assert messages_of(world.read(0)) == [b"1"]
    assert world.read(1) == "disk"
    assert messages_of(world.read(2)) == [b"3"]


def test_a_destination_that_comes_later_reads_what_went_before_from_the_disk() -> None:
    world = World()
    world.store(batch_of(b"1"))
    world.channel.serve({"lis": 0})
    world.store(batch_of(b"2"))
    assert world.read(0) == "disk"
    assert messages_of(world.read(1)) == [b"2"]


def test_random_evictions_and_reads_give_each_message_once_and_in_order() -> None:
    for seed in range(30):
        random = seeded(seed)
        world = World("slow", "fast")
        stored: list[bytes] = []
        after = 0
        for _ in range(200):
            act = random.choice(["store", "store", "evict", "read", "advance"])
            if act == "store":
                new = [b"%d" % (len(stored) + at) for at in range(random.randint(1, 4))]
                stored += new
                world.store(batch_of(*new))
            elif act == "evict":
                world.channel.forget_recent()
            elif act == "advance":
                world.channel.advance("fast", after, Confidence.SENT)
            else:
                found = world.read(after, random.randint(1, 9), random.randint(1, 40))
                if found is None:
                    assert after == len(stored)
                elif isinstance(found, Batch):
                    assert found.first_seq == after + 1
                    assert found.messages == stored[after : found.last_seq]
                    after = found.last_seq
                else:
                    # The disk: it has everything, a row at a time.
                    after = min(len(stored), after + random.randint(1, 4))
                world.keeper.reads.clear()
        assert world.keeper.recent_bytes == world.channel.recent_bytes


# -- what memory holds -----------------------------------------------------------------


def test_recent_bytes_count_payload_and_what_each_message_costs_beside_it() -> None:
    world = World("lis")
    world.store(batch_of(b"abc", b""))
    assert world.channel.recent_bytes == 3 + 2 * OVERHEAD_BYTES
    assert world.keeper.recent_bytes == world.channel.recent_bytes


def test_recent_batches_go_when_the_slowest_destination_has_had_them() -> None:
    world = World("slow", "fast")
    world.store(batch_of(b"1", b"2"), batch_of(b"3"))
    world.channel.advance("fast", 3, Confidence.RECEIVED)
    assert world.channel.recent_bytes == 3 * (1 + OVERHEAD_BYTES)
    world.channel.advance("slow", 1, Confidence.RECEIVED)
    assert world.channel.recent_bytes == 3 * (1 + OVERHEAD_BYTES)
    world.channel.advance("slow", 2, Confidence.RECEIVED)
    assert world.channel.recent_bytes == 1 + OVERHEAD_BYTES
    world.channel.park("slow", 3, "no", 1)
    assert world.channel.recent_bytes == world.keeper.recent_bytes == 0


def test_a_channel_without_destinations_keeps_nothing_in_memory() -> None:
    world = World()
    world.store(batch_of(b"1"))
    assert world.channel.recent_bytes == 0
    assert world.channel.last_seq == 1


def test_marks_without_a_message_take_no_memory_and_no_number() -> None:
    world = World("lis", last_seq=5)
    world.channel.committed([batch_of().numbered(6)])
    assert world.channel.last_seq == 5
    assert world.channel.recent_bytes == 0
    world.store(batch_of(b"six"))
    assert messages_of(world.read(5)) == [b"six"]


def test_forgetting_when_there_is_nothing_is_no_error() -> None:
    world = World("lis")
    world.channel.forget_recent()
    assert world.keeper.recent_bytes == 0


def test_destinations_that_are_gone_hold_nothing_back() -> None:
    world = World("dead", "lis")
    done: list[bool] = []
    world.store(batch_of(b"1"))
    world.channel.when_delivered(1, 1, done.append)
    world.channel.advance("lis", 1, Confidence.RECEIVED)
    assert done == []
    world.channel.serve({"lis": 0})
    assert done == [True]
    assert world.channel.cursors == {"lis": 1}
    assert world.channel.recent_bytes == world.keeper.recent_bytes == 0


# -- writing ---------------------------------------------------------------------------


def test_what_destinations_have_had_is_settled_in_the_order_of_the_calls() -> None:
    world = World("lis")
    world.store(batch_of(b"1", b"2", b"3", b"4"))
    world.channel.advance("lis", 1, Confidence.ACKNOWLEDGED)
    world.channel.park("lis", 2, "AR", 3)
    world.channel.drop("lis", 3, "damaged")
    world.channel.tally({"bytes_in": 9})
    assert world.keeper.settled == [
        ("advance", "c", "lis", 1, Confidence.ACKNOWLEDGED),
        ("park", "c", "lis", 2, "AR", 3),
        ("drop", "c", "lis", 3, "damaged"),
        ("tally", "c", {"bytes_in": 9}),
    ]
    assert world.channel.cursors["lis"] == 3
    assert world.channel.queued("lis") == 1


def test_readers_are_woken_after_the_senders_are_answered_and_once_per_commit() -> None:
    world = World("lis")
    order: list[str] = []
    wake = lambda: order.append("reader")  # noqa: E731 (the same object twice)
    world.channel.add_reader(wake)
    world.channel.offer(
        batch_of(b"1"), lambda seq, error: order.append(f"sender {seq}")
    )
    world.channel.offer(
        batch_of(b"2"), lambda seq, error: order.append(f"sender {seq}")
    )
    world.keeper.commit_into(world.channel)
    assert order == ["sender 1", "sender 2", "reader"]
    world.channel.remove_reader(wake)
    world.store(batch_of(b"3"))
    assert order.count("reader") == 1


# -- waiting for delivery --------------------------------------------------------------


def test_delivered_is_told_once_every_destination_has_settled_all_of_it() -> None:
    world = World("a", "b")
    world.store(batch_of(b"1", b"2"))
    done: list[bool] = []
    world.channel.when_delivered(1, 2, done.append)
    world.channel.advance("a", 2, Confidence.RECEIVED)
    world.channel.advance("b", 1, Confidence.RECEIVED)
    assert done == []
    world.channel.advance("b", 2, Confidence.RECEIVED)
    world.channel.advance("b", 2, Confidence.RECEIVED)
    assert done == [True]


def test_what_one_destination_parked_or_dropped_is_not_delivered() -> None:
    world = World("a", "b")
    world.store(batch_of(b"1", b"2", b"3"))
    done: list[tuple[int, bool]] = []
    for seq in (1, 2, 3):
        tell = partial(lambda seq, whole: done.append((seq, whole)), seq)
        world.channel.when_delivered(seq, seq, tell)
    world.channel.park("a", 1, "no", 1)
    world.channel.advance("a", 3, Confidence.RECEIVED)
    world.channel.advance("b", 2, Confidence.RECEIVED)
    world.channel.drop("b", 3, "damaged")
    assert done == [(1, False), (2, True), (3, False)]


def test_with_no_destination_nobody_waits() -> None:
    world = World()
    done: list[bool] = []
    world.channel.when_delivered(1, 1, done.append)
    assert done == [True]


# -- back-pressure ---------------------------------------------------------------------


def test_whoever_waits_is_resumed_once_and_only_when_there_is_room() -> None:
    world = World("lis")
    resumed: list[str] = []
    world.keeper.pressed = True
    assert world.channel.pressed
    world.channel.when_relieved(lambda: resumed.append("a"))
    world.channel.relieved()
    assert resumed == []
    world.keeper.pressed = False
    world.channel.relieved()
    world.channel.relieved()
    assert resumed == ["a"]


def test_a_source_that_is_pressed_again_while_it_resumes_is_not_forgotten() -> None:
    world = World("lis")
    resumed: list[int] = []

    def resume() -> None:
        resumed.append(1)
        world.channel.when_relieved(resume)

    world.channel.when_relieved(resume)
    world.channel.relieved()
    assert resumed == [1]
    world.channel.relieved()
    assert resumed == [1, 1]


def test_a_full_channel_that_holds_offers_is_pressed_until_they_are_stored() -> None:
    world = World("lis")
    told: list[bool] = []
    resumed: list[str] = []
    world.channel.on_full = told.append
    world.channel.set_full(True, True, "max_bytes is reached")
    assert world.channel.pressed
    assert world.channel.full_reason == "max_bytes is reached"
    world.channel.when_relieved(lambda: resumed.append("source"))
    world.channel.relieved()
    world.channel.set_full(True, True, "max_bytes is reached")
    assert (told, resumed) == ([True], [])
    world.channel.set_full(False, False)
    assert (told, resumed) == ([True, False], ["source"])


def test_a_full_channel_that_refuses_goes_on_reading_so_that_senders_hear_so() -> None:
    world = World("lis")
    world.channel.set_full(True, False, "full")
    assert world.channel.full
    assert not world.channel.pressed


def test_room_in_the_channel_does_not_resume_what_the_keeper_still_presses() -> None:
    world = World("lis")
    resumed: list[str] = []
    world.keeper.pressed = True
    world.channel.set_full(True, True, "full")
    world.channel.when_relieved(lambda: resumed.append("source"))
    world.channel.set_full(False, False)
    assert resumed == []
    world.keeper.pressed = False
    world.channel.relieved()
    assert resumed == ["source"]


def test_who_waits_no_longer_is_not_called_and_not_kept() -> None:
    world = World("a")
    done: list[bool] = []
    world.store(batch_of(b"1"))
    give_up = world.channel.when_delivered(1, 1, done.append)
    give_up()
    world.channel.advance("a", 1, Confidence.SENT)
    assert done == []


def test_one_large_batch_is_read_in_pieces_of_the_size_asked_for() -> None:
    world = World("a")
    world.store(batch_of(*[b"x" * 4] * 8))
    found = [messages_of(world.read(after, max_bytes=10)) for after in (0, 2, 7)]
    assert list(map(len, found)) == [2, 2, 1]
    assert len(messages_of(world.read(0, max_bytes=1))) == 1


def test_many_recent_batches_are_had_as_they_were_committed_up_to_a_gap() -> None:
    world = World("lis")
    world.store(batch_of(b"1", b"2"), batch_of(b"3"), batch_of(b"4", b"5"))
    world.channel.committed([batch_of(b"9").numbered(9)])

    def recent(after: int, max_messages: int = 100, max_bytes: int = 100) -> list[int]:
        found = world.channel.recent(after, max_messages, max_bytes)
        return [batch.first_seq for batch in found]

    assert recent(0) == [1, 3, 4]
    assert recent(1) == [2, 3, 4]
    assert recent(0, max_messages=2) == [1]
    assert recent(0, max_bytes=3) == [1, 3]
    assert recent(6) == []
    assert recent(9) == []
