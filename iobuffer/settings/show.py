"""Config objects -> INI text or JSON, by the metadata that reads them.

Every option is written, defaults too, unless `brief`: then those that differ from their
defaults, and those that everybody sets (forms.py). A secret is masked, so what has one
does not read back; everything else does: the loader makes an equal object of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import attrs

from ..options import REQUIRED, Group, Option, Spec, Variant, specs
from .forms import prominent
from .model import ChannelSettings
from .secret import MASK

__all__ = [
    "brief_ini",
    "channel_ini",
    "channel_object",
    "config_object",
    "ini_section",
]

#: Options, by their dotted names, that are written first, in this order, and though
#: they are at their defaults.
Keep = tuple[str, ...]


def config_object(
    config: Any, type_name: str = "", keep: Keep | None = None
) -> dict[str, Any]:
    """The config as the page's JSON objects write it, ready for `json.dumps`.

    With `keep`, of the options at their defaults only those are written.
    """
    found: dict[str, Any] = {"type": type_name} if type_name else {}
    return found | _object(config, "", keep)


def ini_section(
    name: str, config: Any, type_name: str = "", keep: Keep | None = None
) -> str:
    """The config as one section of INI text, with its `[name]`.

    Raises:
        ValueError: INI cannot carry a value as it is: blanks around it, a `;` behind a
            blank, an empty line within. JSON can.
    """
    lines = [f"[{name}]"]
    if type_name:
        lines.append(f"type = {type_name}")
    lines += [
        f"{option} = {_carried(text)}" for option, text in _flat(config, "", keep)
    ]
    return "\n".join(line.rstrip() for line in lines) + "\n"


def channel_object(channel: ChannelSettings, *, brief: bool = False) -> dict[str, Any]:
    """A channel as a channel file holds it."""
    source = channel.source
    return {
        "id": channel.name,
        **config_object(channel.policy, keep=() if brief else None),
        "source": source
        and config_object(
            source.config,
            source.type_name,
            _keep("source", source.type_name, brief),
        ),
        "destinations": {
            name: config_object(
                one.config, one.type_name, _keep("destination", one.type_name, brief)
            )
            for name, one in channel.destinations.items()
        },
    }


def channel_ini(channel: ChannelSettings, *, brief: bool = False) -> str:
    """A channel as sections of INI text. Raises ValueError as `ini_section` does."""
    parts = []
    if channel.source is not None:
        parts.append(
            ini_section(
                f"source:{channel.name}",
                channel.source.config,
                channel.source.type_name,
                _keep("source", channel.source.type_name, brief),
            )
        )
    parts += [
        ini_section(
            f"destination:{channel.name}:{name}",
            one.config,
            one.type_name,
            _keep("destination", one.type_name, brief),
        )
        for name, one in channel.destinations.items()
    ]
    policy = ini_section(
        f"channel:{channel.name}", channel.policy, keep=() if brief else None
    )
    if not brief or "=" in policy or channel.source is None:
        parts.append(policy)
    return "\n".join(parts)


def brief_ini(channel: ChannelSettings) -> str:
    """A channel briefly as INI text for people to look at and copy; where INI cannot
    carry a value, a comment that says so."""
    try:
        return channel_ini(channel, brief=True)
    except ValueError as error:
        return f"; {error}; keep this channel as JSON\n"


def _keep(role: str, type_name: str, brief: bool) -> Keep | None:
    return prominent(role, type_name) if brief else None


def _object(config: Any, prefix: str, keep: Keep | None) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, spec, value in _values(config, prefix, keep):
        if isinstance(spec, Group):
            inside = _object(value, f"{prefix}{name}.", keep)
            if inside or keep is None:
                found[name] = inside
        elif _left_out(prefix + name, spec, value, keep):
            continue
        elif isinstance(spec, Variant):
            kind = _kind_of(spec, value)
            inside = _object(value, f"{prefix}{name}.", keep)
            found[name] = {"type": kind} | inside if inside or keep is None else kind
        elif spec.secret:
            found[name] = MASK if value else spec.converter.show(value)
        else:
            convert = spec.converter.as_json or spec.converter.show
            found[name] = convert(value)
    return found


def _flat(config: Any, prefix: str, keep: Keep | None) -> Iterator[tuple[str, str]]:
    """(dotted name, text) of every option."""
    for name, spec, value in _values(config, prefix, keep):
        if isinstance(spec, Group):
            yield from _flat(value, f"{prefix}{name}.", keep)
        elif _left_out(prefix + name, spec, value, keep):
            continue
        elif isinstance(spec, Variant):
            yield prefix + name, _kind_of(spec, value)
            yield from _flat(value, f"{prefix}{name}.", keep)
        else:
            hidden = spec.secret and value
            yield prefix + name, MASK if hidden else spec.converter.show(value)


def _values(config: Any, prefix: str, keep: Keep | None) -> list[tuple[str, Spec, Any]]:
    """(name, spec, value) of every option, in the order in which they are written."""
    found = [
        (name, spec, getattr(config, attribute))
        for name, (attribute, spec) in specs(type(config)).items()
    ]
    if keep:
        # A group stands where the first of what is in it does.
        rank = {}
        for place, name in reversed(tuple(enumerate(keep))):
            rank[name] = rank[name.partition(".")[0]] = place
        found.sort(key=lambda each: rank.get(prefix + each[0], len(keep)))
    return found


def _left_out(name: str, spec: Option | Variant, value: Any, keep: Keep | None) -> bool:
    if value is None and spec.default is None:
        return True
    return keep is not None and _is_default(spec, value) and name not in keep


def _is_default(spec: Option | Variant, value: Any) -> bool:
    if isinstance(spec, Variant):
        return spec.default is not None and bool(value == spec.kinds[spec.default]())
    default = spec.default
    if default is REQUIRED:
        return False
    if isinstance(default, attrs.Factory):  # type: ignore[arg-type]
        default = default.factory()
    return bool(value == default)


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
