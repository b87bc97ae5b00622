"""Feeding bytes in pieces, and what must not depend on the pieces."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

import attrs

from iobuffer.framing.base import Framer, FramingConfig

__all__ = ["Outcome", "assert_adds_up", "fed", "pieces_of", "whole"]

#: What a framer may hold of its own beside a message: a start, a length, a check.
MARKS_BYTES = 16


@attrs.frozen
class Outcome:
    """All that a framer may show of a stream once it has ended."""

    messages: list[bytes]
    skipped_bytes: int
    skipped_sample: bytes
    framed_bytes: int
    oversize_total: int
    quarantined_total: int
    bad_check_total: int
    empty_total: int
    stopped: bool
    name: str


def assert_adds_up(framer: Framer, received_bytes: int) -> None:
    """`bytes in = framed + skipped + partial`, and none of them below nothing."""
    parts = (framer.framed_bytes, framer.skipped_bytes, framer.partial_bytes)
    assert min(parts) >= 0, parts
    assert sum(parts) == received_bytes, parts
    assert len(framer.skipped_sample) == min(framer.skipped_bytes, 64)


def fed(config: FramingConfig, chunks: Iterable[bytes]) -> Outcome:
    """The outcome of these chunks and the end of the stream."""
    framer = config.framer()
    messages: list[bytes] = []
    received_bytes = 0
    for chunk in chunks:
        given = framer.feed(chunk)
        assert all(type(message) is bytes for message in given)
        messages += given
        received_bytes += len(chunk)
        assert_adds_up(framer, received_bytes)
        assert framer.partial_bytes <= config.max_message_bytes + MARKS_BYTES
    messages += framer.finish()
    assert framer.partial_bytes == 0
    assert_adds_up(framer, received_bytes)
    assert sum(map(len, messages)) <= framer.framed_bytes
    return Outcome(
        messages,
        framer.skipped_bytes,
        framer.skipped_sample,
        framer.framed_bytes,
        framer.oversize_total,
        framer.quarantined_total,
        framer.bad_check_total,
        framer.empty_total,
        framer.error is not None and not framer.error.can_continue,
        framer.name,
    )


def whole(config: FramingConfig, stream: bytes) -> Outcome:
    return fed(config, [stream])


def pieces_of(stream: bytes, cuts: Iterable[int]) -> list[bytes]:
    """The stream cut at these positions; empty pieces too."""
    places = [0, *sorted(cut % (len(stream) + 1) for cut in cuts), len(stream)]
    return [stream[a:b] for a, b in pairwise(places)]
