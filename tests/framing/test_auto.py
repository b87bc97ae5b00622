"""What `auto` finds out, and when it is final."""

from __future__ import annotations

import pytest

from iobuffer.framing.auto import AutoConfig

from .cuts import assert_adds_up


@pytest.mark.parametrize(
    ("stream", "name"),
    [
        (b"\x0b", "mllp"),
        (b"\r\n \0\x0b", "mllp"),
        (b"\x02", "stx_etx"),
        (b"\x05", "idle"),
        (b"<", "syslog"),
        (b"12 <", "syslog"),
        (b"12 ", "auto"),
        (b"\n 7", "auto"),
        (b"12 x", "line"),
        (b"0", "line"),
        (b"$GPGGA", "line"),
        (b"\xff", "line"),
    ],
)
def test_the_first_bytes_say_what_it_is(stream: bytes, name: str) -> None:
    framer = AutoConfig().framer()
    for byte in stream:
        framer.feed(b"%c" % byte)
    assert framer.name == name


def test_nothing_is_found_before_anything_has_come() -> None:
    framer = AutoConfig().framer()
    framer.feed(b"\r\n ")
    assert framer.name == "auto"
    assert framer.idle_seconds is None
    assert framer.idle() == []


@pytest.mark.parametrize("start", [b"1234", b"12.5 kg", b"<?xml?>"])
def test_what_never_ends_falls_back_to_silence_for_good(start: bytes) -> None:
    framer = AutoConfig(idle=0.3).framer()
    assert framer.feed(start) == []
    assert framer.idle_seconds == 0.3
    assert framer.idle() == [start]
    assert framer.name == "idle"
    assert framer.idle_seconds is None
    # Sticky: a line end that comes later belongs to the message.
    assert framer.feed(b"next\n") == []
    assert framer.idle() == [b"next\n"]
    assert_adds_up(framer, len(start) + 5)


def test_once_a_line_has_ended_silence_means_nothing() -> None:
    framer = AutoConfig().framer()
    assert framer.feed(b"one\ntw") == [b"one"]
    assert framer.idle_seconds is None
    assert framer.idle() == []
    assert framer.feed(b"o\n") == [b"two"]
    assert framer.name == "line"


def test_a_counted_message_does_not_fall_back() -> None:
    framer = AutoConfig().framer()
    framer.feed(b"8 <1>")
    assert framer.idle_seconds is None
    assert framer.idle() == []
    assert framer.feed(b"abcde") == [b"<1>abcde"]


def test_mllp_keeps_its_own_silence() -> None:
    framer = AutoConfig().framer()
    framer.feed(b"\x0bA\x1c")
    assert framer.idle_seconds == 0.1
    assert framer.idle() == [b"A"]
    assert framer.name == "mllp"


def test_astm_is_kept_as_it_comes_and_said_to_be_unsupported() -> None:
    framer = AutoConfig().framer()
    assert framer.feed(b"\x05") == []
    assert framer.error is not None
    assert framer.error.can_continue
    assert "ASTM" in framer.error.reason
    assert framer.idle() == [b"\x05"]
    framer.feed(b"\x021H|\r\x03E5\r\n")
    assert framer.idle() == [b"\x021H|\r\x03E5\r\n"]


def test_totals_go_on_when_the_framing_changes() -> None:
    framer = AutoConfig(max_message_bytes=4).framer()
    framer.feed(b"\r\nabcdefg\nxy")
    assert (framer.skipped_bytes, framer.oversize_total) == (2 + 7, 1)
    assert framer.idle() == [b"xy"]
    assert (framer.skipped_bytes, framer.oversize_total) == (2 + 7, 1)
    assert framer.error is not None
    assert_adds_up(framer, 12)


def test_a_first_line_may_be_given_up() -> None:
    framer = AutoConfig().framer()
    framer.feed(b"abc")
    assert framer.give_up_partial() == []
    assert framer.feed(b"d\nnext\n") == [b"next"]


def test_a_destination_writes_lines() -> None:
    assert AutoConfig().encoder().encode([b"a", b"b"]) == b"a\nb\n"
