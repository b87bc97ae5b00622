"""What a destination makes of an HL7 receiver's answers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iobuffer.acks.base import Receipt, Verdict
from iobuffer.acks.hl7_answers import ControlIds, Enhanced, Hl7Answers
from iobuffer.acks.hl7_receipts import AcceptOn, Hl7Receipts, Match

from .hl7_samples import NOW, hl7_message, near_hl7


def answer(code: bytes, control_id: bytes, rest: bytes = b"") -> bytes:
    return (
        b"\x0bMSH|^~\\&|LIS|LAB|A|W|20260101||ACK^A01^ACK|x1|P|2.5\r"
        b"MSA|" + code + b"|" + control_id + rest + b"\r\x1c\r"
    )


def expecting(control_id: bytes = b"7", **options: object) -> Hl7Receipts:
    receipts = Hl7Receipts(**options)  # type: ignore[arg-type]
    receipts.expect(hl7_message(control_id))
    return receipts


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (b"AA", Receipt(Verdict.ACCEPTED)),
        (b"CA", Receipt(Verdict.ACCEPTED)),
        (b"AE", Receipt(Verdict.ERROR, "AE")),
        (b"CE", Receipt(Verdict.ERROR, "CE")),
        (b"AR", Receipt(Verdict.REJECTED, "AR")),
        (b"CR", Receipt(Verdict.REJECTED, "CR")),
        (b"aa", Receipt(Verdict.ACCEPTED)),
    ],
)
def test_codes_are_verdicts_however_the_answer_is_cut(
    code: bytes, expected: Receipt
) -> None:
    stream = b"\n\0" + answer(code, b"7")
    for at in range(len(stream) + 1):
        receipts = expecting()
        got = [receipts.feed(stream[:at]), receipts.feed(stream[at:])]
        assert [receipt for receipt in got if receipt] == [expected]
        assert receipts.unmatched_total == 0


def test_a_bare_answer_counts() -> None:
    receipts = expecting()
    assert receipts.feed(answer(b"AA", b"7")[1:-2]) == Receipt(Verdict.ACCEPTED)


def test_another_messages_answer_is_counted_and_skipped() -> None:
    receipts = expecting()
    assert receipts.feed(answer(b"AA", b"6") + answer(b"AA", b"")) is None
    assert receipts.unmatched_total == 2
    assert receipts.feed(answer(b"AR", b"7")) == Receipt(Verdict.REJECTED, "AR")


def test_an_answer_behind_the_right_one_does_not_change_it() -> None:
    receipts = expecting()
    got = receipts.feed(answer(b"AA", b"7") + answer(b"AR", b"8"))
    assert got == Receipt(Verdict.ACCEPTED)
    assert receipts.unmatched_total == 1


@pytest.mark.parametrize("other", [b" 7", b"7 ", b"07", b"\xb77"])
def test_control_ids_are_compared_as_bytes(other: bytes) -> None:
    assert expecting().feed(answer(b"AA", other)) is None


def test_in_order_any_answer_is_the_one() -> None:
    receipts = expecting(match=Match.ORDER)
    assert receipts.feed(answer(b"AA", b"whatever")) == Receipt(Verdict.ACCEPTED)
    assert receipts.feed(answer(b"AA", b"other")) is None
    assert receipts.unmatched_total == 1


def test_nothing_is_accepted_when_nothing_was_sent() -> None:
    receipts = Hl7Receipts(match=Match.ORDER)
    assert receipts.feed(answer(b"AA", b"7")) is None
    assert receipts.unmatched_total == 1


def test_the_applications_answer_behind_a_commit_is_late_and_no_mismatch() -> None:
    receipts = expecting()
    assert receipts.feed(answer(b"CA", b"7")) == Receipt(Verdict.ACCEPTED)
    receipts.expect(hl7_message(b"8"))
    assert receipts.feed(answer(b"AA", b"7")) is None
    assert (receipts.late_total, receipts.unmatched_total) == (1, 0)
    assert receipts.feed(answer(b"CA", b"8")) == Receipt(Verdict.ACCEPTED)


def test_the_applications_answer_can_be_waited_for() -> None:
    receipts = expecting(accept_on=AcceptOn.APPLICATION)
    assert receipts.feed(answer(b"CA", b"7")) is None
    assert receipts.feed(answer(b"AE", b"7")) == Receipt(Verdict.ERROR, "AE")
    assert receipts.unmatched_total == 0
    receipts.expect(hl7_message(b"8"))
    assert receipts.feed(answer(b"CE", b"8")) == Receipt(Verdict.ERROR, "CE")


def test_a_batch_is_answered_under_its_own_id() -> None:
    receipts = Hl7Receipts()
    receipts.expect(b"BHS|^~\\&|||||||||B1\r" + hl7_message(b"1"))
    assert receipts.feed(answer(b"AA", b"1")) is None
    assert receipts.feed(answer(b"AA", b"B1")) == Receipt(Verdict.ACCEPTED)


def test_a_message_without_an_id_is_answered_without_one() -> None:
    receipts = Hl7Receipts()
    receipts.expect(b"garbage")
    assert receipts.feed(answer(b"AR", b"", b"|no MSH")) == Receipt(
        Verdict.REJECTED, "AR: no MSH"
    )


@pytest.mark.parametrize(
    ("rest", "text"),
    [
        (b"|unknown patient", "AE: unknown patient"),
        (b"|caf\xe9\x1b[2J", "AE: caf??[2J"),
        (b"\rERR|||207^Application error|E||||try later", "AE: try later"),
        (
            b"\rERR||PID^1|101^Required field missing|E",
            "AE: 101^Required field missing",
        ),
        (b"\rERR|PID^1^5^103", "AE: PID^1^5^103"),
        (b"|said in MSA\rERR|PID^1^5^103", "AE: said in MSA"),
        (b"\rERR", "AE"),
    ],
)
def test_the_peers_words_are_kept_in_printable_ascii(rest: bytes, text: str) -> None:
    assert expecting().feed(answer(b"AE", b"7", rest)) == Receipt(Verdict.ERROR, text)


def test_long_words_are_cut() -> None:
    receipt = expecting().feed(answer(b"AE", b"7", b"|" + b"x" * 1000))
    assert receipt is not None
    assert receipt.text == "AE: " + "x" * 196


def test_a_block_that_is_no_answer_is_counted() -> None:
    receipts = expecting()
    assert receipts.feed(b"\x0b" + hl7_message(b"7") + b"\x1c\r") is None
    assert receipts.feed(b"\x0bMSH|cut short" + answer(b"XX", b"7")) is None
    assert receipts.unmatched_total == 3


def test_our_own_answers_are_understood() -> None:
    message = hl7_message(b"7", accept=b"AL")
    ours = Hl7Answers(control_ids=ControlIds(), enhanced=Enhanced.STRICT)
    for say, verdict in (
        (ours.stored, Verdict.ACCEPTED),
        (ours.failed, Verdict.ERROR),
        (ours.rejected, Verdict.REJECTED),
    ):
        receipts = Hl7Receipts()
        receipts.expect(message)
        receipt = receipts.feed(say([message], NOW))
        assert receipt is not None
        assert receipt.verdict is verdict


@given(near_hl7, st.sampled_from(Match), st.sampled_from(AcceptOn))
def test_any_stream_gives_the_same_receipt_however_cut(
    stream: bytes, match: Match, accept_on: AcceptOn
) -> None:
    whole = Hl7Receipts(match=match, accept_on=accept_on)
    pieces = Hl7Receipts(match=match, accept_on=accept_on)
    for receipts in (whole, pieces):
        receipts.expect(hl7_message(b"1"))
    got = [pieces.feed(bytes([byte])) for byte in stream]
    expected = whole.feed(stream)
    assert [receipt for receipt in got if receipt] == ([expected] if expected else [])
    assert pieces.unmatched_total == whole.unmatched_total
    assert pieces.late_total == whole.late_total
