"""`ack = auto` follows the framing."""

from __future__ import annotations

import pytest

from iobuffer.acks.auto import AutoAckConfig
from iobuffer.acks.hl7_answers import Hl7Answers
from iobuffer.acks.hl7_receipts import Hl7Receipts
from iobuffer.acks.snmp import SnmpAnswers


@pytest.mark.parametrize(
    ("framing", "answers", "receipts"),
    [
        ("mllp", Hl7Answers, Hl7Receipts),
        ("datagram", SnmpAnswers, type(None)),
        ("auto", type(None), type(None)),
        ("line", type(None), type(None)),
        ("syslog", type(None), type(None)),
        ("never heard of", type(None), type(None)),
    ],
)
def test_the_framing_decides(framing: str, answers: type, receipts: type) -> None:
    assert type(AutoAckConfig().answers(framing)) is answers
    assert type(AutoAckConfig().receipts(framing)) is receipts


def test_equal_options_make_equal_configs() -> None:
    assert AutoAckConfig() == AutoAckConfig()
