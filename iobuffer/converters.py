r"""The types of option values: how each is read, worded in an error, and written.

A converter takes what INI gives (always text) or what JSON gives (text, number, truth
value, list, None) and returns the value, or raises ValueError; the loader then says
"expected {expects}; got ...". `parse(show(value)) == value` holds for every converter,
and `parse(as_json(value)) == value`.
"""

from __future__ import annotations

import ipaddress
import math
import re
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from typing import Any

import attrs

from .errors import Problem
from .paths import check_device, check_file, check_key_file, check_state_dir

__all__ = [
    "BOOL",
    "BYTES",
    "DEVICE",
    "DURATION",
    "FILE",
    "GIB",
    "HOST",
    "KEY_FILE",
    "KIB",
    "MIB",
    "NETWORKS",
    "PATH",
    "PORT",
    "SIZE",
    "STATE_DIR",
    "TEXT",
    "Converter",
    "choice",
    "integer",
    "number",
    "optional",
]

KIB = 1024
MIB = 1024 * KIB
GIB = 1024 * MIB


@attrs.frozen
class Converter:
    """One type of option value.

    `expects` completes the sentence "expected ..."; `parse` takes text or a JSON value
    and returns the value or raises ValueError; `show` writes a value as INI text.
    `as_json` gives the value as JSON would spell it; without it, that is `show`'s text.
    `check` looks at what a value names in this machine, such as a file, and yields
    Problems without a place; the loader calls it for values that were given, and adds
    the place. `parse` itself touches nothing.

    `kind` is how a form asks for it: text, number, choice, boolean, duration, size or
    list. `choices` are the values of a closed choice, as JSON spells them; `bounds` the
    lowest and the highest number.
    """

    expects: str
    parse: Callable[[Any], Any]
    show: Callable[[Any], str] = str
    as_json: Callable[[Any], Any] | None = None
    check: Callable[[Any], Iterable[Problem]] | None = None
    kind: str = "text"
    choices: tuple[Any, ...] = ()
    bounds: tuple[float, float] | None = None


def _same(value: Any) -> Any:
    return value


# -- text ------------------------------------------------------------------------------


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(value)
    return value


def _line(value: Any) -> str:
    """Text that is not empty, on one line, without blanks around it."""
    text = _text(value).strip()
    # A second line is most likely an indented option that INI took for a continuation.
    if not text or "\n" in text or "\r" in text or "\0" in text:
        raise ValueError(value)
    return text


def _word(value: Any) -> str:
    text = _line(value)
    if len(text.split()) != 1:
        raise ValueError(value)
    return text


# -- truth and numbers -----------------------------------------------------------------


def _bool(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    word = _text(value).strip().lower()
    if word in ("yes", "true", "on", "1"):
        return True
    if word in ("no", "false", "off", "0"):
        return False
    raise ValueError(value)


def _show_bool(value: bool) -> str:
    return "yes" if value else "no"


_WHOLE = re.compile(r"[+-]?[0-9]{1,30}")
_REAL = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,3})?")


def _integer(value: Any) -> int:
    if isinstance(value, bool):
        raise ValueError(value)
    if isinstance(value, int):
        return value
    # int() alone would also take 1_000 and digits of other scripts.
    text = _text(value).strip()
    if _WHOLE.fullmatch(text) is None:
        raise ValueError(value)
    return int(text)


def _finite(value: Any) -> float:
    """A float that is a number, from a JSON number or from text."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError(value)
    if isinstance(value, str) and _REAL.fullmatch(value.strip()) is None:
        raise ValueError(value)
    try:
        found = float(value)
    except OverflowError:
        raise ValueError(value) from None
    if not math.isfinite(found):
        raise ValueError(value)
    return found


def _show_number(value: float) -> str:
    return str(int(value)) if value == int(value) and abs(value) < 1e15 else repr(value)


# -- durations and sizes ---------------------------------------------------------------

# Fractions, so that 200ms is the same float as 0.2s and every value reads back exactly.
_SECONDS = {
    "us": Fraction(1, 1_000_000),
    "ms": Fraction(1, 1000),
    "s": Fraction(1),
    "m": Fraction(60),
    "min": Fraction(60),
    "h": Fraction(3600),
    "d": Fraction(86400),
    "w": Fraction(604800),
}
# As many digits as the longest float takes, so that each one shown reads back.
_QUANTITY = re.compile(r"([0-9]{1,310}(?:\.[0-9]{1,350})?)\s*([A-Za-z]*)")


def _duration(value: Any) -> float:
    """Seconds from `500ms`, `1h 30m`, or a bare number of seconds."""
    if not isinstance(value, str):
        seconds = _finite(value)
        if seconds < 0:
            raise ValueError(value)
        return seconds
    text = _line(value)
    total = Fraction(0)
    at = 0
    for match in _QUANTITY.finditer(text):
        amount, unit = match.groups()
        alone = match.end() - match.start() == len(text)
        if text[at : match.start()].strip() or not (unit or alone):
            raise ValueError(value)
        if unit and unit.lower() not in _SECONDS:
            raise ValueError(value)
        total += Fraction(amount) * _SECONDS[unit.lower() or "s"]
        at = match.end()
    if at == 0 or text[at:].strip():
        raise ValueError(value)
    try:
        return float(total)
    except OverflowError:
        raise ValueError(value) from None


def _show_duration(seconds: float) -> str:
    if seconds == 0:
        return "0s"
    exact = Fraction(repr(seconds))
    for unit in ("d", "h", "m", "s"):
        count = exact / _SECONDS[unit]
        if count >= 1 and count.denominator == 1 and count < 10**15:
            return f"{count.numerator}{unit}"
    amount = Decimal(repr(seconds))
    if 1e-3 <= seconds < 1:
        return f"{amount.scaleb(3):f}ms"
    return f"{amount:f}s"


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
    if isinstance(value, str):
        match = _QUANTITY.fullmatch(_line(value))
        if match is None or match[2].lower() not in _SIZES:
            raise ValueError(value)
        size = int(Fraction(match[1]) * _SIZES[match[2].lower()])
    else:
        size = _integer(value)
    # No file system and no SQLite integer goes beyond.
    if not 0 <= size < 2**63:
        raise ValueError(value)
    return size


def _show_size(size: int) -> str:
    for unit, word in ((1024 * GIB, "TiB"), (GIB, "GiB"), (MIB, "MiB"), (KIB, "KiB")):
        if size >= unit and size % unit == 0:
            return f"{size // unit} {word}"
    return str(size)


# -- bytes -----------------------------------------------------------------------------

_ESCAPE = re.compile(r"\\(x[0-9A-Fa-f]{2}|.|$)", re.DOTALL)
_ESCAPES = {"r": "\r", "n": "\n", "t": "\t", "b": "\b", "0": "\0", "\\": "\\"}


def _bytes(value: Any) -> bytes:
    r"""Bytes from `\r\n`, `\x0b`, `END\n`; beyond ASCII only as `\xNN`."""
    text = _text(value)
    if not text.isascii():
        # One character would be one byte in Latin-1 and two in UTF-8: say which.
        raise ValueError(value)

    def unescape(match: re.Match[str]) -> str:
        found = match[1]
        if len(found) == 3:
            return chr(int(found[1:], 16))
        if found not in _ESCAPES:
            raise ValueError(value)
        return _ESCAPES[found]

    return _ESCAPE.sub(unescape, text).encode("latin-1")


_BYTE_NAMES = {13: r"\r", 10: r"\n", 9: r"\t", 92: r"\\", 59: r"\x3b"}


def _show_bytes(value: bytes) -> str:
    # Blanks and the semicolon are escaped: INI strips the one and cuts at the other.
    return "".join(
        _BYTE_NAMES.get(byte) or (chr(byte) if 33 <= byte < 127 else f"\\x{byte:02x}")
        for byte in value
    )


# -- networks --------------------------------------------------------------------------


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


# -- the types -------------------------------------------------------------------------

#: Any text, also empty.
TEXT = Converter("text", _text)
HOST = Converter("a host name or an address", _word)
PATH = Converter("a path", _line)
#: The directory of the store, the keys and the audit log.
STATE_DIR = Converter("a path", _line, check=check_state_dir)
#: A file that is read at run time, such as a certificate.
FILE = Converter("a path", _line, check=check_file)
#: A file that holds a private key: nobody but its owner and group may read it.
KEY_FILE = Converter("a path", _line, check=check_key_file)
#: A serial device: a path, or a name such as COM3 or rfc2217://host:port.
DEVICE = Converter(
    "a device such as /dev/ttyUSB0 or rfc2217://host:port", _word, check=check_device
)
BOOL = Converter("yes or no", _bool, _show_bool, _same, kind="boolean")
#: Float seconds.
DURATION = Converter(
    "a duration such as 500ms, 30s, 5m, 7d",
    _duration,
    _show_duration,
    kind="duration",
)
#: Integer bytes.
SIZE = Converter("a size such as 512, 64 KiB, 10 GiB", _size, _show_size, kind="size")
#: Bytes, written with \r \n \t \b \0 \\ and \xNN.
BYTES = Converter(r"bytes such as \r\n or \x1c\x0d", _bytes, _show_bytes)
#: Tuple of ip_network, from a list or from words.
NETWORKS = Converter(
    "networks such as 10.1.0.0/16 192.168.7.20",
    _networks,
    lambda value: " ".join(map(str, value)),
    lambda value: list(map(str, value)),
    kind="list",
)


def integer(low: int, high: int) -> Converter:
    """A whole number from `low` to `high`, both included."""

    def parse(value: Any) -> int:
        found = _integer(value)
        if not low <= found <= high:
            raise ValueError(value)
        return found

    return Converter(
        f"a whole number from {low} to {high}",
        parse,
        str,
        _same,
        kind="number",
        bounds=(low, high),
    )


def number(low: float, high: float) -> Converter:
    """A number from `low` to `high`, both included."""

    def parse(value: Any) -> float:
        found = _finite(value)
        if not low <= found <= high:
            raise ValueError(value)
        return found

    expects = f"a number from {low:g} to {high:g}"
    return Converter(
        expects, parse, _show_number, _same, kind="number", bounds=(low, high)
    )


PORT = integer(1, 65535)


def _spelling(value: Any) -> Any:
    """A choice as it is written: an Enum by its value."""
    return value.value if isinstance(value, Enum) else value


def choice(*values: Any, aliases: Mapping[str, Any] | None = None) -> Converter:
    """One of `values`, whatever their case; JSON numbers match their text.

    The members of an Enum are written by their values: `choice(*OnOversize)`.
    """
    known = {str(_spelling(value)).lower(): value for value in values}
    known.update({name.lower(): value for name, value in (aliases or {}).items()})

    def parse(value: Any) -> Any:
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise ValueError(value)
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        word = str(value).strip().lower()
        if word not in known:
            raise ValueError(value)
        return known[word]

    return Converter(
        "one of " + ", ".join(str(_spelling(value)) for value in values),
        parse,
        lambda value: str(_spelling(value)),
        _spelling,
        kind="choice",
        choices=tuple(_spelling(value) for value in values),
    )


def optional(converter: Converter) -> Converter:
    """The same, where empty text or JSON null means None."""

    def parse(value: Any) -> Any:
        if value is None or (isinstance(value, str) and not value.strip()):
            return None
        return converter.parse(value)

    def show(value: Any) -> str:
        return "" if value is None else converter.show(value)

    def as_json(value: Any) -> Any:
        return None if value is None else (converter.as_json or converter.show)(value)

    def check(value: Any) -> Iterable[Problem]:
        if value is None or converter.check is None:
            return ()
        return converter.check(value)

    return Converter(
        converter.expects + ", or empty",
        parse,
        show,
        as_json,
        check if converter.check else None,
        converter.kind,
        converter.choices,
        converter.bounds,
    )
