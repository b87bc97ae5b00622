"""One HTTP request and its connection, with the limits that twisted.web has not.

Stock twisted.web keeps a body of any size before anybody has asked who sends it, and
its timeout begins anew with every byte. Here a request is looked at when its header is
complete: the path, who asks, what may be sent. What is refused then is answered at
once, and of its body nothing is kept. From the first byte of a request to its last
there is one deadline.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import islice
from typing import Any

from twisted.internet.defer import Deferred, ensureDeferred
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.threads import deferToThreadPool
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web import http
from twisted.web.http_headers import Headers
from twisted.web.server import NOT_DONE_YET

from ..errors import ConfigError, IobufferError, StorageError
from ..people.errors import AuditError, PeopleError, StateFileError, TryLater
from ..settings import jsonfile
from ..settings.raw import Report
from .base import Call, Principal, Problem, Reply, Role, Route, Site
from .identity import Identity, check_same_site
from .router import Router, parse_query, split_target
from .schema import faults

__all__ = ["Connection", "Request", "RequestContext", "to_json"]

#: A whole request, header and body, takes no longer than this.
REQUEST_SECONDS = 30.0
#: A connection on which nothing is asked is closed after this.
IDLE_SECONDS = 60
#: How long what was refused may still be sent, to be thrown away: closing at once would
#: make the kernel take the answer back.
_LINGER_SECONDS = 2.0

#: An answer is not many times as long as the question.
_MAX_ERRORS = 100
_IN_DETAIL = 10

SECURITY_HEADERS = (
    (
        "Content-Security-Policy",
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'",
    ),
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
    ("Referrer-Policy", "no-referrer"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Cache-Control", "no-store"),
)
_PROBLEM = "application/problem+json"

_log = Logger(namespace="iobuffer")


class RequestContext:
    """What every request of one server shares.

    Args:
        site: what calls can reach.
        router: over `site.routes`.
        identity: who asks.
        local: the unix socket: whoever can open it may do everything.
    """

    def __init__(
        self, site: Site, router: Router, identity: Identity, *, local: bool
    ) -> None:
        self.site = site
        self.router = router
        self.identity = identity
        self.local = local


class Request(http.Request):
    """See the module's docstring."""

    channel: Connection

    def __init__(self, channel: Connection, *args: Any, **kwargs: Any) -> None:
        super().__init__(channel, *args, **kwargs)
        self.shared = channel.shared
        self.principal: Principal | None = None
        self.route: Route | None = None
        self._allowed: tuple[str, ...] = ()
        self._names: dict[str, str] = {}
        self._query: dict[str, Any] = {}
        self._problem: Problem | None = None
        self._asking: Deferred[None] | None = None
        self._complete = False
        self._chunks: list[bytes] = []
        self._body_bytes = 0
        self._max_body_bytes = 0

    def still_allowed(self) -> bool:
        """For a stream: whether whoever asked for it may still have it."""
        if self.principal is None:
            return self.route is not None and self.route.roles is None
        return self.shared.identity.still(self, self.principal)

    @property
    def gone(self) -> bool:
        """Whether nobody waits for an answer any more."""
        return bool(self._disconnected or self.finished)

    def begin(self, method: bytes, target: bytes, version: bytes) -> None:
        """The request line, known once the header is complete."""
        self.method, self.uri, self.clientproto = method, target, version
        self.path = target.partition(b"?")[0]

    # -- while it comes in -------------------------------------------------------------

    def gotLength(self, length: int | None) -> None:
        try:
            self._find()
            asked = self._who()
            if isinstance(asked, Deferred):
                self._wait_for(asked, length)
                return
            self.principal = asked
            self._admit(length)
        except Problem as problem:
            self._refuse(problem, length)

    def _find(self) -> None:
        """Take the request line apart. What there is for it is told only to somebody
        who may know: a path that does not exist is refused in _admit()."""
        segments, query = split_target(self.uri)
        found = self.shared.router.find(segments)
        if found is None:
            return
        methods, self._names = found
        method = self.method.decode("ascii", "replace")
        self._allowed = tuple(
            sorted({*methods, "OPTIONS", *(["HEAD"] if "GET" in methods else [])})
        )
        if method == "OPTIONS":
            # Whoever may do any of it may ask what there is.
            self.route = _options_of(list(methods.values()), self._allowed)
        else:
            self.route = methods.get("GET" if method == "HEAD" else method)
        if self.route is not None and method != "OPTIONS":
            self._query = {"": query}

    def _who(self) -> Principal | Deferred[Principal | None] | None:
        if self.shared.local:
            return Principal("local", Role.ADMIN, via="local")
        if self.route is not None and self.route.roles is None:
            # No password is checked for what everyone may see.
            return None
        return self.shared.identity.of(self)

    def _wait_for(self, asked: Deferred[Principal | None], length: int | None) -> None:
        """The body stays where it is until the password is checked."""
        self._asking = Deferred()
        channel = self.channel
        channel.hold()

        def known(found: Principal | Failure | None) -> None:
            asking, self._asking = self._asking, None
            if self._disconnected or channel.refused:
                return
            try:
                if isinstance(found, Failure):
                    raise _problem_of(found)
                self.principal = found
                self._admit(length)
            except Problem as problem:
                self._refuse(problem, length)
            channel.release()
            if asking is not None:
                asking.callback(None)

        asked.addBoth(known)

    def _admit(self, length: int | None) -> None:
        """Raise a Problem for what may not go on."""
        route, principal = self.route, self.principal
        everyone = route is not None and route.roles is None
        if principal is None and not everyone:
            raise Problem(
                401,
                "Sign in first",
                "Sign in on the page, or send an API token as Authorization: Bearer.",
                headers=(("WWW-Authenticate", 'Bearer realm="iobuffer"'),),
            )
        if not self._allowed:
            raise Problem(404, "There is nothing by this path")
        if route is None:
            allowed = ", ".join(self._allowed)
            raise Problem(
                405,
                f"{_word(self.method)} is not possible here",
                f"Possible are {allowed}.",
                headers=(("Allow", allowed),),
            )
        if route.roles is not None and principal is not None:
            if principal.role not in route.roles:
                roles = " or ".join(sorted(role.value for role in route.roles))
                raise Problem(
                    403,
                    f"A {principal.role.value} may not do this",
                    f"It takes the role {roles}.",
                )
            channel = self._names.get("channel")
            relay = principal.role is Role.RELAY
            if relay and channel is not None and channel not in principal.channels:
                raise Problem(403, "This relay is not bound to that channel")
        if self.method not in (b"GET", b"HEAD", b"OPTIONS") and not self.shared.local:
            check_same_site(self, self.principal)
        if "" in self._query:
            self._query = parse_query(self._query[""], route.params)
        self._admit_body(route, length)

    def _admit_body(self, route: Route, length: int | None) -> None:
        takes = self.method not in (b"GET", b"HEAD", b"OPTIONS")
        self._max_body_bytes = route.max_body_bytes if takes else 0
        if length == 0:
            return
        if (length or 0) > self._max_body_bytes:
            raise _too_large(self._max_body_bytes)
        if self.requestHeaders.hasHeader(b"content-encoding"):
            # Unpacked it could be of any size.
            raise Problem(415, "The body may not be compressed")
        if route.body is not None:
            given = self.getHeader(b"content-type") or b""
            if given.partition(b";")[0].strip().lower() != b"application/json":
                # A form of another site's page cannot send this type.
                raise Problem(415, "The body must be application/json")

    def _refuse(self, problem: Problem, length: int | None) -> None:
        if length == 0:
            # There is no body to be rid of: the connection can go on.
            self._problem = problem
        else:
            self._chunks.clear()
            self.channel.refuse()
            self.setHeader(b"Connection", b"close")
            self._answer_problem(problem)

    def handleContentChunk(self, data: bytes) -> None:
        if self.channel is None or self.channel.refused:
            return
        self._body_bytes += len(data)
        if self._body_bytes > self._max_body_bytes:
            self._refuse(_too_large(self._max_body_bytes), None)
            return
        self._chunks.append(data)

    def requestReceived(self, command: bytes, path: bytes, version: bytes) -> None:
        self.clientproto = version
        if self._asking is not None:
            self._asking.addCallback(lambda _: self.process())
        else:
            self.process()

    # -- the call ----------------------------------------------------------------------

    def process(self) -> None:
        if self._problem is not None:
            self._answer_problem(self._problem)
            return
        assert self.route is not None
        doing = ensureDeferred(self._call(self.route))
        doing.addCallbacks(self._answer, self._answer_failure)
        doing.addErrback(self._lost)

    async def _call(self, route: Route) -> Any:
        body = self._parsed_body(route)
        call = Call(
            request=self,
            path=self._names,
            query=self._query,
            body=body,
            principal=self.principal,
            site=self.shared.site,
        )
        self._set_headers()
        if route.audited and self.principal is not None:
            # Before it is done: what cannot be written down is not done.
            site = self.shared.site
            await deferToThreadPool(
                site.reactor,
                site.reactor.getThreadPool(),
                site.people.audit.append,
                self.principal.name,
                route.audited,
                _word(self.path),
            )
        result = route.call(call)
        if isinstance(result, Deferred) or hasattr(result, "__await__"):
            result = await result
        return result

    def _parsed_body(self, route: Route) -> Any:
        whole = b"".join(self._chunks)
        self._chunks.clear()
        if route.body is None:
            return whole
        try:
            text = whole.decode("utf-8")
        except UnicodeDecodeError:
            raise Problem(400, "The body is not UTF-8") from None
        report = Report("")
        found = jsonfile.parse(text, report)
        errors = [str(problem) for problem in report.problems]
        if not errors:
            errors = list(islice(faults(found, route.body), _MAX_ERRORS))
        if errors:
            raise Problem(
                400, "The body is not as expected", _first(errors), errors=errors
            )
        return found

    # -- the answer --------------------------------------------------------------------

    def _answer(self, result: Any) -> None:
        if result is NOT_DONE_YET or self._disconnected or self.finished:
            return
        reply = result if isinstance(result, Reply) else Reply(body=result)
        self.setResponseCode(reply.status)
        for name, value in reply.headers:
            self.setHeader(name, value)
        if reply.status in (204, 304):
            self.finish()
            return
        body = reply.body if isinstance(reply.body, bytes) else to_json(reply.body)
        self.setHeader("Content-Type", reply.content_type)
        self.setHeader("Content-Length", str(len(body)))
        self.write(body)
        self.finish()

    def _answer_failure(self, failure: Failure) -> None:
        problem = _problem_of(failure)
        if not (self._disconnected or self.finished):
            if self.startedWriting:
                # Half an answer is gone; only the end of the connection tells.
                self.channel.transport.abortConnection()
            else:
                self._answer_problem(problem)

    def _answer_problem(self, problem: Problem) -> None:
        self._set_headers()
        self._answer(
            Reply(problem.status, problem.document(), _PROBLEM, problem.headers)
        )

    def _lost(self, failure: Failure) -> None:
        _log.failure("an answer could not be given", failure)
        if not (self._disconnected or self.finished):
            self.channel.transport.abortConnection()

    def _set_headers(self) -> None:
        for name, value in SECURITY_HEADERS:
            self.setHeader(name, value)
        if self.isSecure():
            self.setHeader("Strict-Transport-Security", "max-age=31536000")
        date = http.datetimeToString(self.shared.site.wall())
        self.setHeader(b"Date", date)


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
            ("Content-Type", _PROBLEM),
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


def to_json(value: Any) -> bytes:
    """JSON as it goes over the wire."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    # Half a surrogate pair (from a name that is no UTF-8) has no place in UTF-8.
    return text.encode("utf-8", "replace")


def _problem_of(failure: Failure) -> Problem:
    error = failure.value
    if isinstance(error, Problem):
        return error
    if isinstance(error, ConfigError):
        errors = [str(problem) for problem in error.problems[:_MAX_ERRORS]]
        return Problem(
            422, "The configuration has errors", _first(errors), errors=errors
        )
    if isinstance(error, TryLater):
        wait = str(int(error.seconds) + 1)
        return Problem(429, str(error), headers=(("Retry-After", wait),))
    if isinstance(error, AuditError | StateFileError):
        return Problem(503, "This could not be written down", str(error))
    if isinstance(error, PeopleError):
        return Problem(422, str(error))
    if isinstance(error, StorageError):
        return Problem(503, "The store could not do this", str(error))
    if isinstance(error, IobufferError):
        return Problem(503, "This could not be done", str(error))
    _log.failure("a fault of the gateway's own in the API", failure)
    return Problem(500, "A fault of the gateway's own; its log has more")


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


def _first(errors: list[str]) -> str:
    """Some of the errors in one text; all are in a member of their own."""
    more = len(errors) - _IN_DETAIL
    return "; ".join(errors[:_IN_DETAIL]) + (f"; and {more} more" if more > 0 else "")


def _too_large(most: int) -> Problem:
    if not most:
        return Problem(413, "No body is expected here")
    return Problem(413, f"The body is larger than {most} bytes")


def _options_of(routes: list[Route], allowed: tuple[str, ...]) -> Route:
    roles: frozenset[Role] | None = frozenset()
    for route in routes:
        roles = None if roles is None or route.roles is None else roles | route.roles
    reply = Reply(204, headers=(("Allow", ", ".join(allowed)),))
    return Route(
        method="OPTIONS",
        path=routes[0].path,
        roles=roles,
        call=lambda call: reply,
        summary="What is possible here.",
        max_body_bytes=0,
    )


def _word(text: bytes) -> str:
    """Bytes of a stranger for our own words: short, printable, one line."""
    return "".join(
        each if each.isprintable() else "?" for each in text.decode("ascii", "replace")
    )[:256]
