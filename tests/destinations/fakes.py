"""What a link is given in tests, and who uses it."""

from __future__ import annotations

import os
from typing import Any

import attrs

from iobuffer.batch import Batch, single_peer
from iobuffer.counters import DestinationCounters
from iobuffer.destinations.base import LinkContext
from iobuffer.state import State, StateCell

WALL = 1_800_000_000.0


class TroubledDisk:
    """The calls of `os`; those named in `broken` are played by the test."""

    def __init__(self) -> None:
        self.broken: dict[str, Any] = {}

    def __getattr__(self, name: str) -> Any:
        return self.broken.get(name) or getattr(os, name)


class RecordingUser:
    """Remembers what a link tells its delivery."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def link_up(self) -> None:
        self.told.append("up")

    def link_down(self, reason: str) -> None:
        self.told.append(f"down: {reason}")


@attrs.define
class LinkBench:
    """A link's context, and what it has said."""

    context: LinkContext
    user: RecordingUser
    states: list[State]
    logged: list[tuple[str, str]]

    @property
    def state(self) -> State:
        return self.context.state.current

    @property
    def counters(self) -> DestinationCounters:
        return self.context.counters


def link_bench(reactor: Any, framing: Any, channel: str = "ward-3") -> LinkBench:
    states: list[State] = []
    logged: list[tuple[str, str]] = []
    context = LinkContext(
        reactor=reactor,
        channel=channel,
        name="lis",
        framing=framing,
        counters=DestinationCounters(),
        state=StateCell(lambda: WALL, lambda old, new: states.append(new)),
        wall=lambda: WALL,
        log=lambda level, text: logged.append((level, text)),
    )
    return LinkBench(context, RecordingUser(), states, logged)


def batch_of(*messages: bytes, received_at: float = WALL) -> Batch:
    return single_peer(list(messages), received_at, "test")
