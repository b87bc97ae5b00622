"""Each channel: its state, what it takes in the store, and its ledgers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from prometheus_client.core import Metric

from ..figures import ChannelFigures
from ..state import Word
from .families import OF_A_CHANNEL, OF_A_DESTINATION, age_seconds, family

__all__ = ["of_channels", "of_ledgers"]

#: Why the gateway itself drops messages. An operator who drops parked ones gives a
#: reason in words of his own, which may name a patient, and of which there is no end.
_REASONS = frozenset({"full", "damaged", "nobody connected"})
_BY_HAND = "by_hand"


def of_channels(channels: Iterable[ChannelFigures], at: float) -> Iterator[Metric]:
    """The state of each channel, and what it takes; `at` is wall time."""
    states = family(
        "iobuffer_channel_state",
        "1 for the state that the channel is in.",
        ("channel", "state"),
    )
    full = family(
        "iobuffer_channel_full",
        "1 while nothing more is taken, for want of room.",
        OF_A_CHANNEL,
    )
    figures = {
        name: family(f"iobuffer_channel_{name}", text, OF_A_CHANNEL)
        for name, text in (
            ("stored_bytes", "What the channel takes in the store."),
            ("stored_messages", "Messages in the store, delivered ones too."),
            ("max_bytes", "What it may take."),
            ("queue_messages", "Messages that its slowest destination waits for."),
            ("queue_bytes", "About what these take in the store."),
            ("queue_oldest_age_seconds", "Age of the oldest of them."),
            ("damaged_messages", "Messages in the store that cannot be read."),
        )
    }
    for channel in channels:
        for word in Word:
            states.add_metric(
                (channel.name, word.value), float(channel.state.word is word)
            )
        full.add_metric((channel.name,), float(bool(channel.full_reason)))
        values: dict[str, float] = {
            "max_bytes": channel.policy.max_bytes,
            "queue_messages": channel.queued_messages,
        }
        if channel.stored is not None:
            values |= {
                "stored_bytes": channel.stored.stored_bytes,
                "stored_messages": channel.stored.stored_messages,
                "queue_bytes": channel.queued_bytes,
                "queue_oldest_age_seconds": age_seconds(
                    channel.stored.oldest_queued_at, at
                ),
                "damaged_messages": channel.stored.damaged_messages,
            }
        for name, value in values.items():
            figures[name].add_metric((channel.name,), value)
    yield states
    yield full
    yield from figures.values()


def of_ledgers(channels: Iterable[ChannelFigures], at: float) -> Iterator[Metric]:
    """What each destination was to get, and what became of it; `at` is wall time."""
    received = family(
        "iobuffer_ledger_received_messages_total",
        "What a destination was to get; the store's, over restarts.",
        OF_A_DESTINATION,
    )
    delivered = family(
        "iobuffer_ledger_delivered_messages_total",
        "What it got, by how sure that is; the store's, over restarts.",
        (*OF_A_DESTINATION, "confidence"),
    )
    dropped = family(
        "iobuffer_ledger_dropped_messages_total",
        "What it will not get, by reason; the store's, over restarts.",
        (*OF_A_DESTINATION, "reason"),
    )
    parked = family(
        "iobuffer_ledger_parked_messages",
        "What was set aside for it.",
        OF_A_DESTINATION,
    )
    age = family(
        "iobuffer_destination_queue_oldest_age_seconds",
        "Age of the oldest message that waits for it.",
        OF_A_DESTINATION,
    )
    for channel in channels:
        for name, ledger in channel.ledgers.items():
            labels = (channel.name, name)
            received.add_metric(labels, ledger.received)
            for confidence, count in ledger.delivered.items():
                delivered.add_metric((*labels, confidence.name.lower()), count)
            for reason, count in _by_reason(ledger.dropped).items():
                dropped.add_metric((*labels, reason), count)
            parked.add_metric(labels, ledger.parked)
            age.add_metric(labels, age_seconds(ledger.oldest_queued_at, at))
    return iter((received, delivered, dropped, parked, age))


def _by_reason(dropped: Mapping[str, int]) -> Counter[str]:
    found: Counter[str] = Counter()
    for reason, count in dropped.items():
        found[reason if reason in _REASONS else _BY_HAND] += count
    return found
