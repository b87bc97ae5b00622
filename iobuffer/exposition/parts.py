"""Each source and each destination: whether it works, and its counters."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from prometheus_client.core import Metric

from ..figures import ChannelFigures
from ..state import Word
from .families import OF_A_CHANNEL, OF_A_DESTINATION, families, family

__all__ = ["of_destinations", "of_sources"]

#: Counter of SourceCounters -> (what follows iobuffer_source_, help).
_SOURCE = {
    "bytes_in_total": ("bytes_total", "Bytes read."),
    "framed_bytes_total": ("framed_bytes_total", "Bytes that became messages."),
    "skipped_bytes_total": ("skipped_bytes_total", "Bytes that no framing could use."),
    "partial_bytes": ("partial_bytes", "Held of messages that have not ended yet."),
    "messages_in_total": ("messages_total", "Messages received."),
    "batches_in_total": ("batches_total", "Batches received."),
    "oversize_total": ("oversize_messages_total", "Messages that were too long."),
    "empty_total": ("empty_messages_total", "Messages without a byte, left out."),
    "quarantined_total": ("unended_messages_total", "Messages that did not end."),
    "bad_check_total": ("bad_check_messages_total", "Messages whose check was wrong."),
    "refused_messages_total": (
        "refused_messages_total",
        "Messages that the store would not take, and the sender was told so.",
    ),
    "connections": ("connections", "Connections now."),
    "connections_total": ("connections_total", "Connections that were made."),
    "connections_refused_total": ("connections_refused_total", "Not let in."),
    "handshake_failures_total": ("handshake_failures_total", "TLS that failed."),
    "pauses_total": ("pauses_total", "Times that reading was paused."),
    "reopens_total": ("reopens_total", "Times that the line was opened again."),
    "kernel_drops_total": (
        "kernel_drops_total",
        "UDP datagrams that the kernel dropped because its buffer was full.",
    ),
    "receive_buffer_bytes": (
        "receive_buffer_bytes",
        "UDP receive buffer, as the kernel reports it.",
    ),
    "last_message_at": (
        "last_message_timestamp_seconds",
        "When the last message came; 0 for none.",
    ),
}

#: Counter of DestinationCounters -> (what follows iobuffer_destination_, help).
_DESTINATION = {
    "messages_out_total": ("messages_total", "Messages delivered."),
    "bytes_out_total": ("bytes_total", "Bytes of messages delivered."),
    "batches_out_total": ("batches_total", "Batches delivered."),
    "resent_messages_total": (
        "resent_messages_total",
        "Messages given to the link again after a lost connection.",
    ),
    "refused_total": ("refused_messages_total", "Refusals by the receiving system."),
    "parked_total": ("parked_messages_total", "Messages that were parked."),
    "connects_total": ("connects_total", "Connections that were made."),
    "connect_failures_total": ("connect_failures_total", "Attempts that failed."),
    "disconnects_total": ("disconnects_total", "Connections that were lost."),
    "stalls_total": ("stalls_total", "Times that it was connected and took nothing."),
    "unmatched_answers_total": (
        "unmatched_answers_total",
        "Answers that matched no message of ours.",
    ),
    "connections": ("connections", "Connections now."),
    "last_delivery_at": (
        "last_delivery_timestamp_seconds",
        "When the last message was delivered; 0 for none.",
    ),
    "queued": ("queue_messages", "Messages that wait."),
}


def of_sources(channels: Iterable[ChannelFigures]) -> Iterator[Metric]:
    """Each source that runs."""
    up = family("iobuffer_source_up", "1 while the source does its work.", OF_A_CHANNEL)
    acks = family(
        "iobuffer_source_acks_total", "Answers to senders.", ("channel", "kind")
    )
    counted = families("iobuffer_source_", _SOURCE, OF_A_CHANNEL)
    for channel in channels:
        source = channel.source
        if source is None:
            continue
        labels = (channel.name,)
        up.add_metric(labels, float(source.state.word is Word.RUNNING))
        for kind in ("positive", "negative"):
            count = source.counters[f"acks_{kind}_total"]
            acks.add_metric((channel.name, kind), count)
        for name, each in counted.items():
            each.add_metric(labels, source.counters[name])
    yield up
    yield acks
    yield from counted.values()


def of_destinations(channels: Iterable[ChannelFigures]) -> Iterator[Metric]:
    """Each destination that runs."""
    up = family(
        "iobuffer_destination_up",
        "1 while the destination can be sent to.",
        OF_A_DESTINATION,
    )
    counted = families("iobuffer_destination_", _DESTINATION, OF_A_DESTINATION)
    for channel in channels:
        for part, destination in channel.destinations.items():
            labels = (channel.name, part)
            up.add_metric(labels, float(destination.state.word is Word.RUNNING))
            for name, each in counted.items():
                each.add_metric(labels, destination.counters[name])
    yield up
    yield from counted.values()
