"""The gateway as a whole: its store, its reactor, its certificates, its alarms."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from prometheus_client.core import InfoMetricFamily, Metric

from .. import __version__
from ..alarms import Alarm
from ..figures import GatewayFigures
from .families import family, histogram, one

__all__ = ["of_alarms", "of_certificates", "of_the_gateway"]


def of_the_gateway(figures: GatewayFigures) -> Iterator[Metric]:
    """The process and its store; what was not sampled yet is left out."""
    info = InfoMetricFamily("iobuffer", "The gateway.")
    info.add_metric((), {"version": __version__, "name": figures.name})
    yield info
    yield one("iobuffer_start_time_seconds", "When it was started.", figures.started_at)
    yield one(
        "iobuffer_store_pending_bytes",
        "Payload that waits for a commit.",
        figures.pending_bytes,
    )
    yield one(
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
            yield one(f"iobuffer_store_{name}", text, value)
    if figures.commit_seconds is not None:
        yield histogram(
            "iobuffer_store_commit_seconds",
            "How long commits took, with their sync.",
            figures.commit_seconds,
        )
    if figures.reactor_seconds is not None:
        yield histogram(
            "iobuffer_reactor_latency_seconds",
            "How late a timer of the reactor came, twice a second.",
            figures.reactor_seconds,
        )


def of_certificates(figures: GatewayFigures) -> Metric:
    """When the certificates end that the page and the parts show."""
    found: Any = family(
        "iobuffer_certificate_expiry_timestamp_seconds",
        "When a certificate of ours ends.",
        ("channel", "part"),
    )
    if figures.page_certificate_expires_at is not None:
        found.add_metric(("", "page"), figures.page_certificate_expires_at)
    for channel in figures.channels.values():
        for part, each in channel.parts.items():
            if each.certificate_expires_at is not None:
                found.add_metric((channel.name, part), each.certificate_expires_at)
    metric: Metric = found
    return metric


def of_alarms(alarms: Iterable[Alarm]) -> Metric:
    """One for each alarm that is on; there is none for one that is off."""
    found: Any = family(
        "iobuffer_alarm", "1 for each alarm that is on.", ("kind", "channel", "part")
    )
    for alarm in alarms:
        found.add_metric((alarm.kind.value, alarm.channel, alarm.part), 1.0)
    metric: Metric = found
    return metric
