"""Times as people write them: "02:41", "2026-11-22 02:41", "15m ago"."""

from __future__ import annotations

import re
import time
from datetime import datetime, timedelta
from typing import Any

import click

from ..converters import DURATION

__all__ = ["MOMENT", "moment_of"]

_CLOCK = re.compile(r"([0-9]{1,2}):([0-9]{2})(?::([0-9]{2}))?")
_EPOCH = re.compile(r"@([0-9]{1,12}(?:\.[0-9]{1,9})?)")
_EXPECTED = (
    "expected a time such as 02:41, '2026-11-22 02:41', '15m ago' or @1795315260"
)


def moment_of(text: str, now: float) -> float:
    """A time as epoch seconds.

    A time of the day alone is the last one that has passed: at 01:00 "23:30" is that of
    yesterday. Without an offset (Z, +01:00) it is the time of this machine's clock.

    Raises:
        ValueError: it is no time.
    """
    text = text.strip()
    if found := _EPOCH.fullmatch(text):
        return float(found[1])
    if text.endswith(" ago"):
        return now - float(DURATION.parse(text.removesuffix(" ago")))
    if found := _CLOCK.fullmatch(text):
        hour, minute, second = (int(part or 0) for part in found.groups())
        today = datetime.fromtimestamp(now)
        at = today.replace(hour=hour, minute=minute, second=second, microsecond=0)
        if at > today:
            at -= timedelta(days=1)
        return at.timestamp()
    return datetime.fromisoformat(text).timestamp()


class _Moment(click.ParamType):
    name = "time"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        if isinstance(value, float):
            return value
        try:
            return moment_of(value, time.time())
        except (ValueError, OverflowError):
            self.fail(f"{value!r}: {_EXPECTED}", param, ctx)


#: The type of `--since` and `--until`.
MOMENT = _Moment()
