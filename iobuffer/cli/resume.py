"""`iobuffer resume`: go on after a pause."""

from __future__ import annotations

from ._acting import act

__all__ = ["command"]

command = act(
    "resume",
    """Go on after a pause or a refusal.

    CHANNEL was paused, or a destination of it has halted at a message that it refused.

    PART is `source` or a destination's name; left out, the whole channel is meant.

    Exit status: 0 done; 1 the gateway refused, and why; 69 none is running there; 78
    the configuration cannot be read.
    """,
)
