"""The C library's memory: what is free stays with the process."""

from __future__ import annotations

from .options import MIB

__all__ = ["keep_freed_memory"]

#: As large as what comes and goes: rows of 256 KiB, and a relay's parcels.
_LARGEST_BYTES = 4 * MIB


def keep_freed_memory() -> None:
    """Have glibc keep up to twice 4 MiB that is free, instead of giving it back.

    It gives back what is beyond twice the largest block that it has ever mapped and
    freed (mallopt(3), M_TRIM_THRESHOLD): where rows come and go that is all the time,
    and each new page costs as much as what is then written to it. Relaying a million
    messages of 200 bytes took 95,000 page faults, and takes 20,000 with this.
    Elsewhere than with glibc it changes nothing.
    """
    bytes(_LARGEST_BYTES)
