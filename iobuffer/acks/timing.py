"""When an acknowledgement is due: the two options that every kind of them has."""

from __future__ import annotations

import attrs

from ..options import DURATION, choice, option
from .base import When

__all__ = ["AckTiming"]


@attrs.frozen(kw_only=True)
class AckTiming:
    """`ack.when` and `ack.deadline`."""

    when: When = option(
        choice(*When),
        default=When.STORED,
        help="When the sender hears yes. `stored`: once the message is safe on disk, "
        "so a slow destination never holds up the sender. `delivered`: once every "
        "destination has it, so the sender learns of a refusal, but waits for the "
        "slowest.",
    )
    deadline: float = option(
        DURATION,
        default=10.0,
        help="With `when = delivered`: how long to wait for the destinations before "
        "the sender is told to send again (AE, NAK). Keep it below the sender's own "
        "time limit, commonly 10 to 30 s; a message that arrives after all is then a "
        "duplicate, never a loss.",
    )
