"""What the connections of one source have in common: options, counters, limits."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import attrs
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall

from ..acks import ACKS
from ..errors import FramingError
from ..framing import FRAMINGS
from ..framing.base import SKIPPED_SAMPLE_BYTES, Framer
from ..links.complaints import Complaints
from ..links.tcp import TcpTuning
from ..links.tls import TlsConfig
from ..options import group, integer, option, variant
from ._stream import StreamProtocol
from .base import SourceContext

__all__ = ["DRAIN_SECONDS", "Intake", "StreamConfig", "TcpSourceConfig"]

#: How long a stop waits for the answers of what was read: many commits, and less than
#: what supervisors allow.
DRAIN_SECONDS = 2.0


# Not slotted: TcpSourceConfig inherits from another base as well.
@attrs.frozen(kw_only=True, slots=False)
class StreamConfig:
    """The options of every source that reads a stream of bytes."""

    framing: Any = variant(
        FRAMINGS,
        default="auto",
        help="How messages are told apart. auto looks at the first bytes of each "
        "connection, and shows what it has found.",
    )
    ack: Any = variant(
        ACKS,
        default="auto",
        help="What is sent back, never before the messages are safe on disk. auto: "
        "what the framing's protocol expects.",
    )
    max_unanswered: int = option(
        integer(1, 1_000_000),
        default=64,
        help="Batches of one connection that may wait for their answers. A sender that "
        "is further ahead is not read until half of them have been answered.",
    )

    def problems(self) -> Iterable[tuple[str, str]]:
        """What the loader cannot see in one option alone."""
        return ()


@attrs.frozen(kw_only=True, slots=False)
class TcpSourceConfig(StreamConfig, TcpTuning):
    """The options of both TCP sources."""

    tls: TlsConfig = group(TlsConfig, help="Encryption of the connection.")

    def problems(self) -> Iterable[tuple[str, str]]:
        yield from StreamConfig.problems(self)
        yield from TcpTuning.problems(self)


class Intake:
    """All connections of one source, towards its channel.

    `build` makes the protocol of a connection. See StreamProtocol for the rest.

    Args:
        idle_timeout: seconds after which a silent connection is closed; 0 for none.
        on_first_bytes: called at the first chunk of each connection.
    """

    def __init__(
        self,
        config: StreamConfig,
        context: SourceContext,
        *,
        idle_timeout: float = 0.0,
        on_first_bytes: Callable[[], None] = lambda: None,
    ) -> None:
        self.context = context
        self.ack = config.ack
        self.max_unanswered = config.max_unanswered
        self.idle_timeout = idle_timeout
        self.on_first_bytes = on_first_bytes
        self.paused = False
        self.draining = False
        self.connections: set[StreamProtocol] = set()
        self._framing = config.framing
        self._complaints = Complaints(context.log)
        self._framings = Complaints(context.log)
        self._silences = Complaints(context.log)
        self._waiting: set[StreamProtocol] = set()
        self._relief_asked = False
        self._drained: Deferred[None] | None = None
        self._drain_timer: IDelayedCall | None = None

    def build(self) -> StreamProtocol:
        """The protocol of a new connection."""
        return StreamProtocol(self)

    def new_framer(self) -> Framer:
        framer: Framer = self._framing.framer()
        return framer

    def pause(self) -> None:
        """Read nothing more; connections stay."""
        self.paused = True
        for connection in self.connections:
            connection.pause()

    def resume(self) -> None:
        """Undo pause()."""
        self.paused = False
        for connection in self.connections:
            connection.resume()

    def drain(self) -> Deferred[None]:
        """Read nothing more, and close each connection once it has had its answers.

        Fires when all of them have, or after DRAIN_SECONDS. What is not answered by
        then its sender will send again.
        """
        self.draining = True
        drained: Deferred[None] = Deferred()
        self._drained = drained
        self._drain_timer = self.context.reactor.callLater(
            DRAIN_SECONDS, self._drain_is_over
        )
        for connection in tuple(self.connections):
            connection.close()
        self.look_drained()
        return drained

    def look_drained(self) -> None:
        """A connection has had its last answer, or has gone."""
        if self._drained is not None and all(
            connection.losing for connection in self.connections
        ):
            self._drain_is_over()

    def peers(self) -> list[dict[str, Any]]:
        """As Source.peers."""
        return [
            connection.seen() for connection in self.connections if connection.since
        ]

    # -- what connections tell ---------------------------------------------------------

    def took(self, size_bytes: int, grown_bytes: int) -> None:
        """A connection has read `size_bytes`, and holds `grown_bytes` more (or fewer)
        of a message that is not complete."""
        counters = self.context.counters
        counters.bytes_in_total += size_bytes
        counters.partial_bytes += grown_bytes
        # Every framer keeps this sum, so all of them together do.
        counters.framed_bytes_total = (
            counters.bytes_in_total
            - counters.skipped_bytes_total
            - counters.partial_bytes
        )
        if counters.partial_bytes > self.context.channel.max_partial_bytes:
            largest = max(self.connections, key=_partial_bytes, default=None)
            # Whoever has just begun to grow is not the one to suffer for the others.
            if largest is not None and largest.partial_bytes and grown_bytes > 0:
                largest.give_up_partial()

    def wait_for_relief(self, connection: StreamProtocol) -> None:
        """Call `connection.relieve` once the channel can take more."""
        self._waiting.add(connection)
        if not self._relief_asked:
            self._relief_asked = True
            self.context.channel.when_relieved(self._relieved)

    def forget(self, connection: StreamProtocol) -> None:
        """It has ended."""
        self.connections.discard(connection)
        self._waiting.discard(connection)
        self.look_drained()

    def framing_found(self, connection: StreamProtocol, name: str) -> None:
        """Known from the start, or decided by `auto`."""
        if self._framing.type_name == "auto":
            self._framings.say(
                connection.host,
                f"{connection.host} speaks {name} (framing auto)",
                "info",
            )

    def framing_error(self, connection: StreamProtocol, error: FramingError) -> None:
        """Bytes that are no message of this framing."""
        end = "" if error.can_continue else "; connection closed"
        self._complaints.say(
            connection.host, f"bad bytes from {connection.host}: {error.reason}{end}"
        )

    def foreign(self, connection: StreamProtocol, words: str, data: bytes) -> None:
        """The first chunk is of another protocol."""
        self.skipped(data)
        self._complaints.say(connection.host, f"{connection.host} speaks {words}")

    def skipped(self, data: bytes) -> None:
        """Bytes that no framer has seen."""
        counters = self.context.counters
        counters.bytes_in_total += len(data)
        counters.skipped_bytes_total += len(data)
        counters.skipped_sample = data[-SKIPPED_SAMPLE_BYTES:]

    def silent_too_long(self, connection: StreamProtocol) -> None:
        """It is closed for its silence."""
        self._silences.say(
            connection.host,
            f"{connection.host} was silent for {self.idle_timeout:g} s: closed",
            "info",
        )

    def _drain_is_over(self) -> None:
        drained, self._drained = self._drained, None
        timer, self._drain_timer = self._drain_timer, None
        if timer is not None and timer.active():
            timer.cancel()
        if drained is not None:
            drained.callback(None)

    def _relieved(self) -> None:
        self._relief_asked = False
        waiting, self._waiting = self._waiting, set()
        for connection in waiting:
            connection.relieve()


def _partial_bytes(connection: StreamProtocol) -> int:
    return connection.partial_bytes
