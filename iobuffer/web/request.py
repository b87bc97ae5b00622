"""One HTTP request: who sends it, what for, its body, and its answer.

Stock twisted.web keeps a body of any size before anybody has asked who sends it. Here a
request is looked at when its header is complete (admission.py): what is refused then is
answered at once, and of its body nothing is kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred, ensureDeferred
from twisted.internet.threads import deferToThreadPool
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web import http
from twisted.web.server import NOT_DONE_YET

from ..settings import jsonfile
from ..settings.raw import Report
from .admission import (
    Target,
    admit,
    is_change,
    max_body_bytes,
    target_of,
    too_large,
)
from .answers import (
    MAX_ERRORS,
    PROBLEM_TYPE,
    SECURITY_HEADERS,
    faulty,
    printable,
    problem_of,
    to_json,
)
from .base import Call, Principal, Problem, Reply, Role, Route, Site
from .identity import Identity, check_same_site
from .router import Router, parse_query
from .schema import faults

if TYPE_CHECKING:
    from .connection import Connection

__all__ = ["Request", "RequestContext"]

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
    """See the module's docstring; `connection.py` makes it."""

    channel: Connection

    def __init__(self, channel: Connection, *args: Any, **kwargs: Any) -> None:
        super().__init__(channel, *args, **kwargs)
        self.shared = channel.shared
        self.principal: Principal | None = None
        self.route: Route | None = None
        self._target = Target(None, {}, "", ())
        self._query: Mapping[str, Any] = {}
        self._problem: Problem | None = None
        self._asking: Deferred[None] | None = None
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
            self._target = target_of(self.shared.router, self.method, self.uri)
            self.route = self._target.route
            asked = self._who()
            if isinstance(asked, Deferred):
                self._wait_for(asked, length)
                return
            self.principal = asked
            self._admit(length)
        except Problem as problem:
            self._refuse(problem, length)

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
                    raise problem_of(found)
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
        route = admit(self._target, self.method, self.principal)
        if is_change(self.method) and not self.shared.local:
            check_same_site(self, self.principal)
        self._query = parse_query(self._target.query, route.params)
        self._max_body_bytes = max_body_bytes(route, self, length)

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
            self._refuse(too_large(self._max_body_bytes), None)
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
            path=self._target.names,
            query=self._query,
            body=body,
            principal=self.principal,
            site=self.shared.site,
        )
        self._set_headers()
        if route.audited and self.principal is not None:
            # Before it is done: what cannot be written down is not done.
            site = self.shared.site
            detail = printable(self.path)
            if route.noted is not None:
                detail = f"{detail} {route.noted(call)}".rstrip()
            await deferToThreadPool(
                site.reactor,
                site.reactor.getThreadPool(),
                site.people.audit.append,
                self.principal.name,
                route.audited,
                detail,
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
            errors = list(islice(faults(found, route.body), MAX_ERRORS))
        if errors:
            raise faulty(400, "The body is not as expected", errors)
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
        problem = problem_of(failure)
        if not (self._disconnected or self.finished):
            if self.startedWriting:
                # Half an answer is gone; only the end of the connection tells.
                self.channel.transport.abortConnection()
            else:
                self._answer_problem(problem)

    def _answer_problem(self, problem: Problem) -> None:
        self._set_headers()
        self._answer(
            Reply(problem.status, problem.document(), PROBLEM_TYPE, problem.headers)
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
