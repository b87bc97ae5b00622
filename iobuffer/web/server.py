"""Where the page and the API listen: a TCP port that may speak TLS, and a unix socket.

Whoever can open the unix socket (mode 0600, in the state directory, mode 0700) may do
everything: that is the user who runs the gateway, who could edit its files as well.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from ipaddress import ip_address
from typing import Any

from twisted.internet.defer import Deferred, DeferredList, maybeDeferred, succeed
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.protocol import ServerFactory

from ..links.listener import Listener
from ..links.tcp import TcpTuning
from ..state import StateCell, Word
from .base import Site
from .config import HttpConfig
from .connection import Connection
from .identity import Identity
from .request import RequestContext
from .router import Router

__all__ = ["WebServer"]

#: Each may hold a header of 16 KiB and a body.
_MAX_CONNECTIONS = 256
#: Nobody alone keeps the others out. A proxy before the gateway does with these too.
_MAX_CONNECTIONS_EACH = 128
#: How often it is looked whether there is a password now.
_LOOK_SECONDS = 5.0


class WebServer:
    """Serves the routes of a site.

    Args:
        site: `routes` is what there is.
        config: `[http]`, or None for no TCP port.
        socket_path: the unix socket; one that a killed gateway left is taken away.
        reactor: with monotonic timers.
        state: how the TCP port is.
        log: log(level, text).
    """

    def __init__(
        self,
        site: Site,
        *,
        config: HttpConfig | None,
        socket_path: str,
        reactor: Any,
        state: StateCell,
        log: Callable[[str, str], None],
    ) -> None:
        self.site = site
        self.listener: Listener | None = None
        self._config = config
        self._socket_path = socket_path
        self._reactor = reactor
        self._state = state
        self._log = log
        router = Router(site.routes)
        identity = Identity(site.people, reactor)
        self._network = _Connections(
            RequestContext(site, router, identity, local=False), reactor
        )
        self._local = _Connections(
            RequestContext(site, router, identity, local=True), reactor
        )
        self._unix_port: Any = None
        self._look_call: IDelayedCall | None = None

    def start(self) -> None:
        """Open the socket, and the port as soon as it may be."""
        self._listen_locally()
        if self._config is not None:
            self._listen()
        else:
            self._state.set(Word.STOPPED, "there is no [http] section")

    def stop(self) -> Deferred[None]:
        """Close both, and every connection."""
        if self._look_call is not None:
            self._look_call.cancel()
            self._look_call = None
        closing = [succeed(None)]
        if self.listener is not None:
            closing.append(self.listener.stop())
            self.listener = None
        if self._unix_port is not None:
            port, self._unix_port = self._unix_port, None
            closing.append(maybeDeferred(port.stopListening))
        closing += [self._network.close(), self._local.close()]
        self._state.set(Word.STOPPED)
        return DeferredList(closing, consumeErrors=True).addCallback(lambda _: None)

    # -- the port ----------------------------------------------------------------------

    def _listen(self) -> None:
        self._look_call = None
        config = self._config
        assert config is not None
        why = self._unprotected(config)
        if why:
            self._state.set(
                Word.FAILED,
                f"not listening on {config.host}: {why}. Until then: host = 127.0.0.1, "
                "or unsafe_network_without_tls_or_password = yes",
            )
            self._look_call = self._reactor.callLater(_LOOK_SECONDS, self._listen)
            return
        self.listener = Listener(
            self._reactor,
            config.host,
            config.port,
            tls=config.tls,
            tuning=TcpTuning(),
            factory=self._network,
            state=self._state,
            log=self._log,
            max_connections=_MAX_CONNECTIONS,
            max_connections_each=_MAX_CONNECTIONS_EACH,
        )
        self.listener.start()

    def _unprotected(self, config: HttpConfig) -> str:
        """Why this address may not be listened on yet; empty if it may."""
        if _is_loopback(config.host) or config.unsafe_network_without_tls_or_password:
            return ""
        if not config.tls.enabled:
            return "beyond this machine it takes TLS; set tls.enabled, tls.cert"
        if not self.site.people.has_password():
            return "nobody has a password; make a user with iobuffer passwd"
        return ""

    # -- the socket --------------------------------------------------------------------

    def _listen_locally(self) -> None:
        path = self._socket_path
        try:
            # The store's lock says that no other gateway uses this directory.
            if stat.S_ISSOCK(os.lstat(path).st_mode):
                os.unlink(path)
        except FileNotFoundError:
            pass
        except OSError as error:
            self._log("error", f"{path} cannot be taken away: {error.strerror}")
        try:
            self._unix_port = self._reactor.listenUNIX(path, self._local, mode=0o600)
        except (CannotListenError, OSError, ValueError) as error:
            self._log(
                "error",
                f"cannot listen on {path}: {error}; the command line cannot reach "
                "this gateway there (a socket's path is shorter than 108 bytes)",
            )


class _Connections(ServerFactory):
    """Makes connections, and closes those that are left at the end."""

    noisy = False

    def __init__(self, shared: RequestContext, reactor: Any) -> None:
        self._shared = shared
        self._reactor = reactor
        self._open: set[Connection] = set()
        self._closed: Deferred[None] | None = None

    def buildProtocol(self, addr: Any) -> Connection | None:
        if len(self._open) >= _MAX_CONNECTIONS:
            return None
        made = Connection(self._shared, self._reactor, self._gone)
        made.factory = self
        self._open.add(made)
        return made

    def log(self, request: Any) -> None:
        """Twisted asks for an access log line here. What matters is in the audit log;
        a browser's polling is not."""

    def close(self) -> Deferred[None]:
        """End every connection. Fires when they are gone."""
        if not self._open:
            return succeed(None)
        self._closed = Deferred()
        for connection in tuple(self._open):
            connection.transport.abortConnection()
        return self._closed

    def _gone(self, connection: Connection) -> None:
        self._open.discard(connection)
        if self._closed is not None and not self._open:
            closed, self._closed = self._closed, None
            closed.callback(None)


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        # Only by this name: another one may mean this machine today.
        return host == "localhost"
