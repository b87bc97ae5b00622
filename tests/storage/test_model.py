"""Seeded random actions on the durable store, with the memory model as the judge."""

from __future__ import annotations

import random
from pathlib import Path

import attrs
import pytest

from iobuffer.batch import Batch, single_peer
from iobuffer.errors import StorageFull
from iobuffer.storage.audit import audit
from iobuffer.storage.base import ChannelState, Confidence, Limits, Store, WhenFull
from iobuffer.storage.memory import MemoryStore
from iobuffer.storage.sqlite import SqliteStore

from .contract import KEEP, SENT, read_all

CHANNELS = ("a", "b", "c")
DESTINATIONS = ("x", "y")
STEPS = 160

POLICIES = [
    KEEP,
    Limits(keep_seconds=20.0),
    Limits(keep_seconds=0.0),
    attrs.evolve(KEEP, max_messages=40),
    attrs.evolve(KEEP, max_bytes=900, when_full=WhenFull.DROP_OLDEST),
    attrs.evolve(KEEP, max_messages=30, when_full=WhenFull.DROP_NEWEST),
]


def plain(state: ChannelState) -> dict[str, object]:
    """Without the order of mappings, and without sums that are 0."""
    found = attrs.asdict(state)
    found["destinations"] = {
        name: attrs.asdict(ledger) for name, ledger in state.destinations.items()
    }
    for ledger in found["destinations"].values():
        ledger["delivered"] = {k: v for k, v in ledger["delivered"].items() if v}
        ledger["dropped"] = {k: v for k, v in ledger["dropped"].items() if v}
    return found


class Pair:
    """The store under test and the model, given the same actions."""

    def __init__(self, state_dir: Path, rng: random.Random) -> None:
        self.state_dir = state_dir
        self.rng = rng
        self.now = 1000.0
        self.limits = {name: rng.choice(POLICIES) for name in CHANNELS}
        self.configured: dict[str, list[str]] = {}
        self.model = MemoryStore()
        self.store = SqliteStore(state_dir)
        for name in CHANNELS:
            self.reconfigure(name)

    def reconfigure(self, name: str) -> None:
        wanted = [each for each in DESTINATIONS if self.rng.random() < 0.8]
        self.configured[name] = wanted
        for store in (self.store, self.model):
            store.open_channel(name, self.limits[name], wanted)

    def batch(self) -> Batch:
        count = self.rng.choice((1, 1, 2, 5, 9))
        messages = [self.rng.randbytes(self.rng.randrange(20)) for _ in range(count)]
        return single_peer(messages, self.now, f"peer:{self.rng.randrange(3)}")

    def append(self, name: str) -> None:
        batch = self.batch()
        marks = {"m": self.rng.randbytes(3)} if self.rng.random() < 0.3 else None
        answers = []
        for store in (self.store, self.model):
            try:
                answers.append(store.append(name, batch, marks))
            except StorageFull:
                answers.append(-1)
        assert answers[0] == answers[1]

    def settle(self, name: str) -> None:
        if not self.configured[name]:
            return
        destination = self.rng.choice(self.configured[name])
        state = self.model.state(name)
        low = state.destinations[destination].cursor
        upto = self.rng.randint(low, state.last_seq)
        for store in (self.store, self.model):
            rng = random.Random(repr((name, destination, upto, self.now)))
            self._settle(store, rng, name, destination, upto)

    def _settle(
        self, store: Store, rng: random.Random, name: str, destination: str, upto: int
    ) -> None:
        match rng.randrange(6):
            case 0:
                store.drop(name, destination, upto, rng.choice(("why", "because")))
            case 1:
                cursor = self.model.state(name).destinations[destination].cursor
                if cursor + 1 <= upto:
                    try:
                        store.park(name, destination, cursor + 1, "no", 2)
                    except ValueError:
                        # An action of this same transaction moved the cursor already.
                        pass
            case 2:
                seqs = [each.seq for each in self.model.parked(name, destination)][
                    : rng.randrange(4)
                ]
                confidence = rng.choice((None, SENT))
                store.settle_parked(name, destination, seqs, confidence, "operator")
            case 3:
                store.replayed(name, destination, 2)
            case _:
                store.advance(name, destination, upto, rng.choice(list(Confidence)))

    def end(self) -> None:
        """The transaction ends, one way or another."""
        self.now += self.rng.choice((1.0, 1.5, 7.0, 70.0))
        if self.rng.random() < 0.2:
            self.store.rollback()
            self.model.rollback()
        else:
            self.store.commit(self.now)
            self.model.commit(self.now)

    def restart(self) -> None:
        """As after a crash: what was not committed is gone."""
        self.model.rollback()
        # Nothing of it is checkpointed by a clean end.
        self.store.rollback()
        self.store.close()
        epoch = self.store.epoch
        self.store = SqliteStore(self.state_dir)
        assert self.store.findings == []
        assert self.store.epoch == epoch
        for name in CHANNELS:
            for store in (self.store, self.model):
                store.open_channel(name, self.limits[name], self.configured[name])

    def compare(self) -> None:
        assert self.store.findings == []
        for name in CHANNELS:
            found, expected = self.store.state(name), self.model.state(name)
            assert plain(found) == plain(expected)
            assert read_all(self.store, name) == read_all(self.model, name)
            assert self.store.marks(name) == self.model.marks(name)
            for destination in self.configured[name]:
                assert found.destinations[destination].balance == 0
                assert self.store.parked(name, destination) == self.model.parked(
                    name, destination
                )


@pytest.mark.parametrize("seed", range(10))
def test_any_sequence_of_actions_leaves_what_the_model_says(
    tmp_path: Path, seed: int
) -> None:
    rng = random.Random(seed)
    pair = Pair(tmp_path / "state", rng)
    for _ in range(STEPS):
        name = rng.choice(CHANNELS)
        action = rng.random()
        if action < 0.45:
            pair.append(name)
        elif action < 0.75:
            pair.settle(name)
        else:
            pair.end()
            pair.compare()
            if rng.random() < 0.15:
                pair.reconfigure(name)
                pair.compare()
            if rng.random() < 0.15:
                pair.restart()
                pair.compare()
    pair.store.close()
    report = audit(tmp_path / "state")
    assert report.problems == ()
