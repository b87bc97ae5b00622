"""How a component declares its options: name, type, unit, default, trade-off, once.

A config class is a frozen attrs class whose fields are made by `option`, `group` and
`variant`. The same metadata reads INI and JSON, words the errors, and writes the option
reference in `docs/`. The attribute name is the option's name in every spelling;
a name that is a Python keyword or builtin nuisance takes `name=`.

    @attrs.frozen(kw_only=True)
    class UdpConfig:
        port: int = option(PORT, example="514", help="UDP port to listen on.")
        recv_buffer: int = option(SIZE, default=8 * MIB, help="Kernel buffer.")
        framing: Framing = variant(FRAMINGS, default="datagram", help="...")
        tls: TlsConfig = group(TlsConfig, help="...")

The types (`PORT`, `SIZE`, ...) live in converters.py and are imported from here.

What one option alone cannot say, a config class says in a method

    def problems(self) -> Iterable[str | tuple[str, str]]:

which the loader calls on every object it has built: a sentence about the whole, or the
name of an option and what is wrong with it, "tls.cert" for one that is nested. Each is
an error. It looks at values only; files are looked at by a converter's `check`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from .converters import (
    BOOL,
    BYTES,
    DEVICE,
    DURATION,
    FILE,
    GIB,
    HOST,
    KEY_FILE,
    KIB,
    MIB,
    NETWORKS,
    PATH,
    PORT,
    SIZE,
    STATE_DIR,
    TEXT,
    Converter,
    choice,
    integer,
    number,
    optional,
)

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
    "REQUIRED",
    "SIZE",
    "STATE_DIR",
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

REQUIRED: Any = attrs.NOTHING

_METADATA_KEY = "iobuffer.option"


@attrs.frozen
class Option:
    """A single value.

    `default` may be an attrs.Factory; `default_words` then says in the reference what
    it gives. A `secret` is never shown in logs, API, errors or the object's repr, and
    may also be given as `NAME_file` or `NAME_credential` (DESIGN 4). `example` is a
    value as INI writes it, where `etc/iobuffer.ini.example` has no default to show.
    """

    converter: Converter
    help: str
    default: Any
    name: str | None = None
    secret: bool = False
    default_words: str = ""
    example: str = ""


@attrs.frozen
class Group:
    """A nested object: `tls.cert` in INI, `"tls": {"cert": ...}` in JSON.

    `bare` names the option that a bare value stands for, if any may: with "after",
    `silence = 30m` is `silence.after = 30m`.
    """

    config_class: type
    help: str
    bare: str = ""


@attrs.frozen
class Variant:
    """An object that is chosen by its `type`, or written as that bare type.

    `kinds` maps the type's name to its config class. `default` is a name in it, whose
    options all have defaults, or None when the value may be left out and is then None.
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
    default_words: str = "",
    example: str = "",
) -> Any:
    """A field of a config class; without `default` it must be given."""
    spec = Option(converter, help, default, name, secret, default_words, example)
    return attrs.field(default=default, repr=not secret, metadata={_METADATA_KEY: spec})


def group(config_class: type, *, help: str, bare: str = "") -> Any:
    """A field that holds a nested config object; all its options have defaults."""
    return attrs.field(
        factory=config_class, metadata={_METADATA_KEY: Group(config_class, help, bare)}
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
