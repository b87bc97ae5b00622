"""Deliver to whoever connects to a port of ours: every client gets a copy.

A batch counts as received once every client that was connected when it was sent has it
in its TCP, or has gone, as long as one of them has it. A client gets what is sent from
the moment it connects. One that lags behind is disconnected, so that it does not hold
back the others; it finds the following messages when it connects again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import attrs
from twisted.internet.defer import Deferred, fail
from twisted.internet.protocol import Factory

from ..batch import Batch
from ..channel import Confidence
from ..links.backoff import Backoff
from ..links.listener import Listener, Networks
from ..links.tcp import TcpTuning, unsent_bytes
from ..links.tls import TlsConfig
from ..options import (
    DURATION,
    HOST,
    MIB,
    NETWORKS,
    PORT,
    SIZE,
    choice,
    group,
    integer,
    option,
)
from ..state import State, StateCell, Word
from ._copies import NOBODY, Copies
from ._grace import grace
from ._outlet import Outlet
from .base import WINDOW_BYTES, Dropped, Link, LinkContext, LinkUser
from .policy import DeliveryConfig

__all__ = ["TcpServerConfig", "TcpServerLink", "build"]

#: Clients that come and go behind the gateway's back must not fill the log.
_LAG_LOG_SECONDS = 300.0


@attrs.frozen(kw_only=True)
class TcpServerConfig(DeliveryConfig, TcpTuning):
    """Options of the destination type `tcp_server`.

    `ack` is none here: several clients cannot answer for one message. A client that
    takes nothing for half of `stall`, or holds back others that long, is disconnected.
    """

    host: str = option(
        HOST,
        default="0.0.0.0",
        help="Address to listen on; 127.0.0.1 for this machine only, :: for IPv6.",
    )
    port: int = option(PORT, example="6000", help="TCP port to listen on.")
    tls: TlsConfig = group(
        TlsConfig, help="TLS towards the clients; `client_ca` asks for certificates."
    )
    allow: Networks = option(
        NETWORKS, default=(), help="Who may connect. Empty: everyone."
    )
    max_connections: int = option(
        integer(0, 100_000), default=64, help="Clients at one time. 0: no limit."
    )
    when_none: str = option(
        choice("wait", "drop"),
        default="wait",
        help="While nobody is connected: wait keeps the messages, drop lets them go, "
        "counted, as a live feed does.",
    )
    client_buffer: int = option(
        SIZE,
        default=MIB,
        help="How many bytes a client may lag behind while another has room, before it "
        "is disconnected; held in memory for each such client. What is in flight is "
        "bounded by `window` and by 2 MiB, so more than that never comes to bear.",
    )
    handshake_timeout: float = option(
        DURATION, default=10.0, help="How long a client's TLS handshake may take."
    )

    def problems(self) -> Iterable[tuple[str, str]]:
        """What the loader cannot see in one option alone."""
        yield from DeliveryConfig.problems(self)
        yield from TcpTuning.problems(self)
        if self.ack.type_name not in ("auto", "none"):
            yield (
                "ack",
                "expected none: a tcp_server destination may have several clients, "
                "which cannot answer for one message; use tcp_client for a receiver "
                "that answers",
            )
        if self.tls.enabled and not self.tls.cert:
            yield "tls.cert", "expected a certificate: a TLS server needs one"
        if self.client_buffer < 65536:
            yield "client_buffer", "expected at least 64 KiB"
        if self.handshake_timeout <= 0:
            yield "handshake_timeout", "expected more than 0s"


class TcpServerLink:
    """One listening port as a Link.

    Args:
        make_listener: makes the Listener; a test's own stands in for the network.
        unsent: see Outlet.
    """

    def __init__(
        self,
        config: TcpServerConfig,
        context: LinkContext,
        *,
        make_listener: Callable[..., Any] = Listener,
        unsent: Callable[[Any], int] = unsent_bytes,
    ) -> None:
        self.writable = False
        self._config = config
        self._context = context
        self._unsent = unsent
        self._user: LinkUser | None = None
        self._clients: list[Outlet] = []
        self._copies = Copies(
            context.framing.encoder(),
            seconds=context.reactor.seconds,
            on_settled=self._refresh,
        )
        self._listening = False
        # What the user was told last.
        self._up = False
        # True while a client's leaving is told: nothing may be sent in between.
        self._leaving = False
        self._stopping = False
        self._drop_logged = False
        self._spoken_to = False
        self._lag_logged_at: float | None = None
        factory = Factory.forProtocol(self._build_outlet)
        factory.noisy = False
        self._listener = make_listener(
            context.reactor,
            config.host,
            config.port,
            tls=config.tls,
            tuning=config,
            factory=factory,
            # Its word is one half of ours; the other is who is connected.
            state=StateCell(context.wall, self._listener_changed),
            log=context.log,
            note=context.note,
            allow=config.allow,
            max_connections=config.max_connections,
            backoff=Backoff(max_seconds=config.retry_max),
            handshake_timeout_seconds=config.handshake_timeout,
            on_ready=self._joined,
        )

    @property
    def port_number(self) -> int | None:
        """The port that is listened on; None while there is none."""
        number: int | None = self._listener.port_number
        return number

    @property
    def window_bytes(self) -> int:
        return WINDOW_BYTES

    @property
    def progress_at(self) -> float:
        return max((client.progress_at for client in self._clients), default=0.0)

    def start(self, user: LinkUser) -> None:
        """Listen, and go on listening."""
        self._user = user
        self._listener.start()

    def stop(self) -> Deferred[None]:
        """Give what is under way a moment to be confirmed, then close all."""
        self._stopping = True
        self.writable = False
        waited = grace(self._context.reactor, lambda: not self._copies)
        return waited.addCallback(lambda _: self._close())

    def send(self, batch: Batch) -> Deferred[Confidence]:
        """See Link. With `when_none = drop` and nobody connected it fails with
        Dropped."""
        if not self._clients:
            self._log_drop()
            return fail(Dropped(NOBODY))
        self._disconnect_laggards()
        sent = self._copies.send(batch.messages, tuple(self._clients))
        self._refresh()
        return sent

    def reopen(self, reason: str) -> None:
        """Disconnect the clients that hold things up, or all if none stands out."""
        slow = [client for client in self._clients if not client.settled]
        for client in slow or self._clients:
            client.abort()

    def peers(self) -> list[dict[str, Any]]:
        """See Link."""
        return [client.seen() for client in self._clients]

    def quality(self) -> dict[str, int]:
        """See Link."""
        return {}

    # -- clients come and go -----------------------------------------------------------

    def _build_outlet(self) -> Outlet:
        outlet = Outlet(
            self._context.reactor,
            on_chunk=self._heard,
            on_writable=self._refresh,
            on_gone=self._left,
            unsent=self._unsent,
        )
        outlet.on_stuck = lambda seconds: self._stuck(outlet, seconds)
        return outlet

    def _joined(self, outlet: Any) -> None:
        counters = self._context.counters
        counters.connects_total += 1
        counters.connections += 1
        outlet.since = self._context.wall()
        self._clients.append(outlet)
        self._drop_logged = False
        self._show_state()
        self._refresh()

    def _left(self, outlet: Outlet) -> None:
        if outlet not in self._clients:
            # It never got past its TLS handshake.
            return
        self._clients.remove(outlet)
        counters = self._context.counters
        counters.connections -= 1
        counters.disconnects_total += 1
        self._leaving = True
        self.writable = False
        outlet.give_up()
        lost = self._copies.settle()
        if self._may_be_up():
            if lost and self._clients:
                self._go_down("a client has gone with messages that no other has")
            elif lost:
                self._copies.let_go()
                self._log_drop()
        else:
            self._go_down(f"nobody is connected to port {self._config.port} any more")
        self._leaving = False
        self._show_state()
        self._refresh()

    def _close(self) -> Deferred[None]:
        for client in self._clients:
            client.finish()
        stopped: Deferred[None] = self._listener.stop()
        return stopped

    def _heard(self, chunk: bytes) -> None:
        self._context.counters.unmatched_answers_total += 1
        if not self._spoken_to:
            self._spoken_to = True
            self._context.log(
                "warn",
                f"a client of port {self._config.port} sends bytes, and they are "
                "dropped: this destination only gives",
            )

    # -- up and down -------------------------------------------------------------------

    def _may_be_up(self) -> bool:
        return (
            self._listening
            and not self._stopping
            and (bool(self._clients) or self._config.when_none == "drop")
        )

    def _refresh(self) -> None:
        """Go up, or tell that there is room again, if it is so."""
        if self._leaving or self._user is None:
            return
        was_writable = self.writable
        self.writable = (
            self._may_be_up()
            and not self._copies.refusing
            and (not self._clients or any(client.writable for client in self._clients))
        )
        if self._may_be_up() and (not self._up or (self.writable and not was_writable)):
            self._up = True
            self._user.link_up()

    def _go_down(self, reason: str) -> None:
        self._copies.fail(reason)
        if self._up:
            self._up = False
            if self._user is not None and not self._stopping:
                self._user.link_down(reason)

    def _listener_changed(self, old: State, new: State) -> None:
        self._listening = new.word is Word.RUNNING
        if self._listening:
            self._show_state()
            self._refresh()
        else:
            self._context.state.set(new.word, new.reason)

    def _show_state(self) -> None:
        if self._stopping:
            return
        port = self._config.port
        if self._clients:
            self._context.state.set(
                Word.RUNNING, f"giving to whoever is connected to port {port}"
            )
        elif self._config.when_none == "drop":
            self._context.state.set(
                Word.WAITING,
                f"nobody is connected to port {port}: messages are dropped "
                "(when_none = drop)",
            )
        else:
            self._context.state.set(Word.WAITING, f"nobody is connected to port {port}")

    # -- clients that are too slow, and none at all ------------------------------------

    def _disconnect_laggards(self) -> None:
        """Where one client has room, another must not make it wait.

        With none that has room there is nobody to wait for: the link is not writable.
        """
        limit_bytes = self._config.client_buffer
        for client in self._clients:
            if client.writable or client.aborted:
                continue
            lag_bytes = client.unsent_bytes()
            if lag_bytes > limit_bytes:
                self._disconnect(
                    client,
                    f"lags behind the others by {lag_bytes} bytes "
                    f"(client_buffer = {SIZE.show(limit_bytes)})",
                )

    def _stuck(self, client: Outlet, still_seconds: float) -> None:
        # Half, so that this comes before the delivery takes the whole link for stalled.
        limit_seconds = self._config.stall / 2
        if client.aborted:
            return
        if still_seconds > limit_seconds:
            self._disconnect(client, f"has taken nothing for {still_seconds:.0f} s")
        elif self._copies.oldest_seconds > limit_seconds and any(
            other.settled for other in self._clients
        ):
            # It takes a little now and then, and the window fills with what it has
            # not: all would go at its pace.
            self._disconnect(
                client, f"has held back the others for {limit_seconds:.0f} s"
            )

    def _disconnect(self, client: Outlet, why: str) -> None:
        self._context.counters.stalls_total += 1
        client.abort()
        now = self._context.reactor.seconds()
        logged_at = self._lag_logged_at
        if logged_at is None or now - logged_at >= _LAG_LOG_SECONDS:
            self._lag_logged_at = now
            self._context.log(
                "warn",
                f"client {client.peer} of port {self._config.port} is disconnected: it "
                f"{why}; further ones are only counted for "
                f"{DURATION.show(_LAG_LOG_SECONDS)}",
            )

    def _log_drop(self) -> None:
        if not self._drop_logged:
            self._drop_logged = True
            self._context.log(
                "warn",
                f"nobody is connected to port {self._config.port}: messages are "
                "dropped and counted until somebody is (when_none = drop)",
            )


def build(config: TcpServerConfig, context: LinkContext) -> Link:
    """The link of a `tcp_server` destination."""
    return TcpServerLink(config, context)
