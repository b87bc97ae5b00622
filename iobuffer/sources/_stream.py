"""One connection of a source: bytes in, batches to the channel, answers back.

    chunk -> framer -> batch -> channel.offer -> (commit) -> answer -> transport

Per chunk: one feed, one batch, one offer. Nothing here is per message.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from twisted.internet.interfaces import (
    IDelayedCall,
    IHalfCloseableProtocol,
    IPushProducer,
)
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from ..batch import single_peer
from ..errors import FramingError
from ..links.place import place_of
from ..links.tcp import quality_of, raise_read_bytes
from ._replies import Replies

if TYPE_CHECKING:
    from ._intake import Intake

__all__ = ["StreamProtocol"]

#: What Twisted reads at once by itself, and what we make of it for a sender that fills
#: that: larger batches. Not from the start: a buffer of this size for each small chunk
#: costs more than it brings.
_READ_BYTES = 2**16
_FULL_READ_BYTES = 2**18

_SHORTEST_WAIT_SECONDS = 0.001

# Why a connection is not being read, as bits: it is read again when none is left.
_BY_OPERATOR = 1
_BY_CHANNEL = 2
_BY_UNANSWERED = 4
_BY_WRITES = 8
_BY_END = 16

_TLS_HELLO = re.compile(rb"\x16\x03[\x00-\x04]..\x01", re.DOTALL)
_HTTP = re.compile(rb"[A-Z]{3,7} \S{1,2000} HTTP/1\.")
#: Framings of binary protocols, whose messages may begin like anything.
_BINARY = frozenset({"delimiter", "fixed", "idle", "length_prefix", "raw"})


@implementer(IHalfCloseableProtocol, IPushProducer)
class StreamProtocol(Protocol):
    """Takes one connection's bytes for an `Intake`.

    The owner of the connection calls `begin` once it can be used (after the TLS
    handshake), and `lost` is called as usual. Reading pauses while the channel is
    pressed, while too many batches are unanswered, while the peer does not read its
    answers, and while an operator says so; each of these by itself.
    """

    def __init__(self, intake: Intake) -> None:
        self.gone = False
        #: Nothing more will be said: the transport has been asked to close.
        self.losing = False
        self.peer = "?"
        self.host = "?"
        #: Wall time since when it is in use; 0.0 until `begin`.
        self.since = 0.0
        self.bytes_in = 0
        self.messages_in = 0
        self.partial_bytes = 0
        self._intake = intake
        self._framer = intake.new_framer()
        self._replies: Replies | None = None
        self._found_framing = False
        self._seconds = intake.context.reactor.seconds
        self._on_chunk = intake.context.on_chunk
        self._held = 0
        self._error: FramingError | None = None
        self._last_byte_at = 0.0
        self._heard_silence = False
        self._timer: IDelayedCall | None = None
        self._skipped_bytes = 0
        self._faults = (0, 0, 0, 0)
        self._finished = False
        self._producing = False

    # -- Twisted calls -----------------------------------------------------------------

    def connectionMade(self) -> None:
        self.peer, self.host = _name_of(self.transport)
        self._last_byte_at = self._seconds()
        self._intake.connections.add(self)
        if self._framer.name != "auto":
            self._framing_is_known()
        self._rearm()

    def dataReceived(self, data: bytes) -> None:
        if self.losing:
            self._intake.skipped(data)
            return
        if self._on_chunk is not None:
            self._on_chunk(self.peer, data)
        if not self.bytes_in:
            self._intake.on_first_bytes()
            if self._is_foreign(data):
                return
        messages = self._framer.feed(data)
        self.bytes_in += len(data)
        self._last_byte_at = self._seconds()
        self._heard_silence = False
        if not self._found_framing and self._framer.name != "auto":
            self._framing_is_known()
        if messages:
            self._offer(messages)
        self._account(len(data))
        if len(data) == _READ_BYTES:
            raise_read_bytes(self.transport, _FULL_READ_BYTES)

    def readConnectionLost(self) -> None:
        """The peer has finished sending, and may still wait for its answers."""
        self._finish()
        self.close()

    def writeConnectionLost(self) -> None:
        """The peer reads no more answers: a connection without them is of no use."""
        self.close()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.gone = True
        self._finish()
        self._intake.forget(self)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._replies is not None:
            self._replies.abandon()

    # The peer does not take its answers as fast as we write them: take no more of its
    # messages. Called by the transport, whose producer we are.

    def pauseProducing(self) -> None:
        self._hold(_BY_WRITES)

    def resumeProducing(self) -> None:
        self._release(_BY_WRITES)

    def stopProducing(self) -> None:
        """The connection is gone; connectionLost follows."""

    # -- the intake calls --------------------------------------------------------------

    def begin(self) -> None:
        """The connection can be used."""
        self.since = self._intake.context.wall()
        self._last_byte_at = self._seconds()
        if self._intake.paused:
            self.pause()
        if self._intake.draining:
            self.close()

    def pause(self) -> None:
        """An operator says so."""
        # A pause before the handshake is done would let it run into its time limit.
        if self.since:
            self._hold(_BY_OPERATOR)

    def resume(self) -> None:
        self._release(_BY_OPERATOR)

    def relieve(self) -> None:
        """The channel can take more."""
        self._release(_BY_CHANNEL)

    def give_up_partial(self) -> None:
        """The memory for messages that do not end is spent, most of it by this one."""
        messages = self._framer.give_up_partial()
        if messages:
            self._offer(messages)
        self._account(0)

    def close(self) -> None:
        """Take no more bytes; close once every batch has had its answer."""
        self._hold(_BY_END)
        if not self._replies and not self.gone:
            self._lose()

    def seen(self) -> dict[str, Any]:
        """What `Source.peers` tells of this connection."""
        return {
            "peer": self.peer,
            "since": self.since,
            "framing": self._framer.name,
            "bytes": self.bytes_in,
            "messages": self.messages_in,
            **quality_of(self.transport),
        }

    # -- batches and answers -----------------------------------------------------------

    def _offer(self, messages: list[bytes]) -> None:
        intake = self._intake
        channel, counters = intake.context.channel, intake.context.counters
        replies = self._replies
        if replies is not None:
            messages = replies.split(messages)
            if not messages:
                return
        now = intake.context.wall()
        batch = single_peer(messages, now, self.peer)
        self.messages_in += len(messages)
        counters.messages_in_total += len(messages)
        counters.batches_in_total += 1
        counters.last_message_at = now
        if replies is None:
            # Nobody to say no to: what does not fit is held by the storekeeper.
            channel.offer(batch)
        else:
            channel.offer(batch, replies.owe(messages))
            if len(replies) > intake.max_unanswered:
                self._hold(_BY_UNANSWERED)
        if channel.pressed and not self.gone:
            self._hold(_BY_CHANNEL)
            intake.wait_for_relief(self)

    def _answered(self) -> None:
        """Some answers have been written."""
        assert self._replies is not None
        waiting = len(self._replies)
        if waiting * 2 <= self._intake.max_unanswered:
            self._release(_BY_UNANSWERED)
        if not waiting and self._held & _BY_END:
            self._lose()

    # -- reading and not reading -------------------------------------------------------

    def _hold(self, reason: int) -> None:
        if self.gone or self.losing or self._held & reason:
            return
        if not self._held:
            self.transport.pauseProducing()  # type: ignore[union-attr]
            if reason != _BY_OPERATOR and reason != _BY_END:
                self._intake.context.counters.pauses_total += 1
        self._held |= reason

    def _release(self, reason: int) -> None:
        if self.gone or not self._held & reason:
            return
        self._held &= ~reason
        if not self._held and not self.losing:
            # What kept the line silent meanwhile was us.
            self._last_byte_at = self._seconds()
            self.transport.resumeProducing()  # type: ignore[union-attr]

    def _lose(self) -> None:
        if self._producing:
            self._producing = False
            self.transport.unregisterProducer()  # type: ignore[union-attr]
        if not self.losing:
            self.losing = True
            # TLS wants to read the peer's goodbye. What comes before it is skipped.
            self.transport.resumeProducing()  # type: ignore[union-attr]
            self._intake.look_drained()
        self.transport.loseConnection()  # type: ignore[union-attr]

    # -- silence -----------------------------------------------------------------------

    def _rearm(self) -> None:
        """One lazy timer: it looks at the clock when it fires, and is not touched per
        chunk."""
        if self.gone:
            return
        silent_seconds = self._seconds() - self._last_byte_at
        waits = []
        idle_seconds = self._framer.idle_seconds
        if idle_seconds is not None and not self._heard_silence:
            waits.append(idle_seconds - silent_seconds)
        if self._intake.idle_timeout:
            waits.append(self._intake.idle_timeout - silent_seconds)
        if not waits:
            return
        # Not 0: what rounding left of the wait would have us turn on the spot.
        wait_seconds = max(_SHORTEST_WAIT_SECONDS, min(waits))
        if self._timer is None:
            self._timer = self._intake.context.reactor.callLater(
                wait_seconds, self._look_for_silence
            )
        elif self._timer.getTime() > self._seconds() + wait_seconds:
            self._timer.reset(wait_seconds)

    def _look_for_silence(self) -> None:
        self._timer = None
        if self._held:
            # Bytes may wait in the kernel: this silence is not the peer's.
            self._last_byte_at = self._seconds()
        silent_seconds = self._seconds() - self._last_byte_at
        idle_seconds = self._framer.idle_seconds
        if (
            idle_seconds is not None
            and not self._heard_silence
            and silent_seconds >= idle_seconds
        ):
            self._heard_silence = True
            messages = self._framer.idle()
            if not self._found_framing and self._framer.name != "auto":
                self._framing_is_known()
            if messages:
                self._offer(messages)
            self._account(0)
        timeout_seconds = self._intake.idle_timeout
        if timeout_seconds and silent_seconds >= timeout_seconds:
            self._intake.silent_too_long(self)
            self.close()
        else:
            self._rearm()

    # -- the framer's word -------------------------------------------------------------

    def _account(self, size_bytes: int) -> None:
        framer = self._framer
        if framer.skipped_bytes != self._skipped_bytes:
            counters = self._intake.context.counters
            counters.skipped_bytes_total += framer.skipped_bytes - self._skipped_bytes
            counters.skipped_sample = framer.skipped_sample
            self._skipped_bytes = framer.skipped_bytes
        faults = (
            framer.oversize_total,
            framer.empty_total,
            framer.quarantined_total,
            framer.bad_check_total,
        )
        if faults != self._faults:
            counters = self._intake.context.counters
            old, self._faults = self._faults, faults
            counters.oversize_total += faults[0] - old[0]
            counters.empty_total += faults[1] - old[1]
            counters.quarantined_total += faults[2] - old[2]
            counters.bad_check_total += faults[3] - old[3]
        error = framer.error
        if error is not None and error is not self._error:
            self._error = error
            self._intake.framing_error(self, error)
            if not error.can_continue:
                self.close()
        if framer.idle_seconds is not None:
            self._rearm()
        partial_bytes = framer.partial_bytes
        grown_bytes = partial_bytes - self.partial_bytes
        self.partial_bytes = partial_bytes
        # Last: it may come back to this connection, with give_up_partial().
        self._intake.took(size_bytes, grown_bytes)

    def _framing_is_known(self) -> None:
        intake, name = self._intake, self._framer.name
        self._found_framing = True
        answers = intake.ack.answers(name)
        if answers is not None:
            transport: Any = self.transport
            self._replies = Replies(
                intake.context,
                intake.ack,
                answers,
                write=transport.write,
                on_change=self._answered,
                on_unsayable=self.close,
            )
            if not self.gone:
                self._producing = True
                transport.registerProducer(self, True)
        intake.framing_found(self, name)

    def _is_foreign(self, data: bytes) -> bool:
        """Whether the first chunk is of another protocol: skipped, and we hang up."""
        if self._framer.name in _BINARY:
            return False
        if _TLS_HELLO.match(data):
            words = "TLS: set tls.enabled = yes here, or no TLS at the sender"
        elif _HTTP.match(data):
            words = "HTTP, which this source does not"
        else:
            return False
        self.bytes_in += len(data)
        self._intake.foreign(self, words, data)
        self.close()
        return True

    def _finish(self) -> None:
        if self._finished:
            return
        self._finished = True
        if self._on_chunk is not None:
            self._on_chunk(self.peer, b"")
        messages = self._framer.finish()
        if not self._found_framing and self._framer.name != "auto":
            self._framing_is_known()
        if messages:
            self._offer(messages)
        self._account(0)


def _name_of(transport: Any) -> tuple[str, str]:
    """The peer as `host:port` and its host; of a device, its name twice."""
    peer = transport.getPeer()
    host, port = getattr(peer, "host", None), getattr(peer, "port", 0)
    if host is None:
        return str(peer), str(peer)
    return place_of(host, port), host
