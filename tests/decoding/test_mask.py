"""What is left of a message that is masked."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iobuffer.decoding import as_text, masked
from tests.decoding.samples import ASTM, FRAMED_ASTM, ORU, SAMPLES


def hidden(message: bytes) -> str:
    return masked(message, as_text(message))


def test_hl7_shows_its_segments_and_how_it_was_cut() -> None:
    assert hidden(ORU).split("\r")[:3] == [
        "MSH|^~\\&|xxx|xxxx|xxx|xxxx|99999999999999||xxx^x99^xxx_x99|9999|x|9.9",
        "PID|9||999^^^xxxx^xx~999^^^xxx^xx||xxx^xxxx&xxx||99999999|x",
        "OBR|9|||999-9^xxxxxxxxxx^xx",
    ]
    assert hidden(b"\x0bMSH|^~\\&\nPID|A\nBOB says\x1c\r") == (
        "\x0bMSH|^~\\&\nPID|x\nxxx xxxx\x1c\r"
    )


def test_astm_shows_its_records() -> None:
    assert hidden(ASTM).startswith("H|\\^&|||xxxxx^9|||||xxxx||x|9|99999999\rP|9||9999")
    assert hidden(FRAMED_ASTM).startswith("\x05\x021H|\\^&|||x\r\x03")


def test_names_at_the_beginning_of_other_text_are_masked() -> None:
    assert hidden(b"BOB|1970\nEVE|x") == "xxx|9999\nxxx|x"
    assert hidden("Größe: 12 €".encode()) == "xxxxx: 99 x"


@pytest.mark.parametrize(("kind", "message"), SAMPLES)
def test_no_word_of_a_message_is_left(kind: str, message: bytes) -> None:
    for word in re.findall(r"\w+", hidden(message)):
        # A byte order mark is an "x" before the first name.
        named = re.fullmatch(r"x?[A-Z][A-Z0-9]{2}|\d?[A-Z]", word)
        assert set(word) <= {"x", "9", "_"} or (named and kind in ("hl7", "astm"))


@given(st.binary(max_size=200).map(lambda rest: b"HELLO " + rest))
def test_of_what_is_no_protocol_nothing_is_left(message: bytes) -> None:
    assert {each for each in hidden(message) if each.isalnum()} <= {"x", "9"}
