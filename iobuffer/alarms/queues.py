"""Alarms of what waits in the store: its size, its age, and whether it moves."""

from __future__ import annotations

from collections import deque

from ..figures import ChannelFigures
from .verdict import (
    DAY_SECONDS,
    LEAVE,
    MOST_SAMPLES,
    OFF,
    Now,
    Verdict,
    has_grown,
    slide,
    spoken,
)

__all__ = ["Damaged", "Full", "Queue", "QueueAge", "Stalled"]

_GROWTH_WINDOW_SECONDS = 600.0
#: A full store takes a batch whenever a destination has made room for one.
_ROOM_SECONDS = 30.0


class Full:
    """Nothing more is taken: the disk is full, or the channel has used up its room."""

    def __init__(self) -> None:
        self._full_at: float | None = None

    def look(self, now: Now, channel: ChannelFigures, part: str) -> Verdict:
        if channel.full_reason:
            self._full_at = now.seconds
            return Verdict(
                True, f"nothing more is taken, for want of room: {channel.full_reason}"
            )
        if self._full_at is not None and now.seconds - self._full_at < _ROOM_SECONDS:
            return LEAVE
        return Verdict(False, "there is room again")


class Queue:
    """What is not delivered takes much of the room that the channel has."""

    def __init__(self) -> None:
        self._samples: deque[tuple[float, float]] = deque(maxlen=MOST_SAMPLES)

    def look(self, now: Now, channel: ChannelFigures, part: str) -> Verdict:
        policy, limit = channel.policy, channel.policy.alarm.queue_percent
        if not limit:
            return OFF
        if channel.stored is None:
            return LEAVE
        shares = {"max_bytes": channel.queued_bytes / max(1, policy.max_bytes)}
        if policy.max_messages:
            shares["max_messages"] = channel.queued_messages / policy.max_messages
        option = max(shares, key=lambda name: shares[name])
        share = shares[option]
        slide(self._samples, now.seconds, _GROWTH_WINDOW_SECONDS)
        self._samples.append((now.seconds, share))
        if share * 100 < max(limit - 10, limit / 2):
            return Verdict(False, f"{share:.0%} of {option} is taken")
        if share * 100 < limit:
            return LEAVE
        behind = [
            name
            for name, each in channel.destinations.items()
            if each.counters["queued"] == channel.queued_messages
        ]
        consequence = {
            "block": "the source is then paused or refused",
            "drop_oldest": "the oldest messages are then lost",
            "drop_newest": "new messages are then lost",
        }[policy.when_full]
        return Verdict(
            True,
            f"{share:.0%} of {option} is taken by {channel.queued_messages} messages "
            f"that are not delivered yet; {self._time_to_full(share)}, and "
            f"{consequence}. See to {', '.join(behind) or 'its destinations'}, or "
            f"raise {option}",
        )

    def _time_to_full(self, share: float) -> str:
        if share >= 1:
            return "it is full"
        (began_at, began_with), (ends_at, _) = self._samples[0], self._samples[-1]
        grown = share - began_with
        if ends_at <= began_at or grown <= 0:
            return "it is not growing now"
        per_second = grown / (ends_at - began_at)
        return f"it is full in about {spoken((1 - share) / per_second)} at this rate"


class QueueAge:
    """The oldest message that a destination waits for is old."""

    def look(self, now: Now, channel: ChannelFigures, part: str) -> Verdict:
        limit = channel.policy.alarm.queue_age
        if not limit:
            return OFF
        ledger = channel.ledgers.get(part)
        if ledger is None:
            return LEAVE
        if ledger.oldest_queued_at is None:
            return Verdict(False, "nothing waits")
        age_seconds = now.at - ledger.oldest_queued_at
        if age_seconds < limit / 2:
            return Verdict(False, f"the oldest waits for {spoken(age_seconds)}")
        if age_seconds < limit:
            return LEAVE
        return Verdict(
            True,
            f"{ledger.queued} messages wait, the oldest for {spoken(age_seconds)}. "
            f"The destination is {channel.parts[part].state}",
        )


class Stalled:
    """A destination that is connected and takes nothing."""

    def __init__(self) -> None:
        self._stalls_total = 0
        self._delivered_total = 0

    def look(self, now: Now, channel: ChannelFigures, part: str) -> Verdict:
        if not channel.policy.alarm.stalled:
            return OFF
        counters = channel.parts[part].counters
        stalls, delivered = counters["stalls_total"], counters["messages_out_total"]
        known, self._stalls_total = self._stalls_total, stalls
        if stalls > known:
            self._delivered_total = delivered
            return Verdict(
                True,
                f"connected, and takes none of {counters['queued']} messages that "
                "wait; the link is opened again. Look at the receiving system",
            )
        known, self._delivered_total = self._delivered_total, delivered
        if has_grown(delivered, known) or not counters["queued"]:
            return Verdict(False, "it takes messages again")
        return LEAVE


class Damaged:
    """Messages in the store that cannot be read."""

    def __init__(self) -> None:
        self._damaged_messages = 0
        self._found_at = 0.0

    def look(self, now: Now, channel: ChannelFigures, part: str) -> Verdict:
        if channel.stored is None:
            return LEAVE
        damaged = channel.stored.damaged_messages
        known, self._damaged_messages = self._damaged_messages, damaged
        if damaged > known:
            self._found_at = now.seconds
            return Verdict(
                True,
                f"{damaged} messages in the store are damaged and cannot be "
                "delivered; the log has their numbers. Look at the disk, and ask the "
                "senders for them; iobuffer store verify tells more",
            )
        if not damaged or now.seconds - self._found_at >= DAY_SECONDS:
            return Verdict(False, "no more damage was found for a day")
        return LEAVE
