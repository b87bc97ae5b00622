"""`tcp_server`: listens on a TCP port; devices and systems connect and send."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

import attrs
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory

from ..links.backoff import Backoff
from ..links.listener import Listener
from ..options import DURATION, HOST, NETWORKS, PORT, integer, option
from ._intake import Intake, TcpSourceConfig
from ._stream_source import StreamSource
from .base import SourceContext

__all__ = ["TcpServerConfig", "TcpServerSource", "build"]


@attrs.frozen(kw_only=True)
class TcpServerConfig(TcpSourceConfig):
    """Options of the source type `tcp_server`."""

    host: str = option(
        HOST,
        default="0.0.0.0",
        help="Address to listen on: 0.0.0.0 for all interfaces, :: for those of IPv6 "
        "too, 127.0.0.1 for programs of this machine only.",
    )
    port: int = option(PORT, example="5000", help="Port to listen on.")
    allow: tuple[Any, ...] = option(
        NETWORKS,
        default=(),
        help="Networks that may connect; empty: everyone. Others are closed at once, "
        "counted, and logged once.",
    )
    max_connections: int = option(
        integer(0, 1_000_000),
        default=1000,
        help="Connections at one time; more are closed at once and counted. 0: no "
        "limit but the system's.",
    )
    idle_timeout: float = option(
        DURATION,
        default=0.0,
        help="Close a connection that has been silent for this long. 0: never; a "
        "sender that is dead is found by `keepalive`.",
    )
    handshake_timeout: float = option(
        DURATION,
        default=10.0,
        help="With TLS: how long a handshake may take before the connection is closed.",
    )
    retry_max: float = option(
        DURATION,
        default=60.0,
        help="Longest pause between attempts to listen while the port is not to be "
        "had. Attempts begin at half a second and double, with jitter.",
    )

    def problems(self) -> Iterable[tuple[str, str]]:
        yield from super().problems()
        if self.tls.enabled and not self.tls.cert:
            yield "tls.cert", "expected the server's certificate, as tls.enabled = yes"
        if self.handshake_timeout <= 0:
            yield "handshake_timeout", "expected more than 0"
        if self.retry_max < 0.5:
            yield "retry_max", "expected at least 500ms, the first pause"


def build(config: TcpServerConfig, context: SourceContext) -> TcpServerSource:
    """The source, not yet started."""
    return TcpServerSource(config, context)


class TcpServerSource(StreamSource):
    """See base.Source."""

    def __init__(self, config: TcpServerConfig, context: SourceContext) -> None:
        intake = Intake(config, context, idle_timeout=config.idle_timeout)
        super().__init__(intake, context)
        factory = Factory.forProtocol(cast(Any, intake.build))
        factory.noisy = False
        self.listener = Listener(
            context.reactor,
            config.host,
            config.port,
            tls=config.tls,
            tuning=config,
            factory=factory,
            allow=config.allow,
            max_connections=config.max_connections,
            state=self._status,
            counters=context.counters,
            backoff=Backoff(max_seconds=config.retry_max),
            handshake_timeout_seconds=config.handshake_timeout,
            log=context.log,
            note=context.note,
            on_ready=lambda stream: cast(Any, stream).begin(),
        )

    def start(self) -> None:
        self.listener.start()

    def stop(self) -> Deferred[None]:
        return self._drain_and(self.listener.stop)
