"""Alarms of what is connected: links, devices, refusals, datagrams, certificates."""

from __future__ import annotations

from collections import deque
from datetime import UTC, datetime

from ..figures import ChannelFigures
from ..state import Word
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

__all__ = [
    "Certificate",
    "KernelDrops",
    "LinkDown",
    "Silence",
    "certificate_verdict",
    "destination_naks",
    "source_naks",
]

#: A link that is up for less than this between two losses is still down.
_SETTLED_SECONDS = 30.0
_NAK_WINDOW_SECONDS = 300.0
_LEAST_NAKS = 3
_DROPS_OVER_SECONDS = 600.0


class LinkDown:
    """A source or destination that cannot do its work for longer than allowed."""

    def __init__(self) -> None:
        self._down_since: float | None = None
        self._up_since: float | None = None

    def look(self, now: Now, channel: ChannelFigures, part: str) -> Verdict:
        limit = channel.policy.alarm.link_down
        state = channel.parts[part].state
        if not limit or state.word in (Word.PAUSED, Word.STOPPED):
            self._down_since = self._up_since = None
            return OFF if not limit else Verdict(False, str(state))
        if state.word is Word.RUNNING:
            if self._up_since is None:
                self._up_since = now.seconds
            if now.seconds - self._up_since < _SETTLED_SECONDS and (
                self._down_since is not None
            ):
                return LEAVE
            self._down_since = None
            return Verdict(False, f"works again ({state})")
        self._up_since = None
        if self._down_since is None:
            self._down_since = now.seconds
        down_seconds = now.seconds - self._down_since
        if down_seconds < limit:
            return LEAVE
        reason = state.reason or state.word.value
        return Verdict(True, f"down for {spoken(down_seconds)}: {reason}")


class Silence:
    """A device from which nothing has come for too long, within its hours."""

    def __init__(self) -> None:
        self._messages_total = 0
        self._heard_at: float | None = None
        self._opened_at: float | None = None

    def look(self, now: Now, channel: ChannelFigures, part: str) -> Verdict:
        silence, source = channel.policy.silence, channel.source
        if not silence.after or source is None:
            self._heard_at = None
            return OFF if not silence.after else Verdict(False, "the source is stopped")
        if source.state.word in (Word.PAUSED, Word.STOPPED):
            self._heard_at = None
            return Verdict(False, f"the source is {source.state}")
        known, total = self._messages_total, source.counters["messages_in_total"]
        self._messages_total = total
        if self._heard_at is None:
            self._heard_at = now.seconds
        elif has_grown(total, known):
            self._heard_at = now.seconds
            return Verdict(False, "a message has come")
        if not silence.hours.covers(now.weekday, now.minute):
            self._opened_at = None
            return LEAVE
        if self._opened_at is None:
            self._opened_at = now.seconds
        silent_seconds = now.seconds - max(self._heard_at, self._opened_at)
        if silent_seconds < silence.after:
            return LEAVE
        return Verdict(
            True,
            f"no message for {spoken(now.seconds - self._heard_at)}, and more than "
            f"{spoken(silence.after)} is too long (silence). The source is "
            f"{source.state}: look at the device and its line",
        )


class Naks:
    """Many answers of no. `yes` and `no` are the names of the counters."""

    def __init__(self, yes: str, no: str, sentence: str) -> None:
        self._yes = yes
        self._no = no
        self._sentence = sentence
        self._samples: deque[tuple[float, tuple[int, int]]] = deque(
            [(0.0, (0, 0))], maxlen=MOST_SAMPLES
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
        slide(samples, now.seconds, _NAK_WINDOW_SECONDS)
        if not limit:
            return OFF
        before = samples[0][1]
        refused, all_of_them = no - before[1], yes + no - sum(before)
        share = 100 * refused / all_of_them if all_of_them else 0.0
        if refused >= _LEAST_NAKS and share >= limit:
            return Verdict(
                True, self._sentence.format(refused=refused, all_of_them=all_of_them)
            )
        if share < limit / 2:
            return Verdict(False, f"{refused} of the last {all_of_them} were refused")
        return LEAVE


def source_naks() -> Naks:
    """Our answers to a device."""
    return Naks(
        "acks_positive_total",
        "acks_negative_total",
        "{refused} of the last {all_of_them} answers to the device were a no: the log "
        "says what could not be stored, or what was wrong with the messages",
    )


def destination_naks() -> Naks:
    """A receiving system's answers to us."""
    return Naks(
        "messages_out_total",
        "refused_total",
        "{refused} refusals among the last {all_of_them} messages: look at what the "
        "receiving system says of them",
    )


class KernelDrops:
    """Datagrams that found the kernel's buffer full."""

    def __init__(self) -> None:
        self._drops_total = 0
        self._dropped_at = 0.0

    def look(self, now: Now, channel: ChannelFigures, part: str) -> Verdict:
        if not channel.policy.alarm.kernel_drops:
            return OFF
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
        return LEAVE


class Certificate:
    """A certificate that a part shows, and that ends soon."""

    def look(self, now: Now, channel: ChannelFigures, part: str) -> Verdict:
        expires_at = channel.parts[part].certificate_expires_at
        return certificate_verdict(now, expires_at, channel.policy.alarm.certificate)


def certificate_verdict(
    now: Now, expires_at: float | None, limit_seconds: float
) -> Verdict:
    """Of a certificate that ends at `expires_at`; a step at 14, 7 and 1 days."""
    if not limit_seconds:
        return OFF
    if expires_at is None:
        return Verdict(False, "there is none any more")
    left_seconds = expires_at - now.at
    if left_seconds > limit_seconds:
        return Verdict(False, f"it is good for {spoken(left_seconds)}")
    steps = [days * DAY_SECONDS for days in (14, 7, 1, 0)]
    step = 1 + sum(left_seconds <= each < limit_seconds for each in steps)
    on = datetime.fromtimestamp(expires_at, UTC).strftime("%Y-%m-%d %H:%M UTC")
    when = "has ended" if left_seconds <= 0 else f"ends in {spoken(left_seconds)}"
    return Verdict(
        True,
        f"the certificate {when} ({on}): put a new one and its key into their "
        "files, they are read without a restart",
        step,
    )
