"""`tcp_client`: connects to a server, takes what it sends, and connects again."""

from __future__ import annotations

from collections.abc import Iterable

import attrs

from ..links.backoff import Backoff
from ..links.dialer import Dialer
from ..options import DURATION, HOST, PORT, option
from ._intake import TcpSourceConfig
from ._stream_source import OnePeerSource
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


class TcpClientSource(OnePeerSource):
    """See base.Source."""

    def __init__(self, config: TcpClientConfig, context: SourceContext) -> None:
        super().__init__(config, context, no_data_for=config.no_data_for)
        self._way = self.dialer = Dialer(
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
