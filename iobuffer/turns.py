"""What the reactor asks of the store's thread, and when that wakes for it.

One turn of the thread is one commit. A turn begins at once when somebody waits for its
end: an answer is owed, something is read, an operator asks. What nobody waits for, and
is little, waits a moment for company: a commit costs a sync.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import attrs
from twisted.internet.defer import Deferred

from .batch import Batch
from .channel import Answer, ReadDone
from .errors import StorageError
from .offers import Offer
from .storage.base import Store

__all__ = ["RETRY_SECONDS", "Done", "Turn", "Turns"]

#: How often it is tried again while there is no room.
RETRY_SECONDS = 0.25

#: Cursors alone may wait this long for company: they may lag (duplicates), and a commit
#: of their own for each confirmed batch would be a sync for nothing.
_CURSOR_SECONDS = 0.02

#: Commits of offers that nobody waits for keep this distance, unless there is more to
#: commit than `_COMPANY_BYTES`. 200 channels with a message a second each cost 24 % of
#: a core without it, 17 % with 10 ms, 12 % with 20 ms.
_COMPANY_SECONDS = 0.02
_COMPANY_BYTES = 64 * 1024

#: How often a thread that is asked nothing has a turn all the same.
_IDLE_SECONDS = 2.0


@attrs.frozen
class Turn:
    """What there is to do now. With `commits` there is something to commit, if only
    what was held before; `idle` when nothing was asked at all."""

    offers: list[tuple[str, Offer]]
    settles: list[tuple[str, tuple[object, ...]]]
    reads: list[tuple[str, int, int, int, ReadDone]]
    calls: list[tuple[Callable[[Store], Any], Deferred[Any]]]
    commits: bool
    idle: bool
    #: Nothing more is asked, and nothing will be.
    last: bool


class Done:
    """What one turn of the thread has to tell the reactor."""

    __slots__ = ("calls", "committed", "full", "reads", "refused", "released")

    def __init__(self) -> None:
        #: (channel, the row as it was numbered, the offers that became it)
        self.committed: list[tuple[str, Batch, list[Offer]]] = []
        self.refused: list[tuple[Answer, StorageError]] = []
        #: channel -> (it has no room, offers of it are held, the store's sentence)
        self.full: dict[str, tuple[bool, bool, str]] = {}
        self.reads: list[tuple[ReadDone, Batch | None, StorageError | None]] = []
        self.calls: list[tuple[Deferred[Any], Any]] = []
        self.released = 0

    def room(self, channel: str) -> None:
        """The channel has room again."""
        self.full[channel] = (False, False, "")


class Turns:
    """Gathers what is asked, under one lock, and hands it out turn by turn."""

    def __init__(self) -> None:
        # Shared by both threads, under the condition.
        self._changed = threading.Condition(threading.Lock())
        self._offers: list[tuple[str, Offer]] = []
        self._settles: list[tuple[str, tuple[object, ...]]] = []
        self._reads: list[tuple[str, int, int, int, ReadDone]] = []
        self._calls: list[tuple[Callable[[Store], Any], Deferred[Any]]] = []
        self._stopping = False
        # Whether the thread sleeps, and whether with nothing to wake for; how much is
        # offered, and whether a sender waits for it.
        self._sleeping = False
        self._sleeping_long = False
        self._offered_bytes = 0
        self._answer_owed = False
        self._settle_at = 0.0
        # The thread's own.
        self._unsettled: list[tuple[str, tuple[object, ...]]] = []
        self._holding = False
        self._company_until = 0.0
        self._retry_at = 0.0

    # -- the reactor's side ------------------------------------------------------------

    def offer(
        self, channel: str, offers: list[Offer], size_bytes: int, answered: bool
    ) -> None:
        """To be committed, all in one turn; `answered`: somebody waits for it."""
        with self._changed:
            self._offers += [(channel, offer) for offer in offers]
            self._offered_bytes += size_bytes
            if answered:
                self._answer_owed = True
            self._wake()

    def read(
        self,
        channel: str,
        after: int,
        max_messages: int,
        max_bytes: int,
        done: ReadDone,
    ) -> None:
        """To be read, after this turn's commit."""
        with self._changed:
            self._reads.append((channel, after, max_messages, max_bytes, done))
            self._wake()

    def settle(self, method: str, args: tuple[object, ...]) -> None:
        """A call of the store that may wait for company."""
        with self._changed:
            if not (self._settles or self._unsettled):
                self._settle_at = time.monotonic() + _CURSOR_SECONDS
            self._settles.append((method, args))
            self._wake()

    def call(self, what: Callable[[Store], Any], result: Deferred[Any]) -> None:
        """To be called, after this turn's reads."""
        with self._changed:
            self._calls.append((what, result))
            self._changed.notify()

    def stop(self) -> None:
        """Let the turns end, once all that was asked is done."""
        with self._changed:
            self._stopping = True
            self._changed.notify()

    # -- the thread --------------------------------------------------------------------

    def next(self) -> Turn:
        """Sleep until there is something to do, or nothing for a good while."""
        with self._changed:
            self._sleep()
            offers, self._offers = self._offers, []
            settles, self._settles = self._settles, []
            reads, self._reads = self._reads, []
            calls, self._calls = self._calls, []
            self._offered_bytes = 0
            self._answer_owed = False
            stopping = self._stopping
        asked = bool(offers or settles or reads or calls)
        self._unsettled += settles
        settling = bool(self._unsettled) and (
            stopping or bool(calls) or time.monotonic() >= self._settle_at
        )
        commits = bool(offers) or settling or self._holding
        settles = []
        if commits:
            settles, self._unsettled = self._unsettled, []
        return Turn(
            offers,
            settles,
            reads,
            calls,
            commits=commits,
            idle=not (asked or settling),
            last=stopping and not asked,
        )

    def committed(self, *, holding: bool) -> None:
        """A commit has ended; `holding`: there was no room for some, to be retried."""
        now = time.monotonic()
        self._holding = holding
        self._company_until = now + _COMPANY_SECONDS
        self._retry_at = now + RETRY_SECONDS

    def put_back(self, settles: list[tuple[str, tuple[object, ...]]]) -> None:
        """These could not be written: they are due again when it is retried."""
        self._unsettled = settles
        self._settle_at = time.monotonic() + RETRY_SECONDS

    # The rest is called with the lock held.

    def _wake(self) -> None:
        """Wake the thread if it would sleep for longer than this may wait."""
        if self._sleeping and (self._sleeping_long or self._in_haste()):
            self._sleeping_long = False
            self._changed.notify()

    def _sleep(self) -> None:
        slept = False
        while not self._in_haste():
            due = []
            if self._offers:
                due.append(self._company_until)
            if self._settles or self._unsettled:
                due.append(self._settle_at)
            if self._holding:
                due.append(self._retry_at)
            if not due and slept:
                return
            seconds = min(due) - time.monotonic() if due else _IDLE_SECONDS
            if seconds <= 0:
                return
            self._sleeping, self._sleeping_long = True, not due
            self._changed.wait(seconds)
            self._sleeping = False
            slept = True

    def _in_haste(self) -> bool:
        return bool(
            self._answer_owed
            or self._offered_bytes >= _COMPANY_BYTES
            or self._reads
            or self._calls
            or self._stopping
        )
