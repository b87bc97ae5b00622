"""A web client for whoever names a server in its configuration."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from .web_client import (
    WebAuthConfig,
    WebClient,
    WebTlsConfig,
    has_credentials_in_clear,
)

__all__ = ["open_client"]


class _Server(Protocol):
    """A configuration that names a web server."""

    @property
    def url(self) -> str: ...
    @property
    def auth(self) -> WebAuthConfig: ...
    @property
    def tls(self) -> WebTlsConfig: ...


class _Context(Protocol):
    """What a source or a link is given."""

    @property
    def reactor(self) -> Any: ...
    @property
    def log(self) -> Callable[[str, str], None]: ...


def open_client(
    config: _Server,
    context: _Context,
    headers: Mapping[str, str],
    max_answer_bytes: int,
) -> WebClient:
    """A client that says who we are; the log hears of it when that goes over the
    network for everybody to read."""
    if has_credentials_in_clear(config.url, config.auth):
        context.log(
            "warn", f"{config.url} is not https: everybody on the way can read auth"
        )
    return WebClient(
        context.reactor,
        tls=config.tls,
        headers={**headers, **config.auth.header()},
        max_answer_bytes=max_answer_bytes,
    )
