"""What stands in for the network, the peer and the delivery, without a reactor."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure

from iobuffer.acks.base import Receipt, Verdict
from iobuffer.batch import Batch, single_peer
from iobuffer.channel import Confidence
from iobuffer.counters import DestinationCounters
from iobuffer.destinations.base import LinkContext
from iobuffer.errors import Unframeable
from iobuffer.state import StateCell, Word

__all__ = [
    "FakeAck",
    "FakeDialer",
    "FakeFraming",
    "FakeListener",
    "FakeReceipts",
    "KernelTransport",
    "LineEncoder",
    "Outcome",
    "Place",
    "RecordingUser",
    "batch_of",
]


def batch_of(*messages: bytes) -> Batch:
    return single_peer(list(messages), 0.0, "test")


class LineEncoder:
    """LF behind each message; a message that holds one cannot be framed."""

    def encode(self, messages: Sequence[bytes]) -> bytes:
        for index, message in enumerate(messages):
            if b"\n" in message:
                raise Unframeable(index, "holds LF")
        return b"".join(message + b"\n" for message in messages)


class FakeFraming:
    """A framing config of lines."""

    type_name = "line"

    def encoder(self) -> LineEncoder:
        return LineEncoder()


class KernelTransport(StringTransport):
    """A transport whose peer acknowledges bytes when the test says so.

    Below `kernel_bytes` unacknowledged, writes go to the pretended kernel; what is more
    waits in Twisted's buffer, which pauses the producer above `limit_bytes`.
    """

    def __init__(
        self, *, kernel_bytes: int = 1 << 30, limit_bytes: int = 65536
    ) -> None:
        super().__init__()
        self.acked_bytes = 0
        self.aborted = False
        self._kernel_bytes = kernel_bytes
        self._limit_bytes = limit_bytes
        self._paused = False

    @property
    def unsent_bytes(self) -> int:
        return len(self.value()) - self.acked_bytes

    @property
    def buffered_bytes(self) -> int:
        return max(0, self.unsent_bytes - self._kernel_bytes)

    def write(self, data: bytes) -> None:
        super().write(data)
        if self.buffered_bytes > self._limit_bytes and not self._paused:
            self._paused = True
            if self.producer is not None:
                self.producer.pauseProducing()

    def acknowledge(self, count_bytes: int | None = None) -> None:
        """The peer's TCP has taken that many more bytes; all of them if None."""
        if count_bytes is None:
            count_bytes = self.unsent_bytes
        self.acked_bytes += count_bytes
        assert self.unsent_bytes >= 0
        if self._paused and self.buffered_bytes == 0:
            self._paused = False
            if self.producer is not None:
                self.producer.resumeProducing()

    def abortConnection(self) -> None:
        super().abortConnection()
        self.aborted = True


class FakeReceipts:
    """The peer answers `yes`, `no` or `never` and the message, in one chunk."""

    _VERDICTS = {
        b"yes": Verdict.ACCEPTED,
        b"no": Verdict.ERROR,
        b"never": Verdict.REJECTED,
    }

    def __init__(self) -> None:
        self.unmatched_total = 0
        self._expected: bytes | None = None

    def expect(self, message: bytes) -> None:
        self._expected = message

    def feed(self, chunk: bytes) -> Receipt | None:
        word, _, message = chunk.partition(b" ")
        if message != self._expected:
            self.unmatched_total += 1
            return None
        self._expected = None
        return Receipt(self._VERDICTS[word], word.decode())


class FakeAck:
    """An ack config whose answers are those of FakeReceipts."""

    type_name = "fake"

    def receipts(self, framing: str) -> FakeReceipts:
        assert framing == "line"
        return FakeReceipts()


class Place:
    """Everything around a link: clock, counters, state, log, and the delivery."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.counters = DestinationCounters()
        self.states: list[str] = []
        self.logged: list[tuple[str, str]] = []
        self.user = RecordingUser()
        self.context = LinkContext(
            reactor=self.clock,
            channel="chem-1",
            name="lis",
            framing=FakeFraming(),
            counters=self.counters,
            state=StateCell(lambda: 0.0, lambda old, new: self.states.append(str(new))),
            wall=lambda: 0.0,
            log=lambda level, text: self.logged.append((level, text)),
        )


def _unsent_bytes(transport: KernelTransport) -> int:
    return transport.unsent_bytes


class FakeDialer:
    """Connects when the test says so. Give it to a link as `make_dialer`."""

    place = "lis.example:6661"

    def __init__(self) -> None:
        self.options: dict[str, Any] = {}
        self.outlet: Any = None
        self.resets = 0
        self.started = False
        self.reopened: list[str] = []
        self.unsent = _unsent_bytes
        self._stopped: Deferred[None] = Deferred()

    def __call__(self, reactor: Any, host: str, port: int, **options: Any) -> Any:
        self.options = options
        return self

    def start(self) -> None:
        self.started = True

    def connect(self, transport: KernelTransport) -> None:
        self.outlet = self.options["build"]()
        self.outlet.makeConnection(transport)
        self.options["on_up"](self.outlet)

    def lose(self, reason: str = "closed by the peer") -> None:
        self.outlet.connectionLost(Failure(ConnectionDone()))
        self.options["on_down"](reason)

    def reset_backoff(self) -> None:
        self.resets += 1

    def reopen(self, reason: str) -> None:
        self.reopened.append(reason)
        self.lose(reason)

    def stop(self) -> Deferred[None]:
        if self.outlet is not None:
            self.lose("closed")
        self._stopped.callback(None)
        return self._stopped


class FakeListener:
    """Lets clients in when the test says so. Give it to a link as `make_listener`."""

    def __init__(self) -> None:
        self.options: dict[str, Any] = {}
        self.outlets: dict[KernelTransport, Any] = {}
        self.port_number: int | None = None
        self.unsent = _unsent_bytes

    def __call__(self, reactor: Any, host: str, port: int, **options: Any) -> Any:
        self.options = options
        return self

    def start(self) -> None:
        self.port_number = 9000
        self.options["state"].set(Word.RUNNING, "listening")

    def fail(self, reason: str) -> None:
        self.options["state"].set(Word.FAILED, reason)

    def join(self, transport: KernelTransport) -> None:
        outlet = self.options["factory"].buildProtocol(transport.getPeer())
        self.outlets[transport] = outlet
        outlet.makeConnection(transport)
        self.options["on_ready"](outlet)

    def leave(self, transport: KernelTransport) -> None:
        outlet = self.outlets.pop(transport)
        outlet.connectionLost(Failure(ConnectionDone()))

    def leave_aborted(self) -> None:
        """What the reactor does in its next turn."""
        for transport in [one for one in self.outlets if one.aborted]:
            self.leave(transport)

    def stop(self) -> Deferred[None]:
        for transport in list(self.outlets):
            self.leave(transport)
        return succeed(None)


class RecordingUser:
    """A delivery that only listens; `on_up` may send at once, as a real one does."""

    def __init__(self, on_up: Callable[[], None] = lambda: None) -> None:
        self.said: list[str] = []
        self._on_up = on_up

    def link_up(self) -> None:
        self.said.append("up")
        self._on_up()

    def link_down(self, reason: str) -> None:
        self.said.append(f"down: {reason}")


class Outcome:
    """What became of a send: None, a Confidence, or the error."""

    def __init__(self, done: Deferred[Confidence]) -> None:
        self.value: Any = None
        done.addCallbacks(self._set, lambda failure: self._set(failure.value))

    def _set(self, value: Any) -> None:
        assert self.value is None, "settled twice"
        self.value = value
