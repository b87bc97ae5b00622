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

from ..batch import Batch
from ..channel import Confidence
from ..links.backoff import Backoff
from ..links.dialer import Dialer
from ..links.tcp import TcpTuning, unsent_bytes
from ..links.tls import TlsConfig
from ..options import DURATION, HOST, PORT, group, option
from ._acked import OneByOne
from ._framed import Framed, frame, messages_within
from ._grace import grace
from ._outlet import Outlet
from .base import WINDOW_BYTES, Link, LinkContext, LinkLost, LinkUser
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


class TcpClientLink:
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
        self.writable = False
        self._config = config
        self._context = context
        self._unsent = unsent
        self._encoder = context.framing.encoder()
        self._framing_name = context.framing.framer().name
        self._user: LinkUser | None = None
        self._outlet: Outlet | None = None
        self._conversation: OneByOne | None = None
        # True while a message that cannot be framed waits for those before it to be
        # confirmed: what follows must not overtake the decision about it.
        self._refusing = False
        self._proven = False
        self._spoken_to = False
        self._stopping = False
        self._lost_reason = ""
        self._dialer = make_dialer(
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

    @property
    def progress_at(self) -> float:
        return self._outlet.progress_at if self._outlet is not None else 0.0

    def start(self, user: LinkUser) -> None:
        """Connect, and stay connected."""
        self._user = user
        self._dialer.start()

    def stop(self) -> Deferred[None]:
        """Give what is under way a moment to be confirmed, then hang up."""
        self._stopping = True
        self.writable = False
        waited = grace(self._context.reactor, self._settled)
        return waited.addCallback(lambda _: self._hang_up())

    def send(self, batch: Batch) -> Deferred[Confidence]:
        """See Link."""
        if self._conversation is not None:
            self.writable = False
            answered = self._conversation.send(batch)
            # Before whoever else listens, so that they may send at once.
            return answered.addBoth(self._answered)
        assert self._outlet is not None, "sent while the link is down"
        data, framed = frame(self._encoder, batch.messages)
        if framed.refusal is not None:
            self._refusing = True
            self.writable = False
        done: Deferred[Confidence] = Deferred()
        self._outlet.send(data, lambda count: self._received(framed, done, count))
        return done

    def reopen(self, reason: str) -> None:
        """Drop the connection and dial again."""
        self._dialer.reopen(reason)

    # -- the connection ----------------------------------------------------------------

    def _build_outlet(self) -> Outlet:
        return Outlet(
            self._context.reactor,
            on_chunk=self._heard,
            on_writable=self._writable_changed,
            unsent=self._unsent,
            hold_seconds=_TLS_DOUBT_SECONDS if self._config.tls.enabled else 0.0,
        )

    def _up(self, outlet: Any) -> None:
        if self._stopping:
            return
        assert self._user is not None
        self._outlet = outlet
        self._refusing = False
        self._proven = False
        receipts = self._config.ack.receipts(self._framing_name)
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
        self.writable = self._may_write()
        self._user.link_up()

    def _down(self, reason: str) -> None:
        outlet, self._outlet = self._outlet, None
        conversation, self._conversation = self._conversation, None
        self.writable = False
        self._lost_reason = reason
        if outlet is not None:
            outlet.give_up()
        if conversation is not None:
            conversation.lost(reason)
        if self._user is not None and not self._stopping:
            self._user.link_down(reason)

    def _hang_up(self) -> Deferred[None]:
        if self._outlet is not None:
            self._outlet.finish()
        stopped: Deferred[None] = self._dialer.stop()
        return stopped

    def _silent(self) -> None:
        self.reopen(
            f"closed by us: no answer within {self._config.ack_timeout:g} s "
            "(ack_timeout)"
        )

    def _works(self) -> None:
        # Not the connection, and not the handshake either, shows that the line is good:
        # a proxy whose server is down takes connections only to drop them.
        if not self._proven:
            self._proven = True
            self._dialer.reset_backoff()

    # -- what becomes of a batch -------------------------------------------------------

    def _received(
        self, framed: Framed, done: Deferred[Confidence], count_bytes: int
    ) -> None:
        if self._outlet is None:
            delivered = messages_within(self._encoder, framed.messages, count_bytes)
            done.errback(LinkLost(self._lost_reason, delivered))
            return
        self._works()
        if framed.refusal is None:
            done.callback(Confidence.RECEIVED)
            return
        self._refusing = False
        self.writable = self._may_write()
        done.errback(framed.refusal)
        self._tell_writable()

    def _answered(self, outcome: Any) -> Any:
        if self._outlet is not None:
            # Also a refusal is the word of an application that works.
            self._works()
            self.writable = self._may_write()
        return outcome

    def _heard(self, chunk: bytes) -> None:
        conversation = self._conversation
        if conversation is None:
            self._context.counters.unmatched_answers_total += 1
            if not self._spoken_to:
                self._spoken_to = True
                self._context.log(
                    "warn",
                    f"{self._dialer.place} sends bytes, and they are dropped: nothing "
                    "is awaited from it. If these are answers, set ack",
                )
            return
        was_busy = conversation.busy
        conversation.feed(chunk)
        if was_busy:
            self._tell_writable()

    # -- whether there is room ---------------------------------------------------------

    def _may_write(self) -> bool:
        outlet = self._outlet
        if outlet is None or self._stopping:
            return False
        if self._conversation is not None:
            return not self._conversation.busy
        return outlet.writable and not self._refusing

    def _writable_changed(self) -> None:
        was_writable, self.writable = self.writable, self._may_write()
        if not was_writable:
            self._tell_writable()

    def _tell_writable(self) -> None:
        if self.writable and self._user is not None:
            self._user.link_up()

    def _settled(self) -> bool:
        if self._conversation is not None:
            return not self._conversation.busy
        return self._outlet is None or self._outlet.settled


def build(config: TcpClientConfig, context: LinkContext) -> Link:
    """The link of a `tcp_client` destination."""
    return TcpClientLink(config, context)
