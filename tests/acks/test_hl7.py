"""The options of `ack = hl7`, as they reach what they steer."""

from __future__ import annotations

import pytest

from iobuffer.acks.base import Receipt, Verdict
from iobuffer.acks.hl7 import Hl7AckConfig
from iobuffer.acks.hl7_answers import BatchMode, Enhanced, OnBadHeader
from iobuffer.acks.hl7_receipts import AcceptOn, Match

from .hl7_samples import NOW, answer_blocks, hl7_message, msa


@pytest.mark.parametrize(
    ("framing", "frame", "framed"),
    [
        ("mllp", None, True),
        ("auto", None, True),
        ("start_end", None, True),
        ("delimiter", None, True),
        ("idle", None, False),
        ("raw", None, False),
        ("datagram", None, False),
        ("idle", True, True),
        ("mllp", False, False),
    ],
)
def test_answers_stand_in_blocks_where_the_framing_has_them(
    framing: str, frame: bool | None, framed: bool
) -> None:
    answers = Hl7AckConfig(frame=frame).answers(framing)
    assert answers is not None
    assert answers.stored([hl7_message()], NOW).startswith(b"\x0b") is framed


def test_only_datagrams_are_answered_one_by_one() -> None:
    mllp, datagram = (Hl7AckConfig().answers(name) for name in ("mllp", "datagram"))
    assert mllp is not None
    assert datagram is not None
    assert not mllp.per_message
    assert datagram.per_message


def test_options_reach_the_answers() -> None:
    config = Hl7AckConfig(
        enhanced=Enhanced.ALWAYS,
        on_bad_header=OnBadHeader.ERROR,
        batch=BatchMode.WHOLE,
    )
    answers = config.answers("mllp")
    assert answers is not None
    batch = b"BHS|^~\\&|||||||||B1\r" + hl7_message(accept=b"NE", application=b"NE")
    said = answer_blocks(answers.stored([batch, b"garbage"], NOW))
    assert [msa(block)[1:3] for block in said] == [[b"AA", b"B1"], [b"AE", b""]]


def test_options_reach_the_receipts() -> None:
    config = Hl7AckConfig(match=Match.ORDER, accept_on=AcceptOn.APPLICATION)
    receipts = config.receipts("mllp")
    assert receipts is not None
    receipts.expect(hl7_message(b"1"))
    assert receipts.feed(b"MSH|\rMSA|CA|x\r") is None
    assert receipts.feed(b"MSH|\rMSA|AA|y\r") == Receipt(Verdict.ACCEPTED)


def test_connections_of_one_source_share_a_counter() -> None:
    config = Hl7AckConfig()
    drawn = []
    for _ in range(3):
        answers = config.answers("mllp")
        assert answers is not None
        said = answer_blocks(answers.stored([hl7_message(), hl7_message()], NOW))
        drawn += [block.split(b"|")[9] for block in said]
    assert len(set(drawn)) == 6


def test_equal_options_make_equal_configs() -> None:
    """A reload tells changed channels from unchanged ones by comparing them."""
    assert Hl7AckConfig() == Hl7AckConfig()
    assert Hl7AckConfig() != Hl7AckConfig(batch=BatchMode.WHOLE)
