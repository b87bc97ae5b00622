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
from ..options import MIB
from ._place import ending, state_dir_of

__all__ = ["SOCKET_NAME", "TOKEN_VARIABLE", "Api", "Refused", "Unanswered", "asks"]

#: Below the state directory; as in serving.py, which would load Twisted here.
SOCKET_NAME = "api.sock"
TOKEN_VARIABLE = "IOBUFFER_TOKEN"

_TIMEOUT_SECONDS = 30.0
_MAX_ANSWER_BYTES = 64 * MIB
_MAX_LINE_BYTES = MIB


class Unanswered(IobufferError):
    """Nobody answered, or nobody that speaks as a gateway does."""


class Refused(IobufferError):
    """The gateway answered that it will not do it, and why."""


class _UnixConnection(http.client.HTTPConnection):
    """HTTP over a unix socket."""

    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=_TIMEOUT_SECONDS)
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

    Raises:
        ConfigError: the configuration cannot be read.
        Refused: the token would cross the network in the clear, or is not to be read.
    """

    def __init__(self, where: str, *, token_file: str = "", ca: str = "") -> None:
        self._headers: dict[str, str] = {"Accept": "application/json"}
        self._base = ""
        self._connect: Callable[[], http.client.HTTPConnection]
        if where.startswith(("http://", "https://")):
            self._place = where
            self._by_url(token_file, ca)
            self._nobody = f"nothing answers on {self._place}"
            return
        state_dir = state_dir_of(where)
        path = str(state_dir / SOCKET_NAME)
        self._place = path
        config = "CONFIG" if Path(where).is_dir() else where
        self._nobody = (
            f"nothing runs on {state_dir}: start it with "
            f"`twistd -n iobuffer --config {config}`"
        )
        self._connect = lambda: _UnixConnection(path)

    def ask(self, method: str, *path: str, **query: Any) -> Any:
        """What the answer's JSON says. `path` is in segments below `/api`; parameters
        that are None or empty are left out.

        Raises:
            Unanswered: no gateway answered.
            Refused: it did, with a problem.
        """
        body = self.raw(method, *path, **query)
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
        endless: bool = False,
    ) -> Iterator[http.client.HTTPResponse]:
        target = "/".join([f"{self._base}/api", *(quote(one, safe="") for one in path)])
        given = {
            name: value for name, value in query.items() if value not in (None, "")
        }
        if given:
            target += "?" + urlencode(given)
        connection = self._connect()
        try:
            connection.request(method, target, headers=self._headers)
            response = connection.getresponse()
            if response.status >= 300:
                raise Refused(_sentence(response, self._place))
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
                f"{self._place} does not answer within {_TIMEOUT_SECONDS:g} s"
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
            self._connect = lambda: http.client.HTTPConnection(
                host, port, timeout=_TIMEOUT_SECONDS
            )
            return
        context = ssl.create_default_context(cafile=ca or None)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        self._connect = lambda: http.client.HTTPSConnection(
            host, port, timeout=_TIMEOUT_SECONDS, context=context
        )


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

    # What @click.option has put on the command's own function goes on top.
    own = list(getattr(function, "__click_params__", []))
    asking.__click_params__ = own + asking.__click_params__  # type: ignore[attr-defined]
    asking.__doc__ = function.__doc__
    return asking


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
    return f"{title}: {detail}" if detail else title


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
