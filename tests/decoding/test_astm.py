"""ASTM E1394 as it is shown."""

from __future__ import annotations

from iobuffer.decoding import decode
from tests.decoding.samples import ASTM, FRAMED_ASTM
from tests.decoding.test_any_message import fields_of


def test_records_and_fields_have_their_names() -> None:
    found = decode(ASTM)
    assert [each.name for each in found.segments] == ["H", "P", "O", "R", "C", "L"]
    assert found.summary == "cobas^1: 1 patient, 1 order, 1 result"
    values = {each.name: each.value for each in fields_of(found)}
    titles = {each.name: each.title for each in fields_of(found)}
    assert values["H-2"] == "\\^&"
    assert titles["O-3"] == "Specimen ID"
    assert values["P-4"] == "4711"
    assert values["R-3.4"] == "GLU"
    assert values["R-4"] == "5.4"
    assert titles["R-5"] == "Units"
    assert values["R-5"] == "mmol/l^x"
    assert values["L-3"] == "N"


def test_frames_are_taken_off() -> None:
    found = decode(FRAMED_ASTM)
    assert [each.name for each in found.segments] == ["H", "P", "L"]
    for each in found.segments:
        assert FRAMED_ASTM[each.at : each.at + 1].decode() == each.name
    assert {each.name: each.value for each in fields_of(found)}["P-3"] == "2"
    assert found.note == ""


def test_the_delimiters_are_those_that_the_header_declares() -> None:
    found = decode(b"H@!?*@@@x\rR@1@a?b!c?d\r")
    values = {each.name: each.value for each in fields_of(found)}
    assert values["R-3[2].2"] == "d"


def test_what_is_no_record_is_shown_as_it_is() -> None:
    found = decode(b"H|\\^&\rhello\rL|1\r")
    assert found.segments[1].fields[0].value == "hello"
    assert found.note == "Some lines do not begin with a record's letter."
