"""`iobuffer pause`: hold a channel, its connections stay."""

from __future__ import annotations

from ._acting import act

__all__ = ["command"]

command = act(
    "pause",
    """Hold CHANNEL: connections stay, nothing is taken or delivered.

    PART is `source` or a destination's name; left out, the whole channel is meant.

    Exit status: 0 done; 1 the gateway refused, and why; 69 none is running there; 78
    the configuration cannot be read.
    """,
)
