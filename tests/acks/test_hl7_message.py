"""Where an HL7 message begins and ends, and what its header says."""

from __future__ import annotations

import hl7
import pytest
from hypothesis import given
from hypothesis import strategies as st

from iobuffer.acks.hl7_message import (
    MAX_HEADER_BYTES,
    MAX_MESSAGES_PER_BLOCK,
    batch_control_id,
    control_id,
    header_fields,
    holds_several,
    is_batch,
    split_block,
)

from .hl7_samples import hl7_message, near_hl7


@pytest.mark.parametrize("end", [b"\r", b"\n", b"\r\n"])
def test_fields_stand_at_their_number_whatever_ends_a_segment(end: bytes) -> None:
    fields = header_fields(hl7_message(end=end, charset=b"8859/1"))
    assert fields is not None
    assert (fields[0], fields[1]) == (b"|", b"^~\\&")
    assert (fields[2], fields[3], fields[4], fields[5]) == (
        b"ANALYSER",
        b"WARD3",
        b"LIS",
        b"LAB",
    )
    assert (fields[8], fields[9], fields[17]) == (
        b"ADT^A01^ADT_A01",
        b"MSG00001",
        b"8859/1",
    )


def test_absent_fields_are_empty() -> None:
    assert header_fields(b"MSH|^~\\&|A") == [b"|", b"^~\\&", b"A", *([b""] * 15)]


def test_fields_behind_msh_18_are_left_alone() -> None:
    fields = header_fields(b"MSH" + b"|x" * 40)
    assert fields is not None
    assert fields[17] == b"x"


@pytest.mark.parametrize("separator", [b"A", b"7", b" ", b"\t", b"\0", b"\xa6"])
def test_a_separator_that_is_no_punctuation_makes_no_header(separator: bytes) -> None:
    assert header_fields(b"MSH" + separator + b"^~\\&") is None


def test_a_header_longer_than_the_limit_is_none() -> None:
    assert header_fields(b"MSH|" + b"x" * (MAX_HEADER_BYTES - 4)) is not None
    assert header_fields(b"MSH|" + b"x" * (MAX_HEADER_BYTES - 3)) is None


@pytest.mark.parametrize("byte", [b"\x0b", b"\x1c"])
def test_block_bytes_in_a_header_make_it_unusable(byte: bytes) -> None:
    assert header_fields(hl7_message(b"1" + byte)) is None


@pytest.mark.parametrize(
    "lead", [b"\r\n", b"\0\0", b"  ", b"\xef\xbb\xbf", b"log text\r", b"log text\n"]
)
def test_the_header_is_found_behind_what_leads(lead: bytes) -> None:
    message = lead + hl7_message(b"9")
    fields = header_fields(message)
    assert fields is not None
    assert fields[9] == b"9"
    assert split_block(message) == [message]
    assert not holds_several(message)


def test_msh_within_a_segment_is_text() -> None:
    message = hl7_message() + b"NTE|1||see MSH|and MSH-10 there\r"
    assert split_block(message) == [message]
    assert not holds_several(message)


def test_msh_at_a_segment_start_without_separator_is_text() -> None:
    message = hl7_message() + b"MSHX is no header\r"
    assert split_block(message) == [message]
    assert not holds_several(message)


@pytest.mark.parametrize("end", [b"\r", b"\n", b"\r\n"])
def test_several_messages_are_taken_apart_with_their_bytes(end: bytes) -> None:
    one, two = hl7_message(b"1", end=end), hl7_message(b"2", end=end)[: -len(end)]
    assert holds_several(one + two)
    assert split_block(one + two) == [one, two]


def test_a_second_message_may_use_other_separators() -> None:
    one, two = hl7_message(b"1"), hl7_message(b"2").replace(b"|", b"#")
    assert split_block(one + two) == [one, two]


def test_a_batch_loses_its_envelope_only() -> None:
    one, two = hl7_message(b"1"), hl7_message(b"2")
    batch = (
        b"FHS|^~\\&|||||||||F1\rBHS|^~\\&|||||||||B1\r"
        + one
        + b"BTS|1\rBHS|^~\\&|||||||||B2\r"
        + two
        + b"BTS|1\rFTS|2\r"
    )
    assert split_block(batch) == [one, two]
    assert split_block(b"\xef\xbb\xbf\r\n" + batch) == [one, two]


def test_a_batch_of_one_loses_its_envelope_too() -> None:
    one = hl7_message(b"1")
    assert split_block(b"BHS|^~\\&\r" + one + b"BTS|1\r") == [one]


def test_what_stands_before_the_first_message_is_kept_with_it() -> None:
    one, two = hl7_message(b"1"), hl7_message(b"2")
    assert split_block(b"ZZZ|lost?\r" + one + two) == [b"ZZZ|lost?\r" + one, two]


@pytest.mark.parametrize("block", [b"", b"garbage", b"FHS|^~\\&\rFTS|0\r"])
def test_a_block_without_msh_comes_back_whole(block: bytes) -> None:
    assert split_block(block) == [block]


def test_a_block_of_too_many_messages_comes_back_whole() -> None:
    most = b"MSH|\r" * MAX_MESSAGES_PER_BLOCK
    assert len(split_block(most)) == MAX_MESSAGES_PER_BLOCK
    assert split_block(most + b"MSH|\r") == [most + b"MSH|\r"]
    assert holds_several(most + b"MSH|\r")


@pytest.mark.parametrize(
    ("batch", "expected"),
    [
        (b"BHS|^~\\&|||||||||B1\rMSH|", b"B1"),
        (b"FHS|^~\\&|||||||||F1\rBHS|^~\\&|||||||||B1\rMSH|", b"F1"),
        (b"FHS|^~\\&\rBHS|^~\\&|||||||||B1\rMSH|", b"B1"),
        (b"FHS|^~\\&\nBHS#^~\\&#########B1\nMSH|", b"B1"),
        (b"FHS|^~\\&\rMSH|\rBHS|^~\\&|||||||||B1\r", b""),
        (b"BHS|^~\\&|||||||||B\x1c\rMSH|", b""),
        (b"BHS", b""),
    ],
)
def test_the_outermost_control_id_names_a_batch(batch: bytes, expected: bytes) -> None:
    assert batch_control_id(batch) == expected


def test_control_id_is_the_batchs_or_the_messages() -> None:
    assert control_id(b"BHS|^~\\&|||||||||B1\r" + hl7_message(b"1")) == b"B1"
    assert control_id(hl7_message(b"1")) == b"1"
    assert control_id(b"garbage") == b""


def _segments(message: str | bytes) -> list[str]:
    text = message.decode("latin-1") if isinstance(message, bytes) else message
    return [line.strip() for line in text.split("\r") if line.strip()]


_body = st.binary(max_size=20).map(
    # A body line of its own letters: what begins with a blank, or looks like a header
    # without being one, python-hl7 judges by other rules (see the tests above).
    lambda text: b"NTE|" + text.replace(b"\r", b"").replace(b"\n", b"")
)
_message = st.tuples(st.integers(0, 999), st.lists(_body, max_size=4)).map(
    lambda made: b"".join(
        line + b"\r" for line in (b"MSH|^~\\&|A|B|C|D|||ADT^A01|%d" % made[0], *made[1])
    )
)
_batch = st.lists(_message, min_size=1, max_size=4).map(
    lambda made: b"BHS|^~\\&|x\r" + b"".join(made) + b"BTS|%d\r" % len(made)
)
_file = st.lists(_batch, min_size=1, max_size=3).map(
    lambda made: b"FHS|^~\\&|x\r" + b"".join(made) + b"FTS|%d\r" % len(made)
)
_several = st.lists(_message, min_size=1, max_size=5).map(b"".join)


@given(st.one_of(_several, _batch, _file), st.booleans())
def test_blocks_are_split_as_python_hl7_splits_files(block: bytes, cut: bool) -> None:
    if cut:
        block = block.removesuffix(b"\r")
    ours = [_segments(message) for message in split_block(block)]
    theirs = [_segments(text) for text in hl7.split_file(block.decode("latin-1"))]
    assert ours == theirs


@given(near_hl7)
def test_splitting_keeps_every_byte_that_is_no_envelope(block: bytes) -> None:
    parts = split_block(block)
    assert parts
    if not is_batch(block) and not any(
        name in block for name in (b"FHS", b"BHS", b"BTS", b"FTS")
    ):
        assert b"".join(parts) == block
    if len(parts) > 1:
        assert not any(holds_several(part) for part in parts)
    for part in parts:
        fields = header_fields(part)
        assert fields is None or len(fields) >= 18
        control_id(part)
