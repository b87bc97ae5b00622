"""What the sources of streams do alike, whatever their bytes come over."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred

from ..links.status import PausableStatus
from ..links.way import Way
from ..state import Word
from ._intake import Intake, StreamConfig
from .base import SourceContext

__all__ = ["OnePeerSource", "StreamSource"]


class StreamSource:
    """An intake that can be paused, and that is drained before it is closed."""

    def __init__(self, intake: Intake, context: SourceContext) -> None:
        self._intake = intake
        self._status = PausableStatus(context.state)

    def pause(self, reason: str = "") -> None:
        self._intake.pause()
        self._status.pause(reason)

    def resume(self) -> None:
        self._status.resume()
        self._intake.resume()

    def peers(self) -> list[dict[str, Any]]:
        return self._intake.peers()

    def quality(self) -> dict[str, int]:
        return {}

    def _drain_and(self, close: Callable[[], Deferred[None]]) -> Deferred[None]:
        """Answer what was read, close, and say that it is over."""
        stopped = self._intake.drain()
        stopped.addCallback(lambda _: close())
        return stopped.addCallback(lambda _: self._status.set(Word.STOPPED))


class OnePeerSource(StreamSource):
    """A source with one connection at a time, which is opened from here.

    A subclass sets `_way`, with `_intake.build` for its protocols, `_status` for its
    state, and `_up` and `_down` to call.

    Args:
        no_data_for: seconds of silence after which the connection is opened anew; 0:
            never.
    """

    _way: Way

    def __init__(
        self, config: StreamConfig, context: SourceContext, *, no_data_for: float
    ) -> None:
        intake = Intake(
            config,
            context,
            idle_timeout=no_data_for,
            on_first_bytes=lambda: self._way.reset_backoff(),
        )
        super().__init__(intake, context)
        self._counters = context.counters

    def start(self) -> None:
        self._way.start()

    def stop(self) -> Deferred[None]:
        # First, or a connection closed below would be opened again.
        self._way.hold()
        return self._drain_and(self._way.stop)

    def _up(self, stream: Any) -> None:
        if self._counters.connections_total:
            self._counters.reopens_total += 1
        self._counters.connections_total += 1
        self._counters.connections = 1
        stream.begin()

    def _down(self, reason: str) -> None:
        self._counters.connections = 0
