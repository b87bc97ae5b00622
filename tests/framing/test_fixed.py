"""Fixed lengths beyond the samples."""

from __future__ import annotations

import pytest

from iobuffer.errors import Unframeable
from iobuffer.framing.fixed import FixedConfig


def test_silence_inside_a_message_begins_anew_if_that_is_asked_for() -> None:
    framer = FixedConfig(length=3, resync_after=0.5).framer()
    assert framer.feed(b"abcd") == [b"abc"]
    assert framer.idle_seconds == 0.5
    assert framer.idle() == []
    assert (framer.skipped_sample, framer.quarantined_total) == (b"d", 1)
    assert framer.idle_seconds is None
    assert framer.feed(b"xyz") == [b"xyz"]


def test_silence_changes_nothing_by_default() -> None:
    framer = FixedConfig(length=3).framer()
    framer.feed(b"a")
    assert framer.idle_seconds is None


def test_a_message_that_is_given_up_is_skipped_to_its_end() -> None:
    framer = FixedConfig(length=3).framer()
    framer.feed(b"a")
    assert framer.give_up_partial() == []
    assert framer.partial_bytes == 0
    assert framer.feed(b"bcxyz") == [b"xyz"]


@pytest.mark.parametrize("message", [b"ab", b"abcd"])
def test_a_message_of_another_length_is_refused(message: bytes) -> None:
    with pytest.raises(Unframeable) as caught:
        FixedConfig(length=3).encoder().encode([b"abc", message])
    assert caught.value.index == 1


def test_a_shorter_message_is_filled_up_if_that_is_asked_for() -> None:
    encoder = FixedConfig(length=3, pad=b" ").encoder()
    assert encoder.encode([b"a", b"abc"]) == b"a  abc"
    with pytest.raises(Unframeable):
        encoder.encode([b"abcd"])
