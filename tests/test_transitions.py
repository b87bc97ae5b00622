"""What is worth a line in the log: entering and leaving, and nothing between."""

from __future__ import annotations

from iobuffer.state import StateCell, Word
from iobuffer.transitions import Transitions


class Logged:
    """A cell whose transitions are logged into a list."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, str]] = []
        self.cell = StateCell(lambda: 0.0, Transitions(self._log))

    def _log(self, level: str, text: str) -> None:
        self.lines.append((level, text))


def test_a_night_of_failed_attempts_is_two_lines() -> None:
    world = Logged()
    world.cell.set(Word.RUNNING, "connected")
    for attempt in range(100):
        world.cell.set(Word.WAITING, f"refused; next try in {attempt} s")
    world.cell.set(Word.RUNNING, "connected")
    assert world.lines == [
        ("info", "running: connected"),
        ("warn", "waiting: refused; next try in 0 s"),
        ("info", "running: connected"),
    ]


def test_what_needs_a_person_is_one_error_until_it_runs_again() -> None:
    world = Logged()
    for _ in range(5):
        world.cell.set(Word.WAITING, "connecting")
        world.cell.set(Word.FAILED, "the certificate is not trusted")
    world.cell.set(Word.RUNNING)
    assert world.lines == [
        ("error", "failed: the certificate is not trusted"),
        ("info", "running"),
    ]


def test_the_first_attempt_is_no_news_but_what_comes_of_it_is() -> None:
    world = Logged()
    world.cell.set(Word.WAITING, "connecting")
    assert world.lines == []
    world.cell.set(Word.WAITING, "refused; next try in 1 s")
    world.cell.set(Word.WAITING, "refused; next try in 2 s")
    assert world.lines == [("warn", "waiting: refused; next try in 1 s")]


def test_starting_again_is_not_news() -> None:
    world = Logged()
    world.cell.set(Word.RUNNING)
    world.cell.set(Word.STARTING)
    world.cell.set(Word.RUNNING, "as before")
    assert world.lines == [("info", "running")]


def test_stopping_and_pausing_are_told() -> None:
    world = Logged()
    world.cell.set(Word.RUNNING)
    world.cell.set(Word.PAUSED, "by an operator")
    world.cell.set(Word.STOPPED)
    assert [text for _, text in world.lines] == [
        "running",
        "paused: by an operator",
        "stopped",
    ]
