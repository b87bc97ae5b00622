"""A state: one word, one sentence, and who is told when it changes."""

from __future__ import annotations

from iobuffer.state import State, StateCell, Word


class Cell:
    """A StateCell with a clock, and what it told."""

    def __init__(self) -> None:
        self.now = 100.0
        self.told: list[tuple[State, State]] = []
        self.cell = StateCell(lambda: self.now, self._changed)

    def _changed(self, old: State, new: State) -> None:
        self.told.append((old, new))


def test_a_new_cell_is_starting_and_has_told_nobody() -> None:
    world = Cell()
    assert world.cell.current == State(Word.STARTING, "", 100.0)
    assert world.told == []


def test_entering_a_state_is_told_once_with_the_old_and_the_new() -> None:
    world = Cell()
    world.now = 105.0
    world.cell.set(Word.RUNNING)
    world.cell.set(Word.RUNNING)
    old, new = State(Word.STARTING, "", 100.0), State(Word.RUNNING, "", 105.0)
    assert world.told == [(old, new)]
    assert world.cell.word is Word.RUNNING


def test_a_new_reason_keeps_the_time_since_when_the_word_holds() -> None:
    world = Cell()
    world.cell.set(Word.WAITING, "next try in 1 s")
    world.now = 130.0
    world.cell.set(Word.WAITING, "next try in 2 s")
    assert world.cell.current == State(Word.WAITING, "next try in 2 s", 100.0)
    assert len(world.told) == 2


def test_the_cell_has_changed_before_anybody_is_told() -> None:
    seen: list[State] = []
    cell = StateCell(lambda: 1.0, lambda old, new: seen.append(cell.current))
    cell.set(Word.FAILED, "no port")
    assert seen == [State(Word.FAILED, "no port", 1.0)]


def test_in_words_the_reason_follows_the_word() -> None:
    assert str(State(Word.FAILED, "address in use", 0.0)) == "failed: address in use"
    assert str(State(Word.RUNNING, "", 0.0)) == "running"
