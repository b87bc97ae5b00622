"""When a channel raises an alarm: `silence` and `alarm.*` of `[channel:NAME]`."""

from __future__ import annotations

import attrs

from ..hours import HOURS, Hours
from ..options import BOOL, DURATION, number, option

__all__ = ["AlarmConfig", "SilenceConfig"]


@attrs.frozen(kw_only=True)
class SilenceConfig:
    """How long a device may be silent before it is an alarm. `silence = 30m` is
    `silence.after = 30m`."""

    after: float = option(
        DURATION,
        default=0.0,
        example="30m",
        help="Raise an alarm when no message has come for this long; 0 never. Choose "
        "a few times the longest pause of an ordinary day.",
    )
    hours: Hours = option(
        HOURS,
        default=Hours(),
        example="mon-fri 07:00-19:00, sat 08:00-12:00",
        help="The hours, in the machine's local time, in which messages are expected; "
        "empty means always. Silence counts from the last message, or from the "
        "beginning of these hours. An alarm that was raised stays until a message "
        "comes.",
    )


@attrs.frozen(kw_only=True)
class AlarmConfig:
    """The other alarms of a channel, shown on the page, in the log and in the metrics,
    and sent where `[alarms]` says. Each is raised once and cleared once."""

    link_down: float = option(
        DURATION,
        default=300.0,
        help="Raise an alarm when the source or a destination cannot do its work for "
        "this long; 0 never.",
    )
    queue_percent: float = option(
        number(0, 100),
        default=80.0,
        help="Raise an alarm when what is not delivered yet takes this much of "
        "`max_bytes` or `max_messages`; cleared at ten percent less. 0 never.",
    )
    queue_age: float = option(
        DURATION,
        default=3600.0,
        help="Raise an alarm when the oldest message that waits for a destination is "
        "older than this; 0 never.",
    )
    stalled: bool = option(
        BOOL,
        default=True,
        help="Raise an alarm when a destination is connected and takes nothing "
        "(its `stall`).",
    )
    nak_percent: float = option(
        number(0, 100),
        default=10.0,
        help="Raise an alarm when this many of a hundred messages or more were "
        "answered with a no, within five minutes and for at least three messages: by "
        "us to the device, or by a destination to us. 0 never.",
    )
    kernel_drops: bool = option(
        BOOL,
        default=True,
        help="Raise an alarm when the kernel drops UDP datagrams for want of room.",
    )
    certificate: float = option(
        DURATION,
        default=30 * 86400.0,
        help="Raise an alarm when a certificate of ours ends within this time, and "
        "again 14, 7 and 1 days before it does; 0 never.",
    )
