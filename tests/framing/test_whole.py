"""Datagrams and raw chunks."""

from __future__ import annotations

from iobuffer.framing.base import OnOversize
from iobuffer.framing.whole import DatagramConfig, RawConfig

from .cuts import assert_adds_up


def test_a_datagram_is_a_message_as_it_came() -> None:
    framer = DatagramConfig().framer()
    assert framer.feed(b"one\n") == [b"one\n"]
    assert framer.feed(b"\x0btwo") == [b"\x0btwo"]
    assert framer.framed_bytes == 8
    assert framer.finish() == []


def test_an_empty_datagram_is_counted_and_left_out() -> None:
    framer = DatagramConfig().framer()
    assert framer.feed(b"") == []
    assert framer.empty_total == 1


def test_an_empty_datagram_is_kept_if_that_is_asked_for() -> None:
    assert DatagramConfig(keep_empty=True).framer().feed(b"") == [b""]


def test_line_ends_and_nuls_are_taken_off_if_that_is_asked_for() -> None:
    framer = DatagramConfig(strip_trailing="newline").framer()
    assert framer.feed(b"a\nb\r\n\0") == [b"a\nb"]
    assert framer.feed(b"\n") == []
    assert framer.empty_total == 1
    assert_adds_up(framer, 7)


def test_a_datagram_that_is_too_long_is_skipped_or_cut() -> None:
    framer = DatagramConfig(max_message_bytes=3).framer()
    assert framer.feed(b"abcd") == []
    assert (framer.skipped_bytes, framer.oversize_total) == (4, 1)
    assert framer.feed(b"abc") == [b"abc"]
    cutting = DatagramConfig(max_message_bytes=3, on_oversize=OnOversize.TRUNCATE)
    assert cutting.framer().feed(b"abcd") == [b"abc"]


def test_a_raw_chunk_is_a_message() -> None:
    framer = RawConfig().framer()
    assert framer.feed(b"a\nb") == [b"a\nb"]
    assert framer.partial_bytes == 0


def test_on_a_stream_the_bounds_of_datagrams_are_lost() -> None:
    assert DatagramConfig().encoder().encode([b"a", b"b"]) == b"ab"
