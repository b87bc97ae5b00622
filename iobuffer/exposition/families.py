"""What a metric is made of: its name, its help, its labels and its values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)

from ..counters import HistogramFigures

__all__ = [
    "OF_A_CHANNEL",
    "OF_A_DESTINATION",
    "age_seconds",
    "families",
    "family",
    "histogram",
    "one",
]

#: The labels of what there is once in a channel, and once in each destination.
OF_A_CHANNEL = ("channel",)
OF_A_DESTINATION = ("channel", "destination")


def family(name: str, text: str, labels: Sequence[str]) -> Any:
    """A counter where the name ends in _total, else a gauge; without values yet."""
    if name.endswith("_total"):
        return CounterMetricFamily(name, text, labels=labels)
    return GaugeMetricFamily(name, text, labels=labels)


def families(
    prefix: str, table: Mapping[str, tuple[str, str]], labels: Sequence[str]
) -> dict[str, Any]:
    """A family for each row of `table`: counter -> (name behind the prefix, help)."""
    return {
        counter: family(prefix + name, text, labels)
        for counter, (name, text) in table.items()
    }


def one(name: str, text: str, value: float) -> Metric:
    """A metric of the whole gateway, without labels."""
    found: Metric = family(name, text, ())
    found.add_metric((), value)  # type: ignore[attr-defined]
    return found


def histogram(name: str, text: str, figures: HistogramFigures) -> Metric:
    """Durations by how long they were, in Prometheus' cumulative buckets."""
    buckets, below = [], 0
    bounds = [*map(repr, figures.bounds_seconds), "+Inf"]
    for bound, count in zip(bounds, figures.counts, strict=True):
        below += count
        buckets.append((bound, float(below)))
    found = HistogramMetricFamily(name, text, labels=())
    found.add_metric((), buckets, figures.sum_seconds)
    return found


def age_seconds(since: float | None, at: float) -> float:
    """How old what began at `since` is at `at`; 0 for nothing, and for a clock that
    was set back."""
    return 0.0 if since is None else max(0.0, at - since)
