"""`/metrics` for Prometheus, `/healthz` and `/readyz` for supervisors, `/api/alarms`.

`exposition` is a pure function from figures to text. Names carry their units; what
`..._total` counts begins at 0 with the process, except where the help says that it is
the store's and survives a restart.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector
from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThreadPool

from .. import __version__
from ..alarms import Alarm
from ..counters import HistogramFigures
from ..figures import ChannelFigures, GatewayFigures
from ..state import Word
from .base import PEOPLE, Call, Problem, Reply, Route

__all__ = ["ROUTES", "exposition"]

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

_IN = ("channel",)
_OUT = ("channel", "destination")


def exposition(figures: GatewayFigures, alarms: Sequence[Alarm] = ()) -> bytes:
    """The figures in Prometheus' text format (CONTENT_TYPE_LATEST)."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Figures(figures, alarms))
    return generate_latest(registry)


class _Figures(Collector):
    def __init__(self, figures: GatewayFigures, alarms: Sequence[Alarm]) -> None:
        self._figures = figures
        self._alarms = alarms

    def collect(self) -> Iterator[Metric]:
        figures = self._figures
        channels = tuple(figures.channels.values())
        yield from _gateway(figures)
        yield from _channels(channels, figures.at)
        yield from _sources(channels)
        yield from _destinations(channels)
        yield from _ledgers(channels, figures.at)
        yield _certificates(figures)
        yield _raised(self._alarms)


def _family(name: str, text: str, labels: Sequence[str]) -> Any:
    """A counter where the name ends in _total, else a gauge."""
    if name.endswith("_total"):
        return CounterMetricFamily(name, text, labels=labels)
    return GaugeMetricFamily(name, text, labels=labels)


def _one(name: str, text: str, value: float) -> Metric:
    family: Metric = _family(name, text, ())
    family.add_metric((), value)  # type: ignore[attr-defined]
    return family


def _histogram(name: str, text: str, found: HistogramFigures) -> Metric:
    buckets, below = [], 0
    bounds = [*map(repr, found.bounds_seconds), "+Inf"]
    for bound, count in zip(bounds, found.counts, strict=True):
        below += count
        buckets.append((bound, float(below)))
    family = HistogramMetricFamily(name, text, labels=())
    family.add_metric((), buckets, found.sum_seconds)
    return family


def _gateway(figures: GatewayFigures) -> Iterator[Metric]:
    info = InfoMetricFamily("iobuffer", "The gateway.")
    info.add_metric((), {"version": __version__, "name": figures.name})
    yield info
    yield _one(
        "iobuffer_start_time_seconds", "When it was started.", figures.started_at
    )
    yield _one(
        "iobuffer_store_pending_bytes",
        "Payload that waits for a commit.",
        figures.pending_bytes,
    )
    yield _one(
        "iobuffer_store_recent_bytes",
        "Committed messages that are still in memory.",
        figures.recent_bytes,
    )
    if figures.store is not None:
        store = figures.store
        for name, text, value in (
            ("file_bytes", "Size of the store's file.", store.file_bytes),
            ("wal_bytes", "Size of the store's log.", store.wal_bytes),
            ("commits_total", "Commits.", store.commits_total),
            ("batches_total", "Rows that were committed.", store.batches_total),
            ("messages_total", "Messages committed.", store.messages_total),
        ):
            yield _one(f"iobuffer_store_{name}", text, value)
    if figures.commit_seconds is not None:
        yield _histogram(
            "iobuffer_store_commit_seconds",
            "How long commits took, with their sync.",
            figures.commit_seconds,
        )
    if figures.reactor_seconds is not None:
        yield _histogram(
            "iobuffer_reactor_latency_seconds",
            "How late a timer of the reactor came, twice a second.",
            figures.reactor_seconds,
        )


def _channels(channels: Iterable[ChannelFigures], at: float) -> Iterator[Metric]:
    states = _family(
        "iobuffer_channel_state",
        "1 for the state that the channel is in.",
        ("channel", "state"),
    )
    families = {
        name: _family(f"iobuffer_channel_{name}", text, _IN)
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
        values: dict[str, float] = {
            "max_bytes": channel.policy.max_bytes,
            "queue_messages": channel.queued_messages,
        }
        if channel.stored is not None:
            values |= {
                "stored_bytes": channel.stored.stored_bytes,
                "stored_messages": channel.stored.stored_messages,
                "queue_bytes": channel.queued_bytes,
                "queue_oldest_age_seconds": _age(channel.stored.oldest_queued_at, at),
                "damaged_messages": channel.stored.damaged_messages,
            }
        for name, value in values.items():
            families[name].add_metric((channel.name,), value)
    yield states
    yield from families.values()


def _sources(channels: Iterable[ChannelFigures]) -> Iterator[Metric]:
    up = _family("iobuffer_source_up", "1 while the source does its work.", _IN)
    acks = _family(
        "iobuffer_source_acks_total", "Answers to senders.", ("channel", "kind")
    )
    families = _families("iobuffer_source_", _SOURCE, _IN)
    for channel in channels:
        source = channel.source
        if source is None:
            continue
        labels = (channel.name,)
        up.add_metric(labels, float(source.state.word is Word.RUNNING))
        for kind in ("positive", "negative"):
            count = source.counters[f"acks_{kind}_total"]
            acks.add_metric((channel.name, kind), count)
        for name, family in families.items():
            family.add_metric(labels, source.counters[name])
    yield up
    yield acks
    yield from families.values()


def _destinations(channels: Iterable[ChannelFigures]) -> Iterator[Metric]:
    up = _family(
        "iobuffer_destination_up", "1 while the destination can be sent to.", _OUT
    )
    families = _families("iobuffer_destination_", _DESTINATION, _OUT)
    for channel in channels:
        for part, destination in channel.destinations.items():
            labels = (channel.name, part)
            up.add_metric(labels, float(destination.state.word is Word.RUNNING))
            for name, family in families.items():
                family.add_metric(labels, destination.counters[name])
    yield up
    yield from families.values()


def _ledgers(channels: Iterable[ChannelFigures], at: float) -> Iterator[Metric]:
    received = _family(
        "iobuffer_ledger_received_messages_total",
        "What a destination was to get; the store's, over restarts.",
        _OUT,
    )
    delivered = _family(
        "iobuffer_ledger_delivered_messages_total",
        "What it got, by how sure that is; the store's, over restarts.",
        (*_OUT, "confidence"),
    )
    dropped = _family(
        "iobuffer_ledger_dropped_messages_total",
        "What it will not get, by reason; the store's, over restarts.",
        (*_OUT, "reason"),
    )
    parked = _family(
        "iobuffer_ledger_parked_messages", "What was set aside for it.", _OUT
    )
    age = _family(
        "iobuffer_destination_queue_oldest_age_seconds",
        "Age of the oldest message that waits for it.",
        _OUT,
    )
    for channel in channels:
        for name, ledger in channel.ledgers.items():
            labels = (channel.name, name)
            received.add_metric(labels, ledger.received)
            for confidence, count in ledger.delivered.items():
                delivered.add_metric((*labels, confidence.name.lower()), count)
            for reason, count in ledger.dropped.items():
                dropped.add_metric((*labels, reason), count)
            parked.add_metric(labels, ledger.parked)
            age.add_metric(labels, _age(ledger.oldest_queued_at, at))
    return iter((received, delivered, dropped, parked, age))


def _certificates(figures: GatewayFigures) -> Metric:
    family = _family(
        "iobuffer_certificate_expiry_timestamp_seconds",
        "When a certificate of ours ends.",
        ("channel", "part"),
    )
    if figures.page_certificate_expires_at is not None:
        family.add_metric(("", "page"), figures.page_certificate_expires_at)
    for channel in figures.channels.values():
        for part, each in channel.parts.items():
            if each.certificate_expires_at is not None:
                family.add_metric((channel.name, part), each.certificate_expires_at)
    found: Metric = family
    return found


def _raised(alarms: Iterable[Alarm]) -> Metric:
    family = _family(
        "iobuffer_alarm", "1 for each alarm that is on.", ("kind", "channel", "part")
    )
    for alarm in alarms:
        family.add_metric((alarm.kind.value, alarm.channel, alarm.part), 1.0)
    found: Metric = family
    return found


def _families(
    prefix: str, table: Mapping[str, tuple[str, str]], labels: Sequence[str]
) -> dict[str, Any]:
    return {
        counter: _family(prefix + name, text, labels)
        for counter, (name, text) in table.items()
    }


def _age(since: float | None, at: float) -> float:
    return 0.0 if since is None else max(0.0, at - since)


# -- routes ----------------------------------------------------------------------------


def _metrics(call: Call) -> Deferred[Reply]:
    watch = call.site.counters.watch
    # Some hundred channels are some ten thousand lines: not in the reactor.
    text: Deferred[bytes] = deferToThreadPool(
        call.site.reactor,
        call.site.reactor.getThreadPool(),
        exposition,
        watch.figures(),
        watch.raised,
    )
    return text.addCallback(
        lambda body: Reply(body=body, content_type=CONTENT_TYPE_LATEST)
    )


def _healthz(call: Call) -> dict[str, str]:
    return {"status": "ok"}


def _readyz(call: Call) -> dict[str, str]:
    if not call.site.counters.watch.is_ready:
        raise Problem(
            503,
            "The gateway is not ready",
            "Its store has not answered yet, or cannot be read; the log says why.",
        )
    return {"status": "ready"}


def _alarms(call: Call) -> list[dict[str, str | float]]:
    return [alarm.as_json() for alarm in call.site.counters.watch.raised]


_STATUS = {
    "type": "object",
    "required": ["status"],
    "properties": {"status": {"type": "string"}},
}

ROUTES = (
    Route(
        method="GET",
        path="/metrics",
        roles=PEOPLE,
        call=_metrics,
        content_types=("text/plain",),
        summary="Every figure of the gateway, in Prometheus' text format.",
    ),
    Route(
        method="GET",
        path="/healthz",
        roles=None,
        call=_healthz,
        summary="Answers while the gateway's reactor runs.",
        reply=_STATUS,
    ),
    Route(
        method="GET",
        path="/readyz",
        roles=None,
        call=_readyz,
        summary="200 once the store has answered and channels run, else 503.",
        reply=_STATUS,
    ),
    Route(
        method="GET",
        path="/api/alarms",
        roles=PEOPLE,
        call=_alarms,
        summary="The alarms that are on now, the oldest first.",
        reply={
            "type": "array",
            "items": {
                "type": "object",
                "required": ["alarm", "channel", "part", "text", "raised_at"],
                "properties": {
                    "alarm": {"type": "string"},
                    "channel": {"type": "string"},
                    "part": {"type": "string"},
                    "text": {"type": "string"},
                    "raised_at": {"type": "number"},
                },
            },
        },
    ),
)
