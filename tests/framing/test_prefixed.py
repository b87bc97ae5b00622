"""Binary lengths beyond the samples."""

from __future__ import annotations

import pytest

from iobuffer.errors import Unframeable
from iobuffer.framing.prefixed import LengthPrefixConfig


@pytest.mark.parametrize(
    ("config", "stream"),
    [
        (LengthPrefixConfig(width=1), b"\x02ab"),
        (LengthPrefixConfig(width=2), b"\x00\x02ab"),
        (LengthPrefixConfig(width=2, byte_order="little"), b"\x02\x00ab"),
        (LengthPrefixConfig(includes_prefix=True), b"\x00\x00\x00\x06ab"),
        (LengthPrefixConfig(width=8), b"\x00\x00\x00\x00\x00\x00\x00\x02ab"),
    ],
)
def test_a_length_is_written_as_configured(
    config: LengthPrefixConfig, stream: bytes
) -> None:
    assert config.encoder().encode([b"ab"]) == stream
    assert config.framer().feed(stream) == [b"ab"]


def test_a_message_longer_than_the_prefix_can_say_is_refused() -> None:
    encoder = LengthPrefixConfig(width=1, includes_prefix=True).encoder()
    encoder.encode([b"x" * 254])
    with pytest.raises(Unframeable, match="raise width") as caught:
        encoder.encode([b"x", b"x" * 255])
    assert caught.value.index == 1


def test_four_gigabytes_claimed_take_no_memory_and_are_skipped_as_they_come() -> None:
    framer = LengthPrefixConfig().framer()
    framer.feed(b"\xff\xff\xff\xff")
    for _ in range(100):
        framer.feed(b"x" * 65536)
        assert framer.partial_bytes == 0
    assert framer.oversize_total == 1
    assert framer.skipped_bytes == 4 + 100 * 65536


def test_a_message_that_is_given_up_is_skipped_to_its_end() -> None:
    framer = LengthPrefixConfig(width=1).framer()
    framer.feed(b"\x05ab")
    assert framer.give_up_partial() == []
    assert framer.partial_bytes == 0
    assert framer.feed(b"cde\x01x") == [b"x"]


def test_half_a_prefix_is_no_message_to_give_up() -> None:
    framer = LengthPrefixConfig(width=2).framer()
    framer.feed(b"\x00")
    assert framer.give_up_partial() == []
    assert framer.feed(b"\x01x") == [b"x"]


def test_empty_messages_that_are_left_out_are_counted() -> None:
    framer = LengthPrefixConfig(width=1).framer()
    framer.feed(b"\0")
    framer.feed(b"\0\0")
    assert framer.empty_total == 3
