"""How two marks may lie over one another."""

from __future__ import annotations

__all__ = ["beginning_at_end", "can_overlap"]


def beginning_at_end(data: bytes, mark: bytes) -> int:
    """How many bytes at the end of `data` may begin `mark`, short of all of it."""
    for size in range(min(len(mark) - 1, len(data)), 0, -1):
        if data.endswith(mark[:size]):
            return size
    return 0


def can_overlap(first: bytes, second: bytes) -> bool:
    """Whether `second` can begin inside `first`, at a place other than its start."""
    return second in first[1:] or beginning_at_end(first[1:], second) > 0
