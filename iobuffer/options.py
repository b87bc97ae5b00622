"""How a component declares its options: name, type, unit, default, trade-off, once.

A config class is a frozen attrs class whose fields are made by `option`, `group` and
`variant`. The same metadata reads INI and JSON, words the errors, and writes the option
reference in `docs/`. The attribute name is the option's name in every spelling;
a name that is a Python keyword or builtin nuisance takes `name=`.

    @attrs.frozen(kw_only=True)
    class UdpConfig:
        port: int = option(PORT, help="UDP port to listen on.")
        recv_buffer: int = option(SIZE, default=8 * MIB, help="Kernel buffer.")
        framing: Framing = variant(FRAMINGS, default="datagram", help="...")
        tls: TlsConfig = group(TlsConfig, help="...")

A converter takes what INI gives (always text) or what JSON gives (text, number, truth
value, list) and returns the value, or raises ValueError; the loader then says "expected
{converter.expects}; got {value!r}".
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Mapping
from typing import Any

import attrs

__all__ = [
    "BOOL",
    "BYTES",
    "DURATION",
    "GIB",
    "HOST",
    "KIB",
    "MIB",
    "NETWORKS",
    "PATH",
    "PORT",
    "REQUIRED",
    "SIZE",
    "TEXT",
    "Converter",
    "Group",
    "Option",
    "Variant",
    "choice",
    "group",
    "integer",
    "number",
    "option",
    "optional",
    "spec_of",
    "specs",
    "variant",
]

KIB = 1024
MIB = 1024 * KIB
GIB = 1024 * MIB

REQUIRED: Any = attrs.NOTHING

_METADATA_KEY = "iobuffer.option"


@attrs.frozen
class Converter:
    """One type of option value.

    `expects` completes the sentence "expected ..."; `parse` takes text or a JSON value
    and returns the value or raises ValueError; `show` writes a value as INI text.
    """

    expects: str
    parse: Callable[[Any], Any]
    show: Callable[[Any], str] = str


@attrs.frozen
class Option:
    """A single value. `secret` values are never shown in logs, API or errors."""

    converter: Converter
    help: str
    default: Any
    name: str | None = None
    secret: bool = False


@attrs.frozen
class Group:
    """A nested object: `tls.cert` in INI, `"tls": {"cert": ...}` in JSON."""

    config_class: type
    help: str


@attrs.frozen
class Variant:
    """An object that is chosen by its `type`, or written as that bare type.

    `kinds` maps the type's name to its config class. `default` is a name in it, or None
    when the value may be left out and is then None.
    """

    kinds: Mapping[str, type]
    help: str
    default: str | None


Spec = Option | Group | Variant


def option(
    converter: Converter,
    *,
    help: str,
    default: Any = REQUIRED,
    name: str | None = None,
    secret: bool = False,
) -> Any:
    """A field of a config class; without `default` it must be given."""
    spec = Option(converter, help, default, name, secret)
    return attrs.field(default=default, metadata={_METADATA_KEY: spec})


def group(config_class: type, *, help: str) -> Any:
    """A field that holds a nested config object; all its options have defaults."""
    return attrs.field(
        factory=config_class, metadata={_METADATA_KEY: Group(config_class, help)}
    )


def variant(kinds: Mapping[str, type], *, help: str, default: str | None) -> Any:
    """A field that holds one of several config objects, chosen by `type`."""
    spec = Variant(kinds, help, default)
    if default is None:
        return attrs.field(default=None, metadata={_METADATA_KEY: spec})
    return attrs.field(factory=kinds[default], metadata={_METADATA_KEY: spec})


def spec_of(field: attrs.Attribute[Any]) -> Spec | None:
    """The spec of a config class's field; None for a field that is no option."""
    spec: Spec | None = field.metadata.get(_METADATA_KEY)
    return spec


def specs(config_class: type) -> dict[str, tuple[str, Spec]]:
    """Option name -> (attribute name, spec), in the order of declaration."""
    found: dict[str, tuple[str, Spec]] = {}
    for field in attrs.fields(config_class):
        spec = spec_of(field)
        if spec is not None:
            name = spec.name if isinstance(spec, Option) and spec.name else field.name
            found[name] = (field.name, spec)
    return found


# -- converters ------------------------------------------------------------------------


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(value)
    return value


def _nonempty(value: Any) -> str:
    text = _text(value).strip()
    if not text:
        raise ValueError(value)
    return text


def _bool(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    word = _text(value).strip().lower()
    if word in ("yes", "true", "on", "1"):
        return True
    if word in ("no", "false", "off", "0"):
        return False
    raise ValueError(value)


def _integer(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise ValueError(value)
    return int(value)


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError(value)
    found = float(value)
    if found != found or found in (float("inf"), float("-inf")):
        raise ValueError(value)
    return found


_SECONDS = {
    "us": 1e-6,
    "ms": 1e-3,
    "s": 1.0,
    "m": 60.0,
    "min": 60.0,
    "h": 3600.0,
    "d": 86400.0,
    "w": 604800.0,
}
_QUANTITY = re.compile(r"(\d+(?:\.\d+)?)\s*([A-Za-z]*)")


def _duration(value: Any) -> float:
    """Seconds from `500ms`, `1h 30m`, or a bare number of seconds."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        if not 0 <= value < float("inf"):
            raise ValueError(value)
        return float(value)
    text = _nonempty(value)
    total = 0.0
    at = 0
    for match in _QUANTITY.finditer(text):
        if text[at : match.start()].strip():
            raise ValueError(value)
        amount, unit = match.groups()
        if unit and unit.lower() not in _SECONDS:
            raise ValueError(value)
        total += float(amount) * (_SECONDS[unit.lower()] if unit else 1.0)
        at = match.end()
    if at == 0 or text[at:].strip():
        raise ValueError(value)
    return total


def _show_duration(seconds: float) -> str:
    for unit in ("d", "h", "m", "s"):
        size = _SECONDS[unit]
        if seconds >= size and seconds % size == 0:
            return f"{int(seconds // size)}{unit}"
    if seconds == 0:
        return "0s"
    return f"{seconds * 1000:g}ms" if seconds < 1 else f"{seconds:g}s"


_SIZES = {
    "": 1,
    "b": 1,
    "k": KIB,
    "kb": 1000,
    "kib": KIB,
    "m": MIB,
    "mb": 1000**2,
    "mib": MIB,
    "g": GIB,
    "gb": 1000**3,
    "gib": GIB,
    "t": 1024 * GIB,
    "tb": 1000**4,
    "tib": 1024 * GIB,
}


def _size(value: Any) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        if value < 0:
            raise ValueError(value)
        return value
    match = _QUANTITY.fullmatch(_nonempty(value))
    if match is None or match[2].lower() not in _SIZES:
        raise ValueError(value)
    return int(float(match[1]) * _SIZES[match[2].lower()])


def _show_size(size: int) -> str:
    for unit, word in ((1024 * GIB, "TiB"), (GIB, "GiB"), (MIB, "MiB"), (KIB, "KiB")):
        if size >= unit and size % unit == 0:
            return f"{size // unit} {word}"
    return str(size)


_ESCAPE = re.compile(r"\\(x[0-9A-Fa-f]{2}|[rntb0\\]|.|$)", re.DOTALL)
_ESCAPES = {"r": "\r", "n": "\n", "t": "\t", "b": "\b", "0": "\0", "\\": "\\"}


def _bytes(value: Any) -> bytes:
    r"""Bytes from `\r\n`, `\x0b`, `06 0D` never: hex needs its `\x`."""
    text = _text(value)

    def unescape(match: re.Match[str]) -> str:
        found = match[1]
        if found[:1] == "x" and len(found) == 3:
            return chr(int(found[1:], 16))
        if found not in _ESCAPES:
            raise ValueError(value)
        return _ESCAPES[found]

    try:
        return _ESCAPE.sub(unescape, text).encode("latin-1")
    except UnicodeEncodeError:
        raise ValueError(value) from None


def _show_bytes(value: bytes) -> str:
    names = {13: "\\r", 10: "\\n", 9: "\\t", 92: "\\\\"}
    return "".join(
        names.get(byte) or (chr(byte) if 33 <= byte < 127 else f"\\x{byte:02x}")
        for byte in value
    )


def _networks(
    value: Any,
) -> tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]:
    if isinstance(value, str):
        words = value.replace(",", " ").split()
    elif isinstance(value, list | tuple):
        words = [_text(word) for word in value]
    else:
        raise ValueError(value)
    return tuple(ipaddress.ip_network(word, strict=False) for word in words)


def _yes_no(value: bool) -> str:
    return "yes" if value else "no"


#: Any text, also empty.
TEXT = Converter("text", _text)
HOST = Converter("a host name or an address", _nonempty)
PATH = Converter("a path", _nonempty)
BOOL = Converter("yes or no", _bool, _yes_no)
#: Float seconds.
DURATION = Converter("a duration such as 500ms, 30s, 5m, 7d", _duration, _show_duration)
#: Integer bytes.
SIZE = Converter("a size such as 512, 64 KiB, 10 GiB", _size, _show_size)
#: Bytes, written with \r \n \t \0 \\ and \xNN.
BYTES = Converter(r"bytes such as \r\n or \x1c\x0d", _bytes, _show_bytes)
#: Tuple of ip_network, from a list or from words.
NETWORKS = Converter(
    "networks such as 10.1.0.0/16 192.168.7.20",
    _networks,
    lambda value: " ".join(map(str, value)),
)


def integer(low: int, high: int) -> Converter:
    """A whole number from `low` to `high`, both included."""

    def parse(value: Any) -> int:
        found = _integer(value)
        if not low <= found <= high:
            raise ValueError(value)
        return found

    return Converter(f"a whole number from {low} to {high}", parse)


def number(low: float, high: float) -> Converter:
    """A number from `low` to `high`, both included."""

    def parse(value: Any) -> float:
        found = _number(value)
        if not low <= found <= high:
            raise ValueError(value)
        return found

    return Converter(f"a number from {low:g} to {high:g}", parse, "{:g}".format)


PORT = integer(1, 65535)


def choice(*values: Any, aliases: Mapping[str, Any] | None = None) -> Converter:
    """One of `values`, whatever their case; JSON numbers match their text."""
    known = {str(value).lower(): value for value in values}
    known.update({name.lower(): value for name, value in (aliases or {}).items()})

    def parse(value: Any) -> Any:
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise ValueError(value)
        word = str(value).strip().lower()
        if word not in known:
            raise ValueError(value)
        return known[word]

    return Converter("one of " + ", ".join(map(str, values)), parse)


def optional(converter: Converter) -> Converter:
    """The same, where empty text or JSON null means None."""

    def parse(value: Any) -> Any:
        if value is None or (isinstance(value, str) and not value.strip()):
            return None
        return converter.parse(value)

    def show(value: Any) -> str:
        return "" if value is None else converter.show(value)

    return Converter(converter.expects + ", or empty", parse, show)
