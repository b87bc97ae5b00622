"""The stream of an HL7 receiver, taken apart the same however it was cut."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iobuffer.acks.hl7_reader import MAX_ANSWER_BYTES, AnswerReader

from .hl7_samples import near_hl7

ONE = b"MSH|^~\\&|A|B|C|D|20260101||ACK|1|P|2.5\rMSA|AA|7\r"
TWO = b"MSH|^~\\&|A|B|C|D|20260101||ACK|2|P|2.5\nMSA|AE|8|no\n"

STREAMS = [
    (b"\x0b" + ONE + b"\x1c\r", [ONE], 0),
    (b"\x0b" + ONE + b"\x1c\r\x0b" + TWO + b"\x1c\r", [ONE, TWO], 0),
    (b"\x0b" + ONE + b"\x1c\n\x0b" + TWO + b"\x1c", [ONE, TWO], 0),
    (b"\x0b" + ONE + b"\x1c\x0b" + TWO + b"\x1c\r", [ONE, TWO], 0),
    (b"\n\0\0 log \x0b" + ONE + b"\x1c\r\n\0\x0b" + TWO + b"\x1c\r", [ONE, TWO], 0),
    (b"\x0b\x1c\r\x0b" + ONE + b"\x1c\r", [ONE], 0),
    (ONE, [ONE[:-1]], 0),
    (ONE + TWO, [ONE[:-1], TWO[:-1]], 0),
    (ONE[:-1] + b"\x1c\r" + TWO, [ONE[:-1], TWO[:-1]], 0),
    (ONE[:-1] + b"\x0b" + TWO + b"\x1c\r", [ONE[:-1], TWO], 0),
    (b"MMSH" + ONE, [b"MSH" + ONE[:-1]], 0),
    (b"\x0bMSH|^~\\&|cut\x0b" + ONE + b"\x1c\r", [ONE], 1),
    (b"MSH is text\r\x0b" + ONE + b"\x1c\r", [ONE], 1),
    (b"\x0b\x0b" + ONE + b"\x1c\r", [ONE], 0),
    (b"nothing at all", [], 0),
]


@pytest.mark.parametrize(("stream", "expected", "dropped"), STREAMS)
def test_every_cut_gives_the_same_answers(
    stream: bytes, expected: list[bytes], dropped: int
) -> None:
    for at in range(len(stream) + 1):
        reader = AnswerReader()
        assert reader.feed(stream[:at]) + reader.feed(stream[at:]) == expected
        assert reader.dropped_total == dropped
    reader = AnswerReader()
    assert [one for byte in stream for one in reader.feed(bytes([byte]))] == expected
    assert reader.dropped_total == dropped


@given(near_hl7, st.lists(st.integers(0, 400), max_size=6))
def test_any_stream_gives_the_same_answers_however_cut(
    stream: bytes, cuts: list[int]
) -> None:
    whole, pieces = AnswerReader(), AnswerReader()
    edges = [0, *sorted(cuts), len(stream)]
    found = [
        one for start, end in pairwise(edges) for one in pieces.feed(stream[start:end])
    ]
    assert found == whole.feed(stream)
    assert pieces.dropped_total == whole.dropped_total


@pytest.mark.parametrize("start", [b"\x0b", b"MSH|", b"MSH|\rMSA|"])
@pytest.mark.parametrize("step", [997, 4096, 10**6])
def test_an_endless_answer_is_dropped_and_the_next_one_found(
    start: bytes, step: int
) -> None:
    stream = start + b"x" * (2 * MAX_ANSWER_BYTES) + b"\x1c\r\x0b" + ONE + b"\x1c\r"
    reader = AnswerReader()
    found = []
    for at in range(0, len(stream), step):
        found += reader.feed(stream[at : at + step])
        assert len(reader._held) <= MAX_ANSWER_BYTES
    assert found == [ONE]
    assert reader.dropped_total == 1


def test_the_longest_answer_is_still_one() -> None:
    longest = b"x" * (MAX_ANSWER_BYTES - 1)
    assert AnswerReader().feed(b"\x0b" + longest + b"\x1c") == [longest]
    assert AnswerReader().feed(b"\x0b" + longest + b"x\x1c") == []


def test_junk_is_not_held() -> None:
    reader = AnswerReader()
    for _ in range(100):
        assert reader.feed(b"\n\0junk MS") == []
    assert len(reader._held) <= 2
