from __future__ import annotations

from iobuffer.links.status import PausableStatus
from iobuffer.state import StateCell, Word


def made() -> tuple[PausableStatus, StateCell]:
    cell = StateCell(lambda: 0.0, lambda old, new: None)
    return PausableStatus(cell), cell


def test_a_pause_hides_what_goes_on_and_resume_shows_it() -> None:
    status, cell = made()
    status.set(Word.RUNNING, "listening")

    status.pause()
    assert cell.word is Word.PAUSED

    status.set(Word.WAITING, "connecting")
    assert cell.word is Word.PAUSED

    status.resume()
    assert str(cell.current) == "waiting: connecting"


def test_who_paused_it_is_told_until_it_goes_on() -> None:
    status, cell = made()
    status.set(Word.RUNNING, "listening")
    status.pause("paused by ada at 14:02")
    status.set(Word.WAITING, "connecting")
    assert str(cell.current) == "paused: paused by ada at 14:02"

    status.resume()
    assert str(cell.current) == "waiting: connecting"


def test_trouble_shows_even_while_paused() -> None:
    status, cell = made()
    status.pause()

    status.set(Word.FAILED, "port in use")
    assert cell.word is Word.FAILED

    status.set(Word.RUNNING, "listening")
    assert cell.word is Word.PAUSED
