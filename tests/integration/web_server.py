"""A web server of a test's own, over plain HTTP or TLS."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.ssl import PrivateCertificate
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Site

__all__ = ["Server"]

#: Called with the request once it is whole; returns the body.
Respond = Callable[[Any], bytes | int]


class _All(Resource):
    isLeaf = True

    def __init__(self, respond: Respond) -> None:
        super().__init__()
        self._respond = respond

    def render(self, request: Any) -> bytes | int:
        return self._respond(request)


class Server:
    """Answers every request by `respond`, which may give NOT_DONE_YET."""

    NEVER = NOT_DONE_YET

    def __init__(self, reactor: Any, respond: Respond, identity: str = "") -> None:
        site = Site(_All(respond))
        if identity:
            with open(identity) as file:
                options = PrivateCertificate.loadPEM(file.read()).options()
            self._port = reactor.listenSSL(0, site, options, interface="127.0.0.1")
        else:
            self._port = reactor.listenTCP(0, site, interface="127.0.0.1")
        self.port: int = self._port.getHost().port

    def stop(self) -> Deferred[Any]:
        """Close the port; clients close their connections themselves."""
        return maybeDeferred(self._port.stopListening)
