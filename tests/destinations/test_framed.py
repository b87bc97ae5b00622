"""A batch on the line."""

from __future__ import annotations

import pytest

from iobuffer.channel import Confidence
from iobuffer.destinations._framed import frame, messages_within

from .tcp_fakes import LineEncoder


def test_a_batch_is_framed_whole() -> None:
    data, framed = frame(LineEncoder(), [b"a", b"b"])
    assert data == b"a\nb\n"
    assert (framed.messages, framed.size_bytes) == ([b"a", b"b"], 4)
    assert framed.refusal is None


def test_a_message_that_cannot_be_framed_ends_what_is_sent() -> None:
    data, framed = frame(LineEncoder(), [b"a", b"b\n", b"c"])
    assert data == b"a\n"
    assert framed.messages == [b"a"]
    assert framed.refusal is not None
    assert (framed.refusal.index, framed.refusal.final) == (1, True)
    assert framed.refusal.confidence is Confidence.RECEIVED
    _, framed = frame(LineEncoder(), [b"a", b"b\n"], Confidence.SENT)
    assert framed.refusal is not None
    assert framed.refusal.confidence is Confidence.SENT


@pytest.mark.parametrize("size_bytes", range(36))
def test_whole_messages_are_found_within_any_number_of_bytes(size_bytes: int) -> None:
    messages = [b"", b"a", b"four", b"twelve bytes", b"b", b"", b"last"]
    ends = [1, 3, 8, 21, 23, 24, 29]
    expected = sum(end <= size_bytes for end in ends)
    assert messages_within(LineEncoder(), messages, size_bytes) == expected
