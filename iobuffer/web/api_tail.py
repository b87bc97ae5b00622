"""The messages of one channel as they come, as Server-Sent Events.

Of a channel that is too fast to be read by people some are shown, and how many were
not. Whoever looks costs the data path a look at a variable per commit.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.server import NOT_DONE_YET

from ..batch import Batch
from .answers import to_json
from .api_live import Stream, live_of
from .base import OPERATORS, Call, Problem, Reply, Route
from .shapes import CHANNEL
from .showing import is_masked, note_view, shown

__all__ = ["ROUTES"]

_TAIL_SECONDS = 0.2
_TAIL_MESSAGES = 20
_TAIL_BYTES = 64 * 1024
_PREVIEW_BYTES = 2048

_log = Logger(namespace="iobuffer")


class _Tail:
    """One reader of one channel's messages."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self._channel = call.path["channel"]
        self._operations = call.site.operations
        self._sent = self._operations.last_seq(self._channel)
        self._due: IDelayedCall | None = None
        self._stream = live_of(call.site).open(call, self._end)
        self._unwatch = self._operations.watch(self._channel, self._wake)

    def _wake(self) -> None:
        # Called after each commit: no more than a look at a variable there.
        if self._due is None:
            self._due = self._call.site.reactor.callLater(_TAIL_SECONDS, self._read)

    def _read(self) -> None:
        self._due = None
        try:
            last = self._operations.last_seq(self._channel)
        except Problem:
            # The channel has been removed.
            self._stream.close()
            return
        after = max(self._sent, last - _TAIL_MESSAGES)
        if after >= last or not self._stream.ready:
            return
        reading = self._operations.read(
            self._channel, after, _TAIL_MESSAGES, _TAIL_BYTES
        )
        reading.addCallback(self._show)
        reading.addErrback(self._unread)

    def _unread(self, failure: Failure) -> None:
        # A damaged row, or a stop: the reader may ask again.
        _log.warn("live view: {why}", why=failure.getErrorMessage())
        self._stream.close()

    def _show(self, batch: Batch | None) -> None:
        if batch is None or not batch.messages:
            return
        skipped = batch.first_seq - self._sent - 1
        if skipped > 0:
            self._stream.send("skipped", to_json({"messages": skipped}))
        # Revealed or hidden again while it is open: as it is now.
        mask = is_masked(self._call, self._channel)
        peers = iter([peer for peer, count in batch.peers for _ in range(count)])
        for index, message in enumerate(batch.messages):
            found = {
                "seq": batch.first_seq + index,
                "received_at": batch.received_at,
                "peer": next(peers, ""),
                "size_bytes": len(message),
                "message": message[:_PREVIEW_BYTES],
            }
            line = shown(found, self._call, mask=mask)
            self._stream.send("message", to_json(line))
        self._sent = batch.last_seq

    def _end(self, stream: Stream) -> None:
        if self._due is not None:
            self._due.cancel()
            self._due = None
        self._unwatch()


async def _tail(call: Call) -> Any:
    if call.request.method == b"HEAD":
        return Reply(body=b"", content_type="text/event-stream; charset=utf-8")
    channel = call.path["channel"]
    # A channel that is not there is said to be so before anything is written down.
    call.site.operations.last_seq(channel)
    await note_view(call, "live tail", channel)
    if not call.request.gone:
        _Tail(call)
    return NOT_DONE_YET


ROUTES = (
    Route(
        method="GET",
        path="/api/channels/{channel}/tail",
        roles=OPERATORS,
        call=_tail,
        content_types=("text/event-stream",),
        summary="Server-Sent Events. `message`: a message that has just been stored; "
        "`skipped`: how many were not shown, for there were too many.",
        params=(CHANNEL,),
    ),
)
