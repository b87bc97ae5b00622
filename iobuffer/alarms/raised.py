"""Which alarms are on, each raised once and cleared once.

No clock and no Twisted: whoever watches the gateway brings figures every few seconds,
and gets what has changed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import attrs

from ..figures import ChannelFigures, GatewayFigures
from .links import (
    Certificate,
    KernelDrops,
    LinkDown,
    Silence,
    certificate_verdict,
    destination_naks,
    source_naks,
)
from .queues import Damaged, Full, Queue, QueueAge, Stalled
from .verdict import AlarmKind, Check, Now, Verdict

__all__ = ["Alarm", "Alarms", "Change"]

#: For the certificate of the page, which no channel's policy speaks of.
_PAGE_CERTIFICATE_SECONDS = 30 * 86400.0

#: Made anew for each channel and part.
_CHANNEL_CHECKS: Mapping[AlarmKind, Callable[[], Check]] = {
    AlarmKind.SILENCE: Silence,
    AlarmKind.FULL: Full,
    AlarmKind.QUEUE: Queue,
    AlarmKind.DAMAGED: Damaged,
}
_SOURCE_CHECKS: Mapping[AlarmKind, Callable[[], Check]] = {
    AlarmKind.LINK_DOWN: LinkDown,
    AlarmKind.NAKS: source_naks,
    AlarmKind.CERTIFICATE: Certificate,
    AlarmKind.KERNEL_DROPS: KernelDrops,
}
_DESTINATION_CHECKS: Mapping[AlarmKind, Callable[[], Check]] = {
    AlarmKind.LINK_DOWN: LinkDown,
    AlarmKind.STALLED: Stalled,
    AlarmKind.QUEUE_AGE: QueueAge,
    AlarmKind.NAKS: destination_naks,
    AlarmKind.CERTIFICATE: Certificate,
}

#: (kind, channel, part)
_Key = tuple[AlarmKind, str, str]


@attrs.frozen
class Alarm:
    """One thing that is wrong, and since when (epoch seconds). `channel` is "" for the
    gateway as a whole, `part` "" for a channel as a whole."""

    kind: AlarmKind
    channel: str
    part: str
    text: str
    raised_at: float
    step: int = 0

    @property
    def place(self) -> str:
        """channel/part, as in the log."""
        return "/".join(filter(None, (self.channel, self.part))) or "gateway"

    def as_json(self) -> dict[str, str | float]:
        """As the API and a webhook give it."""
        return {
            "alarm": self.kind.value,
            "channel": self.channel,
            "part": self.part,
            "text": self.text,
            "raised_at": self.raised_at,
        }


@attrs.frozen
class Change:
    """An alarm that was raised (or got worse), or cleared. `text` is what to tell."""

    alarm: Alarm
    is_raised: bool
    text: str
    at: float


class Alarms:
    """Holds what is raised; one for the gateway."""

    def __init__(self) -> None:
        self._checks: dict[_Key, Check] = {}
        self._raised: dict[_Key, Alarm] = {}

    @property
    def raised(self) -> tuple[Alarm, ...]:
        """What is on now, the oldest first."""
        return tuple(sorted(self._raised.values(), key=lambda alarm: alarm.raised_at))

    def look(self, figures: GatewayFigures, weekday: int, minute: int) -> list[Change]:
        """What has changed with these figures.

        `weekday` (Monday is 0) and `minute` (since midnight) are local time, for
        `silence.hours`.
        """
        now = Now(figures.at, figures.seconds, weekday, minute)
        changes: list[Change] = []
        checks: dict[_Key, Check] = {}
        looked: set[_Key] = set()
        for channel in figures.channels.values():
            for key, check in self._checks_of(channel):
                checks[key] = check
                looked.add(key)
                self._judge(key, check.look(now, channel, key[2]), now, changes)
        if figures.page_certificate_expires_at is not None:
            key = (AlarmKind.CERTIFICATE, "", "page")
            looked.add(key)
            verdict = certificate_verdict(
                now, figures.page_certificate_expires_at, _PAGE_CERTIFICATE_SECONDS
            )
            self._judge(key, verdict, now, changes)
        for key in [key for key in self._raised if key not in looked]:
            self._clear(key, "stopped, or not configured any more", now, changes)
        self._checks = checks
        return changes

    def _checks_of(self, channel: ChannelFigures) -> Iterator[tuple[_Key, Check]]:
        tables = [("", _CHANNEL_CHECKS)]
        if channel.source is not None:
            tables.append(("source", _SOURCE_CHECKS))
        tables += [(name, _DESTINATION_CHECKS) for name in channel.destinations]
        for part, table in tables:
            for kind, make in table.items():
                key = (kind, channel.name, part)
                yield key, self._checks.get(key) or make()

    def _judge(
        self, key: _Key, verdict: Verdict, now: Now, changes: list[Change]
    ) -> None:
        known = self._raised.get(key)
        if verdict.is_on:
            if known is None or verdict.step > known.step:
                since = now.at if known is None else known.raised_at
                alarm = Alarm(*key, verdict.text, since, verdict.step)
                changes.append(Change(alarm, True, verdict.text, now.at))
            else:
                alarm = attrs.evolve(known, text=verdict.text)
            self._raised[key] = alarm
        elif verdict.is_on is False and known is not None:
            self._clear(key, verdict.text, now, changes)

    def _clear(self, key: _Key, text: str, now: Now, changes: list[Change]) -> None:
        changes.append(Change(self._raised.pop(key), False, text, now.at))
