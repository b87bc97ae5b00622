"""Config objects -> INI text or JSON, by the metadata that reads them.

Every option is written, defaults too. A secret is masked, so what has one does not read
back; everything else does: the loader makes an equal object of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..options import Group, Variant, specs
from .model import ChannelSettings

__all__ = [
    "MASK",
    "channel_ini",
    "channel_object",
    "config_object",
    "ini_section",
]

#: What stands for a secret, as on the user's documentation page.
MASK = "********"


def config_object(config: Any, type_name: str = "") -> dict[str, Any]:
    """The config as the page's JSON objects write it, ready for `json.dumps`."""
    found: dict[str, Any] = {"type": type_name} if type_name else {}
    for name, (attribute, spec) in specs(type(config)).items():
        value = getattr(config, attribute)
        if isinstance(spec, Group):
            found[name] = config_object(value)
        elif isinstance(spec, Variant):
            if value is not None:
                found[name] = config_object(value, _kind_of(spec, value))
        elif value is None and spec.default is None:
            continue
        elif spec.secret:
            found[name] = MASK if value else spec.converter.show(value)
        else:
            convert = spec.converter.as_json or spec.converter.show
            found[name] = convert(value)
    return found


def ini_section(name: str, config: Any, type_name: str = "") -> str:
    """The config as one section of INI text, with its `[name]`.

    Raises:
        ValueError: INI cannot carry a value as it is: blanks around it, a `;` behind a
            blank, an empty line within. JSON can.
    """
    lines = [f"[{name}]"]
    if type_name:
        lines.append(f"type = {type_name}")
    lines += [f"{option} = {_carried(text)}" for option, text in _flat(config, "")]
    return "\n".join(line.rstrip() for line in lines) + "\n"


def channel_object(channel: ChannelSettings) -> dict[str, Any]:
    """A channel as a channel file holds it."""
    source = channel.source
    return {
        "id": channel.name,
        **config_object(channel.policy),
        "source": source and config_object(source.config, source.type_name),
        "destinations": {
            name: config_object(one.config, one.type_name)
            for name, one in channel.destinations.items()
        },
    }


def channel_ini(channel: ChannelSettings) -> str:
    """A channel as sections of INI text. Raises ValueError as `ini_section` does."""
    parts = []
    if channel.source is not None:
        parts.append(
            ini_section(
                f"source:{channel.name}",
                channel.source.config,
                channel.source.type_name,
            )
        )
    parts += [
        ini_section(f"destination:{channel.name}:{name}", one.config, one.type_name)
        for name, one in channel.destinations.items()
    ]
    parts.append(ini_section(f"channel:{channel.name}", channel.policy))
    return "\n".join(parts)


def _flat(config: Any, prefix: str) -> Iterator[tuple[str, str]]:
    """(dotted name, text) of every option."""
    for name, (attribute, spec) in specs(type(config)).items():
        value = getattr(config, attribute)
        if isinstance(spec, Group):
            yield from _flat(value, f"{prefix}{name}.")
        elif isinstance(spec, Variant):
            if value is not None:
                yield prefix + name, _kind_of(spec, value)
                yield from _flat(value, f"{prefix}{name}.")
        elif value is None and spec.default is None:
            continue
        else:
            hidden = spec.secret and value
            yield prefix + name, MASK if hidden else spec.converter.show(value)


def _kind_of(spec: Variant, value: Any) -> str:
    for kind, config_class in spec.kinds.items():
        if type(value) is config_class:
            return kind
    raise TypeError(f"{type(value).__name__} is none of {', '.join(spec.kinds)}")


def _carried(text: str) -> str:
    """The text as INI writes it: further lines indented."""
    lines = text.split("\n")
    for line in lines:
        hidden = line.startswith((";", "#")) and line is not lines[0]
        blank = line != line.strip() or (not line and len(lines) > 1)
        if hidden or blank or f" {line}".replace("\t", " ").find(" ;") >= 0:
            raise ValueError(f"INI cannot carry this value: {text!r}")
    return "\n    ".join(lines)
