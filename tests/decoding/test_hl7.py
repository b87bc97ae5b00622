"""HL7 v2 as it is shown."""

from __future__ import annotations

import pytest

from iobuffer.decoding import Decoded, decode
from iobuffer.decoding.hl7_words import FIELDS, TITLES, TYPES
from tests.decoding.samples import ORU
from tests.decoding.test_any_message import fields_of


def values(decoded: Decoded) -> dict[str, str]:
    return {each.name: each.value for each in fields_of(decoded)}


def titles(decoded: Decoded) -> dict[str, str]:
    return {each.name: each.title for each in fields_of(decoded)}


def test_segments_fields_and_components_have_their_names() -> None:
    found = decode(ORU)
    names = ["MSH", "PID", "OBR", "OBX", "NTE", "ZXX"]
    assert [each.name for each in found.segments] == names
    assert [ORU[each.at : each.at + 3].decode() for each in found.segments] == names
    assert found.summary == "ORU^R01 4711"
    assert found.note == ""
    assert values(found)["MSH-1"] == "|"
    assert values(found)["MSH-2"] == "^~\\&"
    assert values(found)["MSH-10"] == "4711"
    assert titles(found)["PID-3"] == "Patient identifier list"
    assert values(found)["PID-3[2].1"] == "999"
    assert titles(found)["PID-3[2].5"] == "Identifier type"
    assert values(found)["PID-5.1"] == "Doe"
    assert titles(found)["PID-5.1"] == "Family name"
    assert values(found)["PID-5.2.2"] == "von"
    assert found.segments[-1].title == "Site-defined segment"


def test_a_result_has_the_components_of_the_type_that_it_names() -> None:
    found = decode(ORU)
    assert values(found)["OBX-5.1"] == ">"
    assert titles(found)["OBX-5.2"] == "First number"


def test_escapes_are_undone_and_those_for_a_display_are_kept() -> None:
    assert values(decode(ORU))["NTE-3"] == "a&b A \n \\H\\loud\\N\\"


def test_a_value_with_parts_is_shown_as_it_came() -> None:
    found = values(decode(b"MSH|^~\\&\rOBX|1|CE|x^a\\S\\b^c"))
    assert found["OBX-3"] == "x^a\\S\\b^c"
    assert found["OBX-3.2"] == "a^b"


def test_the_separators_are_those_that_the_header_declares() -> None:
    found = values(decode(b"MSH~|^!#~LAB~~~~~~ADT|A01~2\nPID~1~~a#b|c^d\n"))
    assert found["MSH-3"] == "LAB"
    assert found["MSH-9.2"] == "A01"
    assert found["PID-3[1].1.2"] == "b"
    assert found["PID-3[2]"] == "d"


@pytest.mark.parametrize(
    ("charset", "encoded"),
    [
        (b"8859/1", "Müller".encode("latin-1")),
        (b"8859/2", "Wałęsa".encode("iso8859-2")),
        (b"WINDOWS-1252", "Zoë €".encode("cp1252")),
        (b"UNICODE UTF-8", "Müller".encode()),
        (b"", "Müller".encode("latin-1")),
        (b"8859/2", "Müller".encode("iso8859-2")),
    ],
)
def test_text_is_read_in_the_character_set_of_the_header(
    charset: bytes, encoded: bytes
) -> None:
    header = b"MSH|^~\\&" + b"|" * 16 + charset
    found = decode(header + b"\rPID|1||||" + encoded)
    assert values(found)["PID-5"] in ("Müller", "Wałęsa", "Zoë €")
    assert found.note == ""


@pytest.mark.parametrize("charset", [b"8859/12", b"EBCDIC", b"hex", b"unicode_escape"])
def test_a_character_set_that_is_not_known_is_said(charset: bytes) -> None:
    found = decode(b"MSH|^~\\&" + b"|" * 16 + charset + b"\rPID|1||||\\x41")
    assert "not known" in found.note
    assert values(found)["PID-5"] == "\\x41"


def test_a_line_that_is_no_segment_is_shown_as_it_is() -> None:
    found = decode(b"MSH|^~\\&|A\rOBX|1|FT|||first\nsecond line\r")
    assert found.segments[-1].title == "Not a segment"
    assert found.segments[-1].fields[0].value == "second line"
    assert found.note == "Some lines do not begin with a segment's name."


def test_a_batch_says_how_many_are_in_it() -> None:
    found = decode(
        b"BHS|^~\\&\rMSH|^~\\&|L||||||ADT^A01|2\rMSH|^~\\&|L||||||ADT^A01|3\r"
    )
    assert found.summary == "ADT^A01 2 and 1 more"


def test_the_tables_are_whole() -> None:
    wanted = "MSH PID PV1 ORC OBR OBX NTE EVN MSA ERR QRD QPD SPM SCH AL1 DG1 NK1 IN1"
    assert set(FIELDS) == set(wanted.split())
    assert set(FIELDS) <= set(TITLES)
    counts = {name: len(words) for name, words in FIELDS.items()}
    # HL7 2.5.1: what the standard counts.
    assert counts["MSH"] == 21
    assert counts["PID"] == 39
    assert counts["PV1"] == 52
    assert counts["OBR"] == 49
    assert counts["OBX"] == 25
    assert counts["ORC"] == 25
    assert counts["SPM"] == 29
    assert counts["IN1"] == 49
    assert counts["NK1"] == 39
    assert counts["DG1"] == 21
    assert counts["SCH"] == 27
    assert FIELDS["PID"][4].components[0] == "Family name"
    assert FIELDS["OBX"][13].title == "Date and time of the observation"
    assert all(word.title for words in FIELDS.values() for word in words)
    assert TYPES["CX"][4] == "Identifier type"
    assert TITLES["TQ1"] == "Timing and quantity"
