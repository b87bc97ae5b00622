"""A channel: batches in from its source, batches out to its destinations.

Floor 2: no Twisted, no clock. It talks to the store through a `Keeper`, which commits
in a thread and calls back in the thread that owns the channel. It tells its source and
its readers through plain callables.

The order of things, for each batch offered: the keeper commits it; the sender's answer
is called; the readers are woken. So a sender is never answered before the commit, and a
reader never sees what a power cut could take back.
"""

from __future__ import annotations

import sys
from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial

from .batch import Batch, cut, fitting, join
from .keeping import Answer, Keeper, ReadDone
from .storage.base import Confidence

__all__ = ["Answer", "Channel", "Confidence", "Keeper", "ReadDone"]

#: What a message costs in memory beside its payload: the object's header, and its place
#: in a list. A million one-byte messages must not pass for a megabyte.
_MESSAGE_OVERHEAD_BYTES = 56

#: What is read from memory at once: a row. From the disk it may be more, because each
#: read waits for a commit; here more would only cost a larger buffer per write.
_MEMORY_READ_BYTES = 256 * 1024


class Channel:
    """One channel's place in memory: recent batches, cursors, and who waits for what.

    Args:
        name: the stable id; the store's rows go by it.
        keeper: see Keeper.
        last_seq: the newest sequence number in the store.
        cursors: destination name -> sequence number it has settled.
        max_partial_bytes: what the messages that have begun and not ended may take
            together; the source keeps to it.
    """

    def __init__(
        self,
        name: str,
        keeper: Keeper,
        *,
        last_seq: int,
        cursors: Mapping[str, int],
        max_partial_bytes: int,
    ) -> None:
        self.name = name
        self.last_seq = last_seq
        self.max_partial_bytes = max_partial_bytes
        self.cursors = dict(cursors)
        self._in_store: dict[str, int] = {}
        #: True while the store has no room for this channel, and the store's sentence.
        self.full = False
        self.full_reason = ""
        self._holding = False
        #: Told on entering and leaving `full`.
        self.on_full: Callable[[bool], None] = lambda full: None
        self.recent_bytes = 0
        self._keeper = keeper
        # Committed batches that some destination still waits for, oldest first, and
        # where the live part begins: removing from the front one by one would copy.
        self._recent: list[Batch] = []
        self._recent_start = 0
        self._readers: list[Callable[[], None]] = []
        self._resumes: list[Callable[[], None]] = []
        self._waiting: deque[_DeliveryWait] = deque()

    # -- the source's side -------------------------------------------------------------

    @property
    def pressed(self) -> bool:
        """Whoever offers should stop reading, and ask `when_relieved` to be told."""
        return self._holding or self._keeper.pressed

    def offer(
        self,
        batch: Batch,
        answer: Answer | None = None,
        marks: Mapping[str, bytes] | None = None,
    ) -> None:
        """Take a batch; it is safe once `answer` is called without an error.

        Batches are committed in the order of the calls. The caller then looks at
        `pressed`; what it offers all the same is taken, so that a chunk already read
        is never lost.
        """
        self._keeper.append(self.name, batch, answer, marks)

    def offer_all(
        self, run: Sequence[tuple[Batch, Mapping[str, bytes]]], answer: Answer
    ) -> None:
        """Take batches, each with its marks, of which none may be left out: behind one
        that is refused, all are. `answer` is called for each of them, in order."""
        self._keeper.append_all(self.name, run, answer)

    def when_relieved(self, resume: Callable[[], None]) -> None:
        """Call `resume` once, when the channel is no longer `pressed`."""
        self._resumes.append(resume)

    def when_delivered(
        self, first_seq: int, last_seq: int, done: Callable[[bool], None]
    ) -> Callable[[], None]:
        """Call `done` once when every destination has settled these messages; with
        False when one of them parked or dropped any. To be called from the answer.
        Returns what the caller calls when it will wait no longer."""
        wait = _DeliveryWait(first_seq, last_seq, done)
        self._waiting.append(wait)
        self._tell_delivered()
        return partial(self._wait_no_longer, wait)

    # -- the destinations' side --------------------------------------------------------

    def add_reader(self, wake: Callable[[], None]) -> None:
        """Call `wake` after each commit that adds to this channel."""
        self._readers.append(wake)

    def remove_reader(self, wake: Callable[[], None]) -> None:
        """Undo add_reader()."""
        self._readers.remove(wake)

    def serve(self, cursors: Mapping[str, int]) -> None:
        """Have these destinations from now on: one that is known keeps its cursor,
        which may be ahead of the store's by what waits for the next commit; a new one
        begins with the one given; nobody waits any longer for one that is not named.
        """
        known = self.cursors
        self.cursors = {name: known.get(name, seq) for name, seq in cursors.items()}
        self._let_go()
        self._tell_delivered()

    def read(
        self,
        after: int,
        max_messages: int,
        max_bytes: int,
        done: ReadDone,
    ) -> None:
        """Committed messages that follow `after`; None when there are none yet.

        From memory `done` is called before this returns; from the disk, later. See
        `Store.read` for what a gap means.
        """
        if after >= self.last_seq:
            done(None, None)
            return
        batch = self._from_memory(
            after, max_messages, min(max_bytes, _MEMORY_READ_BYTES)
        )
        if batch is not None:
            done(batch, None)
        else:
            self._keeper.read(self.name, after, max_messages, max_bytes, done)

    def recent(self, after: int, max_messages: int, max_bytes: int) -> list[Batch]:
        """Committed batches that follow `after` without a gap, as they were committed,
        from memory: for a reader who takes many at once. Empty when the first is not
        there any more; the last one may go beyond the limits."""
        at = self._recent_at(after + 1)
        if at is None:
            return []
        first = self._recent[at]
        found = [cut(first, after + 1 - first.first_seq, len(first))]
        messages, size_bytes = len(found[0]), found[0].size_bytes
        for batch in self._recent[at + 1 :]:
            if (
                messages >= max_messages
                or size_bytes >= max_bytes
                or batch.first_seq != found[-1].last_seq + 1
            ):
                break
            found.append(batch)
            messages += len(batch)
            size_bytes += batch.size_bytes
        return found

    def queued(self, destination: str) -> int:
        """Messages that this destination has not settled."""
        cursor = max(self.cursors[destination], self._in_store.get(destination, 0))
        return max(0, self.last_seq - cursor)

    def saw_in_store(self, cursors: Mapping[str, int]) -> None:
        """The store's own cursors, by destination, a while ago. They lag behind these,
        but for what the store has dropped by itself (drop_oldest): that is queued no
        more, although a destination that finds it in memory may still send it."""
        self._in_store = dict(cursors)

    def advance(self, destination: str, upto: int, confidence: Confidence) -> None:
        """Everything up to `upto` is delivered; written with the next commit."""
        self._keeper.settle("advance", self.name, destination, upto, confidence)
        self._settled(destination, upto)

    def park(self, destination: str, seq: int, reason: str, attempts: int) -> None:
        """The message right behind the cursor is set aside."""
        self._keeper.settle("park", self.name, destination, seq, reason, attempts)
        self._spoil(seq, seq)
        self._settled(destination, seq)

    def drop(self, destination: str, upto: int, reason: str) -> None:
        """Everything up to `upto` will not be delivered, and is counted so."""
        self._keeper.settle("drop", self.name, destination, upto, reason)
        self._spoil(self.cursors[destination] + 1, upto)
        self._settled(destination, upto)

    def tally(self, totals: Mapping[str, int]) -> None:
        """Add to the channel's named totals, with the next commit."""
        self._keeper.settle("tally", self.name, totals)

    # -- the keeper's side -------------------------------------------------------------

    def committed(self, batches: Iterable[Batch]) -> None:
        """These rows are durable, and every sender of them has been answered."""
        for batch in batches:
            self.last_seq = batch.last_seq
            if self.cursors and batch.messages:
                self._recent.append(batch)
                held = _held_bytes(batch)
                self.recent_bytes += held
                self._keeper.recall(held)
        for wake in tuple(self._readers):
            wake()

    def forget_recent(self) -> None:
        """Give up the oldest recent batch; a reader that wants it reads the disk."""
        if self._recent_start == len(self._recent):
            return
        held = _held_bytes(self._recent[self._recent_start])
        self._recent_start += 1
        self._compact_recent()
        self.recent_bytes -= held
        self._keeper.recall(-held)

    def set_full(self, full: bool, holding: bool, reason: str = "") -> None:
        """The store has no room for this channel, or has room again. `holding`: offers
        that have no answer to be refused with wait for it, so nothing more is read.
        Saying the same again changes nothing."""
        changed, self.full = full != self.full, full
        self.full_reason = reason
        self._holding = holding
        if changed:
            self.on_full(full)
        if not holding:
            self.relieved()

    def relieved(self) -> None:
        """The keeper can take more."""
        if self._resumes and not self.pressed:
            resumes, self._resumes = self._resumes, []
            for resume in resumes:
                resume()

    # -- within ------------------------------------------------------------------------

    def _from_memory(
        self, after: int, max_messages: int, max_bytes: int
    ) -> Batch | None:
        at = self._recent_at(after + 1)
        if at is None:
            return None
        recent = self._recent
        first = recent[at]
        offset = after + 1 - first.first_seq
        # No more than is wanted: a destination that takes one message at a time must
        # not copy the rest of the row for each of them, nor one that takes so many
        # bytes look at all the others.
        fair = 1 + max_bytes * len(first) // max(1, first.size_bytes)
        parts = [cut(first, offset, offset + min(max_messages, fair))]
        if parts[0].size_bytes > max_bytes:
            return fitting(parts[0], max_bytes)
        messages, size_bytes = len(parts[0]), parts[0].size_bytes
        while messages < max_messages and at + 1 < len(recent):
            at += 1
            follower = recent[at]
            if (
                size_bytes + follower.size_bytes > max_bytes
                or follower.first_seq != parts[-1].last_seq + 1
            ):
                break
            parts.append(follower)
            messages += len(follower)
            size_bytes += follower.size_bytes
        batch = join(parts)
        if messages > max_messages:
            batch = cut(batch, 0, max_messages)
        return batch

    def _recent_at(self, seq: int) -> int | None:
        """Where the recent batch stands that holds this message."""
        recent, start = self._recent, self._recent_start
        if start == len(recent) or seq < recent[start].first_seq:
            return None
        at = bisect_right(recent, seq, lo=start, key=_first_seq) - 1
        return at if seq <= recent[at].last_seq else None

    def _settled(self, destination: str, upto: int) -> None:
        self.cursors[destination] = upto
        self._let_go()
        self._tell_delivered()

    def _low(self) -> int:
        # With no destination nobody waits for anything.
        return min(self.cursors.values(), default=sys.maxsize)

    def _let_go(self) -> None:
        low = self._low()
        recent, at = self._recent, self._recent_start
        freed = 0
        while at < len(recent) and recent[at].last_seq <= low:
            freed += _held_bytes(recent[at])
            at += 1
        if freed:
            self._recent_start = at
            self._compact_recent()
            self.recent_bytes -= freed
            self._keeper.recall(-freed)

    def _tell_delivered(self) -> None:
        low = self._low()
        while self._waiting and self._waiting[0].last_seq <= low:
            wait = self._waiting.popleft()
            if wait.done is not None:
                wait.done(not wait.spoilt)

    def _wait_no_longer(self, wait: _DeliveryWait) -> None:
        wait.done = None
        # Deadlines pass in the order of the waits, so the front is where they gather.
        while self._waiting and self._waiting[0].done is None:
            self._waiting.popleft()

    def _spoil(self, first_seq: int, last_seq: int) -> None:
        for wait in self._waiting:
            if wait.first_seq <= last_seq and first_seq <= wait.last_seq:
                wait.spoilt = True

    def _compact_recent(self) -> None:
        if self._recent_start * 2 >= len(self._recent):
            del self._recent[: self._recent_start]
            self._recent_start = 0


class _DeliveryWait:
    """A sender that wants to hear of delivery, not of the commit."""

    __slots__ = ("done", "first_seq", "last_seq", "spoilt")

    def __init__(
        self, first_seq: int, last_seq: int, done: Callable[[bool], None]
    ) -> None:
        self.first_seq = first_seq
        self.last_seq = last_seq
        self.done: Callable[[bool], None] | None = done
        self.spoilt = False


def _first_seq(batch: Batch) -> int:
    return batch.first_seq


def _held_bytes(batch: Batch) -> int:
    return batch.size_bytes + _MESSAGE_OVERHEAD_BYTES * len(batch.messages)
