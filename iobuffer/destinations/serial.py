"""`serial`: writes to a serial line.

A line confirms nothing by itself: without answers (`ack`) a message counts as delivered
(sent) once its bytes have left the kernel; with them as acknowledged, one message in
flight at a time. Nothing here waits for the line: how much is still to go out is asked
for from time to time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, ClassVar

import attrs
from twisted.internet.defer import Deferred

from ..batch import Batch
from ..channel import Confidence
from ..errors import Unframeable
from ..links.backoff import Backoff
from ..links.serial_options import SerialOptions
from ..links.serial_port import Line, make_line
from ..options import DURATION, option
from ..state import Word
from ._acked import OneByOne
from ._framed import messages_within
from ._grace import grace
from ._outlet import Outlet
from .base import LinkContext, LinkLost, LinkUser, Refused
from .policy import DeliveryConfig

__all__ = ["SerialConfig", "SerialLink", "build"]


@attrs.frozen(kw_only=True)
class SerialConfig(DeliveryConfig, SerialOptions):
    """Options of the destination type `serial`."""

    type_name: ClassVar[str] = "serial"

    ack_timeout: float = option(
        DURATION,
        default=15.0,
        help="With `ack`: how long the device may take to answer a message. After that "
        "the line is closed and opened, and the message is sent again.",
    )
    retry_max: float = option(
        DURATION,
        default=5.0,
        help="Longest pause between attempts to open, and between attempts at a "
        "refused message. Attempts begin at half a second and double, with jitter.",
    )

    def problems(self) -> Iterable[tuple[str, str]]:
        """What the loader cannot see in one option alone."""
        yield from DeliveryConfig.problems(self)
        yield from SerialOptions.problems(self)
        if self.ack_timeout <= 0:
            yield "ack_timeout", "expected more than 0s"


def build(config: SerialConfig, context: LinkContext) -> SerialLink:
    """A link that opens its line once it is started."""
    return SerialLink(config, context)


#: Below some 2400 baud a second is too little to keep a line busy.
_LEAST_WINDOW_BYTES = 256


class SerialLink:
    """See Link.

    Args:
        line: makes the line; a test's own stands in for a driver.
    """

    def __init__(
        self,
        config: SerialConfig,
        context: LinkContext,
        *,
        line: Callable[..., Line] = make_line,
    ) -> None:
        self._config = config
        self._context = context
        self._encoder = context.framing.encoder()
        self._user: LinkUser | None = None
        self._outlet: Outlet | None = None
        self._conversation: OneByOne | None = None
        # True while a message that cannot be framed waits for those before it: what
        # follows must not overtake the decision about it.
        self._refusing = False
        self._stopping = False
        self._lost_reason = ""
        self._line = line(
            context.reactor,
            config,
            build=self._build_outlet,
            on_up=self._up,
            on_down=self._down,
            status=context.state,
            log=context.log,
            backoff=Backoff(max_seconds=config.retry_max),
            counters=context.counters,
        )

    # -- Link --------------------------------------------------------------------------

    @property
    def writable(self) -> bool:
        outlet = self._outlet
        if outlet is None or self._stopping:
            return False
        if self._conversation is not None:
            return not self._conversation.busy
        return outlet.writable and not self._refusing

    @property
    def window_bytes(self) -> int:
        """What goes out in a second: more would only come twice after a loss."""
        return max(_LEAST_WINDOW_BYTES, self._config.baud_rate // 10)

    @property
    def progress_at(self) -> float:
        return self._outlet.progress_at if self._outlet is not None else 0.0

    def start(self, user: LinkUser) -> None:
        self._user = user
        self._line.start()

    def stop(self) -> Deferred[None]:
        self._stopping = True
        self._line.hold()
        stopped = grace(self._context.reactor, self._settled)
        stopped.addCallback(lambda _: self._line.stop())
        return stopped.addCallback(lambda _: self._context.state.set(Word.STOPPED))

    def send(self, batch: Batch) -> Deferred[Confidence]:
        if self._conversation is not None:
            answered = self._conversation.send(batch)
            # Also a refusal is the word of a device that works.
            return answered.addBoth(self._answered)
        assert self._outlet is not None, "sent while the link is down"
        messages, refusal = batch.messages, None
        try:
            data = self._encoder.encode(messages)
        except Unframeable as error:
            refusal = Refused(
                error.index, error.reason, final=True, confidence=Confidence.SENT
            )
            messages = messages[: error.index]
            data = self._encoder.encode(messages)
            self._refusing = True
        done: Deferred[Confidence] = Deferred()
        self._outlet.send(
            data, lambda count: self._sent(messages, refusal, len(data), done, count)
        )
        return done

    def reopen(self, reason: str) -> None:
        self._line.reopen(reason)

    # -- the line ----------------------------------------------------------------------

    def _build_outlet(self) -> Outlet:
        return Outlet(
            self._context.reactor,
            on_chunk=self._heard,
            on_writable=self._tell_writable,
            unsent=lambda transport: self._line.unsent_bytes(transport),
        )

    def _up(self, outlet: Any) -> None:
        if self._stopping:
            return
        self._outlet = outlet
        self._refusing = False
        receipts = self._config.ack.receipts(self._context.framing.type_name)
        if receipts is not None:
            self._conversation = OneByOne(
                self._context.reactor,
                encoder=self._encoder,
                receipts=receipts,
                counters=self._context.counters,
                write=outlet.write,
                timeout_seconds=self._config.ack_timeout,
                on_silence=self._silent,
            )
        assert self._user is not None
        self._user.link_up()

    def _down(self, reason: str) -> None:
        outlet, self._outlet = self._outlet, None
        conversation, self._conversation = self._conversation, None
        if outlet is None:
            return
        self._lost_reason = reason
        outlet.give_up()
        if conversation is not None:
            conversation.lost(reason)
        if self._user is not None and not self._stopping:
            self._user.link_down(reason)

    def _silent(self) -> None:
        self.reopen(
            f"closed by us: no answer within {self._config.ack_timeout:g} s "
            "(ack_timeout)"
        )

    # -- what becomes of a batch -------------------------------------------------------

    def _sent(
        self,
        messages: list[bytes],
        refusal: Refused | None,
        size_bytes: int,
        done: Deferred[Confidence],
        count_bytes: int,
    ) -> None:
        if self._outlet is None and count_bytes < size_bytes:
            delivered = messages_within(self._encoder, messages, count_bytes)
            done.errback(LinkLost(self._lost_reason, delivered, Confidence.SENT))
            return
        self._line.reset_backoff()
        if refusal is None:
            done.callback(Confidence.SENT)
            return
        self._refusing = False
        done.errback(refusal)
        self._tell_writable()

    def _answered(self, outcome: Any) -> Any:
        if self._outlet is not None:
            self._line.reset_backoff()
        return outcome

    def _heard(self, chunk: bytes) -> None:
        conversation = self._conversation
        if conversation is None:
            # Devices echo and talk; without `ack` nobody asked.
            return
        was_busy = conversation.busy
        conversation.feed(chunk)
        if was_busy:
            self._tell_writable()

    def _tell_writable(self) -> None:
        if self.writable and self._user is not None:
            self._user.link_up()

    def _settled(self) -> bool:
        if self._conversation is not None:
            return not self._conversation.busy
        return self._outlet is None or self._outlet.settled
