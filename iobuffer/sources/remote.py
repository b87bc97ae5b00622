"""`type = remote_icombuffer`: the messages of a channel of another iobuffer.

It asks the other instance for what follows the place that it has reached, and that one
answers when there is something (a long poll). The place is committed with the messages,
and told with the next request; only then does the other instance let go of them. So
each message is here once, whatever is cut, repeated or killed on either side.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote, urlsplit

import attrs
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import deferLater
from twisted.python.failure import Failure

from ..errors import StorageError
from ..links.backoff import Backoff
from ..links.status import PausableStatus
from ..links.web_answers import WebTrouble, sample, trouble_in
from ..links.web_client import (
    INSTANCE,
    WebAuthConfig,
    WebClient,
    WebFailed,
    WebTlsConfig,
)
from ..links.web_opening import open_client
from ..options import DURATION, MIB, Converter, group, option
from ..relay_format import CONTENT_TYPE, Malformed, Parcel, decode
from ..relay_order import Place, Refusal, Taken, offer, stop_name, take
from ..state import Word
from .base import SourceContext

__all__ = ["RemoteConfig", "RemoteSource", "build"]

#: How long the other instance may wait for messages before it says that there are
#: none, and how much longer the whole answer may take.
_WAIT_SECONDS = 30
_ANSWER_SECONDS = 30.0

#: The next parcel is asked for while one of at least this is committed: so much is
#: held beside it, at most one answer.
_AHEAD_BYTES = 1 * MIB

#: More than the other instance gives at once: one message of the largest kind.
_MAX_ANSWER_BYTES = 80 * MIB


def _some(value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError(value)
    return value.strip()


_NAME = Converter("a name, not empty", _some)


@attrs.frozen(kw_only=True)
class RemoteConfig:
    """Options of the source type `remote_icombuffer`."""

    url: str = option(
        INSTANCE,
        example="https://remote-server:8080",
        help="Address of the other instance. With http everybody on the way can read "
        "the messages and the password.",
    )
    channel_id: str = option(
        _NAME, example="chem-1", help="The channel there whose messages to take."
    )
    auth: WebAuthConfig = group(
        WebAuthConfig,
        help="The account at the other instance: a user of the role relay.",
    )
    tls: WebTlsConfig = group(WebTlsConfig, help="TLS of an https URL.")
    retry_max: float = option(
        DURATION,
        default=60.0,
        help="Longest pause between attempts while the other instance is not to be "
        "had. Attempts begin at half a second and double, with jitter.",
    )

    def problems(self) -> list[tuple[str, str]]:
        """What the loader cannot see in one option alone."""
        if self.retry_max < 0.5:
            return [("retry_max", "expected at least 500ms, the first pause")]
        return []


def build(config: RemoteConfig, context: SourceContext) -> RemoteSource:
    """The source, not yet started."""
    client = open_client(config, context, {"Accept": CONTENT_TYPE}, _MAX_ANSWER_BYTES)
    return RemoteSource(config, context, client)


class RemoteSource:
    """See `Source`. It has one peer, the other instance."""

    def __init__(
        self, config: RemoteConfig, context: SourceContext, client: WebClient
    ) -> None:
        self._config = config
        self._context = context
        self._client = client
        self._name = f"channel {config.channel_id} of {config.url}"
        self._mark = f"remote:{config.channel_id}"
        self._status = PausableStatus(context.state)
        self._backoff = Backoff(initial_seconds=0.5, max_seconds=config.retry_max)
        self._place: Place | None = None
        self._place_known = False
        self._running = False
        self._paused = False
        self._following: Deferred[None] | None = None
        self._storing = False
        self._ahead: Deferred[Parcel | WebTrouble | None] | None = None
        self._up_since = 0.0

    # -- Source ------------------------------------------------------------------------

    def start(self) -> None:
        self._running = True
        self._status.set(Word.WAITING, f"asking for {self._name}")
        self._follow()

    def stop(self) -> Deferred[None]:
        self._running = False
        self._hold()
        self._down()
        self._status.set(Word.STOPPED)
        return self._client.close()

    def pause(self, reason: str = "") -> None:
        self._paused = True
        self._status.pause(reason)
        self._hold()

    def resume(self) -> None:
        if not self._paused:
            return
        self._paused = False
        self._status.resume()
        self._follow()

    def quality(self) -> dict[str, int]:
        return {}

    def peers(self) -> list[dict[str, Any]]:
        if not self._up_since:
            return []
        counters = self._context.counters
        return [
            {
                "peer": urlsplit(self._config.url).netloc,
                "since": self._up_since,
                "framing": "batches",
                "bytes": counters.bytes_in_total,
                "messages": counters.messages_in_total,
            }
        ]

    # -- following ---------------------------------------------------------------------

    def _hold(self) -> None:
        # What has been offered is waited for: until it is known what became of it, a
        # new question would be for the same messages.
        if self._following is not None and not self._storing:
            self._following.cancel()

    @property
    def _held(self) -> bool:
        return self._paused or not self._running

    def _follow(self) -> None:
        if self._running and not self._paused and self._following is None:
            following = Deferred.fromCoroutine(self._rounds())
            self._following = following
            following.addBoth(self._ended)

    def _ended(self, result: object) -> None:
        self._following = None
        if not isinstance(result, Failure) or result.check(CancelledError):
            # Held, and perhaps let go on in the meantime.
            self._follow()
            return
        failure = result
        self._context.log("error", failure.getTraceback())
        self._status.set(
            Word.FAILED,
            "ended by a fault of the gateway's own, which the log shows: "
            f"{failure.getErrorMessage()}; a reload with changed settings starts it "
            "again",
        )

    async def _rounds(self) -> None:
        try:
            while not self._held:
                trouble = await self._round()
                if trouble is None or self._held:
                    self._backoff.reset()
                    continue
                self._forget_ahead()
                self._down()
                seconds = max(self._backoff.next(), trouble.wait_seconds)
                word = Word.FAILED if trouble.needs_somebody else Word.WAITING
                self._status.set(word, f"{trouble.reason}; next try in {seconds:.2g} s")
                await deferLater(self._context.reactor, seconds)
        finally:
            self._forget_ahead()

    async def _round(self) -> WebTrouble | None:
        """Ask once, and store what comes."""
        await self._relieved()
        if not self._place_known:
            try:
                marks = await self._context.marks()
            except StorageError as error:
                return WebTrouble(f"the store cannot be read: {error}")
            self._place = Place.of_mark(marks, self._mark)
            self._place_known = True
        ahead, self._ahead = self._ahead, None
        # The first answer tells that all is well: it is not to wait for a message.
        wait_seconds = _WAIT_SECONDS if self._up_since else 0
        found = await (self._ask(wait_seconds) if ahead is None else ahead)
        if isinstance(found, Parcel):
            return await self._take(found)
        if found is None:
            self._up()
        return found

    async def _ask(
        self, wait_seconds: int, ahead: int = 0
    ) -> Parcel | WebTrouble | None:
        """What follows our place, or the number `ahead`; None for nothing yet."""
        try:
            answer = await self._client.ask(
                "GET",
                self._question(wait_seconds, ahead),
                timeout_seconds=wait_seconds + _ANSWER_SECONDS,
            )
        except WebFailed as error:
            return WebTrouble(f"{self._name}: {error}")
        trouble = trouble_in(answer, self._name, self._context.wall())
        if trouble is not None:
            return trouble
        if answer.status == 204:
            return None
        if answer.status != 200:
            reason = f"{self._name}: status {answer.status}{sample(answer)}"
            return WebTrouble(reason, needs_somebody=True)
        parcel = decode(answer.body)
        if isinstance(parcel, Malformed):
            return WebTrouble(f"{self._name}: {parcel.reason}", needs_somebody=True)
        return parcel

    def _question(self, wait_seconds: int, ahead: int) -> str:
        channel = quote(self._config.channel_id, safe="")
        query = f"wait={wait_seconds}"
        if self._place is not None:
            query += f"&after={quote(str(self._place), safe='')}"
        if ahead:
            query += f"&ahead={ahead}"
        base = self._config.url.rstrip("/")
        return f"{base}/api/channels/{channel}/batches?{query}"

    async def _take(self, parcel: Parcel) -> WebTrouble | None:
        here = stop_name(self._context.epoch(), self._context.channel.name)
        found = take(self._place, parcel, here, self._context.wall())
        if isinstance(found, Refusal):
            return WebTrouble(f"{self._name}: {found.reason}", needs_somebody=True)
        self._say(parcel, found)
        self._ask_ahead(parcel)
        error = await self._store(found)
        if error is not None:
            return WebTrouble(str(error))
        self._up()
        return None

    # -- asking ahead ------------------------------------------------------------------

    def _ask_ahead(self, parcel: Parcel) -> None:
        """While a large parcel is committed, have the next one come.

        Only where there is a backlog: the question tells the other side the place that
        was reached before this parcel, so it must not be one that waits for messages.
        """
        place = self._place
        if (
            place is not None
            and place.gateway == parcel.gateway
            and sum(batch.size_bytes for batch in parcel.batches) >= _AHEAD_BYTES
        ):
            asking = self._ask(0, parcel.last_seq)
            self._ahead = Deferred.fromCoroutine(asking)

    def _forget_ahead(self) -> None:
        ahead, self._ahead = self._ahead, None
        if ahead is not None:
            # Whatever becomes of it, the same is asked for again.
            ahead.addErrback(lambda _: None)
            ahead.cancel()

    # -- storing -----------------------------------------------------------------------

    def _say(self, parcel: Parcel, found: Taken) -> None:
        """What is out of the ordinary in it, into the log."""
        if found.renewed:
            self._context.log(
                "warn",
                f"{self._name} has another store now ({parcel.gateway}): messages may "
                "be missing or twice between the old one and this",
            )
        if found.missing:
            self._context.log(
                "error",
                f"{found.missing} messages of {self._name} are gone there, dropped or "
                "damaged, before they were asked for; its log says which",
            )

    async def _store(self, found: Taken) -> StorageError | None:
        """Committed with its place when this returns, or as far as there was room."""
        answered: Deferred[tuple[Taken, StorageError | None]] = Deferred()
        counters = self._context.counters

        def done(taken: Taken, error: StorageError | None) -> None:
            self._place = taken.place
            answered.callback((taken, error))

        self._storing = True
        try:
            offer(self._context.channel, found, self._mark, done)
            taken, error = await answered
        finally:
            self._storing = False
        for batch, _ in found.batches[len(taken.batches) :]:
            counters.refused_messages_total += len(batch)
        for batch, _ in taken.batches:
            counters.bytes_in_total += batch.size_bytes
            counters.framed_bytes_total += batch.size_bytes
            counters.messages_in_total += len(batch)
            counters.batches_in_total += 1
            counters.last_message_at = self._context.wall()
        return error

    async def _relieved(self) -> None:
        """Return when the channel takes more."""
        channel = self._context.channel
        while channel.pressed:
            self._context.counters.pauses_total += 1
            relieved: Deferred[None] = Deferred()
            channel.when_relieved(lambda done=relieved: done.callback(None))  # type: ignore[misc]
            await relieved

    def _up(self) -> None:
        if self._held:
            return
        if not self._up_since:
            self._up_since = self._context.wall()
            self._context.counters.connections = 1
            self._context.counters.connections_total += 1
        self._status.set(Word.RUNNING, f"following {self._name}")

    def _down(self) -> None:
        self._up_since = 0.0
        self._context.counters.connections = 0
