"""Asks and tells over HTTP: verified, no redirects, and no answer of any size.

One client keeps its connections open between requests. It follows no redirect, since
that would carry our credentials to wherever the answer says (CVE-2022-21712).
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

import attrs
from treq.client import HTTPClient
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.defer import TimeoutError as TimedOut
from twisted.internet.error import (
    ConnectError,
    ConnectionRefusedError,
    DNSLookupError,
    TCPTimedOutError,
    TimeoutError,
)
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from twisted.web.client import (
    Agent,
    HTTPConnectionPool,
    PotentialDataLoss,
    ResponseDone,
)
from twisted.web.http_headers import Headers
from twisted.web.iweb import IPolicyForHTTPS
from zope.interface import implementer

from ..errors import IobufferError
from ..options import (
    BOOL,
    FILE,
    HOST,
    KEY_FILE,
    TEXT,
    Converter,
    option,
    optional,
)
from .pieces import Pieces
from .tls import TlsConfig, TlsError, client_creator
from .tls_words import TlsNote

__all__ = [
    "INSTANCE",
    "URL",
    "WebAnswer",
    "WebAuthConfig",
    "WebClient",
    "WebFailed",
    "WebTlsConfig",
    "has_credentials_in_clear",
]

_CONNECT_SECONDS = 10.0


def _url(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(value)
    text = value.strip()
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(value)
    if parts.username is not None or parts.fragment or not text.isascii():
        raise ValueError(value)
    if any(ord(character) <= 32 for character in text):
        raise ValueError(value)
    # Raises ValueError itself for one that is no number.
    _ = parts.port
    return text


def _instance(value: Any) -> str:
    text = _url(value)
    if urlsplit(text).query:
        raise ValueError(value)
    return text


#: The address of another instance; a path in it is that of a proxy before it.
INSTANCE = Converter("a URL such as https://remote-server:8080", _instance)

#: An address to post to, without user and password in it.
URL = Converter("a URL such as https://lis.example:8443/in", _url)


@attrs.frozen(kw_only=True)
class WebAuthConfig:
    """Who we are to the web server."""

    username: str = option(TEXT, default="", help="User there (HTTP Basic).")
    password: str = option(
        TEXT, default="", secret=True, help="The password of that user."
    )
    token: str = option(
        TEXT,
        default="",
        secret=True,
        help="Instead of user and password: a token (Authorization: Bearer). It costs "
        "the other side no password check for each request.",
    )

    def problems(self) -> Iterable[tuple[str, str]]:
        """What the loader cannot see in one option alone."""
        if self.password and not self.username:
            yield "username", "expected the user that the password belongs to"
        if self.token and self.username:
            yield "token", "expected either a token or a user with a password"
        if any(ord(character) <= 32 for character in self.token):
            yield "token", "expected no blanks and line ends in it"

    def header(self) -> dict[str, str]:
        """The Authorization header, if there is anything to say."""
        if self.token:
            return {"Authorization": f"Bearer {self.token}"}
        if self.username:
            pair = f"{self.username}:{self.password}".encode()
            return {"Authorization": "Basic " + base64.b64encode(pair).decode()}
        return {}


@attrs.frozen(kw_only=True)
class WebTlsConfig:
    """TLS of an https URL."""

    ca: str | None = option(
        optional(FILE),
        default=None,
        help="The CAs, in PEM, that the server's certificate must come from, instead "
        "of those that the system trusts.",
    )
    cert: str | None = option(
        optional(FILE),
        default=None,
        help="Our certificate in PEM, where the server asks for one.",
    )
    key: str | None = option(
        optional(KEY_FILE),
        default=None,
        help="The private key of `cert`. Left out: in the file of `cert`.",
    )
    key_password: str | None = option(
        optional(TEXT), default=None, secret=True, help="Opens an encrypted `key`."
    )
    server_name: str | None = option(
        optional(HOST),
        default=None,
        help="The name that the server's certificate must hold. Left out: that of the "
        "URL.",
    )
    verify: bool = option(
        BOOL,
        default=True,
        help="Check the server's certificate. With no, anybody between the two can "
        "read and change everything, and has the password.",
    )

    def problems(self) -> Iterable[tuple[str, str]]:
        """What the loader cannot see in one option alone."""
        if self.key and not self.cert:
            yield "cert", "expected the certificate that belongs to key"

    def as_tls(self) -> TlsConfig:
        """The same for `links.tls`."""
        return TlsConfig(
            enabled=True,
            ca=self.ca,
            cert=self.cert,
            key=self.key,
            key_password=self.key_password,
            server_name=self.server_name,
            verify=self.verify,
        )


def has_credentials_in_clear(url: str, auth: WebAuthConfig) -> bool:
    """Whether everybody on the way can read user and password."""
    parts = urlsplit(url)
    local = parts.hostname in ("localhost", "127.0.0.1", "::1")
    return parts.scheme == "http" and not local and bool(auth.header())


class WebFailed(IobufferError):
    """There was no answer; the sentence says why. Whether the server has acted on the
    request nobody knows."""


@attrs.frozen
class WebAnswer:
    """A whole answer. `headers` by lower-case name, the last of each."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class WebClient:
    """Requests to one server.

    Args:
        reactor: on the monotonic clock.
        tls: for https URLs; its files are read for each new connection.
        headers: sent with each request, such as Authorization.
        max_answer_bytes: a longer body fails, and its connection is closed.
    """

    def __init__(
        self,
        reactor: Any,
        *,
        tls: WebTlsConfig,
        headers: Mapping[str, str],
        max_answer_bytes: int,
    ) -> None:
        self._reactor = reactor
        self._headers = dict(headers)
        self._max_answer_bytes = max_answer_bytes
        self._policy = _Policy(tls)
        self._pool = HTTPConnectionPool(reactor, persistent=True)
        self._http = HTTPClient(
            Agent(
                reactor,
                self._policy,
                connectTimeout=_CONNECT_SECONDS,
                pool=self._pool,
            )
        )

    async def ask(
        self,
        method: str,
        url: str,
        *,
        body: bytes | list[bytes] | None = None,
        headers: Mapping[str, str] | None = None,
        timeout_seconds: float,
    ) -> WebAnswer:
        """One request, its body perhaps in pieces, and its whole answer.

        Raises:
            WebFailed: there was none within `timeout_seconds`.
        """
        asking = Deferred.fromCoroutine(
            self._ask(method, url, body, {**self._headers, **(headers or {})})
        )
        asking.addTimeout(timeout_seconds, self._reactor)
        try:
            return await asking
        except TimedOut:
            raise WebFailed(f"no answer within {timeout_seconds:g} s") from None

    async def _ask(
        self,
        method: str,
        url: str,
        body: bytes | list[bytes] | None,
        headers: Mapping[str, str],
    ) -> WebAnswer:
        self._policy.note.problem = ""
        try:
            response = await self._http.request(
                method,
                url,
                headers=Headers({name: [value] for name, value in headers.items()}),
                data=_body_of(body),
                allow_redirects=False,
                unbuffered=True,
            )
            body_of_answer = _Body(self._max_answer_bytes)
            response.deliverBody(body_of_answer)
            data = await body_of_answer.whole
        except (CancelledError, WebFailed):
            raise
        except Exception as error:
            if any(each.check(CancelledError) for each in _reasons(error)):
                raise CancelledError from error
            # Whatever the network, TLS or the server's HTTP does wrong comes out of
            # the agent as one of two dozen classes; for us they are one thing.
            raise WebFailed(self._policy.note.problem or _why(error)) from error
        if response.version < (b"HTTP", 1, 1):
            # Such a server closes without a word (RFC 9112, 9.3). The agent keeps
            # the connection all the same, and the next request would fail on it.
            await self.close()
        found = {
            name.decode("latin-1").lower(): values[-1].decode("latin-1")
            for name, values in response.headers.getAllRawHeaders()
        }
        return WebAnswer(response.code, found, data)

    def close(self) -> Deferred[None]:
        """Close what connections are kept."""
        return self._pool.closeCachedConnections().addBoth(lambda _: None)


def _body_of(body: bytes | list[bytes] | None) -> Pieces | None:
    if body is None:
        return None
    return Pieces([body] if isinstance(body, bytes) else body)


class _Body(Protocol):
    """Collects an answer's body, and no more of it than is wanted."""

    def __init__(self, max_bytes: int) -> None:
        self.whole: Deferred[bytes] = Deferred(self._cancelled)
        self._done: Deferred[bytes] | None = self.whole
        self._max_bytes = max_bytes
        self._parts: list[bytes] = []
        self._size_bytes = 0

    def _cancelled(self, _: Deferred[bytes]) -> None:
        self._done = None
        self._close()

    def dataReceived(self, data: bytes) -> None:
        self._size_bytes += len(data)
        if self._size_bytes <= self._max_bytes:
            self._parts.append(data)
            return
        done, self._done = self._done, None
        self._parts.clear()
        self._close()
        if done is not None:
            done.errback(
                WebFailed(f"the answer is longer than {self._max_bytes} bytes")
            )

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        done, self._done = self._done, None
        if done is None:
            return
        # PotentialDataLoss: HTTP/1.0 ends a body by closing; whoever needs it whole
        # has a checksum in it.
        if reason.check(ResponseDone, PotentialDataLoss):
            done.callback(b"".join(self._parts))
        else:
            done.errback(WebFailed("the connection was lost within the answer"))

    def _close(self) -> None:
        if self.transport is not None:
            self.transport.loseConnection()


@implementer(IPolicyForHTTPS)
class _Policy:
    """TLS of each new connection; `note` has words for a certificate refused."""

    def __init__(self, config: WebTlsConfig) -> None:
        self._config = config.as_tls()
        self.note = TlsNote()

    def creatorForNetloc(self, hostname: bytes, port: int) -> Any:
        creator = client_creator(self._config, hostname.decode("ascii"))
        return _Noting(creator, self.note)


@implementer(IOpenSSLClientConnectionCreator)
class _Noting:
    """Has the note at hand where `links.tls` looks for it."""

    def __init__(self, creator: Any, note: TlsNote) -> None:
        self._creator = creator
        self._note = note

    def clientConnectionForTLS(self, tlsProtocol: Any) -> Any:
        tlsProtocol.wrappedProtocol.note = self._note
        return self._creator.clientConnectionForTLS(tlsProtocol)


def _reasons(error: BaseException) -> list[Failure]:
    """What an agent's ResponseNeverReceived, and its like, has in it."""
    return list(getattr(error, "reasons", None) or ())


def _why(error: BaseException | None) -> str:
    """In words; of several reasons that an agent gives, the first."""
    reasons = _reasons(error) if error is not None else []
    if reasons:
        return _why(reasons[0].value)
    if isinstance(error, ConnectionRefusedError):
        return "nobody listens there (connection refused)"
    if isinstance(error, DNSLookupError):
        return "its name is not known to the DNS"
    if isinstance(error, TCPTimedOutError | TimeoutError):
        return "it does not answer (connection timed out)"
    if isinstance(error, TlsError):
        return str(error)
    if isinstance(error, ConnectError):
        return f"it cannot be reached: {error}"
    return f"the connection failed: {error or type(error).__name__}"
