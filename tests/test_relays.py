"""The serving side over a real storekeeper, without a network."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Iterator
from typing import Any

import pytest
from twisted.internet.defer import Deferred, ensureDeferred

from iobuffer.batch import single_peer
from iobuffer.channel import Confidence
from iobuffer.pair import ChannelPair, limits_of
from iobuffer.relay_format import Parcel, encode
from iobuffer.relay_order import Place, stop_name
from iobuffer.relays import Relays
from iobuffer.settings.model import Kinds
from iobuffer.storage.base import Limits, WhenFull
from iobuffer.storekeeper import Storekeeper
from iobuffer.web.base import Problem
from tests.fakes import WALL, ManualReactor, TroubledStore, batch_of
from tests.test_pair import ToySource, ToySourceConfig, kind, settings


class World:
    """A gateway with one channel, `c`, and what serves it."""

    def __init__(self, **policy: Any) -> None:
        self.reactor = ManualReactor()
        self.store = TroubledStore()
        self.keeper: Storekeeper | None = Storekeeper(
            self.reactor,
            self.store,
            max_pending_bytes=10_000,
            recent_bytes=10_000,
            wall=self.wall,
            on_fatal=lambda error: None,
            on_findings=lambda findings: None,
        )
        channel = settings(**policy)
        self.store.open_channel("c", _limits(**policy), [])
        self.keeper.start()
        self.pairs = {
            "c": ChannelPair(
                channel,
                kinds=Kinds(
                    sources={
                        "toy": kind(
                            ToySourceConfig,
                            lambda config, context: ToySource(config, context, []),
                        )
                    },
                    destinations={},
                ),
                keeper=self.keeper,
                found=self.store.state("c"),
                reactor=self.reactor,
                wall=self.wall,
            )
        }
        self.relays = Relays(self, self.reactor)  # type: ignore[arg-type]

    def wall(self) -> float:
        return WALL

    def alone(self, change: Callable[[], Awaitable[None]]) -> Deferred[None]:
        async def run() -> None:
            await change()

        return ensureDeferred(run())

    # -- what tests do -----------------------------------------------------------------

    @property
    def channel(self) -> Any:
        return self.pairs["c"].channel

    def offer(self, *messages: bytes) -> None:
        last = self.channel.last_seq + len(messages)
        self.channel.offer(batch_of(*messages))
        self.reactor.run_until(lambda: self.channel.last_seq == last)

    def ask(
        self, after: str = "", wait: float = 0.0, user: str = "hop", ahead: int = 0
    ) -> Any:
        asking = self.relays.following(user, "c", Place.read(after), wait, ahead)
        if wait:
            return ensureDeferred(asking)
        waiting = ensureDeferred(asking)
        self.reactor.advance(0.0)
        return self.result(waiting)

    def result(self, asked: Any) -> Any:
        if isinstance(asked, Coroutine):
            asked = ensureDeferred(asked)
        found: list[Any] = []
        asked.addBoth(found.append)
        while not found:
            self.reactor.advance(0.01)
            self.reactor.run_until(lambda: bool(found) or self._idle())
        if hasattr(found[0], "raiseException"):
            found[0].raiseException()
        return found[0]

    def _idle(self) -> bool:
        """Something is due that only the clock brings."""
        due = self.reactor.seconds() + 0.01
        return any(call.getTime() <= due for call in self.reactor.getDelayedCalls())

    def place(self, seq: int) -> str:
        assert self.keeper is not None
        return f"{self.keeper.epoch}:{seq}"

    def give(self, first_seq: int, *messages: bytes, **how: Any) -> Any:
        return self.result(
            self.relays.given("hop", "c", given(first_seq, *messages, **how))
        )

    def stored(self) -> list[bytes]:
        assert self.keeper is not None
        found: list[bytes] = []

        def read(store: Any) -> None:
            while row := store.read("c", len(found), 1000, 10_000):
                if not row.messages:
                    break
                found.extend(row.messages)

        self.reactor.result_of(self.keeper.call(read))
        return found


def _limits(**policy: Any) -> Limits:
    return limits_of(settings(**policy))


def given(
    first_seq: int,
    *messages: bytes,
    after: int | None = None,
    gateway: str = "e1",
    peer: str = "p",
) -> bytes:
    # Of a moment ago: what is older than `keep` and owed to nobody is not kept.
    batch = single_peer(list(messages), WALL - 1, peer).numbered(first_seq)
    batches = (batch,) if messages else ()
    behind = first_seq - 1 if after is None else after
    return encode(Parcel(gateway, "theirs", behind, batches))


def messages(parcel: Parcel) -> list[bytes]:
    return [message for batch in parcel.batches for message in batch.messages]


@pytest.fixture
def world() -> Iterator[World]:
    made = World()
    yield made
    assert made.keeper is not None
    made.reactor.result_of(made.keeper.stop())


def test_what_follows_a_place_is_given_and_given_again_until_it_is_confirmed(
    world: World,
) -> None:
    world.offer(b"a", b"b")
    first, again = world.ask(), world.ask()

    assert messages(first) == messages(again) == [b"a", b"b"]
    assert (first.after, first.channel, first.gateway) == (
        0,
        "c",
        world.keeper.epoch,  # type: ignore[union-attr]
    )
    world.offer(b"c")
    assert messages(world.ask(world.place(2))) == [b"c"]
    assert world.channel.cursors == {"relay:hop": 2}


def test_the_cursor_is_in_the_store_and_each_user_has_one(world: World) -> None:
    world.ask(user="hop")
    world.offer(b"a", b"b")
    # A new one begins behind the newest message where others were served before.
    world.ask(user="other")
    world.ask(world.place(1), user="hop")
    assert world.keeper is not None
    state = world.reactor.result_of(world.keeper.call(lambda store: store.state("c")))

    assert {name: each.cursor for name, each in state.destinations.items()} == {
        "relay:hop": 1,
        "relay:other": 2,
    }
    assert state.destinations["relay:hop"].delivered[Confidence.ACKNOWLEDGED] == 1


def test_one_that_was_put_back_gets_again_what_is_still_here(world: World) -> None:
    world.offer(b"a", b"b", b"c")
    world.ask()
    world.ask(world.place(3))

    assert messages(world.ask(world.place(1))) == [b"b", b"c"]
    assert world.channel.cursors == {"relay:hop": 3}


def test_a_place_that_is_ahead_is_a_problem(world: World) -> None:
    world.offer(b"a")
    with pytest.raises(Problem, match="ahead of this channel") as raised:
        world.ask(world.place(2))

    assert raised.value.status == 409


def test_a_place_in_another_store_says_nothing(world: World) -> None:
    world.offer(b"a", b"b")
    world.ask()
    world.ask(world.place(1))

    assert messages(world.ask("other:77")) == [b"b"]


def test_a_question_waits_for_messages_and_ends_when_there_are_none(
    world: World,
) -> None:
    world.offer(b"a")
    world.ask()
    asked = world.ask(world.place(1), wait=30.0)
    results: list[Any] = []
    asked.addBoth(results.append)
    assert not results
    world.offer(b"b")
    world.reactor.run_until(lambda: results)
    assert messages(results[0]) == [b"b"]

    nothing: list[Any] = []
    world.ask(world.place(2), wait=30.0).addBoth(nothing.append)
    world.reactor.advance(29.9)
    assert not nothing
    world.reactor.advance(0.2)
    assert nothing == [None]
    assert not world.reactor.getDelayedCalls()


def test_of_one_relay_only_the_last_question_waits(world: World) -> None:
    world.offer(b"a")
    world.ask()
    results: list[Any] = []
    world.ask(world.place(1), wait=30.0).addBoth(results.append)
    second = world.ask(world.place(1), wait=30.0)

    assert results == [None]
    world.reactor.advance(31.0)
    assert world.result(second) is None


def test_who_asks_ahead_has_not_committed_what_is_between(world: World) -> None:
    world.offer(b"a", b"b")
    world.offer(b"c")
    world.ask()

    assert messages(world.ask(world.place(1), ahead=2)) == [b"c"]
    assert world.channel.cursors == {"relay:hop": 1}
    assert world.ask(world.place(1), ahead=3) is None
    assert messages(world.ask(world.place(1))) == [b"b", b"c"]


def test_a_number_ahead_in_another_store_says_nothing(world: World) -> None:
    world.offer(b"a", b"b")
    world.ask()

    assert messages(world.ask("other:1", ahead=1)) == [b"a", b"b"]


def test_rows_of_one_moment_are_joined_up_to_the_size_of_a_row(world: World) -> None:
    world.channel.serve({"relay:hop": 0})
    for _ in range(3):
        world.offer(b"x" * 100_000)
    world.offer(b"y")

    sizes = [len(batch) for batch in world.ask().batches]
    assert sizes == [2, 2]


def test_rows_of_another_moment_keep_their_time(world: World) -> None:
    def offer(at: float) -> None:
        wanted = world.channel.last_seq + 1
        world.channel.offer(single_peer([b"x"], at, "p"))
        world.reactor.run_until(lambda: world.channel.last_seq == wanted)

    for at in (WALL - 1.0, WALL - 0.99, WALL - 0.9):
        offer(at)

    times = [(len(batch), batch.received_at) for batch in world.ask().batches]
    assert times == [(2, WALL - 1.0), (1, WALL - 0.9)]


def test_what_is_given_beyond_the_room_is_told_and_comes_again() -> None:
    world = World(max_messages=4)
    world.ask()
    one = single_peer([b"1", b"2", b"3"], WALL - 1, "p").numbered(1)
    two = single_peer([b"4", b"5"], WALL - 1, "p").numbered(4)
    body = encode(Parcel("e1", "theirs", 0, (one, two)))
    with pytest.raises(Problem, match="no room") as raised:
        world.result(world.relays.given("hop", "c", body))

    assert raised.value.status == 503
    assert world.stored() == [b"1", b"2", b"3"]
    world.ask(world.place(3))
    assert world.result(world.relays.given("hop", "c", body))["seq"] == 5
    assert world.keeper is not None
    world.reactor.result_of(world.keeper.stop())


def test_an_unknown_channel_is_a_problem(world: World) -> None:
    with pytest.raises(Problem, match="no channel x") as raised:
        world.result(world.relays.following("hop", "x", None, 0))

    assert raised.value.status == 404


def test_what_is_given_twice_is_stored_once(world: World) -> None:
    assert world.give(0, after=0) == {"gateway": None, "seq": None}
    assert world.give(1, b"a", b"b")["seq"] == 2
    assert world.give(1, b"a", b"b")["known"] == 2
    assert world.give(2, b"b", b"c")["seq"] == 3
    assert world.stored() == [b"a", b"b", b"c"]
    assert world.give(0, after=0) == {"gateway": "e1", "seq": 3}


def test_what_overtakes_is_refused_and_told_where_we_are(world: World) -> None:
    world.give(1, b"a")
    with pytest.raises(Problem, match="left out") as raised:
        world.give(5, b"x")

    assert raised.value.status == 409
    assert raised.value.extra == {"gateway": "e1", "seq": 1}
    assert world.stored() == [b"a"]


def test_an_old_store_comes_back_in_vain(world: World) -> None:
    world.give(1, b"a")
    assert world.give(1, b"n", gateway="e2")["renewed"]
    with pytest.raises(Problem, match="long ago"):
        world.give(2, b"old")


def test_a_loop_is_a_problem_of_its_own(world: World) -> None:
    assert world.keeper is not None
    here = stop_name(world.keeper.epoch, "c")
    with pytest.raises(Problem, match="they go round") as raised:
        world.give(1, b"x", peer=f"p via {here}")

    assert raised.value.status == 508


def test_garbage_is_a_problem(world: World) -> None:
    with pytest.raises(Problem, match="no parcel of batches") as raised:
        world.result(world.relays.given("hop", "c", b"garbage"))

    assert raised.value.status == 400


def test_no_room_is_told_and_nothing_is_stored() -> None:
    world = World(max_bytes=40, when_full=WhenFull.BLOCK.value)
    with pytest.raises(Problem) as raised:
        world.give(1, b"x" * 100)

    assert raised.value.status == 503
    assert ("Retry-After", "2") in raised.value.headers
    assert world.stored() == []
    assert world.keeper is not None
    world.reactor.result_of(world.keeper.stop())


def test_what_is_given_adds_up_in_the_ledger(world: World) -> None:
    world.give(1, b"abc")
    world.stored()
    assert world.keeper is not None
    state = world.reactor.result_of(world.keeper.call(lambda store: store.state("c")))

    assert state.tallies["bytes_in"] == state.tallies["bytes_framed"] == 3


def test_a_gateway_that_stops_says_so(world: World) -> None:
    keeper, world.keeper = world.keeper, None
    with pytest.raises(Problem, match="stopping"):
        world.result(world.relays.given("hop", "c", given(1, b"a")))
    world.keeper = keeper
