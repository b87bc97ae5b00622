"""Lines and delimiters beyond the samples."""

from __future__ import annotations

import pytest

from iobuffer.errors import Unframeable
from iobuffer.framing.delimited import DelimiterConfig, LineConfig


def test_a_message_that_ends_in_the_ending_does_not_get_a_second_one() -> None:
    assert LineConfig().encoder().encode([b"a\n", b"b"]) == b"a\nb\n"


def test_a_message_that_holds_the_ending_is_refused_with_its_place_in_the_batch() -> (
    None
):
    with pytest.raises(Unframeable, match="embedded = space") as caught:
        LineConfig().encoder().encode([b"a\n", b"b", b"c\nd", b"e\nf"])
    assert caught.value.index == 2


def test_an_embedded_ending_becomes_a_blank_if_that_is_asked_for() -> None:
    encoder = LineConfig(embedded="space").encoder()
    assert encoder.encode([b"a\nb\n", b"c"]) == b"a b\nc\n"


def test_the_segments_of_hl7_pass_as_one_line() -> None:
    """A carriage return is no line feed, and `auto` writes line feeds."""
    assert LineConfig().encoder().encode([b"MSH|\rPID|\r"]) == b"MSH|\rPID|\r\n"


def test_a_message_whose_end_would_merge_with_the_delimiter_is_refused() -> None:
    with pytest.raises(Unframeable):
        DelimiterConfig(delimiter=b"aa").encoder().encode([b"xa"])


def test_a_crlf_across_two_chunks_is_one_ending() -> None:
    framer = LineConfig(keep_empty=True).framer()
    assert framer.feed(b"a\r") == [b"a"]
    assert framer.feed(b"") == []
    assert framer.feed(b"\nb\n") == [b"b"]
    assert framer.feed(b"\n") == [b""]


def test_blank_lines_that_are_left_out_are_counted() -> None:
    framer = LineConfig().framer()
    assert framer.feed(b"\n\na\n\n") == [b"a"]
    assert framer.empty_total == 3
    assert framer.skipped_bytes == 0
