"""What stands in for the store and the network around a source, without a reactor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport

from iobuffer.batch import Batch
from iobuffer.channel import Answer, Channel, ReadDone
from iobuffer.counters import SourceCounters
from iobuffer.errors import StorageError
from iobuffer.sources.base import SourceContext
from iobuffer.state import StateCell

__all__ = ["RecordingKeeper", "SourceWorld", "transport_from"]


class RecordingKeeper:
    """Commits at once, or when `commit` is called if `at_once` is False."""

    def __init__(self) -> None:
        self.at_once = True
        self.pressed = False
        self.batches: list[Batch] = []
        self.answered: list[bool] = []
        self.waiting: list[tuple[Batch, Answer | None]] = []
        self.channel: Channel | None = None
        self.last_seq = 0

    @property
    def messages(self) -> list[bytes]:
        return [message for batch in self.batches for message in batch.messages]

    def append(
        self,
        channel: str,
        batch: Batch,
        answer: Answer | None,
        marks: Mapping[str, bytes] | None,
    ) -> None:
        self.answered.append(answer is not None)
        self.waiting.append((batch, answer))
        if self.at_once:
            self.commit()

    def append_all(
        self,
        channel: str,
        run: Sequence[tuple[Batch, Mapping[str, bytes]]],
        answer: Answer,
    ) -> None:
        for batch, marks in run:
            self.append(channel, batch, answer, marks)

    def commit(self, index: int | None = None) -> None:
        """Commit everything that waits, or only one of them."""
        chosen = self.waiting if index is None else [self.waiting[index]]
        self.waiting = [each for each in self.waiting if each not in chosen]
        for batch, answer in chosen:
            numbered = batch.numbered(self.last_seq + 1)
            self.last_seq = numbered.last_seq
            self.batches.append(numbered)
            if answer is not None:
                answer(numbered.first_seq, None)
            assert self.channel is not None
            self.channel.committed([numbered])

    def refuse(self, error: StorageError) -> None:
        """The store takes nothing of what waits."""
        chosen, self.waiting = self.waiting, []
        for _, answer in chosen:
            if answer is not None:
                answer(0, error)

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
        """Cursors are the channel's affair here."""

    def recall(self, size_bytes: int) -> None:
        """Memory is not counted here."""


class SourceWorld:
    """A source's context over a real channel, with everything it says kept."""

    def __init__(
        self,
        reactor: Any = None,
        *,
        destinations: tuple[str, ...] = (),
        max_partial_bytes: int = 64 * 2**20,
    ) -> None:
        self.clock = Clock() if reactor is None else reactor
        self.keeper = RecordingKeeper()
        self.channel = Channel(
            "chem-1",
            self.keeper,
            last_seq=0,
            cursors=dict.fromkeys(destinations, 0),
            max_partial_bytes=max_partial_bytes,
        )
        self.keeper.channel = self.channel
        self.counters = SourceCounters()
        self.states: list[str] = []
        self.state = StateCell(
            lambda: 1000.0, lambda old, new: self.states.append(str(new))
        )
        self.log: list[str] = []
        self.context = SourceContext(
            reactor=self.clock,
            channel=self.channel,
            counters=self.counters,
            state=self.state,
            wall=lambda: 1000.0,
            log=lambda level, text: self.log.append(f"{level}: {text}"),
        )


def transport_from(host: str, port: int = 40000) -> StringTransport:
    """A transport whose peer is at that address."""
    return StringTransport(peerAddress=IPv4Address("TCP", host, port))
