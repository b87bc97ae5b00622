"""What every store must hold: run over the memory model and over each durable one.

A subclass gives `make`, which opens the store under test on a fresh place.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import attrs
import pytest

from iobuffer.batch import Batch, join, single_peer
from iobuffer.errors import StorageError, StorageFull
from iobuffer.storage.base import Confidence, Limits, OutcomeRange, Store, WhenFull

KEEP = Limits(keep_seconds=1e12)
SENT, RECEIVED, ACKNOWLEDGED = Confidence

Make = Callable[[], Store]


def batch_of(*messages: bytes, at: float = 100.0, peer: str = "peer:1") -> Batch:
    return single_peer(list(messages), at, peer)


def numbered(first: int, count: int, at: float = 100.0) -> Batch:
    """Messages that say their own number."""
    return batch_of(*[b"m%d" % seq for seq in range(first, first + count)], at=at)


def read_all(store: Store, channel: str, after: int = 0) -> list[tuple[int, bytes]]:
    found = []
    while (batch := store.read(channel, after, 1000, 1 << 20)) is not None:
        found += list(
            zip(range(batch.first_seq, 1 << 60), batch.messages, strict=False)
        )
        after = batch.last_seq
    return found


def fill(store: Store, count: int, at: float = 100.0, channel: str = "c") -> int:
    """One batch of `count` messages, committed."""
    first_seq = store.append(channel, numbered(1, count), None)
    store.commit(at)
    return first_seq


class StoreContract:
    """The contract of `iobuffer.storage.base.Store`."""

    @pytest.fixture
    def store(self, make: Make) -> Store:
        opened = make()
        opened.open_channel("c", KEEP, ["d"])
        return opened

    # -- numbers and bytes -------------------------------------------------------------

    def test_numbers_count_messages_from_one_without_holes(self, store: Store) -> None:
        assert store.append("c", batch_of(b"a", b"b")) == 1
        assert store.append("c", batch_of(b"c")) == 3
        store.commit(1.0)
        assert store.append("c", batch_of(b"d")) == 4
        store.commit(2.0)
        assert read_all(store, "c") == [(1, b"a"), (2, b"b"), (3, b"c"), (4, b"d")]

    def test_each_channel_has_numbers_of_its_own(self, store: Store) -> None:
        store.open_channel("other", KEEP, [])
        assert store.append("c", batch_of(b"a", b"b")) == 1
        assert store.append("other", batch_of(b"x")) == 1
        store.commit(1.0)
        assert read_all(store, "other") == [(1, b"x")]
        assert store.channels() == ["c", "other"]

    @pytest.mark.parametrize(
        "message",
        [b"", b"\0", bytes(range(256)), b"x" * 300_000, "\u20ac".encode(), b"\xff" * 7],
    )
    def test_any_bytes_come_back_as_they_were(
        self, store: Store, message: bytes
    ) -> None:
        store.append("c", batch_of(b"before", message, b"behind"))
        store.commit(1.0)
        batch = store.read("c", 0, 10, 1 << 30)
        assert batch is not None
        assert batch.messages == [b"before", message, b"behind"]
        assert batch.size_bytes == 12 + len(message)

    def test_time_and_peers_stay_with_their_messages(self, store: Store) -> None:
        parts = [
            batch_of(b"1", b"2", at=5.25, peer="[::1]:514"),
            batch_of(b"3", at=6.0, peer='say "\u20ac"'),
        ]
        store.append("c", join(parts))
        store.commit(7.0)
        batch = store.read("c", 1, 10, 1000)
        assert batch is not None
        assert batch.first_seq == 2
        assert batch.messages == [b"2", b"3"]
        assert batch.received_at == 5.25
        assert batch.peers == (("[::1]:514", 1), ('say "\u20ac"', 1))

    def test_a_read_keeps_to_both_limits_but_gives_at_least_one(
        self, store: Store
    ) -> None:
        store.append("c", batch_of(b"aa", b"bb", b"cc", b"dd"))
        store.commit(1.0)

        def read(after: int, messages: int, size: int) -> list[bytes]:
            batch = store.read("c", after, messages, size)
            assert batch is not None
            return batch.messages

        assert read(0, 2, 1000) == [b"aa", b"bb"]
        assert read(0, 10, 5) == [b"aa", b"bb"]
        assert read(1, 10, 4) == [b"bb", b"cc"]
        assert read(2, 10, 0) == [b"cc"]
        assert read(3, 10, 1000) == [b"dd"]
        assert store.read("c", 4, 10, 1000) is None

    def test_a_read_takes_from_one_row_at_most(self, store: Store) -> None:
        store.append("c", batch_of(b"a", b"b"))
        store.append("c", batch_of(b"c"))
        store.commit(1.0)
        batch = store.read("c", 0, 10, 1000)
        assert batch is not None
        assert batch.messages == [b"a", b"b"]

    # -- transactions ------------------------------------------------------------------

    def test_nothing_is_read_before_its_commit(self, store: Store) -> None:
        store.append("c", batch_of(b"a"), {"m": b"1"})
        assert store.read("c", 0, 10, 100) is None
        assert store.marks("c") == {}
        assert store.state("c").last_seq == 0
        store.commit(1.0)
        assert store.state("c").last_seq == 1

    def test_a_rollback_undoes_everything_since_the_commit(self, store: Store) -> None:
        fill(store, 5)
        before = store.state("c")
        store.append("c", batch_of(b"x"), {"m": b"1"})
        store.advance("c", "d", 2, SENT)
        store.park("c", "d", 3, "no", 1)
        store.drop("c", "d", 4, "why")
        store.tally("c", {"bytes_in": 7})
        store.replayed("c", "d", 1)
        store.rollback()
        assert store.state("c") == before
        store.commit(2.0)
        assert store.state("c") == before
        assert store.marks("c") == {}
        assert store.parked("c", "d") == []
        assert store.append("c", batch_of(b"y")) == 6

    def test_marks_replace_their_namesakes(self, store: Store) -> None:
        store.append("c", batch_of(b"a"), {"x": b"1", "y": b"\0\xff"})
        store.commit(1.0)
        store.append("c", batch_of(b"b"), {"x": b"2"})
        store.commit(2.0)
        assert store.marks("c") == {"x": b"2", "y": b"\0\xff"}

    def test_an_empty_batch_stores_its_marks_alone(self, store: Store) -> None:
        fill(store, 2)
        assert store.append("c", batch_of(), {"x": b"1"}) == 3
        store.commit(2.0)
        assert store.marks("c") == {"x": b"1"}
        assert store.state("c").last_seq == 2

    def test_tallies_add_up(self, store: Store) -> None:
        store.tally("c", {"bytes_in": 5, "bytes_skipped": 1})
        store.tally("c", {"bytes_in": 2})
        store.commit(1.0)
        assert store.state("c").tallies == {"bytes_in": 7, "bytes_skipped": 1}

    # -- settling ----------------------------------------------------------------------

    def test_the_ledger_adds_up(self, store: Store) -> None:
        fill(store, 10)
        store.advance("c", "d", 3, RECEIVED)
        store.park("c", "d", 4, "AE", 3)
        store.advance("c", "d", 6, ACKNOWLEDGED)
        store.drop("c", "d", 8, "damaged")
        store.replayed("c", "d", 2)
        store.commit(2.0)
        ledger = store.state("c").destinations["d"]
        assert ledger.received == 10
        assert dict(ledger.delivered) == {RECEIVED: 3, ACKNOWLEDGED: 2}
        assert ledger.parked == 1
        assert dict(ledger.dropped) == {"damaged": 2}
        assert ledger.queued == 2
        assert ledger.cursor == 8
        assert ledger.replayed == 2
        assert ledger.balance == 0

    def test_what_the_cursor_has_passed_is_settled_once(self, store: Store) -> None:
        fill(store, 4)
        store.advance("c", "d", 3, SENT)
        store.advance("c", "d", 2, RECEIVED)
        store.drop("c", "d", 3, "late")
        store.park("c", "d", 1, "late", 1)
        store.commit(2.0)
        ledger = store.state("c").destinations["d"]
        assert dict(ledger.delivered) == {SENT: 3}
        assert (ledger.parked, dict(ledger.dropped), ledger.cursor) == (0, {}, 3)

    def test_a_cursor_never_leads(self, store: Store) -> None:
        fill(store, 4)
        store.append("c", batch_of(b"not committed"))
        with pytest.raises(ValueError, match="behind"):
            store.advance("c", "d", 5, SENT)
        with pytest.raises(ValueError, match="behind the cursor"):
            store.park("c", "d", 2, "not its turn", 1)

    def test_outcomes_say_how_and_when(self, store: Store) -> None:
        fill(store, 10)
        store.advance("c", "d", 3, SENT)
        store.commit(1000.0)
        store.advance("c", "d", 5, ACKNOWLEDGED)
        store.commit(2000.0)
        store.drop("c", "d", 6, "x")
        store.advance("c", "d", 8, ACKNOWLEDGED)
        store.commit(3000.0)
        assert store.outcomes("c", "d", 1, 10) == [
            OutcomeRange(1, 3, SENT, 1000.0),
            OutcomeRange(4, 5, ACKNOWLEDGED, 2000.0),
            OutcomeRange(7, 8, ACKNOWLEDGED, 3000.0),
        ]
        assert store.outcomes("c", "d", 2, 4) == [
            OutcomeRange(2, 3, SENT, 1000.0),
            OutcomeRange(4, 4, ACKNOWLEDGED, 2000.0),
        ]
        assert store.outcomes("c", "d", 9, 10) == []

    def test_a_parked_message_keeps_its_bytes(self, store: Store) -> None:
        store.append("c", batch_of(b"bad one", b"next", at=50.0, peer="10.0.0.9:4"))
        store.commit(60.0)
        store.park("c", "d", 1, "AR: no", 5)
        store.commit(70.0)
        (parked,) = store.parked("c", "d")
        assert attrs.astuple(parked) == (
            1,
            b"bad one",
            "10.0.0.9:4",
            50.0,
            70.0,
            "AR: no",
            5,
        )
        assert store.parked("c", "d", after=1) == []

    def test_parked_messages_are_settled_out_of_order(self, store: Store) -> None:
        fill(store, 4)
        for seq in range(1, 5):
            store.park("c", "d", seq, "no", 1)
        assert store.settle_parked("c", "d", [2], SENT) == 1
        store.commit(2.0)
        assert store.settle_parked("c", "d", [2, 4, 4, 9], ACKNOWLEDGED) == 1
        assert store.settle_parked("c", "d", [1], None, "operator") == 1
        store.commit(3.0)
        assert [parked.seq for parked in store.parked("c", "d")] == [3]
        ledger = store.state("c").destinations["d"]
        assert dict(ledger.delivered) == {SENT: 1, ACKNOWLEDGED: 1}
        assert (ledger.parked, dict(ledger.dropped)) == (1, {"operator": 1})
        assert ledger.balance == 0
        assert [found.first_seq for found in store.outcomes("c", "d", 1, 4)] == [2, 4]

    def test_parked_bytes_count_against_the_quota(self, store: Store) -> None:
        store.open_channel("c", attrs.evolve(KEEP, keep_seconds=0), ["d"])
        store.append("c", batch_of(b"x" * 100))
        store.commit(1.0)
        store.park("c", "d", 1, "no", 1)
        store.commit(2.0)
        assert store.state("c").stored_bytes == 100
        assert store.state("c").stored_messages == 0

    # -- destinations ------------------------------------------------------------------

    def test_the_first_destination_gets_what_waits(self, make: Make) -> None:
        store = make()
        store.open_channel("c", KEEP, [])
        fill(store, 3)
        store.open_channel("c", KEEP, ["first"])
        store.open_channel("c", KEEP, ["first", "second"])
        destinations = store.state("c").destinations
        assert destinations["first"].queued == 3
        assert destinations["second"].queued == 0
        assert destinations["second"].start_seq == 3

    def test_an_orphan_keeps_what_it_has_not_had(self, store: Store) -> None:
        now = attrs.evolve(KEEP, keep_seconds=0)
        fill(store, 3)
        fill(store, 2)
        store.open_channel("c", now, ["new"])
        store.commit(200.0)
        assert store.state("c").orphans == {"d": 5}
        assert len(read_all(store, "c")) == 5
        store.open_channel("c", now, ["d", "new"])
        assert store.state("c").orphans == {}
        store.advance("c", "d", 3, SENT)
        store.commit(300.0)
        assert [seq for seq, _ in read_all(store, "c")] == [4, 5]

    def test_forgetting_an_orphan_lets_its_messages_go(self, store: Store) -> None:
        fill(store, 3)
        store.open_channel("c", attrs.evolve(KEEP, keep_seconds=0), [])
        assert store.forget("c", "d") == 3
        assert store.state("c").orphans == {}
        store.commit(200.0)
        assert read_all(store, "c") == []

    def test_a_forgotten_channel_is_gone(self, store: Store) -> None:
        fill(store, 3)
        store.advance("c", "d", 1, SENT)
        store.commit(2.0)
        assert store.forget("c") == 2
        assert store.channels() == []
        with pytest.raises(StorageError):
            store.state("c")
        store.open_channel("c", KEEP, ["d"])
        assert fill(store, 1) == 1

    def test_what_is_not_known_is_refused_by_name(self, store: Store) -> None:
        with pytest.raises(StorageError, match="nowhere"):
            store.append("nowhere", batch_of(b"x"))
        with pytest.raises(StorageError, match="nobody"):
            store.advance("c", "nobody", 0, SENT)

    def test_channels_are_opened_and_forgotten_between_transactions(
        self, store: Store
    ) -> None:
        store.append("c", batch_of(b"x"))
        with pytest.raises(StorageError, match="commit or roll back"):
            store.open_channel("e", KEEP, [])
        with pytest.raises(StorageError, match="commit or roll back"):
            store.forget("c")

    # -- what goes, and when -----------------------------------------------------------

    def test_delivered_messages_go_after_keep(self, make: Make) -> None:
        store = make()
        store.open_channel("c", Limits(keep_seconds=50), ["d"])
        fill(store, 2, 100.0)
        store.advance("c", "d", 2, SENT)
        store.commit(149.0)
        assert len(read_all(store, "c")) == 2
        store.commit(151.0)
        assert read_all(store, "c") == []
        state = store.state("c")
        assert (state.first_seq, state.last_seq, state.stored_bytes) == (3, 2, 0)
        assert state.destinations["d"].balance == 0

    def test_what_is_not_delivered_stays_for_ever(self, make: Make) -> None:
        store = make()
        store.open_channel("c", Limits(keep_seconds=0), ["d", "slow"])
        fill(store, 2)
        store.advance("c", "d", 2, SENT)
        store.advance("c", "slow", 1, SENT)
        store.commit(1e9)
        assert len(read_all(store, "c")) == 2
        store.advance("c", "slow", 2, SENT)
        store.commit(1e9)
        assert read_all(store, "c") == []

    def test_without_destinations_messages_stay_until_keep(self, make: Make) -> None:
        store = make()
        store.open_channel("c", Limits(keep_seconds=50), [])
        fill(store, 2, 100.0)
        store.commit(120.0)
        assert len(read_all(store, "c")) == 2
        assert store.state("c").oldest_queued_at is None
        while store.tidy(200.0):
            pass
        assert read_all(store, "c") == []

    def test_delivered_messages_go_first_when_the_quota_is_reached(
        self, make: Make
    ) -> None:
        store = make()
        store.open_channel("c", attrs.evolve(KEEP, max_messages=6), ["d"])
        fill(store, 3)
        fill(store, 3)
        store.advance("c", "d", 3, SENT)
        assert store.append("c", numbered(7, 2)) == 7
        store.commit(2.0)
        assert [seq for seq, _ in read_all(store, "c")] == [4, 5, 6, 7, 8]

    def test_block_refuses_and_keeps_everything(self, make: Make) -> None:
        store = make()
        store.open_channel("c", attrs.evolve(KEEP, max_bytes=30), ["d"])
        store.open_channel("e", KEEP, [])
        store.append("c", batch_of(b"12345678"))
        with pytest.raises(StorageFull, match="c"):
            store.append("c", batch_of(b"1234567890123456"))
        assert store.append("e", batch_of(b"others go on")) == 1
        store.commit(2.0)
        assert read_all(store, "c") == [(1, b"12345678")]
        assert store.append("c", batch_of(b"12345678")) == 2

    def test_nothing_overtakes_a_refused_batch_within_its_transaction(
        self, make: Make
    ) -> None:
        store = make()
        store.open_channel("c", attrs.evolve(KEEP, max_bytes=30), ["d"])
        with pytest.raises(StorageFull):
            store.append("c", batch_of(b"x" * 31))
        with pytest.raises(StorageFull):
            store.append("c", batch_of(b"small"))
        store.commit(1.0)
        assert store.append("c", batch_of(b"small")) == 1

    def test_drop_oldest_counts_what_it_drops_per_destination(self, make: Make) -> None:
        store = make()
        limits = attrs.evolve(KEEP, max_messages=4, when_full=WhenFull.DROP_OLDEST)
        store.open_channel("c", limits, ["d", "e"])
        fill(store, 2)
        fill(store, 2)
        store.advance("c", "e", 1, SENT)
        store.commit(2.0)
        assert store.append("c", numbered(5, 3)) == 5
        store.commit(3.0)
        state = store.state("c")
        assert [seq for seq, _ in read_all(store, "c")] == [5, 6, 7]
        assert dict(state.destinations["d"].dropped) == {"full": 4}
        assert dict(state.destinations["e"].dropped) == {"full": 3}
        assert state.destinations["d"].cursor == 4
        assert [each.balance for each in state.destinations.values()] == [0, 0]
        batch = store.read("c", 0, 10, 100)
        assert batch is not None
        assert batch.first_seq == 5

    def test_drop_newest_counts_without_a_number(self, make: Make) -> None:
        store = make()
        limits = attrs.evolve(KEEP, max_messages=4, when_full=WhenFull.DROP_NEWEST)
        store.open_channel("c", limits, ["d"])
        fill(store, 4)
        assert store.append("c", batch_of(b"x", b"y"), {"m": b"1"}) == 0
        store.commit(2.0)
        ledger = store.state("c").destinations["d"]
        assert (ledger.received, dict(ledger.dropped)) == (6, {"full": 2})
        assert ledger.balance == 0
        assert store.marks("c") == {"m": b"1"}
        assert store.state("c").last_seq == 4

    @pytest.mark.parametrize("when_full", [WhenFull.BLOCK, WhenFull.DROP_OLDEST])
    def test_a_batch_beyond_the_whole_quota_drops_nothing(
        self, make: Make, when_full: WhenFull
    ) -> None:
        store = make()
        limits = attrs.evolve(KEEP, max_bytes=100, when_full=when_full)
        store.open_channel("c", limits, ["d"])
        fill(store, 2)
        with pytest.raises(StorageFull):
            store.append("c", batch_of(b"x" * 101))
        store.commit(2.0)
        assert len(read_all(store, "c")) == 2

    def test_a_rollback_brings_back_what_had_to_go(self, make: Make) -> None:
        store = make()
        limits = attrs.evolve(KEEP, max_messages=4, when_full=WhenFull.DROP_OLDEST)
        store.open_channel("c", limits, ["d"])
        fill(store, 2)
        fill(store, 2)
        before = store.state("c")
        store.append("c", numbered(5, 3))
        assert len(read_all(store, "c")) == 4
        store.rollback()
        assert store.state("c") == before
        assert len(read_all(store, "c")) == 4

    def test_a_smaller_quota_takes_effect_on_delivered_messages(
        self, store: Store
    ) -> None:
        for _ in range(4):
            fill(store, 2)
        store.advance("c", "d", 6, SENT)
        store.commit(2.0)
        store.open_channel("c", attrs.evolve(KEEP, max_messages=3), ["d"])
        store.commit(3.0)
        assert [seq for seq, _ in read_all(store, "c")] == [7, 8]

    # -- what it says of itself --------------------------------------------------------

    def test_state_tells_the_age_of_the_queue(self, store: Store) -> None:
        for at in (10.0, 20.0, 30.0):
            store.append("c", numbered(1, 2, at))
        store.commit(40.0)
        assert store.state("c").oldest_queued_at == 10.0
        store.advance("c", "d", 3, SENT)
        store.commit(41.0)
        assert store.state("c").oldest_queued_at == 20.0
        store.advance("c", "d", 6, SENT)
        store.commit(42.0)
        assert store.state("c").oldest_queued_at is None

    def test_each_destination_has_an_age_of_its_own(self, store: Store) -> None:
        store.open_channel("c", KEEP, ["d", "slow"])
        for at in (10.0, 20.0):
            store.append("c", numbered(1, 2, at))
        store.commit(40.0)
        store.advance("c", "d", 3, SENT)
        store.advance("c", "slow", 1, SENT)
        store.commit(41.0)
        state = store.state("c")
        ages = {
            name: each.oldest_queued_at for name, each in state.destinations.items()
        }
        assert ages == {"d": 20.0, "slow": 10.0}
        assert state.oldest_queued_at == 10.0

    def test_stats_count_what_was_committed(self, store: Store) -> None:
        fill(store, 5)
        store.append("c", numbered(6, 5))
        store.rollback()
        stats = store.stats()
        assert (stats.batches_total, stats.messages_total) == (1, 5)

    def test_a_read_behind_the_end_is_none(self, store: Store) -> None:
        fill(store, 2)
        afters: Sequence[int] = (2, 3, 100)
        assert [store.read("c", after, 10, 100) for after in afters] == [None] * 3
