"""One destination's reader: from its cursor, through the link, to a confirmed outcome.

It reads ahead of the cursor as far as the window allows and moves the cursor only on
what the link has confirmed, in order. A lost link: back to the cursor, and again, for
ever. A refusal: again after a pause, `attempts` times, then as `refused` says. One
slow or dead destination holds back nobody else, for each has a reader of its own.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from ..batch import Batch
from ..channel import Channel, Confidence
from ..counters import DestinationCounters
from ..errors import StorageError
from ..links.backoff import Backoff
from ..state import State, StateCell, Word
from .base import Link, LinkLost, Refused
from .policy import DeliveryConfig, WhenRefused

__all__ = ["Delivery"]

#: A batch given to the link at once; the store's rows are of this size.
_BATCH_BYTES = 256 * 1024

#: Beside the window in messages: payload sent and not yet confirmed. It bounds what
#: this process holds for one destination.
_WINDOW_BYTES = 2 * 1024 * 1024

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
        link_state: what the link says of itself.
        on_change: told of each new `state`, which is the link's unless the delivery
            itself has stopped or was paused.
        wall: epoch seconds.
        log: log(level, text).
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
        log: Callable[[str, str], None],
    ) -> None:
        self.name = name
        self.link = link
        self.counters = counters
        #: Set when a refusal or the store has halted this delivery: the sentence.
        self.halted = ""
        self.paused = False
        self._channel = channel
        self._link_state = link_state
        self._reactor = reactor
        self._wall = wall
        self._log = log
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
        self._session = 0
        self._reading = False
        self._pumping = False
        self._sent_upto = channel.cursors[name]
        self._highest_sent = self._sent_upto
        self._in_flight: deque[Batch] = deque()
        self._in_flight_messages = 0
        self._in_flight_bytes = 0
        # After a failure nothing more is sent until what is in flight has come back.
        self._broken = False
        self._refused_seq = 0
        self._refused_attempts = 0
        self._retry_call: Any = None
        self._stall_call: Any = None
        self._progress_at = 0.0
        self._running = False

    # -- the assembly's side -----------------------------------------------------------

    @property
    def state(self) -> State:
        """How this destination is: the link's state, unless the delivery is held."""
        link = self._link_state.current
        if self.halted:
            return State(Word.FAILED, self.halted, link.since)
        if self.paused:
            return State(Word.PAUSED, "paused by an operator", link.since)
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
        self._channel.remove_reader(self._pump)
        for call in (self._retry_call, self._stall_call):
            if call is not None and call.active():
                call.cancel()
        return self.link.stop()

    def pause(self) -> None:
        """Send nothing more; what is in flight may still be confirmed."""
        self.paused = True

    def resume(self) -> None:
        """Go on after pause(), and after a refusal that has halted the delivery."""
        self.paused = False
        self.halted = ""
        self._refused_attempts = 0
        self._refusal_backoff.reset()
        self._progress_at = self._reactor.seconds()
        self._pump()

    # -- the link's side ---------------------------------------------------------------

    def link_up(self) -> None:
        if not self._up:
            self._up = True
            self._session += 1
            self._progress_at = self._reactor.seconds()
        self._pump()

    def link_down(self, reason: str) -> None:
        self._up = False
        self._session += 1
        self._reading = False

    # -- reading and sending -----------------------------------------------------------

    def _pump(self) -> None:
        # What is in memory is read, sent and often even confirmed before the call
        # returns; those calls come back here, and the loop goes on instead of them.
        if self._pumping:
            return
        self._pumping = True
        while (
            self._up
            and self._running
            and not (self._reading or self._broken or self.paused or self.halted)
            and self._retry_call is None
            and self.link.writable
            and self._in_flight_messages < self._window
            and self._in_flight_bytes < _WINDOW_BYTES
            and self._sent_upto < self._channel.last_seq
        ):
            self._reading = True
            self._channel.read(
                self._sent_upto,
                self._window - self._in_flight_messages,
                _BATCH_BYTES,
                partial(self._has_read, self._session),
            )
        self._pumping = False

    def _has_read(
        self, session: int, batch: Batch | None, error: StorageError | None
    ) -> None:
        if session != self._session:
            return
        self._reading = False
        if error is not None:
            self._log("error", f"the store cannot be read: {error}")
            self._retry_call = self._reactor.callLater(
                self._refusal_backoff.next(), self._retry
            )
            return
        if batch is None or not self._running or self.paused or self.halted:
            return
        if batch.first_seq > self._sent_upto + 1:
            if self._in_flight:
                # The cursor must first come up to the gap; _confirmed() pumps again.
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
        self._in_flight.append(batch)
        self._in_flight_messages += len(batch)
        self._in_flight_bytes += batch.size_bytes
        sent = self.link.send(batch)
        sent.addCallbacks(
            self._confirmed, self._failed, callbackArgs=(batch,), errbackArgs=(batch,)
        )

    def _confirmed(self, confidence: Confidence, batch: Batch) -> None:
        self._leave_flight()
        if batch.first_seq == self._channel.cursors[self.name] + 1:
            self._advance(batch, len(batch), confidence)
        if self._broken and not self._in_flight:
            self._broken = False
            self._sent_upto = self._channel.cursors[self.name]
        self._pump()

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

    def _leave_flight(self) -> None:
        batch = self._in_flight.popleft()
        self._in_flight_messages -= len(batch)
        self._in_flight_bytes -= batch.size_bytes

    def _failed(self, failure: Failure, batch: Batch) -> None:
        self._leave_flight()
        next_in_turn = batch.first_seq == self._channel.cursors[self.name] + 1
        self._broken = True
        # What is being read now follows what has just failed.
        self._session += 1
        self._reading = False
        error = failure.value
        if isinstance(error, LinkLost):
            if next_in_turn:
                self._advance(batch, error.delivered, error.confidence)
        elif isinstance(error, Refused):
            if next_in_turn:
                self._advance(batch, error.index, error.confidence)
                self._refused(batch.first_seq + error.index, error)
        else:
            self._halt(
                "delivery failed by a fault of the gateway's own: "
                f"{failure.getErrorMessage()}"
            )
            self._log("error", failure.getTraceback())
        if not self._in_flight:
            self._broken = False
            self._sent_upto = self._channel.cursors[self.name]
        self._pump()

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
            # Counted per message, logged per message: a refusal is out of the
            # ordinary, and somebody has to see to each.
            self._log("warn", f"message {seq} is parked: {error.reason}")
        elif spent and policy is WhenRefused.STOP:
            self._halt(
                f"message {seq} was refused {self._refused_attempts} times "
                f"({error.reason}); nothing more is sent here until the cause is "
                "removed and this destination is started again"
            )
        else:
            self._retry_call = self._reactor.callLater(
                self._refusal_backoff.next(), self._retry
            )

    def _retry(self) -> None:
        self._retry_call = None
        self._pump()

    def _halt(self, reason: str) -> None:
        if not self.halted:
            self.halted = reason
            self._log("error", f"halted: {reason}")

    # -- the stall watch ---------------------------------------------------------------

    def _watch_for_stall(self) -> None:
        self._stall_call = self._reactor.callLater(
            self._stall_seconds / 4, self._watch_for_stall
        )
        idle = self._sent_upto >= self._channel.last_seq and not self._in_flight
        held = self.paused or self.halted or self._retry_call is not None
        if idle or held or not self._up:
            self._progress_at = self._reactor.seconds()
            return
        if self._reactor.seconds() - self._progress_at >= self._stall_seconds:
            self.counters.stalls_total += 1
            self._progress_at = self._reactor.seconds()
            self._log(
                "warn",
                f"stalled: {self._channel.queued(self.name)} messages wait, the link "
                f"is up, and none was confirmed for {self._stall_seconds:g} s; "
                "reopening it",
            )
            self.link.reopen("no progress")


def _hopeless(policy: WhenRefused, error: Refused) -> bool:
    """Retrying for ever what can never be accepted would hold up all the others."""
    return policy is WhenRefused.RETRY and error.final
