"""The gateway's figures in Prometheus' text format.

Floor 2: pure functions from figures to text. Names carry their units; what `..._total`
counts begins at 0 with the process, except where the help says that it is the store's
and survives a restart. Labels are names from the configuration and words of our own,
never anything that a device, a receiver or an operator has said.

    families      what the others are made of
    whole         of the gateway: its store, its reactor, its certificates, its alarms
    channels      of each channel: its state, its room, its ledgers
    parts         of each source and destination: their counters
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from ..alarms import Alarm
from ..figures import GatewayFigures
from .channels import of_channels, of_ledgers
from .parts import of_destinations, of_sources
from .whole import of_alarms, of_certificates, of_the_gateway

__all__ = ["CONTENT_TYPE", "exposition"]

CONTENT_TYPE = CONTENT_TYPE_LATEST


def exposition(figures: GatewayFigures, alarms: Sequence[Alarm] = ()) -> bytes:
    """The figures in Prometheus' text format (CONTENT_TYPE)."""
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
        yield from of_the_gateway(figures)
        yield from of_channels(channels, figures.at)
        yield from of_sources(channels)
        yield from of_destinations(channels)
        yield from of_ledgers(channels, figures.at)
        yield of_certificates(figures)
        yield of_alarms(self._alarms)
