"""Two toy kinds of each sort: enough of a schema for every rule of the loader."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import attrs

from iobuffer.options import (
    BOOL,
    BYTES,
    DURATION,
    FILE,
    HOST,
    KEY_FILE,
    NETWORKS,
    PATH,
    PORT,
    SIZE,
    TEXT,
    choice,
    group,
    integer,
    number,
    option,
    optional,
    variant,
)
from iobuffer.settings.model import Kind, Kinds


@attrs.frozen(kw_only=True)
class ToyTls:
    """TLS, as far as a toy needs it."""

    enabled: bool = option(BOOL, default=False, help="Encrypt.")
    cert: str | None = option(optional(FILE), default=None, help="Certificate.")
    key: str | None = option(optional(KEY_FILE), default=None, help="Private key.")

    def problems(self) -> Iterable[str | tuple[str, str]]:
        if self.enabled and self.cert is None:
            yield "cert", "required when tls.enabled is yes"

    def warnings(self) -> Iterable[tuple[str, str]]:
        if self.key and not self.enabled:
            yield "key", "of no use"


@attrs.frozen(kw_only=True)
class ToyAuth:
    """A user and a password."""

    username: str = option(TEXT, default="", help="User.")
    password: str = option(TEXT, default="", help="Password.", secret=True)


@attrs.frozen(kw_only=True)
class ToyLine:
    """Lines."""

    keep_empty: bool = option(BOOL, default=False, help="Keep `empty` lines.")


@attrs.frozen(kw_only=True)
class ToyDelimiter:
    """Any delimiter."""

    delimiter: bytes = option(BYTES, default=b"\r\n", help="What ends a message.")
    max_message_bytes: int = option(SIZE, default=1024, help="The longest message.")


FRAMINGS: Mapping[str, type] = {"line": ToyLine, "delimiter": ToyDelimiter}


@attrs.frozen(kw_only=True)
class ToyTcp:
    """A source that listens."""

    host: str = option(HOST, default="0.0.0.0", help="Address.")
    port: int = option(PORT, help="Port.")
    allow: tuple[Any, ...] = option(NETWORKS, default=(), help="Who may connect.")
    idle: float = option(DURATION, default=0.2, help="Silence.")
    framing: Any = variant(FRAMINGS, default="line", help="How messages end.")
    tls: ToyTls = group(ToyTls, help="Encryption.")


@attrs.frozen(kw_only=True)
class ToySerial:
    """A source with a device."""

    port: str = option(HOST, help="Device.")
    baud_rate: int = option(integer(50, 4_000_000), default=9600, help="Speed.")
    stop_bits: float = option(choice(1, 1.5, 2), default=1, help="Stop bits.")
    parity: str = option(choice("None", "Even", "Odd"), default="None", help="Parity.")
    gain: float = option(number(0, 10), default=1.0, help="Gain.")

    def problems(self) -> Iterable[str | tuple[str, str]]:
        if self.baud_rate < 300 and self.stop_bits == 2:
            yield "too slow for two stop bits"


@attrs.frozen(kw_only=True)
class ToyRemote:
    """A source that logs in."""

    url: str = option(TEXT, help="Where.")
    auth: ToyAuth = group(ToyAuth, help="Who.")
    token: str | None = option(optional(TEXT), default=None, help="Token.", secret=True)


@attrs.frozen(kw_only=True)
class ToyFile:
    """A destination."""

    path: str = option(PATH, help="Path of the file.")
    ack: Any = variant(
        {"bytes": ToyDelimiter, "none": ToyLine}, default=None, help="Ack."
    )


@attrs.frozen(kw_only=True)
class ToyHttp:
    """`[http]` of the toys."""

    host: str = option(TEXT, default="127.0.0.1", help="Where the page listens.")
    port: int = option(PORT, default=8080, help="Port of the page.")


def _not_built(*_: object) -> None:
    raise AssertionError("settings never build a kind")


def _kind(config_class: type, summary: str) -> Kind:
    return Kind(config_class=config_class, build=_not_built, summary=summary)


KINDS = Kinds(
    sources={
        "tcp_server": _kind(ToyTcp, "Listens."),
        "serial": _kind(ToySerial, "Reads a device."),
        "remote_icombuffer": _kind(ToyRemote, "Polls another instance."),
    },
    destinations={
        "file": _kind(ToyFile, "Writes a file."),
        "tcp_server": _kind(ToyTcp, "Serves."),
    },
    extra={"http": ToyHttp},
    aliases={"remote": "remote_icombuffer"},
)
