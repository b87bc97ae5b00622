"""What each kind of alarm looks at, and what it says.

A check belongs to one channel, or to one of its parts, and is asked every few seconds.
It answers with a verdict: raise, clear, or leave it as it is (what lies between the two
is the hysteresis). Counters only grow while a part lives; one that has become less
belongs to a part that was started anew.
"""

from __future__ import annotations

import enum
from collections import deque
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Protocol

import attrs

from .figures import ChannelFigures
from .state import Word

__all__ = [
    "CHANNEL_CHECKS",
    "DESTINATION_CHECKS",
    "SOURCE_CHECKS",
    "AlarmKind",
    "Check",
    "Now",
    "Verdict",
    "certificate_verdict",
    "spoken",
]

#: A link that is up for less than this between two losses is still down.
_SETTLED_SECONDS = 30.0
_NAK_WINDOW_SECONDS = 300.0
_LEAST_NAKS = 3
_GROWTH_WINDOW_SECONDS = 600.0
#: Samples in a window; one more lets the oldest go.
_MOST_SAMPLES = 240
_DROPS_OVER_SECONDS = 600.0
_DAMAGE_OVER_SECONDS = 86400.0
_DAY_SECONDS = 86400.0


class AlarmKind(enum.Enum):
    """What is wrong; the value is its name in metrics, API and messages."""

    LINK_DOWN = "link_down"
    SILENCE = "silence"
    QUEUE = "queue"
    QUEUE_AGE = "queue_age"
    STALLED = "stalled"
    NAKS = "naks"
    CERTIFICATE = "certificate"
    DAMAGED = "damaged"
    KERNEL_DROPS = "kernel_drops"


@attrs.frozen
class Now:
    """The moment of a look: wall time, the monotonic clock, and what the clock on the
    wall shows (Monday is 0, minutes since midnight)."""

    at: float
    seconds: float
    weekday: int
    minute: int


@attrs.frozen
class Verdict:
    """`is_on` is True to raise, False to clear, None to leave it as it is. `step`
    grows when it gets worse: it is then raised once more. `text` is a sentence with
    the remedy, or why it is over."""

    is_on: bool | None
    text: str = ""
    step: int = 0


_LEAVE = Verdict(None)
_OFF = Verdict(False, "switched off")


class Check(Protocol):
    """See the module's docstring."""

    def look(self, now: Now, channel: ChannelFigures, part: str) -> Verdict:
        """How it is; `part` is "" for a check of the channel."""


class _LinkDown:
    def __init__(self) -> None:
        self._down_since: float | None = None
        self._up_since: float | None = None

    def look(self, now: Now, channel: ChannelFigures, part: str) -> Verdict:
        limit = channel.policy.alarm.link_down
        state = channel.parts[part].state
        if not limit or state.word in (Word.PAUSED, Word.STOPPED):
            self._down_since = self._up_since = None
            return _OFF if not limit else Verdict(False, str(state))
        if state.word is Word.RUNNING:
            if self._up_since is None:
                self._up_since = now.seconds
            if now.seconds - self._up_since < _SETTLED_SECONDS and (
                self._down_since is not None
            ):
                return _LEAVE
            self._down_since = None
            return Verdict(False, f"works again ({state})")
        self._up_since = None
        if self._down_since is None:
            self._down_since = now.seconds
        down_seconds = now.seconds - self._down_since
        if down_seconds < limit:
            return _LEAVE
        reason = state.reason or state.word.value
        return Verdict(True, f"down for {spoken(down_seconds)}: {reason}")


class _Silence:
    def __init__(self) -> None:
        self._messages_total = 0
        self._heard_at: float | None = None
        self._opened_at: float | None = None

    def look(self, now: Now, channel: ChannelFigures, part: str) -> Verdict:
        silence, source = channel.policy.silence, channel.source
        if not silence.after or source is None:
            self._heard_at = None
            return (
                _OFF if not silence.after else Verdict(False, "the source is stopped")
            )
        if source.state.word in (Word.PAUSED, Word.STOPPED):
            self._heard_at = None
            return Verdict(False, f"the source is {source.state}")
        total = source.counters["messages_in_total"]
        if self._heard_at is None or total != self._messages_total:
            is_first = self._heard_at is None
            self._messages_total, self._heard_at = total, now.seconds
            if not is_first:
                return Verdict(False, "a message has come")
        if not silence.hours.covers(now.weekday, now.minute):
            self._opened_at = None
            return _LEAVE
        if self._opened_at is None:
            self._opened_at = now.seconds
        silent_seconds = now.seconds - max(self._heard_at, self._opened_at)
        if silent_seconds < silence.after:
            return _LEAVE
        return Verdict(
            True,
            f"no message for {spoken(now.seconds - self._heard_at)}, and more than "
            f"{spoken(silence.after)} is too long (silence). The source is "
            f"{source.state}: look at the device and its line",
        )


class _Queue:
    def __init__(self) -> None:
        self._samples: deque[tuple[float, float]] = deque(maxlen=_MOST_SAMPLES)

    def look(self, now: Now, channel: ChannelFigures, part: str) -> Verdict:
        policy, limit = channel.policy, channel.policy.alarm.queue_percent
        if not limit:
            return _OFF
        if channel.stored is None:
            return _LEAVE
        shares = {"max_bytes": channel.queued_bytes / max(1, policy.max_bytes)}
        if policy.max_messages:
            shares["max_messages"] = channel.queued_messages / policy.max_messages
        option = max(shares, key=lambda name: shares[name])
        share = shares[option]
        _slide(self._samples, now.seconds, _GROWTH_WINDOW_SECONDS)
        self._samples.append((now.seconds, share))
        if share * 100 < max(limit - 10, limit / 2):
            return Verdict(False, f"{share:.0%} of {option} is taken")
        if share * 100 < limit:
            return _LEAVE
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


class _QueueAge:
    def look(self, now: Now, channel: ChannelFigures, part: str) -> Verdict:
        limit = channel.policy.alarm.queue_age
        if not limit:
            return _OFF
        ledger = channel.ledgers.get(part)
        if ledger is None:
            return _LEAVE
        if ledger.oldest_queued_at is None:
            return Verdict(False, "nothing waits")
        age_seconds = now.at - ledger.oldest_queued_at
        if age_seconds < limit / 2:
            return Verdict(False, f"the oldest waits for {spoken(age_seconds)}")
        if age_seconds < limit:
            return _LEAVE
        return Verdict(
            True,
            f"{ledger.queued} messages wait, the oldest for {spoken(age_seconds)}. "
            f"The destination is {channel.parts[part].state}",
        )


class _Stalled:
    def __init__(self) -> None:
        self._stalls_total = 0
        self._delivered_total = 0

    def look(self, now: Now, channel: ChannelFigures, part: str) -> Verdict:
        if not channel.policy.alarm.stalled:
            return _OFF
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
        if delivered != self._delivered_total or not counters["queued"]:
            return Verdict(False, "it takes messages again")
        return _LEAVE


class _Naks:
    """`yes` and `no` are the names of the counters."""

    def __init__(self, yes: str, no: str, sentence: str) -> None:
        self._yes = yes
        self._no = no
        self._sentence = sentence
        self._samples: deque[tuple[float, tuple[int, int]]] = deque(
            [(0.0, (0, 0))], maxlen=_MOST_SAMPLES
        )

    def look(self, now: Now, channel: ChannelFigures, part: str) -> Verdict:
        limit = channel.policy.alarm.nak_percent
        counters = channel.parts[part].counters
        yes, no = counters[self._yes], counters[self._no]
        samples = self._samples
        if samples[-1][1][0] > yes or samples[-1][1][1] > no:
            samples.clear()
            samples.append((now.seconds, (0, 0)))
        samples.append((now.seconds, (yes, no)))
        _slide(samples, now.seconds, _NAK_WINDOW_SECONDS)
        if not limit:
            return _OFF
        before = samples[0][1]
        refused, all_of_them = no - before[1], yes + no - sum(before)
        share = 100 * refused / all_of_them if all_of_them else 0.0
        if refused >= _LEAST_NAKS and share >= limit:
            return Verdict(
                True, self._sentence.format(refused=refused, all_of_them=all_of_them)
            )
        if share < limit / 2:
            return Verdict(False, f"{refused} of the last {all_of_them} were refused")
        return _LEAVE


class _Certificate:
    def look(self, now: Now, channel: ChannelFigures, part: str) -> Verdict:
        expires_at = channel.parts[part].certificate_expires_at
        return certificate_verdict(now, expires_at, channel.policy.alarm.certificate)


class _Damaged:
    def __init__(self) -> None:
        self._damaged_messages = 0
        self._found_at = 0.0

    def look(self, now: Now, channel: ChannelFigures, part: str) -> Verdict:
        if channel.stored is None:
            return _LEAVE
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
        if not damaged or now.seconds - self._found_at >= _DAMAGE_OVER_SECONDS:
            return Verdict(False, "no more damage was found for a day")
        return _LEAVE


class _KernelDrops:
    def __init__(self) -> None:
        self._drops_total = 0
        self._dropped_at = 0.0
        self._since_raised = 0

    def look(self, now: Now, channel: ChannelFigures, part: str) -> Verdict:
        if not channel.policy.alarm.kernel_drops:
            return _OFF
        counters = channel.parts[part].counters
        drops = counters["kernel_drops_total"]
        known, self._drops_total = self._drops_total, drops
        if drops > known:
            self._dropped_at = now.seconds
            return Verdict(
                True,
                f"the kernel has dropped {drops} datagrams since the start: its "
                f"buffer of {counters['receive_buffer_bytes']} bytes was full. Raise "
                "net.core.rmem_max and receive_buffer (docs/operations.rst, UDP)",
            )
        if now.seconds - self._dropped_at >= _DROPS_OVER_SECONDS or not drops:
            return Verdict(False, f"none for {spoken(_DROPS_OVER_SECONDS)}")
        return _LEAVE


def certificate_verdict(
    now: Now, expires_at: float | None, limit_seconds: float
) -> Verdict:
    """Of a certificate that ends at `expires_at`; a step at 14, 7 and 1 days."""
    if not limit_seconds:
        return _OFF
    if expires_at is None:
        return Verdict(False, "there is none any more")
    left_seconds = expires_at - now.at
    if left_seconds > limit_seconds:
        return Verdict(False, f"it is good for {spoken(left_seconds)}")
    steps = [days * _DAY_SECONDS for days in (14, 7, 1, 0)]
    step = 1 + sum(left_seconds <= each < limit_seconds for each in steps)
    on = datetime.fromtimestamp(expires_at, UTC).strftime("%Y-%m-%d %H:%M UTC")
    when = "has ended" if left_seconds <= 0 else f"ends in {spoken(left_seconds)}"
    return Verdict(
        True,
        f"the certificate {when} ({on}): put a new one and its key into their "
        "files, they are read without a restart",
        step,
    )


def spoken(seconds: float) -> str:
    """A duration as people say it: 40 s, 5 min, 3 h, 12 days."""
    if seconds < 120:
        return f"{max(0.0, seconds):.0f} s"
    if seconds < 7200:
        return f"{seconds / 60:.0f} min"
    if seconds < 2 * _DAY_SECONDS:
        return f"{seconds / 3600:.0f} h"
    return f"{seconds / _DAY_SECONDS:.0f} days"


def _slide(
    samples: deque[tuple[float, float]] | deque[tuple[float, tuple[int, int]]],
    seconds: float,
    window_seconds: float,
) -> None:
    """Let go what is older than the window, but for the newest of it."""
    while len(samples) > 1 and samples[1][0] <= seconds - window_seconds:
        samples.popleft()


def _source_naks() -> _Naks:
    return _Naks(
        "acks_positive_total",
        "acks_negative_total",
        "{refused} of the last {all_of_them} answers to the device were a no: the log "
        "says what could not be stored, or what was wrong with the messages",
    )


def _destination_naks() -> _Naks:
    return _Naks(
        "messages_out_total",
        "refused_total",
        "{refused} refusals among the last {all_of_them} messages: look at what the "
        "receiving system says of them",
    )


#: Made anew for each channel and part.
CHANNEL_CHECKS: Mapping[AlarmKind, Callable[[], Check]] = {
    AlarmKind.SILENCE: _Silence,
    AlarmKind.QUEUE: _Queue,
    AlarmKind.DAMAGED: _Damaged,
}
SOURCE_CHECKS: Mapping[AlarmKind, Callable[[], Check]] = {
    AlarmKind.LINK_DOWN: _LinkDown,
    AlarmKind.NAKS: _source_naks,
    AlarmKind.CERTIFICATE: _Certificate,
    AlarmKind.KERNEL_DROPS: _KernelDrops,
}
DESTINATION_CHECKS: Mapping[AlarmKind, Callable[[], Check]] = {
    AlarmKind.LINK_DOWN: _LinkDown,
    AlarmKind.STALLED: _Stalled,
    AlarmKind.QUEUE_AGE: _QueueAge,
    AlarmKind.NAKS: _destination_naks,
    AlarmKind.CERTIFICATE: _Certificate,
}
