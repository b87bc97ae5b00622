"""`type = file`: messages appended to a file, and on to the next one.

Disks are slow at times, so everything that touches them runs in a thread, one call at a
time; whatever has come in meanwhile goes into the next call, with one sync for all.
"""

from __future__ import annotations

import os
import re
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any, ClassVar, cast

import attrs
from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThreadPool
from twisted.python.failure import Failure

from ..acks import ACKS
from ..batch import Batch
from ..channel import Confidence
from ..links.backoff import Backoff
from ..options import (
    DURATION,
    MIB,
    PATH,
    SIZE,
    Converter,
    choice,
    option,
    variant,
)
from ..state import Word
from ._appended import FIELDS, Appended, Piece, Sync, fill_fields
from ._file_tail import end_mark
from ._file_words import why_not
from ._framed import frame
from .base import WINDOW_BYTES, LinkContext, LinkLost, LinkUser, Refused
from .policy import DeliveryConfig

__all__ = ["FileConfig", "FileLink", "build"]

#: Framed bytes that wait for the disk; beyond that the delivery holds back.
_HIGH_WATER_BYTES = 4 * MIB

#: How often `fsync = interval` syncs.
_INTERVAL_SECONDS = 1.0


def _parse_mode(value: Any) -> int:
    if not isinstance(value, str) or re.fullmatch(r"0?[0-7]{3}", value.strip()) is None:
        raise ValueError(value)
    mode = int(value, 8)
    if not mode & 0o200:
        raise ValueError(value)
    return mode


_MODE = Converter(
    "an octal mode that lets the owner write, such as 0640",
    _parse_mode,
    lambda mode: f"{mode:04o}",
)


@attrs.frozen(kw_only=True)
class FileConfig(DeliveryConfig):
    """Appends to a file."""

    type_name: ClassVar[str] = "file"

    path: str = option(
        PATH,
        example="/var/spool/iobuffer/{channel}/%Y-%m-%d.txt",
        help="The file. {channel} and {destination} stand for their names, and % for "
        "strftime's fields, such as %Y-%m-%d, of the time when the message was "
        "received (local time): a message that had to wait goes into the file of its "
        "own day. Folders that are missing are made, mode 0750. No two destinations "
        "may write one file.",
    )
    ack: Any = variant(
        {"none": ACKS["none"]}, default="none", help="A file answers nothing."
    )
    rotate_bytes: int = option(
        SIZE,
        default=0,
        help="A file that would grow beyond this is renamed to PATH.1, PATH.2 and so "
        "on, the highest number being the youngest, and a new one begun. A batch is "
        "never split: one that is larger has a file to itself. 0: never.",
    )
    rotate_every: float = option(
        DURATION,
        default=0.0,
        help="The same at each multiple of this in local time, with the first message "
        "behind it: 1h, 1d (midnight). 0: never.",
    )
    fsync: Sync = option(
        choice(*Sync),
        default=Sync.BATCH,
        help="batch: a message counts as delivered (received) once it is on the disk. "
        "interval: once it is written (sent), synced each second; a power cut may take "
        "the last second. never: likewise, and the kernel writes when it likes. A "
        "crash of the gateway alone takes nothing with any of them.",
    )
    mode: int = option(
        _MODE,
        default=0o640,
        help="Mode of new files. They hold what the messages hold: patients' data as a "
        "rule.",
    )

    def problems(self) -> Iterable[tuple[str, str]]:
        """What the loader cannot see in one option alone."""
        yield from super().problems()
        for name in re.findall(r"\{(\w*)\}", self.path):
            if name not in FIELDS:
                yield (
                    "path",
                    f"unknown field {{{name}}}; known are {{channel}} and "
                    + ("{destination}"),
                )
        if self.path.endswith("/"):
            yield "path", "expected a file, not a folder: add a name behind the last /"
        if 0 < self.rotate_every < 1.0:
            yield "rotate_every", "expected at least 1s, or 0 for never"


def build(config: FileConfig, context: LinkContext) -> FileLink:
    """A link that opens its file once it is started."""
    return FileLink(config, context)


@attrs.define(eq=False)
class _Job:
    """One send(): what goes to the disk, and who waits for it."""

    piece: Piece
    done: Deferred[Confidence]
    refused: Refused | None


class FileLink:
    """See `Link`.

    Args:
        disk: see `Appended`.
    """

    def __init__(
        self, config: FileConfig, context: LinkContext, disk: Any = os
    ) -> None:
        names = {"channel": context.channel, "destination": context.name}
        self._context = context
        self._encoder = context.framing.encoder()
        self._sure = (
            Confidence.RECEIVED if config.fsync is Sync.BATCH else Confidence.SENT
        )
        self._file = Appended(
            fill_fields(os.path.abspath(config.path), names),
            mark=end_mark(self._encoder),
            mode=config.mode,
            sync=config.fsync,
            rotate_bytes=config.rotate_bytes,
            rotate_every_seconds=config.rotate_every,
            disk=disk,
        )
        self._syncs_by_clock = config.fsync is Sync.INTERVAL
        self._backoff = Backoff(initial_seconds=0.5, max_seconds=config.retry_max)
        self._user: LinkUser | None = None
        self._up = False
        self._queue: deque[_Job] = deque()
        self._queued_bytes = 0
        #: What the thread writes now.
        self._writing: list[_Job] = []
        #: A call in the thread; there is one at a time.
        self._busy = False
        #: Run once the thread is free: stop, or open again.
        self._next: Callable[[], None] | None = None
        self._timer: Any = None
        self._stopped: Deferred[None] | None = None

    # -- Link --------------------------------------------------------------------------

    @property
    def writable(self) -> bool:
        return self._up and self._queued_bytes < _HIGH_WATER_BYTES

    @property
    def window_bytes(self) -> int:
        return WINDOW_BYTES

    @property
    def progress_at(self) -> float:
        return 0.0

    def start(self, user: LinkUser) -> None:
        self._user = user
        self._open()

    def stop(self) -> Deferred[None]:
        self._stopped = Deferred()
        self._cancel_timer()
        # What the thread writes now is still confirmed when it is done.
        writing, self._writing = self._writing, []
        self._take_down("stopped", tell=False)
        self._writing = writing
        self._when_free(self._close_for_good)
        return self._stopped

    def send(self, batch: Batch) -> Deferred[Confidence]:
        data, framed = frame(self._encoder, batch.messages, self._sure)
        done: Deferred[Confidence] = Deferred()
        piece = Piece(data, batch.received_at, self._context.wall())
        self._queue.append(_Job(piece, done, framed.refusal))
        self._queued_bytes += len(data)
        self._write()
        return done

    def reopen(self, reason: str) -> None:
        if self._stopped is not None or self._next is not None:
            return
        self._cancel_timer()
        self._take_down(reason, tell=True)
        self._context.state.set(Word.WAITING, f"opening the file again: {reason}")
        self._when_free(self._open)

    def peers(self) -> list[dict[str, Any]]:
        return []

    def quality(self) -> dict[str, int]:
        return {}

    # -- opening -----------------------------------------------------------------------

    def _open(self) -> None:
        self._timer = None
        self._in_thread(
            self._file.open_at, self._opened, self._not_opened, self._context.wall()
        )

    def _opened(self, path: str) -> None:
        assert self._user is not None
        if self._next is not None:
            return
        self._context.counters.connects_total += 1
        if self._context.state.word is not Word.FAILED:
            self._context.state.set(Word.RUNNING, f"writing to {path}")
        # After a failure it opens, and whether it can be written is seen by writing:
        # the back-off and the state stand until something has been.
        self._up = True
        if self._syncs_by_clock:
            self._timer = self._context.reactor.callLater(
                _INTERVAL_SECONDS, self._sync_by_clock
            )
        self._user.link_up()

    def _not_opened(self, error: OSError) -> None:
        self._context.counters.connect_failures_total += 1
        self._fail(error)

    def _fail(self, error: OSError) -> None:
        reason = why_not(error)
        if self._stopped is not None:
            self._take_down(reason, tell=False)
            return
        self._cancel_timer()
        self._context.state.set(Word.FAILED, reason)
        self._take_down(reason, tell=True)
        if self._next is not None:
            # It is to be opened again at once.
            return
        self._timer = self._context.reactor.callLater(self._backoff.next(), self._open)

    def _take_down(self, reason: str, *, tell: bool) -> None:
        """Outstanding sends fail first, then the user hears that the link is down."""
        was_up, self._up = self._up, False
        jobs = self._writing + list(self._queue)
        self._writing = []
        self._queue.clear()
        self._queued_bytes = 0
        for job in jobs:
            job.done.errback(LinkLost(reason, 0, self._sure))
        if was_up:
            self._context.counters.disconnects_total += 1
            if tell and self._user is not None:
                self._user.link_down(reason)

    # -- writing -----------------------------------------------------------------------

    def _write(self) -> None:
        if self._busy or not self._queue:
            return
        self._writing = list(self._queue)
        self._queue.clear()
        self._queued_bytes = 0
        pieces = []
        for job in self._writing:
            pieces.append(job.piece)
            if job.refused is not None:
                # What follows a refused message is not sent, or it would overtake it.
                break
        self._in_thread(self._file.append, self._written, self._fail, pieces)

    def _written(self, result: tuple[int, OSError | None]) -> None:
        settled, failure = result
        assert self._user is not None
        jobs, self._writing = self._writing, []
        if not jobs:
            # They have failed already: the link was reopened meanwhile.
            return
        if settled and self._stopped is None:
            self._backoff.reset()
            self._context.state.set(Word.RUNNING, f"writing to {self._file.path}")
        for at, job in enumerate(jobs[:settled]):
            if job.refused is None:
                job.done.callback(self._sure)
                continue
            # The last of its write. Those behind it are not sent, or they would
            # overtake what the delivery does with it.
            behind = jobs[at + 1 :] + list(self._queue)
            self._queue.clear()
            self._queued_bytes = 0
            job.done.errback(job.refused)
            for other in behind:
                other.done.errback(LinkLost("a message before it was refused"))
        if failure is not None:
            self._writing = jobs[settled:]
            self._fail(failure)
        elif self._up:
            self._user.link_up()

    def _sync_by_clock(self) -> None:
        self._timer = self._context.reactor.callLater(
            _INTERVAL_SECONDS, self._sync_by_clock
        )
        if not self._busy:
            self._in_thread(self._file.sync, lambda _: None, self._fail)

    # -- the thread --------------------------------------------------------------------

    def _in_thread(
        self,
        call: Callable[..., Any],
        succeeded: Callable[[Any], None],
        failed: Callable[[OSError], None],
        *args: Any,
    ) -> None:
        reactor = self._context.reactor
        self._busy = True
        running = deferToThreadPool(reactor, reactor.getThreadPool(), call, *args)

        def finished(result: Any) -> None:
            notices, self._file.notices = self._file.notices, []
            for notice in notices:
                self._context.log("warn", notice)
            # Still busy: what is sent meanwhile goes into the queue.
            if not isinstance(result, Failure):
                succeeded(result)
            elif result.check(OSError):
                failed(cast(OSError, result.value))
            else:
                self._fault(result)
            self._busy = False
            if self._next is not None:
                following, self._next = self._next, None
                following()
            else:
                self._write()

        running.addBoth(finished)

    def _fault(self, failure: Failure) -> None:
        """Not the disk but this program: the delivery halts and says so."""
        self._context.log("error", failure.getTraceback())
        self._context.state.set(
            Word.FAILED, f"a fault of the gateway's own: {failure.getErrorMessage()}"
        )
        self._up = False
        jobs = self._writing + list(self._queue)
        self._writing = []
        self._queue.clear()
        for job in jobs:
            job.done.errback(failure)

    def _when_free(self, call: Callable[[], None]) -> None:
        if self._busy:
            self._next = call
        else:
            call()

    def _close_for_good(self) -> None:
        self._in_thread(self._file.close, self._closed, self._closed)

    def _closed(self, _: object) -> None:
        assert self._stopped is not None
        self._context.state.set(Word.STOPPED)
        self._stopped.callback(None)

    def _cancel_timer(self) -> None:
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._timer = None
