"""What a form needs to know of every kind: its words, and each option with its label.

Made from the declarations that read the files, so that a form cannot offer what the
loader refuses; the words of the documentation page go before the options' own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import attrs

from ..options import REQUIRED, Group, Option, Variant, specs
from .model import Kind, Kinds
from .page_words import (
    DESTINATIONS,
    FRAMING_TITLES,
    LABELS,
    SOURCES,
    PageKind,
    PageOption,
)

__all__ = ["describe", "prominent"]

#: What a title writes in capitals.
_CAPITALS = {"tls", "ca", "crl", "url", "id", "tcp", "udp", "rts", "snmp", "nak"}

#: Not on the page, but asked for at once: without it nobody sees how messages are told
#: apart.
_ALWAYS = frozenset({"framing"})


def describe(kinds: Kinds) -> dict[str, Any]:
    """Every kind, ready for JSON: `sources`, `destinations`, `policy`, `framings` and
    `acks`, each kind in the order of the page."""
    return {
        "sources": list(_kinds(kinds.sources, SOURCES)),
        "destinations": list(_kinds(kinds.destinations, DESTINATIONS)),
        "policy": list(_options(kinds.channel, {})),
        "framings": _variants(kinds, "framing", FRAMING_TITLES),
        "acks": _variants(kinds, "ack", {}),
    }


def prominent(role: str, type_name: str) -> tuple[str, ...]:
    """The options of a source or destination (`role`) that everybody sets, in the order
    in which a form asks for them."""
    words = (SOURCES if role == "source" else DESTINATIONS).get(type_name)
    return (*(words.options if words is not None else ()), *_ALWAYS)


def _kinds(
    table: Mapping[str, Kind], words: Mapping[str, PageKind]
) -> Iterator[dict[str, Any]]:
    for name in sorted(table, key=_rank(words)):
        kind = table[name]
        said = words.get(name) or PageKind(
            title=_title(name), about=kind.summary, use_when="", options={}
        )
        found = list(_options(kind.config_class, said.options))
        yield {
            "type": name,
            "title": said.title,
            "about": said.about,
            "use_when": said.use_when,
            "tip": said.tip,
            "options": sorted(found, key=_option_rank(said.options)),
        }


def _rank(words: Mapping[str, object]) -> Any:
    order = {name: number for number, name in enumerate(words)}
    return lambda name: order.get(name, len(order))


def _option_rank(words: Mapping[str, object]) -> Any:
    """The page's rows in its order, then the framing, then the rest as declared."""
    rank = _rank({**words, **dict.fromkeys(_ALWAYS)})
    return lambda found: (rank(found["name"]), found["advanced"])


def _variants(
    kinds: Kinds, option: str, titles: Mapping[str, str]
) -> list[dict[str, Any]]:
    """All that may stand for `framing` or `ack`, whichever kind may take it."""
    classes: dict[str, type] = {}
    for kind in (*kinds.sources.values(), *kinds.destinations.values()):
        _, spec = specs(kind.config_class).get(option, ("", None))
        if isinstance(spec, Variant):
            for name, config_class in spec.kinds.items():
                classes.setdefault(name, config_class)
    order = _rank(titles)
    return [
        {
            "name": name,
            "title": titles.get(name, _title(name)),
            "help": " ".join((classes[name].__doc__ or "").split()),
            "options": list(_options(classes[name], {})),
        }
        for name in sorted(classes, key=order)
    ]


def _options(
    config_class: type, words: Mapping[str, PageOption], prefix: str = ""
) -> Iterator[dict[str, Any]]:
    """Each option; what is nested has a dotted name."""
    for own, (_, spec) in specs(config_class).items():
        name = prefix + own
        if isinstance(spec, Group):
            yield from _options(spec.config_class, words, f"{name}.")
        else:
            yield _option(name, spec, words.get(name))


def _option(
    name: str, spec: Option | Variant, said: PageOption | None
) -> dict[str, Any]:
    required = isinstance(spec, Option) and spec.default is REQUIRED
    found: dict[str, Any] = {
        "name": name,
        "title": LABELS.get(name) or (said.label if said else _title(name)),
        "help": said.description if said else spec.help,
        "kind": "",
        "default": None,
        "required": required,
        "advanced": not (required or said is not None or name in _ALWAYS),
    }
    if said is not None:
        found["more"] = spec.help
        if found["title"] != said.label:
            found["group"] = said.label
        if said.common:
            found["common"] = list(said.common)
    if isinstance(spec, Variant):
        found |= {
            "kind": name.rpartition(".")[2],
            "default": spec.default,
            "choices": list(spec.kinds),
        }
        # Where there is nothing to choose, nobody need be asked.
        found["advanced"] = found["advanced"] or len(spec.kinds) == 1
        return found
    converter = spec.converter
    found["kind"] = "secret" if spec.secret else converter.kind
    if converter.choices:
        found["choices"] = list(converter.choices)
    if converter.bounds is not None:
        found["minimum"], found["maximum"] = converter.bounds
    if not required:
        found["default"] = _default(spec)
    if spec.default_words:
        found["default_words"] = spec.default_words
    if spec.example:
        found["example"] = spec.example
    return found


def _default(spec: Option) -> Any:
    """As JSON spells it."""
    default = spec.default
    if isinstance(default, attrs.Factory):  # type: ignore[arg-type]
        default = default.factory()
    if default is None:
        return None
    return (spec.converter.as_json or spec.converter.show)(default)


def _title(name: str) -> str:
    """`tls.client_ca` -> "TLS Client CA"; `hl7` -> "HL7"."""
    words = re.split(r"[._]", name)
    return " ".join(
        word.upper()
        if word in _CAPITALS or any(letter.isdigit() for letter in word)
        else word[:1].upper() + word[1:]
        for word in words
    )
