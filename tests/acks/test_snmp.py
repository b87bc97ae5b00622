"""Responses to SNMP Informs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iobuffer.acks.snmp import SnmpAckConfig, SnmpAnswers, inform_response

from .hl7_samples import NOW

# Captured from net-snmp 5.9.3.
INFORM = bytes.fromhex(
    "304602010104067075626c6963a63902043cb420c9020100020100302b300e06082b0601020101030"
    "0430230393019060a2b060106030101040100060b2b06010401bf0802030001"
)
TRAP_V1 = bytes.fromhex(
    "303c02010004067075626c6963a42f06092b06010401bf08020340047f0000010201060201114302"
    "303930123010060b2b06010401bf080203020102012a"
)
TRAP_V2 = bytes.fromhex(
    "306002010104067075626c6963a7530204552bb72b0201000201003045300e06082b060102010103"
    "00430230393019060a2b060106030101040100060b2b06010401bf08020300013018060b2b060104"
    "01bf08020302010409646f6f72206f70656e"
)


def ber(tag: int, contents: bytes, form: int = 0) -> bytes:
    """An element with its length in the short form, or in `form` bytes."""
    if form:
        length = bytes([0x80 | form]) + len(contents).to_bytes(form, "big")
    else:
        length = bytes([len(contents)])
    return bytes([tag]) + length + contents


def inform(
    form: int = 0, version: int = 1, status: bytes = b"\0", tag: int = 0xA6
) -> bytes:
    pdu = (
        ber(0x02, b"\x3c\xb4\xa6\xc9", form)
        + ber(0x02, status, form)
        + ber(0x02, b"\x07", form)
        + ber(0x30, b"", form)
    )
    community = ber(0x04, b"public\xa6", form)
    head = ber(0x02, bytes([version]), form) + community
    return ber(0x30, head + ber(tag, pdu, form), form)


def test_the_captured_inform_is_answered_with_its_tag_changed_only() -> None:
    at = INFORM.index(b"\xa6")
    assert inform_response(INFORM) == INFORM[:at] + b"\xa2" + INFORM[at + 1 :]


@pytest.mark.parametrize("form", [0, 1, 2, 3, 4])
@pytest.mark.parametrize("version", [0, 1])
def test_all_forms_of_a_length_are_read(form: int, version: int) -> None:
    response = inform_response(inform(form, version, status=b"\x05"))
    expected = inform(form, version, status=b"\0", tag=0xA2)
    # error-index goes to 0 too.
    at = expected.rindex(b"\x07")
    assert response == expected[:at] + b"\0" + expected[at + 1 :]


@pytest.mark.parametrize(
    "datagram",
    [
        TRAP_V1,
        TRAP_V2,
        b"",
        b"0",
        b"<13>syslog \xa6",
        inform(version=3),
        inform(tag=0xA7),
        inform(tag=0xA2),
        inform(form=5),
        INFORM + b"\0",
        INFORM[:1] + b"\x80" + INFORM[2:],
        bytes.fromhex("3081a2020103") + b"\xa6" * 159,
    ],
)
def test_nothing_else_is_answered(datagram: bytes) -> None:
    assert inform_response(datagram) is None


def test_a_cut_inform_is_not_answered() -> None:
    for at in range(len(INFORM)):
        assert inform_response(INFORM[:at]) is None


def test_each_datagram_has_its_own_answer() -> None:
    answering = SnmpAnswers()
    datagrams = [TRAP_V2, INFORM, b"<13>hello"]
    assert answering.per_message
    assert answering.split(datagrams) is datagrams
    assert answering.answer_each(datagrams, NOW) == [
        None,
        inform_response(INFORM),
        None,
    ]
    for say in (answering.stored, answering.failed, answering.rejected):
        assert say(datagrams, NOW) == b""


@given(
    st.one_of(
        st.binary(max_size=80).map(lambda rest: b"\x30" + rest + b"\xa6"),
        st.tuples(st.integers(0, len(INFORM) - 1), st.integers(0, 255)).map(
            lambda change: (
                INFORM[: change[0]] + bytes([change[1]]) + INFORM[change[0] + 1 :]
            )
        ),
    )
)
def test_damaged_informs_never_raise_and_are_changed_in_three_places_only(
    datagram: bytes,
) -> None:
    response = inform_response(datagram)
    if response is not None:
        assert len(response) == len(datagram)
        changed = [
            (old, new)
            for old, new in zip(datagram, response, strict=True)
            if old != new
        ]
        assert changed[0] == (0xA6, 0xA2)
        assert all(new == 0 for _, new in changed[1:])


def test_the_config_answers_datagrams_only() -> None:
    assert isinstance(SnmpAckConfig().answers("datagram"), SnmpAnswers)
    assert SnmpAckConfig().answers("line") is None
    assert SnmpAckConfig().receipts("datagram") is None
