"""A quick hasher and clocks that stand still until they are moved."""

from __future__ import annotations

from pathlib import Path

from argon2 import PasswordHasher

from iobuffer.people import People
from iobuffer.people.passwords import Passwords

GOOD = "rivers run to the sea"
BETTER = "and yet it is not full"
WALL = 1_700_000_000.0


class Hand:
    """A clock moved by hand."""

    def __init__(self, now: float = 0.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


class CountingPasswords(Passwords):
    """argon2 with the least work it knows; `verified` counts how often it was done."""

    def __init__(self) -> None:
        super().__init__(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
        self.verified = 0

    def verify(self, kept: str, password: str) -> bool:
        self.verified += 1
        return super().verify(kept, password)


class PeopleAt(People):
    """People of a state directory, with `clock` and `label` to be moved."""

    def __init__(self, state_dir: Path) -> None:
        self.clock = Hand(1000.0)
        self.label = Hand(WALL)
        self.counted = CountingPasswords()
        super().__init__(
            state_dir, wall=self.label, seconds=self.clock, passwords=self.counted
        )
