"""Who gets which HL7 acknowledgement, and what is in it."""

from __future__ import annotations

import re

import hl7
import pytest
from hypothesis import given
from hypothesis import strategies as st

from iobuffer.acks.hl7_answers import (
    BatchMode,
    ControlIds,
    Enhanced,
    Hl7Answers,
    OnBadHeader,
)
from iobuffer.acks.hl7_message import header_fields, holds_several

from .hl7_samples import NOW, STAMP, answer_blocks, hl7_message, msa, near_hl7


def answers(
    enhanced: Enhanced = Enhanced.STRICT,
    on_bad_header: OnBadHeader = OnBadHeader.REJECT,
    batch: BatchMode = BatchMode.SPLIT,
    framed: bool = True,
    per_message: bool = False,
) -> Hl7Answers:
    return Hl7Answers(
        control_ids=ControlIds(b"T"),
        enhanced=enhanced,
        on_bad_header=on_bad_header,
        batch=batch,
        framed=framed,
        per_message=per_message,
    )


def codes(answering: Hl7Answers, message: bytes) -> tuple[str, str, str]:
    """What is answered when the message is stored, failed, rejected; - is silence."""
    said = []
    for say in (answering.stored, answering.failed, answering.rejected):
        blocks = answer_blocks(say([message], NOW))
        assert len(blocks) <= 1
        said.append(msa(blocks[0])[1].decode() if blocks else "-")
    return said[0], said[1], said[2]


ORIGINAL = ("AA", "AE", "AR")
COMMIT = ("CA", "CE", "CR")

STRICT_TABLE = [
    (b"", b"", ORIGINAL),
    (b"", b"AL", ORIGINAL),
    (b"", b"NE", ORIGINAL),
    (b'""', b'""', ORIGINAL),
    (b"NE", b"AL", ORIGINAL),
    (b"NE", b"SU", ORIGINAL),
    (b"NE", b"ER", ORIGINAL),
    (b"NE", b"", ORIGINAL),
    (b"NE", b"NE", ("-", "-", "-")),
    *[(b"AL", other, COMMIT) for other in (b"", b"AL", b"NE", b"ER", b"SU", b"??")],
    *[(b"SU", other, ("CA", "-", "-")) for other in (b"", b"AL", b"NE", b"ER", b"SU")],
    *[(b"ER", other, ("-", "CE", "CR")) for other in (b"", b"AL", b"NE", b"ER", b"SU")],
    (b"XX", b"AL", ORIGINAL),
    (b"al", b"ne", COMMIT),
    (b" NE ", b" NE ", ("-", "-", "-")),
]

ALWAYS_TABLE = [
    (b"", b"", ORIGINAL),
    (b"NE", b"NE", ORIGINAL),
    (b"NE", b"AL", ORIGINAL),
    (b"AL", b"NE", COMMIT),
    (b"SU", b"AL", ("CA", "AE", "AR")),
    (b"ER", b"AL", ("AA", "CE", "CR")),
    (b"XX", b"", ORIGINAL),
]


@pytest.mark.parametrize(("accept", "application", "expected"), STRICT_TABLE)
def test_strict_answers_as_msh_15_and_16_ask(
    accept: bytes, application: bytes, expected: tuple[str, str, str]
) -> None:
    message = hl7_message(accept=accept, application=application)
    assert codes(answers(), message) == expected


@pytest.mark.parametrize(("accept", "application", "expected"), ALWAYS_TABLE)
def test_always_is_never_silent(
    accept: bytes, application: bytes, expected: tuple[str, str, str]
) -> None:
    message = hl7_message(accept=accept, application=application)
    assert codes(answers(Enhanced.ALWAYS), message) == expected


def test_an_unknown_mode_is_counted() -> None:
    answering = answers()
    answering.stored([hl7_message(accept=b"XX"), hl7_message(accept=b'""')], NOW)
    assert answering.unknown_modes_total == 1


def test_the_answer_byte_for_byte() -> None:
    assert answers().stored([hl7_message(b"MSG 7", charset=b"8859/1")], NOW) == (
        b"\x0bMSH|^~\\&|LIS|LAB|ANALYSER|WARD3|" + STAMP + b"||ACK^A01^ACK|T00000001|T|"
        b"2.5.1||||||8859/1\rMSA|AA|MSG 7\r\x1c\r"
    )


def test_python_hl7_reads_the_answer_and_agrees() -> None:
    sent = hl7.parse(hl7_message(b"MSG00001").decode())
    block = answer_blocks(answers().stored([hl7_message(b"MSG00001")], NOW))[0]
    read = hl7.parse(block.decode())
    assert str(read.segment("MSH")(9)) == "ACK^A01^ACK"
    for ours, theirs in ((3, 5), (4, 6), (5, 3), (6, 4), (11, 11), (12, 12)):
        assert str(read.segment("MSH")(ours)) == str(sent.segment("MSH")(theirs))
    assert str(read.segment("MSA")(1)) == "AA"
    assert str(read.segment("MSA")(2)) == str(sent.segment("MSH")(10))


def test_separators_of_the_sender_are_used() -> None:
    message = hl7_message(b"1").replace(b"|", b"#").replace(b"^", b"!")
    block = answer_blocks(answers().stored([message], NOW))[0]
    assert block.startswith(b"MSH#!~\\&#LIS#LAB#ANALYSER#WARD3#")
    assert b"#ACK!A01!ACK#" in block
    assert block.endswith(b"\rMSA#AA#1\r")


@pytest.mark.parametrize("kind", [b"", b"ADT", b"ADT^", b"ADT^^ADT_A01"])
def test_without_a_trigger_the_type_is_plain_ack(kind: bytes) -> None:
    block = answer_blocks(answers().stored([hl7_message(kind=kind)], NOW))[0]
    assert block.split(b"|")[8] == b"ACK"


@pytest.mark.parametrize("control_id", [b"\xe4\xf6", b" 7 ", b"a^b~c\\T\\&d", b'""'])
def test_the_control_id_goes_back_byte_for_byte(control_id: bytes) -> None:
    block = answer_blocks(answers().stored([hl7_message(control_id)], NOW))[0]
    assert msa(block)[2] == control_id


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_line_ends_are_understood_and_answered_with_cr(end: bytes) -> None:
    block = answer_blocks(answers().stored([hl7_message(b"1", end=end)], NOW))[0]
    assert b"\n" not in block
    assert msa(block) == [b"MSA", b"AA", b"1"]


def test_a_message_without_its_last_cr_is_answered() -> None:
    message = hl7_message(b"1").removesuffix(b"\r")
    assert codes(answers(), message) == ORIGINAL
    assert codes(answers(), b"MSH|^~\\&|||||||ADT|1") == ORIGINAL


def test_pipelined_messages_are_answered_in_order() -> None:
    numbers = [b"%d" % number for number in range(50)]
    said = answers().stored([hl7_message(number) for number in numbers], NOW)
    assert [msa(block)[2] for block in answer_blocks(said)] == numbers


@pytest.mark.parametrize("kind", [b"ACK", b"ACK^A01", b"ACK^A01^ACK"])
@pytest.mark.parametrize("control_id", [b"1", b""])
def test_an_acknowledgement_is_never_acknowledged(
    kind: bytes, control_id: bytes
) -> None:
    message = hl7_message(control_id, kind=kind)
    assert codes(answers(Enhanced.ALWAYS), message) == ("-", "-", "-")


def test_mcf_is_an_acknowledgement_only_with_msa() -> None:
    message = hl7_message(kind=b"MCF")
    assert codes(answers(), message) == ORIGINAL
    assert codes(answers(), message + b"MSA|AA|1\r") == ("-", "-", "-")


def test_our_own_answers_are_not_answered() -> None:
    answering = answers(Enhanced.ALWAYS)
    for message in (hl7_message(), b"garbage", hl7_message(b"")):
        for block in answer_blocks(answering.stored([message], NOW)):
            assert answering.stored([block], NOW) == b""


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"garbage",
        b"MSH",
        b"MSHA^~\\&A1",
        b"PID|1\rPV1|2\r",
        hl7_message(b""),
        hl7_message(b"1") + hl7_message(b"2"),
        b"FHS|^~\\&|||||||||F1\rFTS|0\r",
    ],
)
def test_an_unusable_header_is_never_answered_with_yes(message: bytes) -> None:
    assert codes(answers(), message) == ("AR", "AE", "AR")
    answering = answers(on_bad_header=OnBadHeader.ERROR)
    assert codes(answering, message) == ("AE", "AE", "AR")
    assert answering.bad_headers_total == 3
    block = answer_blocks(answering.stored([message], NOW))[0]
    assert msa(block)[2] == b""
    assert hl7.parse(block.decode()).segment("MSA")


def test_a_bad_header_still_finds_its_way_back() -> None:
    block = answer_blocks(answers().stored([hl7_message(b"")], NOW))[0]
    assert block.startswith(b"MSH|^~\\&|LIS|LAB|ANALYSER|WARD3|")


def test_texts_are_ascii_and_hold_no_payload() -> None:
    message = hl7_message(b"1") + b"NTE|1||secret\r"
    for say in (answers().failed, answers().rejected):
        block = answer_blocks(say([message], NOW))[0]
        assert b"secret" not in block
        assert b"DOE" not in block
        assert block.isascii()
        assert msa(block)[3]


def test_batches_are_split_and_each_message_answered() -> None:
    one, two = hl7_message(b"1"), hl7_message(b"2")
    answering = answers()
    batch = b"BHS|^~\\&|||||||||B1\r" + one + two + b"BTS|2\r"
    split = answering.split([hl7_message(b"0"), batch, one + two])
    assert split == [hl7_message(b"0"), one, two, one, two]
    said = answer_blocks(answering.stored(split, NOW))
    assert [msa(block)[2] for block in said] == [b"0", b"1", b"2", b"1", b"2"]


def test_whole_batches_are_answered_under_their_own_id() -> None:
    one, two = hl7_message(b"1"), hl7_message(b"2")
    answering = answers(batch=BatchMode.WHOLE)
    batch = b"FHS|^~\\&|||||||||F1\rBHS|^~\\&|||||||||B1\r" + one + two + b"BTS|2\r"
    assert answering.split([batch, one + two]) == [batch, one, two]
    said = answer_blocks(answering.stored([batch], NOW))
    assert [msa(block)[1:] for block in said] == [[b"AA", b"F1"]]


def test_a_whole_batch_without_an_id_is_not_accepted() -> None:
    batch = b"BHS|^~\\&\r" + hl7_message(b"1") + b"BTS|1\r"
    assert codes(answers(batch=BatchMode.WHOLE), batch) == ("AR", "AE", "AR")


def test_split_gives_the_same_list_when_there_is_nothing_to_split() -> None:
    messages = [hl7_message(b"1"), b"garbage"]
    assert answers().split(messages) is messages


def test_unframed_answers_are_bare_and_end_in_cr() -> None:
    said = answers(framed=False).stored([hl7_message(b"1"), hl7_message(b"2")], NOW)
    assert b"\x0b" not in said
    assert said.count(b"MSH|") == 2
    assert said.endswith(b"\rMSA|AA|2\r")


def test_datagrams_stay_together_and_are_answered_one_by_one() -> None:
    answering = answers(framed=False, per_message=True)
    datagrams = [
        hl7_message(b"1") + hl7_message(b"2"),
        hl7_message(kind=b"ACK"),
        hl7_message(b"3"),
    ]
    assert answering.split(datagrams) is datagrams
    first, second, third = answering.answer_each(datagrams, NOW)
    assert first is not None
    assert first.endswith(b"\rMSA|AA|2\r")
    assert b"\rMSA|AA|1\r" in first
    assert second is None
    assert third is not None
    assert third.endswith(b"\rMSA|AA|3\r")


def test_a_whole_batch_in_a_datagram_is_answered_under_its_own_id() -> None:
    answering = answers(batch=BatchMode.WHOLE, per_message=True)
    batch = b"BHS|^~\\&|||||||||B1\r" + hl7_message(b"1") + hl7_message(b"2")
    (said,) = answering.answer_each([batch], NOW)
    assert said is not None
    assert [msa(block)[2] for block in answer_blocks(said)] == [b"B1"]


def test_the_time_follows_the_caller_in_both_directions() -> None:
    answering = answers()
    stamps = [
        answer_blocks(answering.stored([hl7_message()], now))[0].split(b"|")[6]
        for now in (NOW, NOW + 1, NOW - 1)
    ]
    assert stamps == [STAMP, b"20260101000001+0000", b"20251231235959+0000"]


def test_control_ids_are_unique_and_short() -> None:
    ids = ControlIds()
    drawn = [ids.draw() for _ in range(1000)]
    assert len(set(drawn)) == 1000
    assert all(re.fullmatch(rb"[0-9A-F]{20}", one) for one in drawn)
    assert ControlIds().draw() != ControlIds().draw()


def test_a_long_prefix_is_refused() -> None:
    with pytest.raises(ValueError, match="prefix of 13 bytes; 12 fit"):
        ControlIds(b"x" * 13)


@given(
    st.lists(near_hl7, max_size=6),
    st.sampled_from(Enhanced),
    st.sampled_from(OnBadHeader),
    st.sampled_from(BatchMode),
)
def test_any_bytes_get_one_answer_each_and_yes_only_under_their_own_id(
    messages: list[bytes], enhanced: Enhanced, bad: OnBadHeader, batch: BatchMode
) -> None:
    answering = answers(enhanced, bad, batch)
    split = answering.split(messages)
    said: list[bytes] = []
    for message in split:
        blocks = answer_blocks(answering.stored([message], NOW))
        assert len(blocks) <= 1
        fields = header_fields(message)
        for block in blocks:
            _, code, control_id, *_ = (
                block.split(b"\rMSA", 1)[1].rstrip(b"\r").split(block[3:4])
            )
            if code in (b"AA", b"CA"):
                assert fields is not None
                if not holds_several(message):
                    assert control_id == fields[9] != b""
            else:
                assert control_id == b""
        if enhanced is Enhanced.ALWAYS and not blocks:
            # Only acknowledgements are owed nothing.
            assert fields is not None
            assert fields[8].startswith((b"ACK", b"MCF"))
        said += blocks
    together = answer_blocks(answering.stored(split, NOW))
    assert len(together) == len(said)
