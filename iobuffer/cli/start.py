"""`iobuffer start`: open a channel again."""

from __future__ import annotations

from ._acting import act

__all__ = ["command"]

command = act(
    "start",
    """Start a channel that was stopped, or a part of it.

    PART is `source` or a destination's name; left out, the whole channel is meant.

    Exit status: 0 done; 1 the gateway refused, and why; 69 none is running there; 78
    the configuration cannot be read.
    """,
)
