"""Figures of a gateway as tests want them: one channel, one destination, all well."""

from __future__ import annotations

from typing import Any

import attrs

from iobuffer.counters import DestinationCounters, SourceCounters
from iobuffer.figures import ChannelFigures, GatewayFigures, PartFigures
from iobuffer.hours import HOURS
from iobuffer.settings.alarms import AlarmConfig, SilenceConfig
from iobuffer.settings.model import ChannelConfig
from iobuffer.state import State, Word
from iobuffer.storage.base import ChannelState, Confidence, DestinationLedger
from tests.fakes import WALL

__all__ = ["Scene"]


class Scene:
    """What a test changes between two looks; `figures` takes it as it is then."""

    def __init__(self, silence: float = 0.0, hours: str = "", **alarm: Any) -> None:
        self.policy = ChannelConfig(
            silence=SilenceConfig(after=silence, hours=HOURS.parse(hours)),
            alarm=AlarmConfig(**alarm),
            max_bytes=1000,
        )
        self.seconds = 1000.0
        self.source = SourceCounters()
        self.destination = DestinationCounters()
        self.source_state = State(Word.RUNNING, "listening on 0.0.0.0:5000", WALL)
        self.link_state = State(Word.RUNNING, "connected to lis:6661", WALL)
        self.has_source = True
        self.has_destination = True
        self.queued = 0
        self.stored_bytes = 0
        self.stored_messages = 0
        self.oldest_queued_at: float | None = None
        self.dropped = {"full": 2}
        self.full_reason = ""
        self.damaged_messages = 0
        self.expires_at: float | None = None

    @property
    def at(self) -> float:
        return WALL + self.seconds - 1000.0

    def figures(self) -> GatewayFigures:
        ledger = DestinationLedger(
            start_seq=0,
            cursor=5,
            received=5 + self.queued,
            delivered={Confidence.ACKNOWLEDGED: 2},
            queued=self.queued,
            parked=1,
            dropped=self.dropped,
            replayed=0,
            oldest_queued_at=self.oldest_queued_at,
        )
        stored = ChannelState(
            channel="chem-1",
            first_seq=1,
            last_seq=5 + self.queued,
            stored_bytes=self.stored_bytes,
            stored_messages=self.stored_messages,
            destinations={"lis": ledger} if self.has_destination else {},
            orphans={},
            tallies={},
            damaged_messages=self.damaged_messages,
            oldest_queued_at=self.oldest_queued_at,
        )
        source = PartFigures(
            state=self.source_state,
            counters=self.source.snapshot(),
            certificate_expires_at=self.expires_at,
        )
        lis = PartFigures(
            state=self.link_state,
            counters={**attrs.asdict(self.destination), "queued": self.queued},
        )
        channel = ChannelFigures(
            name="chem-1",
            policy=self.policy,
            state=self.source_state,
            source=source if self.has_source else None,
            destinations={"lis": lis} if self.has_destination else {},
            full_reason=self.full_reason,
            stored=stored,
        )
        return GatewayFigures(
            at=self.at,
            seconds=self.seconds,
            name="ward-3",
            started_at=WALL,
            channels={"chem-1": channel},
        )
