"""`remote_icombuffer`: the messages of a channel of another iobuffer. Not there yet.

Its configuration is read and checked, so that a file written for it is a good file;
the source itself is in the state `failed`, and says so. The rest of the channel works.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit

import attrs
from twisted.internet.defer import Deferred, succeed

from ..options import TEXT, Converter, group, option
from ..state import Word
from .base import SourceContext

__all__ = ["AuthConfig", "RemoteConfig", "RemoteSource", "build"]


def _url(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(value)
    text = value.strip()
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(value)
    if parts.username is not None or parts.query or parts.fragment:
        raise ValueError(value)
    # Raises ValueError itself for one that is no number.
    _ = parts.port
    return text


_URL = Converter("a URL such as https://remote-server:8080", _url)


def _some(value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError(value)
    return value.strip()


_NAME = Converter("a name, not empty", _some)


@attrs.frozen(kw_only=True)
class AuthConfig:
    """Who we are to the other instance."""

    username: str = option(TEXT, default="", help="User of the other instance.")
    password: str = option(
        TEXT, default="", secret=True, help="The password of that user."
    )

    def problems(self) -> Iterable[tuple[str, str]]:
        """What the loader cannot see in one option alone."""
        if self.password and not self.username:
            yield "username", "expected the user that the password belongs to"


@attrs.frozen(kw_only=True)
class RemoteConfig:
    """Options of the source type `remote_icombuffer`."""

    url: str = option(
        _URL,
        example="https://remote-server:8080",
        help="Address of the other instance. With http everybody on the way can read "
        "the messages and the password.",
    )
    channel_id: str = option(
        _NAME, example="chem-1", help="The channel there whose messages to take."
    )
    auth: AuthConfig = group(AuthConfig, help="The account at the other instance.")

    def warnings(self) -> Iterable[str]:
        """What is good and hardly meant."""
        yield (
            "this version cannot take messages from another iobuffer yet: the source "
            "is failed, the rest of the channel works"
        )


def build(config: RemoteConfig, context: SourceContext) -> RemoteSource:
    """The source, not yet started."""
    return RemoteSource(config, context)


class RemoteSource:
    """See base.Source. Takes nothing, and says why."""

    def __init__(self, config: RemoteConfig, context: SourceContext) -> None:
        self._config = config
        self._state = context.state

    def start(self) -> None:
        self._state.set(
            Word.FAILED,
            "this version cannot take messages from another iobuffer yet (channel "
            f"{self._config.channel_id} of {self._config.url}); the rest of this "
            "channel works. Until then: a tcp_server destination there, and a "
            "tcp_client source here",
        )

    def stop(self) -> Deferred[None]:
        self._state.set(Word.STOPPED)
        return succeed(None)

    def pause(self) -> None:
        """There is nothing to hold."""

    def resume(self) -> None:
        """There is nothing to hold."""

    def peers(self) -> list[dict[str, Any]]:
        return []
