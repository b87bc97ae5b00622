"""One destination's reader: from its cursor, through the link, to a confirmed outcome.

It reads ahead of the cursor as far as the window allows and moves the cursor only on
what the link has confirmed, in order. A lost link: back to the cursor, and again, for
ever. A refusal: again after a pause, `attempts` times, then as `refused` says. One
slow or dead destination holds back nobody else, for each has a reader of its own.

Outcomes are taken in the order of the sends, whenever the link tells them. What was
sent behind a message that was refused, or not delivered, is sent again behind it: the
cursor never passes over what nobody confirmed.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any

from twisted.internet.defer import Deferred, DeferredLock, fail, maybeDeferred
from twisted.python.failure import Failure

from ..batch import Batch
from ..channel import Channel, Confidence
from ..channel_log import Say
from ..counters import DestinationCounters
from ..errors import StorageError
from ..links.backoff import Backoff
from ..state import State, StateCell, Word
from .base import Dropped, Link, LinkLost, Refused
from .policy import DeliveryConfig, WhenRefused

__all__ = ["Delivery"]

#: What is read and given to the link at once, at most: a few of the store's rows.
_BATCH_BYTES = 1024 * 1024

_DEFAULT_WINDOW_MESSAGES = 65_536


class _Sent:
    """A batch in flight, and what the link has said of it."""

    __slots__ = ("batch", "connection", "outcome")

    def __init__(self, batch: Batch, connection: int) -> None:
        self.batch = batch
        self.connection = connection
        self.outcome: Confidence | Failure | None = None


class _Extra:
    """A batch that is sent once more, and who waits for what becomes of it."""

    __slots__ = ("batch", "done", "sent")

    def __init__(self, batch: Batch) -> None:
        self.batch = batch
        self.sent = False
        self.done: Deferred[Confidence] = Deferred()


class Delivery:
    """Delivers one channel to one destination.

    Args:
        channel: it must know a cursor by this name.
        name: the destination's name.
        link: not started yet; its state goes into `link_state`.
        config: when to give up, and how much may be in flight.
        answered: the peer answers each message; then one is in flight, and a refusal
            stops the delivery unless the config says otherwise.
        link_state: what the link says of itself; `state` is that, unless the delivery
            has halted or was paused.
        wall: epoch seconds.
        log: for what an operator must know.
        note: for what would flood that; see LinkContext.
    """

    def __init__(
        self,
        *,
        channel: Channel,
        name: str,
        link: Link,
        config: DeliveryConfig,
        answered: bool,
        link_state: StateCell,
        counters: DestinationCounters,
        reactor: Any,
        wall: Callable[[], float],
        log: Say,
        note: Say,
    ) -> None:
        self.name = name
        self.link = link
        self.counters = counters
        #: Set when a refusal or the store has halted this delivery: the sentence.
        self.halted = ""
        self._halted_quoted = ""
        self.paused = False
        self._pause_reason = ""
        self._channel = channel
        self._link_state = link_state
        self._reactor = reactor
        self._wall = wall
        self._log = log
        self._note = note
        self._window = config.window or (1 if answered else _DEFAULT_WINDOW_MESSAGES)
        self._attempts = config.attempts
        self._when_refused = WhenRefused(
            config.refused or ("stop" if answered else "park")
        )
        self._stall_seconds = config.stall
        self._refusal_backoff = Backoff(max_seconds=config.retry_max)
        # Up between link_up() and link_down(). A read that comes back after the line
        # was lost, or after a failure, is of another session, and is not sent.
        self._up = False
        self._connection = 0
        self._session = 0
        self._reading = False
        self._pumping = False
        self._sent_upto = channel.cursors[name]
        self._highest_sent = self._sent_upto
        self._in_flight: deque[_Sent] = deque()
        self._in_flight_messages = 0
        self._in_flight_bytes = 0
        # After a failure nothing more is sent until what is in flight has come back.
        self._broken = False
        self._refused_seq = 0
        self._refused_attempts = 0
        self._unreadable = False
        # Since the last tick of the stall watch: whether one was told, what was not.
        self._refusal_noted = False
        self._parked_logged = False
        self._parked_unlogged = 0
        self._held_since = 0.0
        self._retry_call: Any = None
        self._stall_call: Any = None
        self._progress_at = 0.0
        self._running = False
        self._replays = DeferredLock()
        self._extra: _Extra | None = None

    # -- the assembly's side -----------------------------------------------------------

    @property
    def state(self) -> State:
        """How this destination is: the link's state, unless the delivery is held."""
        link = self._link_state.current
        if self.halted:
            return State(
                Word.FAILED, self.halted, self._held_since, self._halted_quoted
            )
        if self.paused:
            return State(Word.PAUSED, self._pause_reason, self._held_since)
        return link

    def start(self) -> None:
        """Open the link and deliver whatever waits."""
        self._running = True
        self._channel.add_reader(self._pump)
        self._progress_at = self._reactor.seconds()
        self._watch_for_stall()
        self.link.start(self)

    def stop(self) -> Deferred[None]:
        """Close the link. What was not confirmed stays behind the cursor."""
        self._running = False
        self._log_more_parked()
        self._channel.remove_reader(self._pump)
        self._cancel_retry()
        if self._stall_call is not None:
            self._stall_call.cancel()
            self._stall_call = None
        self._give_up_extra("stopped")
        return self.link.stop()

    def replay(self, batch: Batch) -> Deferred[Confidence]:
        """Send these messages once more, in between; the cursor does not move.

        They go when nothing else is in flight, and nothing else goes until they are
        confirmed; several replays go one after the other. The batch is one that a
        reader could have got, no larger than a row. Fires and fails as `Link.send`
        does, with LinkLost at once when there is nobody to send to.
        """
        replayed: Deferred[Confidence] = self._replays.run(self._replay, batch)
        return replayed

    def _replay(self, batch: Batch) -> Deferred[Confidence]:
        if self.paused or not (self._up and self._running):
            why = "it is paused" if self.paused else "it is not connected"
            return fail(LinkLost(why))
        self._extra = extra = _Extra(batch)
        self._pump()
        return extra.done

    def pause(self, reason: str = "paused by an operator") -> None:
        """Send nothing more; what is in flight may still be confirmed. The state says
        the reason."""
        self.paused = True
        self._pause_reason = reason
        self._held_since = self._wall()

    def resume(self) -> None:
        """Go on after pause(), and after a refusal that has halted the delivery."""
        self.paused = False
        if self.halted:
            self._log("info", "no longer halted: trying again")
        self.halted = ""
        self._refused_attempts = 0
        self._refusal_backoff.reset()
        # Whoever asks for it now does not mean in a minute.
        self._cancel_retry()
        self._progress_at = self._reactor.seconds()
        self._pump()

    # -- the link's side ---------------------------------------------------------------

    def link_up(self) -> None:
        if not self._up:
            self._up = True
            self._connection += 1
            self._session += 1
            self._progress_at = self._reactor.seconds()
        self._pump()

    def link_down(self, reason: str) -> None:
        self._up = False
        self._session += 1
        self._reading = False
        self._give_up_extra(reason)

    # -- reading and sending -----------------------------------------------------------

    def _pump(self) -> None:
        # What is in memory is read, sent and often even confirmed before the call
        # returns; those calls come back here, and the loop goes on instead of them.
        if self._pumping:
            return
        self._pumping = True
        try:
            while self._may_read():
                self._reading = True
                self._channel.read(
                    self._sent_upto,
                    self._window - self._in_flight_messages,
                    min(_BATCH_BYTES, self.link.window_bytes),
                    partial(self._has_read, self._session),
                )
            self._send_extra()
        finally:
            self._pumping = False

    def _may_read(self) -> bool:
        return (
            self._up
            and self._running
            and not (self._reading or self._broken or self.paused or self.halted)
            and self._retry_call is None
            and self._extra is None
            and self.link.writable
            and self._in_flight_messages < self._window
            and self._in_flight_bytes < self.link.window_bytes
            and self._sent_upto < self._channel.last_seq
        )

    def _has_read(
        self, session: int, batch: Batch | None, error: StorageError | None
    ) -> None:
        if session != self._session:
            return
        self._reading = False
        if error is not None:
            if not self._unreadable:
                self._unreadable = True
                self._log("error", f"the store cannot be read: {error}")
            self._retry_later()
            return
        self._unreadable = False
        if batch is None or not self._running or self.paused or self.halted:
            return
        if batch.first_seq > self._sent_upto + 1:
            if self._in_flight:
                # The cursor must first come up to the gap; _came_back() pumps again.
                self._broken = True
                return
            # Whatever the store has dropped by itself (drop_oldest) it has counted,
            # and its cursor has passed; the rest of the gap is damage.
            self._channel.drop(self.name, batch.first_seq - 1, "damaged")
            self.counters.dropped_total += batch.first_seq - 1 - self._sent_upto
            self._sent_upto = batch.first_seq - 1
        if batch.messages:
            self._send(batch)
        self._pump()

    def _send(self, batch: Batch) -> None:
        self._sent_upto = batch.last_seq
        if batch.first_seq <= self._highest_sent:
            again = min(self._highest_sent, batch.last_seq) - batch.first_seq + 1
            self.counters.resent_messages_total += again
        self._highest_sent = max(self._highest_sent, batch.last_seq)
        if not self._in_flight:
            self._progress_at = self._reactor.seconds()
        sent = _Sent(batch, self._connection)
        self._in_flight.append(sent)
        self._in_flight_messages += len(batch)
        self._in_flight_bytes += batch.size_bytes
        # A link may say within send() that it has room again; nothing else goes out
        # before it has returned.
        pumping, self._pumping = self._pumping, True
        outcome = maybeDeferred(self.link.send, batch)
        self._pumping = pumping
        outcome.addBoth(self._came_back, sent)
        outcome.addErrback(self._own_fault)

    def _send_extra(self) -> None:
        extra = self._extra
        if extra is None or extra.sent or self._in_flight or self._reading:
            return
        if self._up and self.link.writable:
            extra.sent = True
            self._progress_at = self._reactor.seconds()
            outcome = maybeDeferred(self.link.send, extra.batch)
            outcome.addBoth(self._extra_came_back, extra, self._connection)

    def _extra_came_back(
        self, outcome: Confidence | Failure, extra: _Extra, connection: int
    ) -> None:
        lost = isinstance(outcome, Failure) and outcome.check(LinkLost)
        if lost and connection == self._connection:
            self._up = False
        self._extra = None
        self._progress_at = self._reactor.seconds()
        # A Failure goes to the errbacks.
        extra.done.callback(outcome)
        self._pump()

    def _give_up_extra(self, why: str) -> None:
        """What was sent comes back by itself."""
        extra = self._extra
        if extra is not None and not extra.sent:
            self._extra = None
            extra.done.errback(LinkLost(why))

    def _came_back(self, outcome: Confidence | Failure, sent: _Sent) -> None:
        sent.outcome = outcome
        if isinstance(outcome, Failure) and not outcome.check(Dropped):
            self._broken = True
            # What is being read now follows what has just failed.
            self._session += 1
            self._reading = False
            if outcome.check(LinkLost) and sent.connection == self._connection:
                # The link tells of its loss after this: nothing goes out until it
                # says that it is up.
                self._up = False
        while self._in_flight and self._in_flight[0].outcome is not None:
            self._settle(self._leave_flight())
        if self._broken and not self._in_flight:
            self._broken = False
            self._sent_upto = self._channel.cursors[self.name]
        self._pump()

    def _settle(self, sent: _Sent) -> None:
        """Take the outcome of what was sent first of all that is in flight."""
        batch, outcome = sent.batch, sent.outcome
        if isinstance(outcome, Failure) and not outcome.check(
            LinkLost, Refused, Dropped
        ):
            self._own_fault(outcome)
        elif batch.first_seq != self._channel.cursors[self.name] + 1:
            # It was sent behind one that did not arrive.
            pass
        elif isinstance(outcome, Confidence):
            self._advance(batch, len(batch), outcome)
        elif isinstance(outcome, Failure):
            error = outcome.value
            if isinstance(error, LinkLost):
                self._advance(batch, error.delivered, error.confidence)
            elif isinstance(error, Refused):
                self._advance(batch, error.index, error.confidence)
                self._refused(batch.first_seq + error.index, error)
            elif isinstance(error, Dropped):
                self._advance(batch, error.delivered, error.confidence)
                self._channel.drop(self.name, batch.last_seq, error.reason)
                self.counters.dropped_total += len(batch) - error.delivered
                self._progress_at = self._reactor.seconds()

    def _own_fault(self, failure: Failure) -> None:
        self._halt(
            "delivery failed by a fault of the gateway's own: "
            f"{failure.getErrorMessage()}"
        )
        self._log("error", failure.getTraceback())

    def _advance(self, batch: Batch, count: int, confidence: Confidence) -> None:
        """The first `count` messages of the batch behind the cursor are delivered."""
        if not count:
            return
        whole = count == len(batch)
        size_bytes = (
            batch.size_bytes if whole else sum(map(len, batch.messages[:count]))
        )
        self._channel.advance(self.name, batch.first_seq + count - 1, confidence)
        counters = self.counters
        counters.messages_out_total += count
        counters.bytes_out_total += size_bytes
        counters.batches_out_total += 1
        counters.last_delivery_at = self._wall()
        self._progress_at = self._reactor.seconds()
        self._refused_attempts = 0

    def _leave_flight(self) -> _Sent:
        sent = self._in_flight.popleft()
        self._in_flight_messages -= len(sent.batch)
        self._in_flight_bytes -= sent.batch.size_bytes
        return sent

    # -- refusals ----------------------------------------------------------------------

    def _refused(self, seq: int, error: Refused) -> None:
        self.counters.refused_total += 1
        self._progress_at = self._reactor.seconds()
        if seq != self._refused_seq:
            self._refused_seq = seq
            self._refused_attempts = 0
            self._refusal_backoff.reset()
        self._refused_attempts += 1
        policy = self._when_refused
        spent = error.final or self._refused_attempts >= self._attempts
        if spent and (policy is WhenRefused.PARK or _hopeless(policy, error)):
            self.counters.parked_total += 1
            attempts = self._refused_attempts
            self._channel.park(self.name, seq, error.reason, attempts)
            self._log_parked(seq, error.reason)
        elif spent and policy is WhenRefused.STOP:
            self._halt(
                f"message {seq} was refused {_times(self._refused_attempts)}; nothing "
                "more is sent here. Remove the cause, then resume this destination, or "
                "reload (SIGHUP), to try again",
                error.reason,
            )
        else:
            if not self._refusal_noted:
                self._refusal_noted = True
                self._note("warn", f"message {seq} was refused", error.reason)
            self._retry_later()

    def _log_parked(self, seq: int, reason: str) -> None:
        """One of them at once, the others as a number: a wrong framing parks all."""
        if self._parked_logged:
            self._parked_unlogged += 1
        else:
            self._parked_logged = True
            self._log("warn", f"message {seq} is parked", reason)

    def _log_more_parked(self) -> None:
        count, self._parked_unlogged = self._parked_unlogged, 0
        if count:
            messages = "message was" if count == 1 else "messages were"
            self._log("warn", f"{count} more {messages} parked since")
        else:
            self._parked_logged = False

    def _retry_later(self) -> None:
        if self._running and self._retry_call is None:
            self._retry_call = self._reactor.callLater(
                self._refusal_backoff.next(), self._retry
            )

    def _cancel_retry(self) -> None:
        if self._retry_call is not None:
            self._retry_call.cancel()
            self._retry_call = None

    def _retry(self) -> None:
        self._retry_call = None
        self._pump()

    def _halt(self, reason: str, quoted: str = "") -> None:
        if not self.halted:
            self.halted = reason
            self._halted_quoted = quoted
            self._held_since = self._wall()
            self._log("error", f"halted: {reason}", quoted)

    # -- the stall watch ---------------------------------------------------------------

    def _watch_for_stall(self) -> None:
        self._stall_call = self._reactor.callLater(
            self._stall_seconds / 4, self._watch_for_stall
        )
        self._log_more_parked()
        self._refusal_noted = False
        idle = self._sent_upto >= self._channel.last_seq and not self._in_flight
        idle = idle and self._extra is None
        held = self.paused or self.halted or self._retry_call is not None
        if idle or held or not self._up:
            self._progress_at = self._reactor.seconds()
            return
        progress_at = max(self._progress_at, self.link.progress_at)
        if self._reactor.seconds() - progress_at >= self._stall_seconds:
            self.counters.stalls_total += 1
            self._progress_at = self._reactor.seconds()
            self._log(
                "warn",
                f"stalled: {self._channel.queued(self.name)} messages wait, the link "
                f"is up, and none was confirmed for {self._stall_seconds:g} s; "
                "reopening it",
            )
            self.link.reopen("no progress")


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def _hopeless(policy: WhenRefused, error: Refused) -> bool:
    """Retrying for ever what can never be accepted would hold up all the others."""
    return policy is WhenRefused.RETRY and error.final
