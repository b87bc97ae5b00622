"""The thread around a store, and the group commit: the only place where Twisted and the
store meet.

While one commit runs, everything that is offered becomes the next one; an idle store
commits at once (`turns.py` has when). Neighbouring batches of one channel become one
row of up to 256 KiB. All channels share a transaction, because one fsync can then serve
them all.

What happens to an offer that finds no room: with an answer it is refused, and the
sender hears so; without one it is held here, in its channel's order, until there is
room, and its source is told to read no more. What is held is bounded by that: a chunk
for each connection, beside `max_pending_bytes` for all.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from .batch import Batch, join
from .channel import Answer, Channel, ReadDone
from .counters import Histogram
from .errors import (
    StorageDropped,
    StorageError,
    StorageFailed,
    StorageFull,
)
from .following import read_on
from .fullness import Fullness
from .offers import Offer, RowLimits, rows
from .storage.base import Finding, Limits, Store
from .turns import Done, Turns

__all__ = ["Storekeeper"]

_T = TypeVar("_T")

#: How often an idle store is looked after when there was nothing more to do: messages
#: grow old all the same.
_EXPIRE_SECONDS = 60.0

#: From a disk that has a cache of its own to one that is about to fail.
_COMMIT_BOUNDS_SECONDS = (
    *(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05),
    *(0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0),
)

_log = Logger()


class Storekeeper:
    """Commits what channels offer, in a thread of its own.

    Args:
        reactor: for callFromThread.
        store: used by this object's thread only, once started.
        max_pending_bytes: payload that may wait for a commit before sources are paused.
        recent_bytes: what committed batches may take in memory, over all channels.
        wall: epoch seconds, for retention and labels.
        on_fatal: called in the thread when the disk has failed or the thread itself
            has; it must end the process without another sync (DESIGN 7).
        on_findings: called in the reactor's thread with what the store found wrong.
    """

    def __init__(
        self,
        reactor: Any,
        store: Store,
        *,
        max_pending_bytes: int,
        recent_bytes: int,
        wall: Callable[[], float],
        on_fatal: Callable[[BaseException], None],
        on_findings: Callable[[list[Finding]], None],
    ) -> None:
        self._reactor = reactor
        self._store = store
        self._max_pending_bytes = max_pending_bytes
        self._max_recent_bytes = recent_bytes
        self._wall = wall
        self._on_fatal = on_fatal
        self._on_findings = on_findings
        #: How long the commits took that had something to write.
        self.commit_seconds = Histogram(_COMMIT_BOUNDS_SECONDS)
        self._channels: dict[str, Channel] = {}
        self._row_limits: dict[str, RowLimits] = {}
        self._pending_bytes = 0
        self._recent_bytes = 0
        self._was_pressed = False
        self._turns = Turns()
        self._stopped: Deferred[int] = Deferred()
        # The thread's own.
        self._held: dict[str, list[Offer]] = {}
        self._full = Fullness()
        self._tidy_due = True
        self._expire_at = 0.0
        self._thread = threading.Thread(
            target=self._run, name="iobuffer-store", daemon=True
        )

    # -- the reactor's side ------------------------------------------------------------

    def start(self) -> None:
        """Start the thread. Channels may be attached before and after."""
        self._thread.start()

    def stop(self) -> Deferred[int]:
        """Commit what waits, close the store, end the thread.

        Fires with the number of messages that could not be stored: they were never
        acknowledged, there was no room for them.
        """
        self._turns.stop()
        return self._stopped

    def attach(self, channel: Channel, limits: Limits) -> None:
        """Commit for this channel, and tell it what was committed. To be called again
        when its limits have changed."""
        self._channels[channel.name] = channel
        self._row_limits[channel.name] = RowLimits(limits)

    def detach(self, channel: Channel) -> None:
        """Tell this channel nothing more; what it offered is committed all the same."""
        while channel.recent_bytes:
            channel.forget_recent()
        del self._channels[channel.name]
        del self._row_limits[channel.name]

    @property
    def epoch(self) -> str:
        """The store's; new when its sequence numbers mean something else."""
        return self._store.epoch

    @property
    def pressed(self) -> bool:
        return self._pending_bytes > self._max_pending_bytes

    @property
    def pending_bytes(self) -> int:
        """Payload that waits for a commit now."""
        return self._pending_bytes

    @property
    def recent_bytes(self) -> int:
        """What committed batches take in memory now."""
        return self._recent_bytes

    def append(
        self,
        channel: str,
        batch: Batch,
        answer: Answer | None,
        marks: Mapping[str, bytes] | None,
    ) -> None:
        most = self._row_limits[channel]
        offers = [Offer(batch, answer, marks, most)]
        if answer is None and most.exceeded_by(batch):
            # With an answer it stays whole: it is refused as such, with the reason.
            parts = most.cut(batch)
            offers = [Offer(part, None, None, most) for part in parts]
            offers[-1].marks = marks
        self._offer(channel, offers, answer is not None)

    def append_all(
        self,
        channel: str,
        run: Sequence[tuple[Batch, Mapping[str, bytes]]],
        answer: Answer,
    ) -> None:
        most = self._row_limits[channel]
        # All under one lock, so that they are of one turn: what a turn refuses of a
        # channel it refuses to the end.
        self._offer(
            channel,
            [Offer(batch, answer, marks, most) for batch, marks in run],
            answered=True,
        )

    def _offer(self, channel: str, offers: list[Offer], answered: bool) -> None:
        size_bytes = sum(offer.pending_bytes for offer in offers)
        self._pending_bytes += size_bytes
        if self._pending_bytes > self._max_pending_bytes:
            self._was_pressed = True
        self._turns.offer(channel, offers, size_bytes, answered)

    def read(
        self,
        channel: str,
        after: int,
        max_messages: int,
        max_bytes: int,
        done: ReadDone,
    ) -> None:
        self._turns.read(channel, after, max_messages, max_bytes, done)

    def settle(self, method: str, *args: object) -> None:
        self._turns.settle(method, args)

    def call(self, what: Callable[[Store], _T]) -> Deferred[_T]:
        """Call `what(store)` in the thread, and commit what it changes.

        For what is rare: an operator's question, opening a channel. Fires with what it
        returns once that is durable, or fails with what it or the commit raises;
        nothing of it has happened then.
        """
        result: Deferred[_T] = Deferred()
        self._turns.call(what, result)
        return result

    def recall(self, size_bytes: int) -> None:
        self._recent_bytes += size_bytes
        while self._recent_bytes > self._max_recent_bytes:
            largest = max(self._channels.values(), key=_recent_bytes)
            if not largest.recent_bytes:
                break
            largest.forget_recent()

    # -- the thread --------------------------------------------------------------------

    def _run(self) -> None:
        try:
            while self._turn_once():
                pass
            unstored = sum(
                len(offer.batch) for offers in self._held.values() for offer in offers
            )
            self._store.close()
            self._reactor.callFromThread(self._stopped.callback, unstored)
        except BaseException as error:
            # Whatever ends this thread ends the gateway: one that goes on without its
            # store would take messages and keep none.
            self._on_fatal(error)

    def _turn_once(self) -> bool:
        """Wait for work and do it; False when there is none left and we are ending."""
        turn = self._turns.next()
        done = Done()
        if turn.commits:
            self._commit(turn.offers, turn.settles, done)
            self._tidy_due = True
        for channel, after, max_messages, max_bytes, read_done in turn.reads:
            try:
                batch = read_on(self._store, channel, after, max_messages, max_bytes)
                done.reads.append((read_done, batch, None))
            except StorageFailed:
                raise
            except StorageError as error:
                done.reads.append((read_done, None, error))
        for what, deferred in turn.calls:
            done.calls.append((deferred, self._call(what)))
        if time.monotonic() >= self._expire_at:
            self._tidy_due = True
        if turn.idle and self._tidy_due:
            self._expire_at = time.monotonic() + _EXPIRE_SECONDS
            try:
                self._tidy_due = self._store.tidy(self._wall())
            except StorageFull:
                # What has expired takes room in the log before it gives any back; a
                # full disk is no failure here either. It stays due.
                pass
        for name in self._full.look(self._store, self._held):
            done.room(name)
        if self._store.findings:
            findings, self._store.findings[:] = list(self._store.findings), []
            self._reactor.callFromThread(self._on_findings, findings)
        if turn.offers or done.committed or done.full or done.reads or done.calls:
            self._reactor.callFromThread(self._tell, done)
        return not turn.last

    def _call(self, what: Callable[[Store], Any]) -> Any:
        try:
            result = what(self._store)
            self._store.commit(self._wall())
        except StorageFailed:
            raise
        except Exception:
            # The caller's Deferred gets it: an answer to a question, not our own fault.
            failure = Failure()
            self._store.rollback()
            return failure
        return result

    def _commit(
        self,
        offers: list[tuple[str, Offer]],
        settles: list[tuple[str, tuple[object, ...]]],
        done: Done,
    ) -> None:
        store = self._store
        for method, args in settles:
            getattr(store, method)(*args)
        by_channel, self._held = self._held, {}
        for name, offer in offers:
            by_channel.setdefault(name, []).append(offer)
        refused: dict[str, tuple[list[Offer], StorageFull]] = {}
        refused_rows: dict[str, tuple[int, int] | None] = {}
        for name, waiting in by_channel.items():
            for row in rows(waiting):
                if name in refused:
                    refused[name][0].extend(row)
                    continue
                batch = join([offer.batch for offer in row])
                try:
                    first_seq = store.append(name, batch, row[-1].marks)
                except StorageFull as error:
                    refused[name] = (list(row), error)
                    refused_rows[name] = (len(batch), batch.size_bytes)
                else:
                    done.committed.append((name, batch.numbered(first_seq), row))
        began_at = time.monotonic()
        try:
            store.commit(self._wall())
        except StorageFull as error:
            refused = {name: (waiting, error) for name, waiting in by_channel.items()}
            done.committed.clear()
            refused_rows = dict.fromkeys(by_channel)
            # What destinations have had stays true; it is written when there is room.
            self._turns.put_back(settles)
        else:
            self.commit_seconds.observe(time.monotonic() - began_at)
            if done.committed or settles:
                # The disk has room again, whoever it was that found none.
                for name in self._full.written():
                    done.room(name)
        for name, (waiting, full) in refused.items():
            for offer in waiting:
                if offer.answer is not None:
                    done.refused.append((offer.answer, full))
                else:
                    self._held.setdefault(name, []).append(offer)
        for name, waiting in by_channel.items():
            for offer in waiting:
                # What is held counts against its channel from here on, which reads no
                # more, and not against all of them.
                done.released += offer.pending_bytes
                offer.pending_bytes = 0
            if name in refused:
                # Said in each turn: a channel that was removed and added again while
                # there is no room has not heard it.
                self._full.refused(name, refused_rows[name])
                full_reason = str(refused[name][1])
                done.full[name] = (True, name in self._held, full_reason)
            elif name in self._full:
                self._full.stored(name)
                done.room(name)
        self._turns.committed(holding=bool(self._held))

    # -- back in the reactor -----------------------------------------------------------

    def _tell(self, done: Done) -> None:
        self._pending_bytes -= done.released
        stored: dict[str, list[Batch]] = {}
        for name, batch, offers in done.committed:
            seq = batch.first_seq
            dropped = (
                StorageDropped("dropped: the channel is full") if not seq else None
            )
            if not dropped:
                stored.setdefault(name, []).append(batch)
            for offer in offers:
                if offer.answer is not None:
                    _say(offer.answer, seq, dropped)
                if seq:
                    seq += len(offer.batch)
        for answer, error in done.refused:
            _say(answer, 0, error)
        for name, (full, holding, reason) in done.full.items():
            if name in self._channels:
                _say(self._channels[name].set_full, full, holding, reason)
        for name, batches in stored.items():
            if name in self._channels:
                _say(self._channels[name].committed, batches)
        for read_done, batch_read, read_error in done.reads:
            _say(read_done, batch_read, read_error)
        for deferred, result in done.calls:
            deferred.callback(result)
        if self._was_pressed and self._pending_bytes <= self._max_pending_bytes // 2:
            self._was_pressed = False
            for channel in tuple(self._channels.values()):
                _say(channel.relieved)


def _say(told: Callable[..., object], *words: object) -> None:
    try:
        told(*words)
    except Exception:
        # One connection's fault, or one channel's, must not keep the others from what
        # they wait for.
        _log.failure("a channel could not be told what became of its messages")


def _recent_bytes(channel: Channel) -> int:
    return channel.recent_bytes
