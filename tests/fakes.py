"""What stands in for the world in the tests of the joints: a reactor that runs when it
is told to, a store whose disk fails on demand, a link that follows orders."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock

from iobuffer.batch import Batch, single_peer
from iobuffer.channel import Answer, Channel, Confidence, ReadDone
from iobuffer.destinations.base import (
    WINDOW_BYTES,
    LinkLost,
    LinkUser,
    Refused,
)
from iobuffer.errors import StorageError, StorageFull
from iobuffer.storage.base import Finding, Limits
from iobuffer.storage.memory import MemoryStore

WALL = 1_700_000_000.0

#: Longer than anything takes here; only a test that fails waits that long.
DEADLINE_SECONDS = 10.0


def batch_of(*messages: bytes, peer: str = "peer") -> Batch:
    """A batch as a source offers it."""
    return single_peer(list(messages), WALL, peer)


class Answers:
    """Remembers what senders were told, in order."""

    def __init__(self) -> None:
        self.told: list[tuple[str, int, StorageError | None]] = []

    def named(self, name: str) -> Answer:
        def answer(first_seq: int, error: StorageError | None) -> None:
            self.told.append((name, first_seq, error))

        return answer

    @property
    def stored(self) -> list[tuple[str, int]]:
        return [(name, seq) for name, seq, error in self.told if error is None]

    @property
    def refused(self) -> list[str]:
        return [name for name, _, error in self.told if error is not None]


class RecordingKeeper:
    """A Keeper without a store: tests commit what was offered, by hand."""

    def __init__(self) -> None:
        self.pressed = False
        self.offered: list[tuple[Batch, Answer | None, Any]] = []
        self.reads: list[tuple[int, int, int, ReadDone]] = []
        self.settled: list[tuple[object, ...]] = []
        self.recent_bytes = 0

    def append(
        self,
        channel: str,
        batch: Batch,
        answer: Answer | None,
        marks: Mapping[str, bytes] | None,
    ) -> None:
        self.offered.append((batch, answer, marks))

    def append_all(
        self,
        channel: str,
        run: Sequence[tuple[Batch, Mapping[str, bytes]]],
        answer: Answer,
    ) -> None:
        for batch, marks in run:
            self.append(channel, batch, answer, marks)

    def read(
        self,
        channel: str,
        after: int,
        max_messages: int,
        max_bytes: int,
        done: ReadDone,
    ) -> None:
        self.reads.append((after, max_messages, max_bytes, done))

    def settle(self, method: str, *args: object) -> None:
        self.settled.append((method, *args))

    def recall(self, size_bytes: int) -> None:
        self.recent_bytes += size_bytes

    def commit_into(self, channel: Channel) -> None:
        """Number what was offered, answer, and hand it to the channel."""
        rows = []
        seq = channel.last_seq + 1
        for batch, answer, _ in self.offered:
            rows.append(batch.numbered(seq))
            if answer is not None:
                answer(seq, None)
            seq += len(batch)
        self.offered.clear()
        channel.committed(rows)


class ManualReactor(Clock):
    """A Clock to which a thread can hand calls; they run in `run_until`, in order."""

    def __init__(self) -> None:
        super().__init__()
        self._calls: list[tuple[Callable[..., object], tuple[Any, ...]]] = []
        self._arrived = threading.Condition()

    def callFromThread(self, call: Callable[..., object], *args: Any) -> None:
        with self._arrived:
            self._calls.append((call, args))
            self._arrived.notify()

    def run_until(self, done: Callable[[], object]) -> None:
        """Run what threads hand over until `done()`; fails after DEADLINE_SECONDS."""
        while not done():
            with self._arrived:
                came = self._arrived.wait_for(lambda: self._calls, DEADLINE_SECONDS)
                assert came, "the thread has handed over nothing that would end this"
                calls, self._calls = self._calls, []
            for call, args in calls:
                call(*args)

    def result_of(self, deferred: Deferred[Any]) -> Any:
        """What the Deferred fires with, once it has; a failure is raised."""
        results: list[Any] = []
        deferred.addBoth(results.append)
        self.run_until(lambda: results)
        result = results[0]
        if hasattr(result, "raiseException"):
            result.raiseException()
        return result


class TroubledStore(MemoryStore):
    """A MemoryStore whose commits wait for a gate, and fail as told.

    `commits` counts those that succeeded, `appended` every append. `failing` is raised
    by the next commits until it is taken away.
    """

    def __init__(self) -> None:
        super().__init__()
        self.gate = threading.Event()
        self.gate.set()
        self.entered = threading.Event()
        self.failing: BaseException | None = None
        self.tried = 0
        self.commits = 0
        self.tidied = 0
        self.appended = 0
        self.closed = False

    def append(
        self, channel: str, batch: Batch, marks: Mapping[str, bytes] | None = None
    ) -> int:
        self.appended += 1
        return super().append(channel, batch, marks)

    def commit(self, now: float) -> None:
        self.tried += 1
        self.entered.set()
        assert self.gate.wait(DEADLINE_SECONDS), "nobody has opened the gate"
        if self.failing is not None:
            if isinstance(self.failing, StorageFull):
                self.rollback()
            raise self.failing
        super().commit(now)
        self.commits += 1

    def tidy(self, now: float) -> bool:
        self.tidied += 1
        return super().tidy(now)

    def report(self, finding: Finding) -> None:
        self.findings.append(finding)

    def close(self) -> None:
        self.closed = True
        super().close()


class KeeperLikeStore:
    """A Keeper over a MemoryStore in one thread: everything happens in `turn`, or
    at once for a read. For models of what lies between store and link."""

    def __init__(self, limits: Limits, destinations: list[str]) -> None:
        self.pressed = False
        self.store = MemoryStore()
        self.store.open_channel("c", limits, destinations)
        self.reads: list[tuple[str, int, int, int, ReadDone]] = []
        self._offers: list[tuple[Batch, Answer | None]] = []
        self._settles: list[tuple[str, tuple[Any, ...]]] = []

    def append(self, channel: str, batch: Batch, answer: Any, marks: Any) -> None:
        self._offers.append((batch, answer))

    def append_all(
        self,
        channel: str,
        run: Sequence[tuple[Batch, Mapping[str, bytes]]],
        answer: Answer,
    ) -> None:
        for batch, marks in run:
            self.append(channel, batch, answer, marks)

    def read(
        self, channel: str, after: int, max_messages: int, max_bytes: int, done: Any
    ) -> None:
        self.reads.append((channel, after, max_messages, max_bytes, done))

    def settle(self, method: str, *args: Any) -> None:
        self._settles.append((method, args))

    def recall(self, size_bytes: int) -> None:
        pass

    def turn(self, channel: Channel) -> None:
        """Commit what waits, then answer what was asked to be read."""
        settles, self._settles = self._settles, []
        offers, self._offers = self._offers, []
        for method, args in settles:
            getattr(self.store, method)(*args)
        rows = []
        for batch, _ in offers:
            rows.append(batch.numbered(self.store.append("c", batch)))
        self.store.commit(WALL)
        channel.committed([row for row in rows if row.first_seq])
        reads, self.reads = self.reads, []
        for name, after, max_messages, max_bytes, done in reads:
            done(self.store.read(name, after, max_messages, max_bytes), None)


class ScriptedLink:
    """A Link that does what the test says, and keeps an exact note of what was sent.

    `sent` are batches in the order of the calls; their Deferreds are fired by hand.
    """

    def __init__(self) -> None:
        self.writable = False
        self.window_bytes = WINDOW_BYTES
        self.progress_at = 0.0
        self.sent: list[Batch] = []
        self.waiting: list[tuple[Batch, Deferred[Confidence]]] = []
        self.reopened: list[str] = []
        self.user: LinkUser | None = None
        self.stopped = False
        self.is_up = False
        #: What `send` gives back at once instead of waiting, if anything.
        self.at_once: Callable[[Batch], Any] | None = None
        #: Told of each batch as it is sent.
        self.on_send: Callable[[Batch], None] = lambda batch: None

    def start(self, user: LinkUser) -> None:
        self.user = user

    def stop(self) -> Deferred[None]:
        self.stopped = True
        self.lose("stopped", tell=False)
        return succeed(None)

    def send(self, batch: Batch) -> Deferred[Confidence]:
        assert self.writable, "sent to a link that is not writable"
        assert self.is_up, "sent to a link that is down"
        self.sent.append(batch)
        self.on_send(batch)
        if self.at_once is not None:
            outcome = self.at_once(batch)
            if isinstance(outcome, Confidence):
                return succeed(outcome)
            if isinstance(outcome, BaseException):
                return fail(outcome)
        done: Deferred[Confidence] = Deferred()
        self.waiting.append((batch, done))
        return done

    def reopen(self, reason: str) -> None:
        self.reopened.append(reason)

    def peers(self) -> list[dict[str, Any]]:
        return [{"peer": "scripted", "since": WALL}] if self.is_up else []

    def quality(self) -> dict[str, int]:
        return {}

    # -- orders ------------------------------------------------------------------------

    def up(self) -> None:
        assert self.user is not None
        self.is_up = self.writable = True
        self.user.link_up()

    def confirm(
        self, count: int = 1, confidence: Confidence = Confidence.RECEIVED
    ) -> None:
        """The `count` batches that were sent first have arrived."""
        for _ in range(count):
            _, done = self.waiting.pop(0)
            done.callback(confidence)

    def refuse(self, index: int, reason: str = "no", *, final: bool = False) -> None:
        """The peer will not have that message of the batch that was sent first."""
        _, done = self.waiting.pop(0)
        done.errback(Refused(index, reason, final=final))

    def lose(self, reason: str = "gone", delivered: int = 0, tell: bool = True) -> None:
        """The connection ends; of the first batch that many had arrived."""
        self.is_up = False
        waiting, self.waiting = self.waiting, []
        for _, done in waiting:
            done.errback(LinkLost(reason, delivered))
            delivered = 0
        if tell and self.user is not None:
            self.user.link_down(reason)

    @property
    def messages_sent(self) -> list[bytes]:
        return [message for batch in self.sent for message in batch.messages]


def seeded(seed: int) -> random.Random:
    """Randomness that a failing test can be run with again."""
    return random.Random(seed)
