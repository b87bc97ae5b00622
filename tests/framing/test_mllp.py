"""MLLP beyond the samples: silence, keepalives, what is given up."""

from __future__ import annotations

import pytest

from iobuffer.errors import Unframeable
from iobuffer.framing.mllp import MllpConfig, MllpFramer

VT_A_FS = b"\x0bA\x1c"


def test_silence_is_asked_for_only_after_fs_or_inside_a_block() -> None:
    framer = MllpConfig().framer()
    assert framer.idle_seconds is None
    framer.feed(b"\x0bA")
    assert framer.idle_seconds == 30
    framer.feed(b"\x1c")
    assert framer.idle_seconds == 0.1
    assert framer.feed(b"\r") == [b"A"]
    assert framer.idle_seconds is None


def test_silence_completes_a_block_whose_cr_never_comes() -> None:
    framer = MllpConfig().framer()
    assert framer.feed(VT_A_FS) == []
    assert framer.idle() == [b"A"]
    assert framer.idle_seconds is None
    assert framer.feed(b"\x0bB\x1c\r") == [b"B"]


def test_a_block_left_open_is_quarantined_and_the_connection_ends() -> None:
    framer = MllpConfig().framer()
    framer.feed(b"\x0bMSH|")
    assert framer.idle() == []
    assert framer.quarantined_total == 1
    assert framer.skipped_sample == b"\x0bMSH|"
    assert framer.error is not None
    assert not framer.error.can_continue
    assert framer.feed(b"\x0bA\x1c\r") == []


def test_a_block_may_stay_open_for_ever_if_that_is_asked_for() -> None:
    framer = MllpConfig(block_timeout=0).framer()
    framer.feed(b"\x0bMSH|")
    assert framer.idle_seconds is None


def test_an_empty_block_is_a_keepalive_and_no_message() -> None:
    framer = MllpConfig().framer()
    assert isinstance(framer, MllpFramer)
    assert framer.feed(b"\x0b\x1c\r\x0b\x1c\r") == []
    assert framer.keepalives_total == 2
    assert framer.skipped_bytes == 0


def test_a_block_cut_off_by_the_next_leaves_an_error_that_can_continue() -> None:
    framer = MllpConfig().framer()
    assert framer.feed(b"\x0bone\x0btwo\x1c\r") == [b"two"]
    assert framer.quarantined_total == 1
    assert framer.error is not None
    assert framer.error.can_continue


def test_a_complete_block_that_awaits_its_cr_is_not_given_up_but_given() -> None:
    framer = MllpConfig().framer()
    framer.feed(VT_A_FS)
    assert framer.give_up_partial() == [b"A"]


def test_a_block_that_is_given_up_is_skipped_to_its_end() -> None:
    framer = MllpConfig().framer()
    framer.feed(b"\x0babc")
    assert framer.give_up_partial() == []
    assert framer.partial_bytes == 0
    assert framer.feed(b"def\x1c\r\x0bB\x1c\r") == [b"B"]
    assert framer.oversize_total == 1


def test_junk_that_may_begin_a_header_is_no_message_to_give_up() -> None:
    framer = MllpConfig(missing_start="accept").framer()
    framer.feed(b"MS")
    assert framer.idle_seconds is None
    assert framer.give_up_partial() == []
    assert framer.feed(b"H|1\x1c\r") == [b"MSH|1"]


def test_blocks_are_written_one_after_the_other() -> None:
    assert MllpConfig().encoder().encode([b"A\r", b"B"]) == b"\x0bA\r\x1c\r\x0bB\x1c\r"


@pytest.mark.parametrize("message", [b"a\x0b", b"\x1ca"])
def test_a_message_with_vt_or_fs_is_refused(message: bytes) -> None:
    with pytest.raises(Unframeable) as caught:
        MllpConfig().encoder().encode([b"a", message, message])
    assert caught.value.index == 1
