"""`iobuffer restart`: close a channel and open it again."""

from __future__ import annotations

from ._acting import act

__all__ = ["command"]

command = act(
    "restart",
    """Close CHANNEL and open it again.

    Connections begin anew; what is queued stays queued. PART is `source` or a
    destination's name; left out, the whole channel is meant.

    Exit status: 0 done; 1 the gateway refused, and why; 69 none is running there; 78
    the configuration cannot be read.
    """,
)
