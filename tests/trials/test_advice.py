"""What is said of the bytes that came: found, how sure, and what to do."""

from __future__ import annotations

import pytest

from iobuffer.framing import FRAMINGS
from iobuffer.framing.side_by_side import Recording, best_of, cut, side_by_side
from iobuffer.trials.advice import Finding, finding

HL7 = b"MSH|^~\\&|A|B\rPID|1\r"


def found_in(
    *chunks: bytes, framing: str = "auto", serial: bool = False, taken: bool = True
) -> Finding:
    """The finding long after chunks that came a second apart."""
    recording = Recording()
    for second, chunk in enumerate(chunks):
        recording.add(float(second), "p", chunk)
    config = FRAMINGS[framing]()
    cuts = side_by_side(recording, FRAMINGS, config, 100.0, datagrams=False)
    return finding(
        cut(recording, config, 100.0, datagrams=False),
        best_of(cuts),
        b"".join(chunks)[:1024],
        taken=taken,
        serial=serial,
    )


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (b"\x0b" + HL7 + b"\x1c\r", "mllp"),
        (b"\x02abc\x03", "stx_etx"),
        (b"<13>Oct  1 10:00:00 h app: hi\n", "syslog"),
        (b"one\ntwo\n", "line"),
    ],
)
def test_what_auto_finds_and_fits_is_sure(data: bytes, name: str) -> None:
    found = found_in(data)

    assert (found.found, found.sure, found.suggested, found.advice) == (
        name,
        True,
        "",
        "",
    )


def test_before_anything_has_come_nothing_is_found() -> None:
    assert found_in() == Finding("", "", sure=False, suggested="", advice="")


def test_what_auto_does_not_know_is_suggested_by_name() -> None:
    found = found_in(b"3:abc,4:defg,")

    assert (found.sure, found.suggested) == (False, "netstring")
    assert found.advice == "this looks like Netstring: set framing = netstring"


def test_a_framing_that_was_chosen_and_fits_is_left_alone() -> None:
    found = found_in(b"one\r\ntwo\r\n", framing="delimiter")

    assert (found.found, found.sure, found.suggested) == ("delimiter", True, "")


def test_a_framing_that_does_not_fit_gives_way_to_one_that_does() -> None:
    found = found_in(b"one\ntwo\n", framing="mllp")

    assert (found.found, found.sure, found.suggested) == ("mllp", False, "line")


def test_silence_is_never_sure() -> None:
    found = found_in(b"4006381", b"4006382")

    assert (found.found, found.title, found.sure) == (
        "idle",
        "Silence between messages",
        False,
    )
    assert "told apart by silence" in found.advice


def test_hl7_without_mllp_is_told_of() -> None:
    found = found_in(HL7)

    assert "let the sender use MLLP" in found.advice
    assert (found.found, found.sure) == ("line", False)


def test_astm_records_as_lines_are_told_of() -> None:
    found = found_in(b"H|\\^&|||host\rP|1\rL|1\r")

    assert "goes from H to L" in found.advice
    assert not found.sure


def test_a_device_that_waits_for_an_answer_is_told_of() -> None:
    assert "begins with ENQ (05)" in found_in(b"\x05", b"\x05").advice


def test_a_wrong_baud_rate_is_guessed_on_a_serial_line_only() -> None:
    garbage = bytes(range(128, 250))

    assert "wrong baud rate" in found_in(garbage, serial=True).advice
    assert "wrong baud rate" not in found_in(garbage).advice


def test_a_message_that_has_not_ended_is_counted() -> None:
    found = found_in(b"\x02abc", framing="stx_etx")

    assert found.advice == "4 bytes have come, and no message has ended yet"
    assert not found.sure


def test_what_the_source_would_not_take_is_no_finding() -> None:
    found = found_in(b"GET / HTTP/1.1\r\n\r\n", taken=False)

    assert (found.found, found.sure) == ("", False)
    assert found.advice.startswith("none of it is taken")
