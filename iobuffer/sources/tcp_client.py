"""`tcp_client`: connects to a server, takes what it sends, and connects again."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

import attrs
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IProtocol

from ..links.backoff import Backoff
from ..links.dialer import Dialer
from ..links.status import PausableStatus
from ..options import DURATION, HOST, PORT, option
from ..state import Word
from ._intake import Intake, TcpSourceConfig
from .base import SourceContext

__all__ = ["TcpClientConfig", "TcpClientSource", "build"]


@attrs.frozen(kw_only=True)
class TcpClientConfig(TcpSourceConfig):
    """Options of the source type `tcp_client`."""

    host: str = option(
        HOST, example="analyser.example", help="Name or address of the server."
    )
    port: int = option(PORT, example="5000", help="The server's port.")
    no_data_for: float = option(
        DURATION,
        default=0.0,
        help="Connect anew when nothing has come for this long: for servers that fall "
        "silent without closing. 0: never; a server that is dead is found by "
        "`keepalive`.",
    )
    connect_timeout: float = option(
        DURATION,
        default=10.0,
        help="How long connecting may take, and as long again the TLS handshake.",
    )
    retry_max: float = option(
        DURATION,
        default=60.0,
        help="Longest pause between attempts to connect. Attempts begin at half a "
        "second and double, with jitter, until bytes have come.",
    )

    def problems(self) -> Iterable[tuple[str, str]]:
        yield from super().problems()
        if self.connect_timeout <= 0:
            yield "connect_timeout", "expected more than 0"
        if self.retry_max < 0.5:
            yield "retry_max", "expected at least 500ms, the first pause"


def build(config: TcpClientConfig, context: SourceContext) -> TcpClientSource:
    """The source, not yet started."""
    return TcpClientSource(config, context)


class TcpClientSource:
    """See base.Source."""

    def __init__(self, config: TcpClientConfig, context: SourceContext) -> None:
        self._counters = context.counters
        self._intake = Intake(
            config,
            context,
            idle_timeout=config.no_data_for,
            on_first_bytes=lambda: self.dialer.reset_backoff(),
        )
        self._status = PausableStatus(context.state)
        self.dialer = Dialer(
            context.reactor,
            config.host,
            config.port,
            tls=config.tls,
            tuning=config,
            build=self._intake.build,
            on_up=self._up,
            on_down=self._down,
            state=self._status,
            backoff=Backoff(max_seconds=config.retry_max),
            connect_timeout_seconds=config.connect_timeout,
            log=context.log,
        )

    def start(self) -> None:
        self.dialer.start()

    def stop(self) -> Deferred[None]:
        # First, or a connection closed below would be dialled again.
        self.dialer.hold()
        stopped = self._intake.drain()
        stopped.addCallback(lambda _: self.dialer.stop())
        return stopped.addCallback(lambda _: self._status.set(Word.STOPPED))

    def pause(self) -> None:
        self._intake.pause()
        self._status.pause()

    def resume(self) -> None:
        self._status.resume()
        self._intake.resume()

    def peers(self) -> list[dict[str, Any]]:
        return self._intake.peers()

    def _up(self, stream: IProtocol) -> None:
        if self._counters.connections_total:
            self._counters.reopens_total += 1
        self._counters.connections_total += 1
        self._counters.connections = 1
        cast(Any, stream).begin()

    def _down(self, reason: str) -> None:
        self._counters.connections = 0
