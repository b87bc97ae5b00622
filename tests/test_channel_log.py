"""The ring of a channel's lines: bounded, newest first, and what is new to a reader."""

from __future__ import annotations

from collections.abc import Iterable

from iobuffer.channel_log import LINES, TEXT_CHARACTERS, ChannelLog, Line


def said(log: ChannelLog, *texts: str) -> None:
    for text in texts:
        log.add(1.0, "info", "source", text)


def texts(lines: Iterable[Line]) -> list[str]:
    return [line.text for line in lines]


def test_the_newest_line_comes_first() -> None:
    log = ChannelLog()
    log.add(5.0, "warn", "lis", "refused")
    log.add(6.0, "info", "", "resumed by ada")
    assert log.newest() == [
        Line(6.0, "info", "", "resumed by ada"),
        Line(5.0, "warn", "lis", "refused"),
    ]
    assert texts(log.newest(1)) == ["resumed by ada"]


def test_what_a_receiver_said_is_kept_apart() -> None:
    log = ChannelLog()
    log.add(5.0, "warn", "lis", "message 2 is parked", "x" * 1000)
    (line,) = log.newest()
    assert line.text == "message 2 is parked"
    assert line.quoted == "x" * (TEXT_CHARACTERS - 1) + "…"


def test_it_keeps_a_bounded_number_of_bounded_lines() -> None:
    log = ChannelLog()
    said(log, *map(str, range(LINES + 50)), "x" * 10_000)
    assert len(log.newest(10_000)) == LINES
    assert log.total == LINES + 51
    assert log.newest()[0].text == "x" * (TEXT_CHARACTERS - 1) + "…"
    assert log.newest()[-1].text == "51"


def test_a_reader_gets_what_is_new_to_him_in_order() -> None:
    log = ChannelLog()
    said(log, "one", "two")
    seen = log.total
    assert list(log.since(seen)) == []
    said(log, "three", "four")
    assert texts(log.since(seen)) == ["three", "four"]
    assert texts(log.since(0)) == ["one", "two", "three", "four"]


def test_a_reader_who_was_away_for_long_gets_what_is_kept() -> None:
    log = ChannelLog()
    said(log, *map(str, range(LINES * 2)))
    assert texts(log.since(0)) == [str(number) for number in range(LINES, LINES * 2)]
