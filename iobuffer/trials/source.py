"""A source opened for a trial: what it takes is shown, and goes nowhere."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import attrs
from twisted.internet.defer import Deferred

from ..acks import ACKS
from ..batch import Batch
from ..channel import Answer, Channel, ReadDone
from ..counters import SourceCounters
from ..framing import FRAMINGS
from ..framing.side_by_side import Recording, best_of, cut, side_by_side
from ..options import MIB
from ..settings.model import SourceSettings
from ..sources.base import SourceContext
from ..state import State, StateCell
from .advice import finding, shown
from .told import Told

__all__ = ["SourceAttempt"]

#: Of what comes this much is kept; then nothing more is read, and the sender waits.
_RECORDED_BYTES = 64 * 1024
_RECORDED_CHUNKS = 1000
#: What is shown of it as messages; more are counted.
_SHOWN_MESSAGES = 500
_SHOWN_BYTES = 128 * 1024
_PREVIEW_BYTES = 2048
#: What the messages that have not ended may hold in memory.
_PARTIAL_BYTES = MIB
_MAX_CONNECTIONS = 16

#: After so much silence the framings are compared once more, for those that it ends.
_SILENCE_SECONDS = 0.5

#: Between two comparisons, and how many times as long as the last one took: the gateway
#: has better things to do.
_COMPARE_SECONDS = 0.3
_COMPARE_COST = 20

_BEGINNING_BYTES = 1024


class _Gathering:
    """A `Keeper` that shows batches and keeps none: nobody is ever answered, so no
    sender takes a message for delivered."""

    def __init__(self, on_batch: Callable[[Batch], None]) -> None:
        self.pressed = False
        self._on_batch = on_batch

    def append(
        self,
        channel: str,
        batch: Batch,
        answer: Answer | None,
        marks: Mapping[str, bytes] | None,
    ) -> None:
        self._on_batch(batch)

    def append_all(
        self,
        channel: str,
        run: Sequence[tuple[Batch, Mapping[str, bytes]]],
        answer: Answer,
    ) -> None:
        for batch, _ in run:
            self._on_batch(batch)

    def read(
        self,
        channel: str,
        after: int,
        max_messages: int,
        max_bytes: int,
        done: ReadDone,
    ) -> None:
        done(None, None)

    def settle(self, method: str, *args: object) -> None:
        """There is nothing to write to."""

    def recall(self, size_bytes: int) -> None:
        """Nothing stays in memory."""


class SourceAttempt:
    """See `told.Attempt`.

    Args:
        build: as the registry has it.
    """

    def __init__(
        self,
        settings: SourceSettings,
        build: Callable[..., Any],
        told: Told,
        *,
        reactor: Any,
        wall: Callable[[], float],
    ) -> None:
        self._told = told
        self._reactor = reactor
        self._wall = wall
        self._type_name = settings.type_name
        self._framing = settings.config.framing
        self._recording = Recording(_RECORDED_BYTES, _RECORDED_CHUNKS)
        self._counters = SourceCounters()
        self._shown_messages = 0
        self._shown_bytes = 0
        self._beginning = b""
        self._chunk_at = 0.0
        #: There is something new to compare; silence to compare once more after.
        self._new = self._open_ended = False
        self._compare_at = 0.0
        self._keeper = _Gathering(self._gathered)
        self._source = build(
            _quiet(settings.config),
            SourceContext(
                reactor=reactor,
                channel=Channel(
                    "trial",
                    self._keeper,
                    last_seq=0,
                    cursors={},
                    max_partial_bytes=_PARTIAL_BYTES,
                ),
                counters=self._counters,
                state=StateCell(wall, self._changed),
                wall=wall,
                log=self._log,
                note=self._log,
                on_chunk=self._came,
            ),
        )

    # -- told.Attempt ------------------------------------------------------------------

    def start(self) -> None:
        self._source.start()

    def stop(self) -> Deferred[None]:
        stopped: Deferred[None] = self._source.stop()
        return stopped

    def look(self, now: float) -> None:
        counters = self._counters
        self._told.say_latest(
            "connections",
            open=counters.connections,
            total=counters.connections_total,
            refused=counters.connections_refused_total,
        )
        silent = self._open_ended and now - self._chunk_at >= _SILENCE_SECONDS
        if (self._new or silent) and now >= self._compare_at:
            self._new = False
            self._open_ended = not silent
            self._compare(now)
            done_at = self._reactor.seconds()
            took_seconds = done_at - now
            self._compare_at = done_at + max(
                _COMPARE_SECONDS, _COMPARE_COST * took_seconds
            )

    @property
    def ok(self) -> bool | None:
        return True if self._counters.messages_in_total else None

    # -- what comes --------------------------------------------------------------------

    def _came(self, peer: str, data: bytes) -> None:
        self._chunk_at = self._reactor.seconds()
        self._new = self._open_ended = True
        kept = self._recording.add(self._chunk_at, peer, data)
        if kept:
            self._beginning += kept[: _BEGINNING_BYTES - len(self._beginning)]
            self._told.say(
                "chunk",
                peer=peer,
                size_bytes=len(data),
                text=_as_text(kept[:_PREVIEW_BYTES]),
            )
        if self._recording.full and not self._keeper.pressed:
            self._keeper.pressed = True
            self._told.say(
                "state",
                word="paused",
                reason=f"{self._recording.size_bytes} bytes have come, as much as a "
                "trial keeps: nothing more is read, and the sender waits",
            )

    def _gathered(self, batch: Batch) -> None:
        peers = (peer for peer, count in batch.peers for _ in range(count))
        for message, peer in zip(batch.messages, peers, strict=False):
            if (
                self._shown_messages >= _SHOWN_MESSAGES
                or self._shown_bytes >= _SHOWN_BYTES
            ):
                return
            preview = message[:_PREVIEW_BYTES]
            self._shown_messages += 1
            self._shown_bytes += len(preview)
            self._told.say(
                "message",
                peer=peer,
                size_bytes=len(message),
                text=_as_text(preview),
                hex=preview.hex(),
                truncated=len(preview) < len(message),
            )

    def _compare(self, now: float) -> None:
        datagrams = self._type_name == "udp"
        counters = self._counters
        cuts = side_by_side(
            self._recording, FRAMINGS, self._framing, now, datagrams=datagrams
        )
        configured = cut(self._recording, self._framing, now, datagrams=datagrams)
        best = best_of(cuts)
        # Of another protocol the source takes nothing, whatever a framing would.
        taken = not (
            0 < counters.bytes_in_total == counters.skipped_bytes_total
            and configured.skipped_bytes < self._recording.size_bytes
        )
        found = finding(
            configured,
            best,
            self._beginning,
            taken=taken,
            serial=self._type_name == "serial",
        )
        self._told.say_latest(
            "framing",
            **attrs.asdict(found),
            skipped_bytes=counters.skipped_bytes_total,
            messages=counters.messages_in_total,
            size_bytes=counters.bytes_in_total,
        )
        self._told.say_latest("framings", candidates=shown(cuts, best))

    # -- what it says ------------------------------------------------------------------

    def _changed(self, old: State, new: State) -> None:
        self._told.say("state", word=new.word.value, reason=new.reason)

    def _log(self, level: str, text: str) -> None:
        self._told.say("log", level=level, text=text)


def _quiet(config: Any) -> Any:
    """The same, without answers, and with few connections."""
    changes: dict[str, Any] = {}
    if hasattr(config, "ack"):
        changes["ack"] = ACKS["none"]()
    if hasattr(config, "max_connections"):
        most = config.max_connections or _MAX_CONNECTIONS
        changes["max_connections"] = min(most, _MAX_CONNECTIONS)
    return attrs.evolve(config, **changes)


def _as_text(data: bytes) -> str:
    """UTF-8 where it is, else each byte as one character."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("latin-1")
