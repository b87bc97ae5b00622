"""Messages one at a time, each after the answer to the one before it.

An HL7 receiver answers each message, and only the answer says that the application has
it; what its TCP acknowledged may still be lost with its process (USERS 4 and 12). With
one message in flight an answer can be matched beyond doubt, and what was refused is
not overtaken. So here, and only here, there is work per message: a write and an answer.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred

from ..acks.base import Receipt, Receipts, Verdict
from ..batch import Batch
from ..channel import Confidence
from ..counters import DestinationCounters
from ..errors import Unframeable
from ..framing.base import Encoder
from .base import LinkLost, Refused

__all__ = ["OneByOne"]


class OneByOne:
    """The conversation on one connection; a new connection gets a new one.

    So a late answer on the old connection cannot be taken for one on the new, and what
    was half read is forgotten.

    Args:
        reactor: on the monotonic clock.
        encoder: puts the framing on, message by message.
        receipts: reads the answers of this connection; None where none is awaited.
        counters: `unmatched_answers_total` is kept here.
        write: sends framed bytes.
        timeout_seconds: how long an answer may take.
        on_silence: called when it took longer; the caller closes the connection, since
            an answer that comes after all must find nobody who waits for another.
    """

    def __init__(
        self,
        reactor: Any,
        *,
        encoder: Encoder,
        receipts: Receipts,
        counters: DestinationCounters,
        write: Callable[[bytes], None],
        timeout_seconds: float,
        on_silence: Callable[[], None],
    ) -> None:
        self._reactor = reactor
        self._encoder = encoder
        self._receipts = receipts
        self._counters = counters
        self._write = write
        self._timeout_seconds = timeout_seconds
        self._on_silence = on_silence
        self._batch: Batch | None = None
        self._index = 0
        self._done: Deferred[Confidence] | None = None
        self._timer: Any = None
        self._unmatched_counted = 0

    @property
    def busy(self) -> bool:
        """A batch is under way: send no other."""
        return self._done is not None

    def send(self, batch: Batch) -> Deferred[Confidence]:
        """Fires when the last message is accepted; fails with Refused or LinkLost."""
        assert self._done is None, "one batch at a time"
        done: Deferred[Confidence] = Deferred()
        self._done = done
        self._batch = batch
        self._index = 0
        self._send_next()
        return done

    def feed(self, chunk: bytes) -> None:
        """Bytes of the peer."""
        receipt = self._receipts.feed(chunk)
        unmatched = self._receipts.unmatched_total
        self._counters.unmatched_answers_total += unmatched - self._unmatched_counted
        self._unmatched_counted = unmatched
        # Without a timer no message waits for its answer, whatever was read.
        if receipt is not None and self._timer is not None:
            self._answered(receipt)

    def lost(self, reason: str) -> None:
        """The connection is gone, with the message in flight unanswered."""
        if self._done is not None:
            self._settle(LinkLost(reason, self._index, Confidence.ACKNOWLEDGED))

    # -- within ------------------------------------------------------------------------

    def _send_next(self) -> None:
        assert self._batch is not None
        messages = self._batch.messages
        if self._index == len(messages):
            self._settle(Confidence.ACKNOWLEDGED)
            return
        message = messages[self._index]
        try:
            framed = self._encoder.encode([message])
        except Unframeable as error:
            self._settle(Refused(self._index, error.reason, final=True))
            return
        self._receipts.expect(message)
        # Moving a timer is cheaper than making one for each message.
        if self._timer is None:
            self._timer = self._reactor.callLater(self._timeout_seconds, self._silent)
        else:
            self._timer.reset(self._timeout_seconds)
        self._write(framed)

    def _answered(self, receipt: Receipt) -> None:
        if receipt.verdict is Verdict.ACCEPTED:
            self._index += 1
            self._send_next()
        else:
            self._settle(
                Refused(
                    self._index,
                    receipt.text,
                    final=receipt.verdict is Verdict.REJECTED,
                )
            )

    def _silent(self) -> None:
        self._timer = None
        self._on_silence()

    def _settle(self, outcome: Confidence | Refused | LinkLost) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        done, self._done, self._batch = self._done, None, None
        assert done is not None
        if isinstance(outcome, Confidence):
            done.callback(outcome)
        else:
            done.errback(outcome)
