"""What a source is given in tests: a channel over a keeper that only remembers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import attrs

from iobuffer.batch import Batch
from iobuffer.channel import Answer, Channel
from iobuffer.counters import SourceCounters
from iobuffer.errors import StorageFull
from iobuffer.sources.base import SourceContext
from iobuffer.state import State, StateCell

WALL = 1_800_000_000.0


class RecordingKeeper:
    """Commits at once, unless told to wait or to refuse."""

    def __init__(self) -> None:
        self.batches: list[Batch] = []
        self.with_answer: list[bool] = []
        self.pressed = False
        self.refuses = False
        self.holds = False
        self.held: list[Callable[[], None]] = []
        self.last_seq = 0

    def append(
        self,
        channel: str,
        batch: Batch,
        answer: Answer | None,
        marks: Mapping[str, bytes] | None,
    ) -> None:
        self.with_answer.append(answer is not None)
        if self.refuses and answer is not None:
            answer(0, StorageFull("no room"))
            return
        first_seq = self.last_seq + 1
        self.last_seq += len(batch)
        self.batches.append(batch.numbered(first_seq))
        if answer is None:
            return
        if self.holds:
            self.held.append(lambda: answer(first_seq, None))
        else:
            answer(first_seq, None)

    def append_all(
        self,
        channel: str,
        run: Sequence[tuple[Batch, Mapping[str, bytes]]],
        answer: Answer,
    ) -> None:
        for batch, marks in run:
            self.append(channel, batch, answer, marks)

    def commit(self) -> None:
        held, self.held = self.held, []
        for call in held:
            call()

    def read(self, *args: Any) -> None:
        raise AssertionError("no destination reads here")

    def settle(self, method: str, *args: object) -> None:
        pass

    def recall(self, size_bytes: int) -> None:
        pass

    @property
    def messages(self) -> list[bytes]:
        return [message for batch in self.batches for message in batch.messages]


@attrs.define
class Bench:
    """A source's context, and what it has said and done."""

    context: SourceContext
    keeper: RecordingKeeper
    channel: Channel
    states: list[State]
    logged: list[tuple[str, str]]

    @property
    def counters(self) -> SourceCounters:
        return self.context.counters


def bench(reactor: Any, cursors: Mapping[str, int] | None = None) -> Bench:
    keeper = RecordingKeeper()
    channel = Channel(
        "ward-3",
        keeper,
        last_seq=0,
        cursors=cursors or {},
        max_partial_bytes=64 * 1024 * 1024,
    )
    states: list[State] = []
    logged: list[tuple[str, str]] = []
    context = SourceContext(
        reactor=reactor,
        channel=channel,
        counters=SourceCounters(),
        state=StateCell(lambda: WALL, lambda old, new: states.append(new)),
        wall=lambda: WALL,
        log=lambda level, text: logged.append((level, text)),
    )
    return Bench(context, keeper, channel, states, logged)
