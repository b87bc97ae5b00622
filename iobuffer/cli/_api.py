"""Asking a running gateway: over the unix socket in its state directory, or by URL.

Whoever can open the socket (the user who runs the gateway, or root) may do everything;
by URL it takes an API token. Plain `http.client`: one question, one answer.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import socket
import ssl
import sys
from collections.abc import Callable, Iterator, Mapping
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import click

from ..errors import ExitStatus, IobufferError
from ..options import KIB, MIB
from ..storage.database import DATABASE
from ._place import ending, state_dir_of

__all__ = ["SOCKET_NAME", "TOKEN_VARIABLE", "Api", "Refused", "Unanswered", "asks"]

#: Below the state directory; as in serving.py, which would load Twisted here.
SOCKET_NAME = "api.sock"
TOKEN_VARIABLE = "IOBUFFER_TOKEN"

_TIMEOUT_SECONDS = 30.0
#: For what takes as long as a destination does.
_PATIENT_SECONDS = 600.0
#: What a gateway says that does not know a route at all.
_NO_ROUTE = "There is nothing by this path"
_CHUNK_BYTES = 64 * KIB
_MAX_ANSWER_BYTES = 64 * MIB
_MAX_LINE_BYTES = MIB


class Unanswered(IobufferError):
    """Nobody answered, or nobody that speaks as a gateway does."""


class Refused(IobufferError):
    """The gateway answered that it will not do it, and why."""


class _UnixConnection(http.client.HTTPConnection):
    """HTTP over a unix socket."""

    def __init__(self, path: str, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class Api:
    """One gateway, to be asked.

    Args:
        where: a configuration, a state directory, or the URL of the page.
        token_file: holds an API token for a URL; empty: the token is what the
            environment's IOBUFFER_TOKEN says.
        ca: for a URL, the CA of its certificate if the system does not know it.
        timeout_seconds: how long an answer may take.

    Raises:
        ConfigError: the configuration cannot be read.
        Refused: the token would cross the network in the clear, or is not to be read.
    """

    def __init__(
        self,
        where: str,
        *,
        token_file: str = "",
        ca: str = "",
        timeout_seconds: float = _TIMEOUT_SECONDS,
    ) -> None:
        self._timeout_seconds = timeout_seconds
        self._headers: dict[str, str] = {"Accept": "application/json"}
        self._base = ""
        self._connect: Callable[[float], http.client.HTTPConnection]
        if where.startswith(("http://", "https://")):
            self._place = where
            self._by_url(token_file, ca)
            self._nobody = f"nothing answers on {self._place}"
            return
        state_dir = state_dir_of(where)
        path = str(state_dir / SOCKET_NAME)
        self._place = path
        self._nobody = _nobody_on(state_dir, where)
        self._connect = lambda timeout: _UnixConnection(path, timeout)

    def ask(self, method: str, *path: str, **query: Any) -> Any:
        """What the answer's JSON says. `path` is in segments below `/api`; parameters
        that are None or empty are left out.

        Raises:
            Unanswered: no gateway answered.
            Refused: it did, with a problem.
        """
        return self._parsed(self.raw(method, *path, **query))

    def post(self, *path: str, body: Mapping[str, Any], patient: bool = False) -> Any:
        """Send this object, and as ask(). `patient`: it takes as long as a destination
        takes for its messages."""
        seconds = _PATIENT_SECONDS if patient else self._timeout_seconds
        with self._asked("POST", path, {}, body=body, seconds=seconds) as response:
            return self._parsed(response.read(_MAX_ANSWER_BYTES))

    def _parsed(self, body: bytes) -> Any:
        try:
            return json.loads(body) if body else None
        except ValueError as error:
            raise Unanswered(f"{self._place} does not speak as a gateway") from error

    def raw(self, method: str, *path: str, **query: Any) -> bytes:
        """The answer's bytes; otherwise as ask()."""
        with self._asked(method, path, query) as response:
            body: bytes = response.read(_MAX_ANSWER_BYTES + 1)
            if len(body) > _MAX_ANSWER_BYTES:
                raise Unanswered(
                    f"{self._place} answers with more than "
                    f"{_MAX_ANSWER_BYTES // MIB} MiB"
                )
            return body

    def stream(self, *path: str, **query: Any) -> Iterator[bytes]:
        """The answer's bytes piece by piece, however many; otherwise as ask()."""
        with self._asked("GET", path, query) as response:
            while piece := response.read1(_CHUNK_BYTES):
                yield piece

    def follow(self, *path: str) -> Iterator[tuple[str, Any]]:
        """The names and values of Server-Sent Events, until the gateway ends them.

        Raises:
            Unanswered, Refused: as ask().
        """
        with self._asked("GET", path, {}, endless=True) as response:
            name = ""
            while line := response.readline(_MAX_LINE_BYTES):
                field, _, value = line.decode("utf-8").rstrip("\r\n").partition(": ")
                if field == "event":
                    name = value
                elif field == "data":
                    yield name, json.loads(value)

    @contextlib.contextmanager
    def _asked(
        self,
        method: str,
        path: tuple[str, ...],
        query: Mapping[str, Any],
        *,
        body: Mapping[str, Any] | None = None,
        seconds: float | None = None,
        endless: bool = False,
    ) -> Iterator[http.client.HTTPResponse]:
        target = "/".join([f"{self._base}/api", *(quote(one, safe="") for one in path)])
        given = {
            name: value for name, value in query.items() if value not in (None, "")
        }
        if given:
            target += "?" + urlencode(given)
        headers, content = self._headers, None
        if body is not None:
            headers = headers | {"Content-Type": "application/json"}
            content = json.dumps(body).encode()
        seconds = seconds or self._timeout_seconds
        connection = self._connect(seconds)
        try:
            connection.request(method, target, content, headers)
            with connection.getresponse() as response:
                if response.status >= 300:
                    raise Refused(self._why(response))
                if endless and connection.sock is not None:
                    # A quiet channel is silent for days.
                    connection.sock.settimeout(None)
                yield response
        except (FileNotFoundError, ConnectionRefusedError) as error:
            raise Unanswered(self._nobody) from error
        except PermissionError as error:
            raise Unanswered(
                f"{self._place} is for the user who runs the gateway; run this command "
                "as that user, or give the URL and a token"
            ) from error
        except ssl.SSLCertVerificationError as error:
            raise Unanswered(
                f"the certificate of {self._place} is refused: "
                f"{error.verify_message}; name its CA with --ca"
            ) from error
        except TimeoutError as error:
            raise Unanswered(
                f"{self._place} does not answer within {seconds:g} s"
            ) from error
        except BrokenPipeError:
            # Of our own output: whoever reads it has seen enough.
            raise
        except (OSError, http.client.HTTPException) as error:
            raise Unanswered(
                f"{self._place}: {error or type(error).__name__}"
            ) from error
        finally:
            connection.close()

    def _by_url(self, token_file: str, ca: str) -> None:
        try:
            parts = urlsplit(self._place)
            host, port = parts.hostname or "", parts.port
        except ValueError as error:
            raise Refused(f"{self._place} is no URL: {error}") from error
        if not host or "@" in parts.netloc:
            raise Refused(f"{self._place}: expected a URL such as https://host:8080")
        self._base = parts.path.rstrip("/")
        token = os.environ.get(TOKEN_VARIABLE, "")
        if token_file:
            token = Path(token_file).read_text("utf-8")
        token = token.strip()
        if token:
            if parts.scheme == "http" and not _is_loopback(host):
                raise Refused(
                    f"the token is not sent to {host} without TLS, where everybody on "
                    "the way could read it: use https"
                )
            self._headers["Authorization"] = f"Bearer {token}"
        if parts.scheme == "http":
            self._connect = lambda timeout: http.client.HTTPConnection(
                host, port, timeout=timeout
            )
            return
        context = ssl.create_default_context(cafile=ca or None)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        self._connect = lambda timeout: http.client.HTTPSConnection(
            host, port, timeout=timeout, context=context
        )

    def _why(self, response: http.client.HTTPResponse) -> str:
        """A refusal as what a person at a terminal reads."""
        status = response.status
        if status == 401 and "Authorization" in self._headers:
            return (
                f"{self._place} does not know this token, or it has expired or was "
                "revoked; `iobuffer token list CONFIG` on that machine tells"
            )
        if status == 401:
            return (
                f"{self._place} asks who you are: put an API token into "
                f"{TOKEN_VARIABLE} or a file for --token-file; `iobuffer token create "
                "CONFIG NAME` on that machine makes one"
            )
        text = _sentence(response, self._place)
        if status == 403 and "Authorization" in self._headers:
            return f"{text} `iobuffer token create CONFIG NAME --role ROLE` makes one."
        if status == 404 and text == _NO_ROUTE:
            return (
                f"the gateway on {self._place} is older than this command; restart it"
            )
        return text


def asks(function: Callable[..., None]) -> Callable[..., None]:
    """Give a command the argument that says whom to ask, and its options.

    It is called with an `api`, and its errors end it with a line and a status.
    """

    @click.argument(
        "where", metavar="CONFIG|STATE_DIR|URL", type=click.Path(readable=False)
    )
    @click.option(
        "--token-file",
        default="",
        metavar="FILE",
        help=f"With a URL: holds an API token; else {TOKEN_VARIABLE} is taken.",
    )
    @click.option(
        "--ca", default="", metavar="FILE", help="With a URL: its CA, in PEM."
    )
    def asking(where: str, token_file: str, ca: str, **rest: Any) -> None:
        try:
            with ending():
                function(Api(where, token_file=token_file, ca=ca), **rest)
        except Refused as error:
            print(f"iobuffer: {error}", file=sys.stderr)
            sys.exit(ExitStatus.DOES_NOT_ADD_UP)
        except Unanswered as error:
            print(f"iobuffer: {error}", file=sys.stderr)
            sys.exit(ExitStatus.UNAVAILABLE)

    # What stands on the command's own function goes between: click turns the list over.
    own = list(getattr(function, "__click_params__", []))
    *options, whom = asking.__click_params__  # type: ignore[attr-defined]
    asking.__click_params__ = [*options, *own, whom]  # type: ignore[attr-defined]
    asking.__doc__ = function.__doc__
    return asking


def _nobody_on(state_dir: Path, where: str) -> str:
    """Why nobody answers, as far as the directory tells."""
    config = where
    if Path(where).is_dir():
        config = "CONFIG"
        known = (state_dir / DATABASE, state_dir / SOCKET_NAME)
        if not any(map(os.path.lexists, known)):
            return (
                f"no gateway has ever run on {state_dir}: is it the state_dir of "
                "[gateway]?"
            )
    return (
        f"nothing runs on {state_dir}: start it with "
        f"`twistd -n iobuffer --config {config}`"
    )


def _sentence(response: http.client.HTTPResponse, place: str) -> str:
    """A problem document as what a person reads."""
    body = response.read(MIB)
    try:
        found = json.loads(body)
        title = str(found["title"])
    except (ValueError, KeyError, TypeError):
        return f"{place} answers {response.status} {response.reason}"
    errors = found.get("errors")
    if isinstance(errors, list) and errors:
        return "\n  ".join([f"{title}:", *map(str, errors)])
    detail = found.get("detail")
    return f"{title}. {detail}" if detail else title


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
