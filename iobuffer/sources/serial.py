"""`serial`: reads a serial line, and opens it again whenever it is lost."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import ClassVar

import attrs

from ..links.backoff import Backoff
from ..links.serial_options import SerialOptions
from ..links.serial_port import Line, make_line
from ..options import DURATION, option
from ._intake import StreamConfig
from ._stream_source import OnePeerSource
from .base import SourceContext

__all__ = ["SerialConfig", "SerialSource", "build"]

#: Framings whose messages may hold 11 and 13 (hex), which XON/XOFF takes for itself.
_BINARY = frozenset({"fixed", "length_prefix", "netstring", "raw", "stx_etx"})


@attrs.frozen(kw_only=True)
class SerialConfig(StreamConfig, SerialOptions):
    """Options of the source type `serial`."""

    type_name: ClassVar[str] = "serial"

    no_data_for: float = option(
        DURATION,
        default=0.0,
        help="Close and open the line when nothing has come for so long: for adapters "
        "that fall silent without an error. 0: never.",
    )
    retry_max: float = option(
        DURATION,
        default=5.0,
        help="Longest pause between attempts to open. Attempts begin at half a second "
        "and double, with jitter. A device that was plugged in again waits as long.",
    )

    def problems(self) -> Iterable[tuple[str, str]]:
        """What the loader cannot see in one option alone."""
        yield from StreamConfig.problems(self)
        yield from SerialOptions.problems(self)
        if self.retry_max < 0.1:
            yield "retry_max", "expected at least 100ms"


def build(config: SerialConfig, context: SourceContext) -> SerialSource:
    """The source, not yet started."""
    return SerialSource(config, context)


class SerialSource(OnePeerSource):
    """See base.Source.

    Args:
        line: makes the line; a test's own stands in for a driver.
    """

    def __init__(
        self,
        config: SerialConfig,
        context: SourceContext,
        *,
        line: Callable[..., Line] = make_line,
    ) -> None:
        super().__init__(config, context, no_data_for=config.no_data_for)
        self._config = config
        self._context = context
        self._way = self._line = line(
            context.reactor,
            config,
            build=self._intake.build,
            on_up=self._up,
            on_down=self._down,
            status=self._status,
            log=context.log,
            backoff=Backoff(max_seconds=config.retry_max),
        )

    def start(self) -> None:
        if (
            self._config.flow_control == "XON/XOFF"
            and self._config.framing.type_name in _BINARY
        ):
            self._context.log(
                "warn",
                "flow_control = XON/XOFF takes the bytes 11 and 13 (hex) out of the "
                f"messages, and framing {self._config.framing.type_name} is for "
                "messages that may hold them: use RTS/CTS",
            )
        super().start()

    def quality(self) -> dict[str, int]:
        return self._line.quality()
