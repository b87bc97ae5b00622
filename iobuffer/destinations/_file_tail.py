"""What a crash or a power cut may leave at the end of a file, and how it is told.

Only framings whose end mark no message can hold let a cut message be told from a whole
one: line, delimiter, mllp, start_end, stx_etx without a trailer. With the others
(length_prefix, netstring, fixed, raw) a cut message stays where it is.
"""

from __future__ import annotations

import os

from ..errors import Unframeable
from ..framing.base import Encoder

__all__ = ["end_mark", "torn_bytes"]

_BLOCK_BYTES = 64 * 1024


def end_mark(encoder: Encoder) -> bytes:
    """The bytes that end every message and stand in none; empty if there are none."""
    try:
        one, other = encoder.encode([b"a"]), encoder.encode([b"b"])
    except Unframeable:
        # A framing for certain messages only, such as fixed.
        return b""
    shared = 0
    while shared < len(one) and one[-1 - shared] == other[-1 - shared]:
        shared += 1
    mark = one[len(one) - shared :]
    if not mark:
        return b""
    try:
        encoder.encode([b"a" + mark + b"b"])
    except Unframeable:
        return mark
    return b""


def torn_bytes(fd: int, size_bytes: int, mark: bytes) -> int | None:
    """How many bytes stand behind the last end mark; None if there is no mark at all.

    Reads backwards from the end, as far as the last mark and no further.
    """
    end = size_bytes
    overlap = b""
    while end > 0:
        start = max(end - _BLOCK_BYTES, 0)
        block = os.pread(fd, end - start, start) + overlap
        found = block.rfind(mark)
        if found >= 0:
            return size_bytes - (start + found + len(mark))
        # A mark may lie across the border between two blocks.
        overlap = block[: len(mark) - 1]
        end = start
    return None
