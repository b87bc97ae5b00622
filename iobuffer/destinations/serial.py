"""`serial`: writes to a serial line.

A line confirms nothing by itself: without answers (`ack`) a message counts as delivered
(sent) once its bytes have left the kernel; with them as acknowledged, one message in
flight at a time. Nothing here waits for the line: how much is still to go out is asked
for from time to time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import ClassVar

import attrs
from twisted.internet.defer import Deferred

from ..channel import Confidence
from ..links.backoff import Backoff
from ..links.serial_options import SerialOptions
from ..links.serial_port import Line, make_line
from ..options import DURATION, option
from ..state import Word
from ._one_peer import OnePeerLink
from ._outlet import Outlet
from .base import LinkContext
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


class SerialLink(OnePeerLink):
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
        super().__init__(
            context,
            ack=config.ack,
            ack_timeout_seconds=config.ack_timeout,
            sureness=Confidence.SENT,
        )
        self._baud_rate = config.baud_rate
        self._way = self._line = line(
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

    @property
    def window_bytes(self) -> int:
        """What goes out in a second: more would only come twice after a loss."""
        return max(_LEAST_WINDOW_BYTES, self._baud_rate // 10)

    def quality(self) -> dict[str, int]:
        return self._line.quality()

    def stop(self) -> Deferred[None]:
        """Give what is under way a moment to go out, then close the line."""
        self._line.hold()
        stopped = self._wind_up().addCallback(lambda _: self._line.stop())
        return stopped.addCallback(lambda _: self._context.state.set(Word.STOPPED))

    def _build_outlet(self) -> Outlet:
        return Outlet(
            self._context.reactor,
            on_chunk=self._heard,
            on_writable=self._writable_changed,
            unsent=lambda transport: self._line.unsent_bytes(transport),
        )
