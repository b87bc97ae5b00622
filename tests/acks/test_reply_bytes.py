"""ACK/NAK mode: fixed bytes for yes and no."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from iobuffer.acks.base import Receipt, Verdict
from iobuffer.acks.reply_bytes import BytesAckConfig, BytesAnswers, BytesReceipts
from iobuffer.options import Option, specs

from .hl7_samples import NOW


def test_one_reply_for_each_message() -> None:
    answering = BytesAnswers(b"\x06", b"NO")
    messages = [b"4006381333931", b"", b"x"]
    assert answering.split(messages) is messages
    assert answering.stored(messages, NOW) == b"\x06\x06\x06"
    assert answering.failed(messages, NOW) == b"NONONO"
    assert answering.rejected(messages, NOW) == b"NONONO"
    assert answering.answer_each(messages, NOW) == [b"\x06"] * 3


@pytest.mark.parametrize(
    ("stream", "expected", "unmatched"),
    [
        (b"OK\r\n", Receipt(Verdict.ACCEPTED), 0),
        (b"ERR\r\n", Receipt(Verdict.ERROR, "answered ERR\\r\\n"), 0),
        (b"\0 hello OOK\r\n", Receipt(Verdict.ACCEPTED), 0),
        (b"OK\r\nERR\r\nOK\r\n", Receipt(Verdict.ACCEPTED), 2),
        (b"OK\n", None, 0),
    ],
)
def test_replies_are_found_however_they_are_cut(
    stream: bytes, expected: Receipt | None, unmatched: int
) -> None:
    for at in range(len(stream) + 1):
        receipts = BytesReceipts(b"OK\r\n", b"ERR\r\n")
        receipts.expect(b"sent")
        got = [receipts.feed(stream[:at]), receipts.feed(stream[at:])]
        assert [one for one in got if one] == ([expected] if expected else [])
        assert receipts.unmatched_total == unmatched


_reply = st.text("AB", min_size=1, max_size=3).map(str.encode)


@given(_reply, _reply, st.text("ABx", max_size=12).map(str.encode))
def test_any_cut_gives_the_same_and_the_memory_is_bounded(
    ok: bytes, error: bytes, stream: bytes
) -> None:
    assume(not list(BytesAckConfig(ok=ok, error=error).problems()))
    whole, pieces = BytesReceipts(ok, error), BytesReceipts(ok, error)
    whole.expect(b"sent")
    pieces.expect(b"sent")
    got = []
    for byte in stream:
        got.append(pieces.feed(bytes([byte])))
        assert len(pieces._held) < max(len(ok), len(error))
    expected = whole.feed(stream)
    assert [one for one in got if one] == ([expected] if expected else [])
    assert pieces.unmatched_total == whole.unmatched_total


def test_defaults_are_ack_and_nak() -> None:
    config = BytesAckConfig()
    assert (config.ok, config.error) == (b"\x06", b"\x15")
    assert list(config.problems()) == []
    assert isinstance(config.answers("idle"), BytesAnswers)
    assert isinstance(config.receipts("idle"), BytesReceipts)


@pytest.mark.parametrize(("ok", "error"), [(b"A", b"A"), (b"A", b"xA"), (b"AB", b"B")])
def test_replies_that_hold_each_other_are_a_problem(ok: bytes, error: bytes) -> None:
    ((name, text),) = BytesAckConfig(ok=ok, error=error).problems()
    assert name == "error"
    assert "choose bytes that differ" in text


@pytest.mark.parametrize("value", ["", "x" * 65, 6])
def test_a_reply_has_1_to_64_bytes(value: object) -> None:
    spec = specs(BytesAckConfig)["ok"][1]
    assert isinstance(spec, Option)
    assert spec.converter.parse(r"OK\r\n") == b"OK\r\n"
    with pytest.raises(ValueError, match=r".*"):
        spec.converter.parse(value)
