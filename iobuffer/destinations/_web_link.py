"""A link over HTTP: one request at a time, and no connection to speak of between them.

It counts as up until a request fails; then it waits, and is up again for the next
attempt. What a request is, and what its answer means, the kinds say (`Post`).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from twisted.internet.defer import CancelledError, Deferred, fail
from twisted.python.failure import Failure

from ..batch import Batch
from ..channel import Confidence
from ..errors import IobufferError
from ..links.backoff import Backoff
from ..links.web_answers import WebTrouble
from ..links.web_client import WebClient, WebFailed
from ..state import Word
from .base import LinkContext, LinkLost, LinkUser, Refused
from .policy import DeliveryConfig

__all__ = ["Post", "Trouble", "WebLink"]

#: Too large a step would be a long time without a word, and much to send again.
_WINDOW_BYTES = 1024 * 1024


class Trouble(IobufferError):
    """A request failed for a reason that is not the messages': they are sent again."""

    def __init__(self, found: WebTrouble) -> None:
        self.found = found
        super().__init__(found.reason)


#: Delivers batches, in order, calling its second argument with the number of messages
#: that the peer has taken so far. Raises Trouble or WebFailed; Refused, where it is
#: given one batch at a time.
Post = Callable[[Sequence[Batch], Callable[[int], None]], Awaitable[None]]


#: A batch that was sent, and who waits for its outcome.
_Sent = tuple[Batch, Deferred[Confidence]]


class WebLink:
    """See `Link`. Confirmed is what the server has answered with 2xx.

    Args:
        config: how long it waits between attempts, at most.
        place: where it posts to, for people.
        client: closed with the link.
        post: delivers one batch; several, where any are gathered.
        gather_bytes: so much is taken while a request is under way, and goes out with
            the next one.
    """

    def __init__(
        self,
        context: LinkContext,
        config: DeliveryConfig,
        client: WebClient,
        place: str,
        post: Post,
        gather_bytes: int = 0,
    ) -> None:
        self.place = place
        self.progress_at = 0.0
        self._context = context
        self._client = client
        self._post = post
        self._backoff = Backoff(initial_seconds=0.5, max_seconds=config.retry_max)
        self._user: LinkUser | None = None
        self._up = False
        self._posting: Deferred[None] | None = None
        self._gather_bytes = gather_bytes
        #: What the request under way has in it, and what waits for the next one.
        self._sent: list[_Sent] = []
        self._waiting: list[_Sent] = []
        self._waiting_bytes = 0
        self._taken = 0
        self._retry: Any = None
        self._cancelled_for = ""

    # -- Link --------------------------------------------------------------------------

    @property
    def writable(self) -> bool:
        if self._posting is None:
            return self._up
        return self._up and self._waiting_bytes < self._gather_bytes

    @property
    def window_bytes(self) -> int:
        return _WINDOW_BYTES + 2 * self._gather_bytes

    def start(self, user: LinkUser) -> None:
        self._user = user
        self._context.state.set(
            Word.WAITING, f"nothing has been posted to {self.place} yet"
        )
        self._open()

    def stop(self) -> Deferred[None]:
        self._user = None
        self._up = False
        if self._retry is not None:
            self._retry.cancel()
            self._retry = None
        self._cancel("stopped")
        self._context.state.set(Word.STOPPED)
        return self._client.close()

    def send(self, batch: Batch) -> Deferred[Confidence]:
        if not self._up:
            return fail(LinkLost("it waits for the next attempt"))
        outcome: Deferred[Confidence] = Deferred()
        self._waiting.append((batch, outcome))
        self._waiting_bytes += batch.size_bytes
        if self._posting is None:
            self._post_waiting()
        return outcome

    def reopen(self, reason: str) -> None:
        self._cancel(reason)

    def peers(self) -> list[dict[str, Any]]:
        return []

    def quality(self) -> dict[str, int]:
        return {}

    # -- within ------------------------------------------------------------------------

    def _post_waiting(self) -> None:
        self._sent, self._waiting, self._waiting_bytes = self._waiting, [], 0
        self._taken = 0
        self._cancelled_for = ""
        self.progress_at = self._context.reactor.seconds()
        posting = Deferred.fromCoroutine(self._run([batch for batch, _ in self._sent]))
        # It may have ended already, as it does in tests and with files that are not
        # there; then nothing is under way.
        self._posting = posting
        posting.addBoth(self._posted)

    async def _run(self, batches: Sequence[Batch]) -> None:
        await self._post(batches, self._has_taken)

    def _has_taken(self, count: int) -> None:
        self._taken = count
        self.progress_at = self._context.reactor.seconds()
        self._backoff.reset()

    def _cancel(self, reason: str) -> None:
        if self._posting is not None:
            self._cancelled_for = reason
            self._posting.cancel()

    def _open(self) -> None:
        self._retry = None
        self._up = True
        if self._user is not None:
            self._user.link_up()

    def _posted(self, result: object) -> None:
        sent, self._sent = self._sent, []
        if isinstance(result, Failure) and not result.check(Refused):
            self._posting = None
            waiting, self._waiting, self._waiting_bytes = self._waiting, [], 0
            self._failed(result, sent + waiting)
            return
        self._backoff.reset()
        self._running()
        # What is sent meanwhile waits: these are told first.
        for _, outcome in sent:
            if isinstance(result, Failure):
                outcome.errback(result)
            else:
                outcome.callback(Confidence.ACKNOWLEDGED)
        self._posting = None
        if self._waiting:
            self._post_waiting()
        if self.writable and self._user is not None:
            self._user.link_up()

    def _running(self) -> None:
        if self._user is not None:
            self._context.state.set(Word.RUNNING, f"posting to {self.place}")

    def _failed(self, failure: Failure, sent: list[_Sent]) -> None:
        self._up = False
        trouble = self._trouble_of(failure)
        if trouble is None:
            # Our own fault: the delivery says so, with the traceback.
            sent[0][1].errback(failure)
            for _, outcome in sent[1:]:
                outcome.errback(LinkLost("what went before it has failed"))
            return
        taken = self._taken
        for batch, outcome in sent:
            of_batch = min(taken, len(batch))
            taken -= of_batch
            outcome.errback(LinkLost(trouble.reason, of_batch, Confidence.ACKNOWLEDGED))
        if self._user is None:
            return
        self._context.counters.connect_failures_total += 1
        self._user.link_down(trouble.reason)
        seconds = max(self._backoff.next(), trouble.wait_seconds)
        word = Word.FAILED if trouble.needs_somebody else Word.WAITING
        self._context.state.set(word, f"{trouble.reason}; next try in {seconds:.2g} s")
        self._retry = self._context.reactor.callLater(seconds, self._open)

    def _trouble_of(self, failure: Failure) -> WebTrouble | None:
        error = failure.value
        if isinstance(error, Trouble):
            return error.found
        if isinstance(error, WebFailed):
            return WebTrouble(f"{self.place}: {error}")
        if isinstance(error, CancelledError):
            return WebTrouble(f"{self.place}: {self._cancelled_for or 'given up'}")
        return None
