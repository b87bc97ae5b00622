"""The options that every destination has, and when its delivery gives up."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum
from typing import Any

import attrs

from ..acks import ACKS
from ..framing import FRAMINGS
from ..options import DURATION, choice, integer, option, variant

__all__ = ["DeliveryConfig", "WhenRefused"]


class WhenRefused(Enum):
    """What follows when a message was refused `attempts` times with the link up."""

    #: Set it aside, listed and replayable, and go on with the next.
    PARK = "park"
    #: Deliver nothing more here until a person has looked.
    STOP = "stop"
    #: Go on trying this one for ever; nothing overtakes it.
    RETRY = "retry"


_REFUSED = choice("park", "stop", "retry")


@attrs.frozen(kw_only=True)
class DeliveryConfig:
    """Base of every destination's config class."""

    framing: Any = variant(
        FRAMINGS,
        default=None,
        help="How messages are put on the line. Left out: the framing of the source, "
        "or line where the source's is auto or datagram.",
    )
    ack: Any = variant(
        ACKS,
        default="auto",
        help="What the peer answers. With an answer a message counts as acknowledged, "
        "and one message is in flight at a time; without, as received once the peer's "
        "TCP has every byte.",
    )
    window: int = option(
        integer(0, 1_000_000),
        default=0,
        help="Messages in flight, that is sent and not yet confirmed: what may arrive "
        "twice after a lost connection. 0 stands for 1 where the peer answers, for "
        "65536 where it does not.",
    )
    refused: str | None = option(
        _REFUSED,
        default=None,
        example="park",
        help="What follows when the peer refused a message `attempts` times: park sets "
        "it aside and goes on, stop delivers nothing more until a person has looked, "
        "retry never gives up. Left out: stop where ack is hl7 or astm, else park.",
    )
    attempts: int = option(
        integer(1, 1000),
        default=3,
        help="How often a refused message is tried. A lost link does not count: that "
        "is retried for ever.",
    )
    stall: float = option(
        DURATION,
        default=60.0,
        help="With messages waiting, the link up and no progress for this long, the "
        "link is reopened, and that is logged and counted.",
    )
    retry_max: float = option(
        DURATION,
        default=60.0,
        help="Longest pause between attempts to connect, and between attempts at a "
        "refused message. Attempts begin at half a second and double, with jitter.",
    )

    def problems(self) -> Iterable[tuple[str, str]]:
        """What the loader cannot see in one option alone."""
        if self.stall < 1.0:
            yield "stall", "expected at least 1s; shorter than that every pause is one"
        if self.retry_max < 0.5:
            yield "retry_max", "expected at least 500ms, the first pause"
