"""The hours in which a device is expected to send, as an option value.

`mon-fri 07:00-19:00, sat 08:00-12:00`: spans of local time, between commas. A span
whose end is not behind its beginning reaches into the next day.
"""

from __future__ import annotations

import re
from typing import Any

import attrs

from .converters import Converter

__all__ = ["HOURS", "Hours", "Span"]

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAY_MINUTES = 24 * 60
_WEEK_MINUTES = 7 * _DAY_MINUTES
#: More spans than this are a mistake, and would be looked at every few seconds.
_MOST_SPANS = 100

_SPAN = re.compile(
    r"(?:(?P<first>[a-z]{3})(?:\s*-\s*(?P<last>[a-z]{3}))?)?\s*"
    r"(?:(?P<begin>\d{1,2}:\d{2})\s*-\s*(?P<end>\d{1,2}:\d{2}))?"
)


@attrs.frozen
class Span:
    """From `begin` to `end`, minutes since midnight, on the days `first` to `last`
    (Monday is 0, both included; sat-mon goes round the week)."""

    first: int
    last: int
    begin: int
    end: int

    def __str__(self) -> str:
        days = _DAYS[self.first]
        if self.last != self.first:
            days += f"-{_DAYS[self.last]}"
        return f"{days} {_clock(self.begin)}-{_clock(self.end)}"

    def covers(self, weekday: int, minute: int) -> bool:
        """Whether that minute of that day is within it."""
        now = weekday * _DAY_MINUTES + minute
        length = self.end - self.begin
        if length <= 0:
            length += _DAY_MINUTES
        for ahead in range((self.last - self.first) % 7 + 1):
            begin = (self.first + ahead) % 7 * _DAY_MINUTES + self.begin
            if (now - begin) % _WEEK_MINUTES < length:
                return True
        return False


@attrs.frozen
class Hours:
    """Spans of the week; none at all means always."""

    spans: tuple[Span, ...] = ()

    def covers(self, weekday: int, minute: int) -> bool:
        """Whether that minute (since midnight, local) of that day (Monday is 0) is
        within one of them."""
        if not self.spans:
            return True
        return any(span.covers(weekday, minute) for span in self.spans)

    def __str__(self) -> str:
        return ", ".join(map(str, self.spans))


def _clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"


def _minute(text: str) -> int:
    hour, _, minute = text.partition(":")
    found = int(hour) * 60 + int(minute)
    if int(minute) > 59 or found > _DAY_MINUTES:
        raise ValueError(text)
    return found


def _span(text: str) -> Span:
    match = _SPAN.fullmatch(text.strip().lower())
    if match is None or not match[0]:
        raise ValueError(text)
    first = _DAYS.index(match["first"]) if match["first"] else 0
    last = _DAYS.index(match["last"]) if match["last"] else first
    if not match["first"]:
        last = 6
    begin = _minute(match["begin"]) if match["begin"] else 0
    end = _minute(match["end"]) if match["end"] else _DAY_MINUTES
    if begin == _DAY_MINUTES:
        raise ValueError(text)
    return Span(first, last, begin, end)


def _hours(value: Any) -> Hours:
    if isinstance(value, list):
        parts = value
    elif isinstance(value, str):
        parts = value.replace("\n", ",").split(",")
    else:
        raise ValueError(value)
    if len(parts) > _MOST_SPANS or not all(isinstance(part, str) for part in parts):
        raise ValueError(value)
    return Hours(tuple(_span(part) for part in parts if part.strip()))


#: Hours of the week; empty means always.
HOURS = Converter(
    "hours such as mon-fri 07:00-19:00, sat 08:00-12:00, or nothing for always",
    _hours,
    str,
)
