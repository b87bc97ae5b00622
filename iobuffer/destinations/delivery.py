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

from collections.abc import Callable
from functools import partial
from typing import Any

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.python.failure import Failure

from ..batch import Batch
from ..channel import Channel, Confidence
from ..channel_log import Say
from ..counters import DestinationCounters
from ..errors import StorageError
from ..state import State, StateCell, Word
from ._flight import Flight, Sent
from ._once_more import OnceMore
from ._refusals import Refusals, Then
from ._stall import StallWatch
from .base import Dropped, Link, LinkLost, Refused
from .policy import DeliveryConfig, WhenRefused

__all__ = ["Delivery"]

#: What is read and given to the link at once, at most: a few of the store's rows.
_BATCH_BYTES = 1024 * 1024

_DEFAULT_WINDOW_MESSAGES = 65_536


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
        self._window = config.window or (1 if answered else _DEFAULT_WINDOW_MESSAGES)
        self._refusals = Refusals(
            WhenRefused(config.refused or ("stop" if answered else "park")),
            config.attempts,
            config.retry_max,
            log,
            note,
        )
        self._stall_seconds = config.stall
        self._stall_watch = StallWatch(
            reactor,
            config.stall,
            look=self._look,
            link_progress_at=lambda: link.progress_at,
            stalled=self._stalled,
        )
        # Up between link_up() and link_down(). A read that comes back after the line
        # was lost, or after a failure, is of another session, and is not sent.
        self._up = False
        self._connection = 0
        self._session = 0
        self._reading = False
        self._pumping = False
        self._sent_upto = channel.cursors[name]
        self._highest_sent = self._sent_upto
        self._flight = Flight()
        # After a failure nothing more is sent until what is in flight has come back.
        self._broken = False
        self._unreadable = False
        self._held_since = 0.0
        self._retry_call: Any = None
        self._running = False
        self._once_more = OnceMore(self._why_not, self._pump)

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
        self._stall_watch.start()
        self.link.start(self)

    def stop(self) -> Deferred[None]:
        """Close the link. What was not confirmed stays behind the cursor."""
        self._running = False
        self._refusals.tell_more_parked()
        self._channel.remove_reader(self._pump)
        self._cancel_retry()
        self._stall_watch.stop()
        self._once_more.give_up("stopped")
        return self.link.stop()

    def replay(self, batch: Batch) -> Deferred[Confidence]:
        """Send these messages once more, in between; the cursor does not move.

        They go when nothing else is in flight, and nothing else goes until they are
        confirmed; several replays go one after the other. The batch is one that a
        reader could have got, no larger than a row. Fires and fails as `Link.send`
        does, with LinkLost at once when there is nobody to send to.
        """
        return self._once_more.ask(batch)

    def _why_not(self) -> str:
        if self.paused:
            return "it is paused"
        return "" if self._up and self._running else "it is not connected"

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
        self._refusals.forget()
        # Whoever asks for it now does not mean in a minute.
        self._cancel_retry()
        self._stall_watch.progress()
        self._pump()

    # -- the link's side ---------------------------------------------------------------

    def link_up(self) -> None:
        if not self._up:
            self._up = True
            self._connection += 1
            self._session += 1
            self._stall_watch.progress()
        self._pump()

    def link_down(self, reason: str) -> None:
        self._up = False
        self._session += 1
        self._reading = False
        self._once_more.give_up(reason)

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
                    self._window - self._flight.messages,
                    min(_BATCH_BYTES, self.link.window_bytes),
                    partial(self._has_read, self._session),
                )
            self._send_once_more()
        finally:
            self._pumping = False

    def _may_read(self) -> bool:
        return (
            self._up
            and self._running
            and not (self._reading or self._broken or self.paused or self.halted)
            and self._retry_call is None
            and not self._once_more
            and self.link.writable
            and self._flight.messages < self._window
            and self._flight.size_bytes < self.link.window_bytes
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
            if self._flight:
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
        if not self._flight:
            self._stall_watch.progress()
        sent = self._flight.add(batch, self._connection)
        # A link may say within send() that it has room again; nothing else goes out
        # before it has returned.
        pumping, self._pumping = self._pumping, True
        outcome = maybeDeferred(self.link.send, batch)
        self._pumping = pumping
        outcome.addBoth(self._came_back, sent)
        outcome.addErrback(self._own_fault)

    def _send_once_more(self) -> None:
        if self._flight or self._reading or not (self._up and self.link.writable):
            return
        batch = self._once_more.begin()
        if batch is not None:
            self._stall_watch.progress()
            outcome = maybeDeferred(self.link.send, batch)
            outcome.addBoth(self._came_back_once_more, self._connection)

    def _came_back_once_more(
        self, outcome: Confidence | Failure, connection: int
    ) -> None:
        lost = isinstance(outcome, Failure) and outcome.check(LinkLost)
        if lost and connection == self._connection:
            self._up = False
        self._stall_watch.progress()
        self._once_more.end(outcome)
        self._pump()

    def _came_back(self, outcome: Confidence | Failure, sent: Sent) -> None:
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
        while (landed := self._flight.landed()) is not None:
            self._settle(landed)
        if self._broken and not self._flight:
            self._broken = False
            self._sent_upto = self._channel.cursors[self.name]
        self._pump()

    def _settle(self, sent: Sent) -> None:
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
                self._stall_watch.progress()

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
        self._stall_watch.progress()
        self._refusals.delivered()

    # -- refusals ----------------------------------------------------------------------

    def _refused(self, seq: int, error: Refused) -> None:
        self.counters.refused_total += 1
        self._stall_watch.progress()
        then = self._refusals.refused(seq, error)
        count = self._refusals.count
        if then is Then.PARK:
            self.counters.parked_total += 1
            self._channel.park(self.name, seq, error.reason, count)
        elif then is Then.HALT:
            self._halt(
                f"message {seq} was refused {_times(count)}; nothing "
                "more is sent here. Remove the cause, then resume this destination, or "
                "reload (SIGHUP), to try again",
                error.reason,
            )
        else:
            self._retry_later()

    def _retry_later(self) -> None:
        if self._running and self._retry_call is None:
            self._retry_call = self._reactor.callLater(
                self._refusals.pause_seconds(), self._retry
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

    def _look(self) -> bool:
        """Whether there is something to deliver, and somebody to deliver it to."""
        self._refusals.tick()
        idle = self._sent_upto >= self._channel.last_seq and not self._flight
        idle = idle and not self._once_more
        held = self.paused or self.halted or self._retry_call is not None
        return self._up and not (idle or held)

    def _stalled(self) -> None:
        self.counters.stalls_total += 1
        self._log(
            "warn",
            f"stalled: {self._channel.queued(self.name)} messages wait, the link is "
            f"up, and none was confirmed for {self._stall_seconds:g} s; reopening it",
        )
        self.link.reopen("no progress")


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"
