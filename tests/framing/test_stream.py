"""What all framers of a stream do alike, shown with lines."""

from __future__ import annotations

from iobuffer.framing.base import OnOversize
from iobuffer.framing.delimited import LineConfig


def test_the_sample_holds_the_last_bytes_skipped() -> None:
    framer = LineConfig(max_message_bytes=10).framer()
    framer.feed(b"a" * 50 + b"\n" + b"b" * 40 + b"\n")
    assert framer.skipped_sample == b"a" * 24 + b"b" * 40
    assert framer.skipped_bytes == 90
    framer.feed(b"c" * 500 + b"\n")
    assert framer.skipped_sample == b"c" * 64


def test_a_message_at_the_limit_is_whole_and_one_byte_more_is_too_long() -> None:
    framer = LineConfig(max_message_bytes=10).framer()
    assert framer.feed(b"a" * 10 + b"\n") == [b"a" * 10]
    assert framer.error is None
    assert framer.feed(b"a" * 11 + b"\n") == []
    assert framer.oversize_total == 1
    assert framer.error is not None
    assert "max_message_bytes" in framer.error.reason


def test_a_partial_message_that_is_given_up_frees_its_bytes_up_to_the_next() -> None:
    framer = LineConfig().framer()
    framer.feed(b"good\nabc")
    assert framer.give_up_partial() == []
    assert (framer.partial_bytes, framer.skipped_bytes) == (0, 3)
    assert framer.error is not None
    assert "max_partial_bytes" in framer.error.reason
    assert framer.feed(b"def\nnext\n") == [b"next"]
    assert framer.skipped_sample == b"abcdef"


def test_a_partial_message_that_is_given_up_is_cut_if_that_is_the_policy() -> None:
    framer = LineConfig(on_oversize=OnOversize.TRUNCATE).framer()
    framer.feed(b"abc")
    assert framer.give_up_partial() == [b"abc"]
    assert framer.feed(b"def\nnext\n") == [b"next"]


def test_giving_up_closes_the_connection_if_that_is_the_policy() -> None:
    framer = LineConfig(on_oversize=OnOversize.CLOSE).framer()
    framer.feed(b"abc")
    assert framer.give_up_partial() == []
    assert framer.error is not None
    assert not framer.error.can_continue
    assert framer.feed(b"\nnext\n") == []
    assert framer.skipped_bytes == 9


def test_giving_up_nothing_does_nothing() -> None:
    framer = LineConfig().framer()
    framer.feed(b"a\n")
    assert framer.give_up_partial() == []
    assert framer.oversize_total == 0
    assert framer.error is None
