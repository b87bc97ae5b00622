"""Commit blocks of MLLP Release 2."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iobuffer.acks.base import Receipt, Verdict
from iobuffer.acks.mllp2 import Mllp2AckConfig, Mllp2Answers, Mllp2Receipts

from .hl7_samples import NOW, hl7_message

ACK, NAK = b"\x0b\x06\x1c\r", b"\x0b\x15\x1c\r"
NO = Receipt(Verdict.ERROR, "commit NAK (0B 15 1C 0D)")


def test_one_commit_block_for_each_block_and_no_hl7_ack() -> None:
    answering = Mllp2Answers()
    messages = [hl7_message(b"1") + hl7_message(b"2"), b"anything"]
    assert answering.split(messages) is messages
    assert answering.stored(messages, NOW) == ACK * 2
    assert answering.failed(messages, NOW) == NAK * 2
    assert answering.rejected(messages, NOW) == NAK * 2
    assert answering.answer_each(messages, NOW) == [ACK, ACK]
    assert answering.stored([], NOW) == b""


@pytest.mark.parametrize(
    ("stream", "expected", "unmatched"),
    [
        (ACK, Receipt(Verdict.ACCEPTED), 0),
        (NAK, NO, 0),
        (b"\n\0junk\x06" + ACK, Receipt(Verdict.ACCEPTED), 0),
        (ACK + NAK, Receipt(Verdict.ACCEPTED), 1),
        (b"\x0b" + hl7_message(b"1") + b"\x1c\r" + NAK, NO, 1),
        (b"\x0b\x06" + ACK, Receipt(Verdict.ACCEPTED), 1),
        (b"\x0b\x0b\x06\x1c\r", Receipt(Verdict.ACCEPTED), 1),
        (b"\x06\x1c\r", None, 0),
    ],
)
def test_commit_blocks_are_read_however_they_are_cut(
    stream: bytes, expected: Receipt | None, unmatched: int
) -> None:
    for at in range(len(stream) + 1):
        receipts = Mllp2Receipts()
        receipts.expect(b"sent")
        got = [receipts.feed(stream[:at]), receipts.feed(stream[at:])]
        assert [one for one in got if one] == ([expected] if expected else [])
        assert receipts.unmatched_total == unmatched


def test_a_commit_block_that_nobody_waits_for_is_counted() -> None:
    receipts = Mllp2Receipts()
    assert receipts.feed(ACK) is None
    receipts.expect(b"sent")
    assert receipts.feed(NAK) == NO
    assert receipts.unmatched_total == 1


@given(st.lists(st.sampled_from([b"\x0b", b"\x06", b"\x15", b"\x1c", b"x"])))
def test_no_more_than_two_bytes_are_held(parts: list[bytes]) -> None:
    whole, pieces = Mllp2Receipts(), Mllp2Receipts()
    whole.expect(b"sent")
    pieces.expect(b"sent")
    got = []
    for part in parts:
        got.append(pieces.feed(part))
        assert len(pieces._held) <= 2
    expected = whole.feed(b"".join(parts))
    assert [one for one in got if one] == ([expected] if expected else [])
    assert pieces.unmatched_total == whole.unmatched_total


def test_the_config_gives_both_directions() -> None:
    config = Mllp2AckConfig()
    assert isinstance(config.answers("mllp"), Mllp2Answers)
    assert isinstance(config.receipts("mllp"), Mllp2Receipts)
