"""Deliver over a TCP or TLS connection that we open and keep open.

Without answers a message counts as received once the peer's TCP has every byte of it;
with answers (`ack`) as acknowledged, one message in flight at a time. What a lost
connection leaves unconfirmed is sent again, so a message may arrive twice, and never
not at all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import attrs
from twisted.internet.defer import Deferred

from ..channel import Confidence
from ..links.backoff import Backoff
from ..links.dialer import Dialer
from ..links.tcp import TcpTuning, unsent_bytes
from ..links.tls import TlsConfig
from ..options import DURATION, HOST, PORT, group, option
from ._one_peer import OnePeerLink
from ._outlet import Outlet
from .base import WINDOW_BYTES, Link, LinkContext
from .policy import DeliveryConfig

__all__ = ["TcpClientConfig", "TcpClientLink", "build"]

#: How long a TLS server may take to turn us down after we count ourselves connected: in
#: TLS 1.3 the client finishes first, and only then does the server look whether there
#: is a certificate and whether it likes it.
_TLS_DOUBT_SECONDS = 1.0


@attrs.frozen(kw_only=True)
class TcpClientConfig(DeliveryConfig, TcpTuning):
    """Options of the destination type `tcp_client`."""

    host: str = option(
        HOST, example="lis.example", help="Name or address to connect to."
    )
    port: int = option(PORT, example="6661", help="TCP port to connect to.")
    tls: TlsConfig = group(TlsConfig, help="TLS towards the destination.")
    connect_timeout: float = option(
        DURATION,
        default=10.0,
        help="How long an attempt to connect may take, and the TLS handshake after it.",
    )
    ack_timeout: float = option(
        DURATION,
        default=30.0,
        help="With `ack`: how long the peer may take to answer a message. After that "
        "the connection is closed and the message is sent again on a new one, so that "
        "a late answer is never taken for the answer to another message.",
    )

    def problems(self) -> Iterable[tuple[str, str]]:
        """What the loader cannot see in one option alone."""
        yield from DeliveryConfig.problems(self)
        yield from TcpTuning.problems(self)
        for name in ("connect_timeout", "ack_timeout"):
            if getattr(self, name) <= 0:
                yield name, "expected more than 0s"


class TcpClientLink(OnePeerLink):
    """One outgoing connection as a Link.

    Args:
        make_dialer: makes the Dialer; a test's own stands in for the network.
        unsent: see Outlet.
    """

    def __init__(
        self,
        config: TcpClientConfig,
        context: LinkContext,
        *,
        make_dialer: Callable[..., Any] = Dialer,
        unsent: Callable[[Any], int] = unsent_bytes,
    ) -> None:
        super().__init__(
            context,
            ack=config.ack,
            ack_timeout_seconds=config.ack_timeout,
            sureness=Confidence.RECEIVED,
        )
        self._config = config
        self._unsent = unsent
        self._spoken_to = False
        self._way = self._dialer = make_dialer(
            context.reactor,
            config.host,
            config.port,
            tls=config.tls,
            tuning=config,
            build=self._build_outlet,
            on_up=self._up,
            on_down=self._down,
            state=context.state,
            log=context.log,
            backoff=Backoff(max_seconds=config.retry_max),
            counters=context.counters,
            connect_timeout_seconds=config.connect_timeout,
        )

    @property
    def window_bytes(self) -> int:
        return WINDOW_BYTES

    def stop(self) -> Deferred[None]:
        """Give what is under way a moment to be confirmed, then hang up."""
        return self._wind_up().addCallback(lambda _: self._hang_up())

    def _hang_up(self) -> Deferred[None]:
        if self._outlet is not None:
            self._outlet.finish()
        stopped: Deferred[None] = self._dialer.stop()
        return stopped

    def _build_outlet(self) -> Outlet:
        return Outlet(
            self._context.reactor,
            on_chunk=self._heard,
            on_writable=self._writable_changed,
            unsent=self._unsent,
            hold_seconds=_TLS_DOUBT_SECONDS if self._config.tls.enabled else 0.0,
        )

    def _unasked(self, chunk: bytes) -> None:
        self._context.counters.unmatched_answers_total += 1
        if not self._spoken_to:
            self._spoken_to = True
            self._context.log(
                "warn",
                f"{self._dialer.place} sends bytes, and they are dropped: nothing "
                "is awaited from it. If these are answers, set ack",
            )


def build(config: TcpClientConfig, context: LinkContext) -> Link:
    """The link of a `tcp_client` destination."""
    return TcpClientLink(config, context)
