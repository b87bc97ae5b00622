"""Netstrings beyond the samples."""

from __future__ import annotations

import pytest

from iobuffer.framing.netstring import NetstringConfig


def test_any_bytes_are_carried() -> None:
    assert NetstringConfig().encoder().encode([b"3:a,", b""]) == b"4:3:a,,0:,"


@pytest.mark.parametrize("stream", [b"x", b":", b"-1:", b" 1:a,", b"1a", b"00:,"])
def test_what_is_no_netstring_ends_the_connection(stream: bytes) -> None:
    framer = NetstringConfig().framer()
    assert framer.feed(b"1:a," + stream) == [b"a"]
    assert framer.error is not None
    assert not framer.error.can_continue
    assert framer.skipped_bytes == len(stream)


def test_a_message_is_not_believed_before_its_comma() -> None:
    framer = NetstringConfig().framer()
    assert framer.feed(b"2:ab") == []
    assert framer.feed(b";") == []
    assert framer.skipped_bytes == 5
