"""`iobuffer stop`: close a channel."""

from __future__ import annotations

from ._acting import act

__all__ = ["command"]

command = act(
    "stop",
    """Close the connections of CHANNEL. Holds until it is started, or the gateway is.

    PART is `source` or a destination's name; left out, the whole channel is meant.

    Exit status: 0 done; 1 the gateway refused, and why; 69 none is running there; 78
    the configuration cannot be read.
    """,
)
