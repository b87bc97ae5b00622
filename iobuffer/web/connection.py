"""One connection of a browser or a program, with the limits that twisted.web has not.

Its timeout begins anew with every byte; here there is one deadline from the first byte
of a request to its last. What cannot be a request is refused in words, and what is
still sent after that is thrown away.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.interfaces import IDelayedCall
from twisted.web import http
from twisted.web.http_headers import Headers

from .answers import PROBLEM_TYPE, SECURITY_HEADERS, to_json
from .base import Problem
from .request import Request, RequestContext

__all__ = ["Connection"]

#: A whole request, header and body, takes no longer than this.
REQUEST_SECONDS = 30.0
#: A connection on which nothing is asked is closed after this.
IDLE_SECONDS = 60
#: How long what was refused may still be sent, to be thrown away: closing at once would
#: make the kernel take the answer back.
_LINGER_SECONDS = 2.0


class Connection(http.HTTPChannel):
    """One connection: keep-alive, with deadlines, refusing in words.

    Args:
        shared: see RequestContext.
        reactor: for the deadlines.
        on_gone: called with this once it is closed.
    """

    transport: Any
    requestFactory = Request  # type: ignore[assignment]
    maxHeaders = 100
    totalHeadersSize = 16 * 1024

    def __init__(
        self,
        shared: RequestContext,
        reactor: Any,
        on_gone: Callable[[Connection], None],
    ) -> None:
        super().__init__()
        self.shared = shared
        self.refused = False
        self._reactor = reactor
        self.timeOut = IDLE_SECONDS
        self._on_gone = on_gone
        self._deadline: IDelayedCall | None = None
        self._lingering: IDelayedCall | None = None
        self._answering = False

    def connectionLost(self, reason: Any = None) -> None:
        self._disarm()
        if self._lingering is not None:
            self._lingering.cancel()
            self._lingering = None
        super().connectionLost(reason)
        self._on_gone(self)

    def callLater(self, period: float, func: Callable[[], None]) -> IDelayedCall:
        # TimeoutMixin's hook: its own takes the global reactor.
        call: IDelayedCall = self._reactor.callLater(period, func)
        return call

    # -- holding the body while a password is checked ----------------------------------

    def hold(self) -> None:
        """Hand nothing of the body on."""
        self.paused = True
        self._networkProducer.pauseProducing()

    def release(self) -> None:
        """Undo hold()."""
        self.paused = False
        self._networkProducer.resumeProducing()
        self.dataReceived(b"")

    # -- deadlines ---------------------------------------------------------------------

    def dataReceived(self, data: bytes) -> None:
        if data and self._deadline is None and not (self._answering or self.refused):
            self._deadline = self._reactor.callLater(REQUEST_SECONDS, self._too_slow)
        super().dataReceived(data)

    def _too_slow(self) -> None:
        self._deadline = None
        self._refuse_head(
            Problem(408, f"The request took longer than {REQUEST_SECONDS:g} s")
        )

    def _disarm(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def timeoutConnection(self) -> None:
        # Without a line in the log: it is nobody's fault. Half a minute of grace would
        # be a gift to those who never read.
        self.transport.abortConnection()

    # -- the grammar -------------------------------------------------------------------

    def lineReceived(self, line: bytes) -> None:
        if self.refused:
            return
        if line[:1] in (b" ", b"\t"):
            # RFC 9112, 5.2: a folded header is read differently by different programs.
            self._refuse_head(Problem(400, "A header may not go over several lines"))
            return
        super().lineReceived(line)

    def rawDataReceived(self, data: bytes) -> None:
        if not self.refused:
            super().rawDataReceived(data)

    def lineLengthExceeded(self, line: bytes) -> None:
        self._refuse_head(Problem(431, "The header is larger than 16 KiB"))

    def allHeadersReceived(self) -> None:
        request: Any = self.requests[-1]
        request.begin(self._command, self._path, self._version)
        if doubt := _doubt(request.requestHeaders, self._version):
            self._refuse_head(Problem(400, doubt))
            return
        super().allHeadersReceived()

    def allContentReceived(self) -> None:
        if self.refused:
            return
        self._disarm()
        self._answering = True
        super().allContentReceived()

    def requestDone(self, request: Any) -> None:
        self._answering = False
        if self.refused:
            del self.requests[0]
            self._linger()
        else:
            super().requestDone(request)

    # -- refusals ----------------------------------------------------------------------

    def refuse(self) -> None:
        """Throw away what still comes; the connection ends behind this answer."""
        self.refused = True
        self.persistent = 0

    def _send100Continue(self) -> None:
        if not self.refused:
            super()._send100Continue()

    def _respondToBadRequestAndDisconnect(self) -> None:
        size = self._receivedHeaderSize > self.totalHeadersSize
        self._refuse_head(
            Problem(431, "The header is larger than 16 KiB")
            if size
            else Problem(400, "This is not HTTP as RFC 9112 has it")
        )

    def _refuse_head(self, problem: Problem) -> None:
        """Answer what is no request: there is none that could be finished."""
        if self.refused:
            return
        self.refuse()
        body = to_json(problem.document())
        headers = [
            *SECURITY_HEADERS,
            ("Content-Type", PROBLEM_TYPE),
            ("Content-Length", str(len(body))),
            ("Connection", "close"),
        ]
        reason = http.RESPONSES.get(problem.status, b"").decode("ascii")
        lines = [f"HTTP/1.1 {problem.status} {reason}"]
        lines += [f"{name}: {value}" for name, value in headers]
        self.transport.write("\r\n".join([*lines, "", ""]).encode("ascii") + body)
        self._linger()

    def _linger(self) -> None:
        self._disarm()
        self.setTimeout(None)
        if self._lingering is None:
            self._lingering = self._reactor.callLater(_LINGER_SECONDS, self._end_linger)

    def _end_linger(self) -> None:
        self._lingering = None
        self.transport.abortConnection()


def _doubt(headers: Headers, version: bytes) -> str:
    """Why another program could cut this request elsewhere or take it for another
    host's (RFC 9112, 3.2 and 6.1), where twisted.web lets it pass; empty if none."""
    encodings = headers.getRawHeaders(b"transfer-encoding") or []
    if len(encodings) > 1 or any(each.lower() != b"chunked" for each in encodings):
        return "Transfer-Encoding may be chunked, once, and nothing else"
    if encodings and version != b"HTTP/1.1":
        return "Transfer-Encoding takes HTTP/1.1"
    hosts = headers.getRawHeaders(b"host") or []
    if len(hosts) > 1 or (not hosts and version == b"HTTP/1.1"):
        return "A request names one Host"
    return ""
