"""The parts of a channel, from INI sections or a JSON object -> ChannelSettings."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import attrs

from ..errors import ConfigError, Problem
from .build import build, pick
from .model import ChannelSettings, DestinationSettings, Kind, Kinds, SourceSettings
from .raw import ABSENT, Node, Report, from_object
from .words import plain, quoted

__all__ = [
    "NAME_RULE",
    "Parts",
    "build_channel",
    "channel_from_object",
    "good_name",
    "parts_from_object",
]

NAME_RULE = "letters, digits, - _ . (64 at most, not beginning with a dot)"
_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,63}")
#: Each is a link and a reader of the store.
_MAX_DESTINATIONS = 100
_OUTER = ("id", "source", "destinations")

#: How a channel says that it has no source on purpose.
_OPEN = '[channel:NAME] beside its destinations, or in JSON "source": null'


@attrs.define
class Part:
    """What was written of a source, a destination or a policy, and where to report."""

    node: Node
    report: Report


@attrs.define
class Parts:
    """Everything written of one channel. `report` is where it is first named."""

    name: str
    report: Report
    source: Part | None = None
    destinations: dict[str, Part] = attrs.Factory(dict)
    policy: Part | None = None
    #: That there is no source is what was meant.
    sourceless: bool = False
    #: Names beside the policy's own in the same object.
    policy_also: tuple[str, ...] = ()


def good_name(name: str) -> bool:
    """True for a channel's or destination's name: it becomes part of file names."""
    return _NAME.fullmatch(name) is not None


def build_channel(parts: Parts, kinds: Kinds) -> ChannelSettings | None:
    """The channel, or None when anything in it was at fault."""
    policy_part = parts.policy or Part(Node(""), parts.report)
    policy = build(
        policy_part.node, kinds.channel, policy_part.report, also=parts.policy_also
    )
    source = None
    if parts.source is not None:
        made = _endpoint(parts.source, kinds.sources, kinds)
        source = made and SourceSettings(*made)
    destinations = {}
    if len(parts.destinations) > _MAX_DESTINATIONS:
        parts.report.error(
            f"expected {_MAX_DESTINATIONS} destinations at most; "
            f"got {len(parts.destinations)}"
        )
        return None
    for name, part in parts.destinations.items():
        if name == "source":
            # States and log lines name a channel's parts: its source is one of them.
            part.report.error(
                "no destination can be called source", part.node.path, part.node.line
            )
        made = _endpoint(part, kinds.destinations, kinds)
        if made:
            destinations[name] = DestinationSettings(name, *made)
    whole = _look_at_the_whole(parts, policy)
    complete = len(destinations) == len(parts.destinations) and (
        source is not None or parts.source is None
    )
    if policy is None or not complete or not whole:
        return None
    return ChannelSettings(parts.name, policy, source, destinations, parts.report.file)


def _endpoint(
    part: Part, table: Mapping[str, Kind], kinds: Kinds
) -> tuple[str, Any] | None:
    """(type name, config object) of a source or destination."""
    type_name = pick(
        table, part.node, part.report, required=True, aliases=kinds.aliases
    )
    if type_name is None:
        return None
    config = build(
        part.node,
        table[type_name].config_class,
        part.report,
        also=("type",),
        kind=type_name,
        siblings={name: kind.config_class for name, kind in table.items()},
    )
    return None if config is None else (type_name, config)


def _look_at_the_whole(parts: Parts, policy: Any) -> bool:
    """Whether the parts make a channel; reports what is missing."""
    if parts.source is None:
        if policy is not None and not getattr(policy, "enabled", True):
            return True
        if parts.sourceless and parts.destinations:
            return True
        what = "destinations" if parts.destinations else "a policy"
        parts.report.error(
            f"this channel has {what} and no source; add one, or set enabled = no to "
            f"keep what is stored. Where another iobuffer pushes to it, write {_OPEN}"
        )
        return False
    if not parts.destinations:
        parts.source.report.warning(
            "this channel has no destination; its messages are kept as far as "
            "max_bytes allows, and go nowhere unless another iobuffer takes them (a "
            "user of the role relay that is bound to this channel)"
        )
    return True


def parts_from_object(found: Mapping[str, Any], report: Report) -> Parts:
    """The parts of a channel file's object; the name is empty if it names none."""
    policy = {name: value for name, value in found.items() if name not in _OUTER}
    parts = Parts(_identity(found.get("id", ABSENT), report), report)
    parts.policy = Part(from_object(policy, report), report)
    parts.policy_also = _OUTER
    for name in _OUTER:
        # A dotted `source.port` at the top; the name itself was taken out above.
        if name in parts.policy.node.children:
            report.error("write it as an object of its own", name)
    parts.sourceless = found.get("source", ABSENT) is None
    if found.get("source") is not None:
        parts.source = _part("source", found["source"], report)
    destinations = found.get("destinations") or {}
    if not isinstance(destinations, Mapping):
        report.error('expected an object such as {"lis": {...}}', "destinations")
        destinations = {}
    for name, value in destinations.items():
        path = f"destinations.{plain(name)}"
        if good_name(name):
            parts.destinations[name] = _part(path, value, report)
        else:
            report.error(f"expected a name of {NAME_RULE}", path)
    return parts


def _identity(name: Any, report: Report) -> str:
    if name is ABSENT:
        report.error("required and not given; the name of the channel", "id")
    elif isinstance(name, str) and good_name(name):
        return name
    else:
        report.error(f"expected {NAME_RULE}; got {quoted(name)}", "id")
    return ""


def _part(path: str, value: Any, report: Report) -> Part:
    if isinstance(value, Mapping):
        return Part(from_object(value, report, path), report)
    return Part(Node(path, value=value), report)


def channel_from_object(
    found: Mapping[str, Any],
    kinds: Kinds,
    origin: str,
    warnings: list[Problem] | None = None,
) -> ChannelSettings:
    """One channel from an object as a channel file holds it, such as the API takes it.

    `warnings` is extended by what is doubtful and no error.

    Raises:
        ConfigError: with every problem, warnings included, if there is an error.
    """
    report = Report(origin)
    parts = parts_from_object(found, report)
    channel = build_channel(parts, kinds)
    if channel is None or report.errors:
        raise ConfigError(report.problems)
    if warnings is not None:
        warnings += report.problems
    return channel
