"""Bytes until silence."""

from __future__ import annotations

import pytest

from iobuffer.framing.base import OnOversize
from iobuffer.framing.idle import GAP, IdleConfig


def test_silence_ends_a_message() -> None:
    framer = IdleConfig(gap=0.05).framer()
    assert framer.feed(b"12") == []
    assert framer.feed(b"34") == []
    assert framer.idle_seconds == 0.05
    assert framer.idle() == [b"1234"]
    assert framer.idle_seconds is None
    assert framer.idle() == []


def test_the_end_of_the_stream_ends_a_message() -> None:
    framer = IdleConfig().framer()
    framer.feed(b"12")
    assert framer.finish() == [b"12"]


def test_what_is_too_long_is_skipped_until_silence() -> None:
    framer = IdleConfig(max_message_bytes=3).framer()
    assert framer.feed(b"abcd") == []
    assert framer.feed(b"e") == []
    assert framer.idle_seconds is not None
    assert framer.idle() == []
    framer.feed(b"xyz")
    assert framer.idle() == [b"xyz"]
    assert framer.skipped_bytes == 5


def test_what_is_too_long_is_cut_if_that_is_the_policy() -> None:
    framer = IdleConfig(max_message_bytes=3, on_oversize=OnOversize.TRUNCATE).framer()
    assert framer.feed(b"abcd") == [b"abc"]
    assert framer.feed(b"e") == []
    assert framer.idle() == []


def test_a_gap_of_nothing_is_no_gap() -> None:
    with pytest.raises(ValueError):
        GAP.parse("0s")
