"""What channels take for themselves alone: ports, devices, files; and who is in whose
way. And what is lost by a choice that is none of the loader's errors.

A sentence here is a warning: a port may be free again, and a file may be wanted as it
is; but whoever sets a channel up should hear of it before it runs.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any

import attrs

from .model import ChannelSettings

__all__ = [
    "Claim",
    "Doubt",
    "claims_of",
    "clashes",
    "doubts",
    "in_the_way",
    "own_claims",
]

_WILDCARDS = frozenset({"0.0.0.0", "::", ""})

#: (role, type) -> the protocol of the port that it listens on.
_LISTENS = {
    ("source", "tcp_server"): "TCP",
    ("source", "udp"): "UDP",
    ("destination", "tcp_server"): "TCP",
}

#: Framings whose bounds a file cannot hold: they are in the time, in the cut of the
#: network, or in a length that is written nowhere.
_BOUNDLESS = frozenset({"idle", "raw", "fixed"})


@attrs.frozen
class Claim:
    """One thing that only one can have. `what` is "TCP port", "UDP port", "serial line"
    or "file"; `name` its number or path; `host` the address of a port. What the gateway
    takes for itself has no channel, and its section as the part."""

    channel: str
    part: str
    what: str
    name: str
    host: str = ""

    @property
    def owner(self) -> str:
        """Who has it, in words."""
        if not self.channel:
            return f"the gateway itself ([{self.part}])"
        part = "its source" if self.part == "source" else f"destination {self.part}"
        return f"channel {self.channel} ({part})"

    @property
    def thing(self) -> str:
        """It in words: `TCP port 5000`."""
        return f"{self.what} {self.name}"


@attrs.frozen
class Doubt:
    """A warning about an option of a channel's part ("source", or a destination)."""

    channel: str
    part: str
    option: str
    message: str

    @property
    def place(self) -> str:
        """The option as a channel file's object names it."""
        part = self.part if self.part == "source" else f"destinations.{self.part}"
        return f"{part}.{self.option}"


_PORT = ("port", "give one of them another port, or an address of its own")

#: What is claimed -> the option that says so, and the remedy.
_OPTIONS = {
    "TCP port": _PORT,
    "UDP port": _PORT,
    "serial line": (
        "port",
        "let one channel read the line, with several destinations",
    ),
    "file": (
        "path",
        "give each a path of its own, with {channel} or {destination} in it",
    ),
}


def claims_of(channel: ChannelSettings) -> Iterator[Claim]:
    """What a channel takes when all of it runs; nothing if it is not enabled."""
    if not getattr(channel.policy, "enabled", True):
        return
    if channel.source is not None:
        yield from _claims(
            channel.name,
            "source",
            "source",
            channel.source.type_name,
            channel.source.config,
        )
    for name, one in channel.destinations.items():
        yield from _claims(channel.name, name, "destination", one.type_name, one.config)


def own_claims(extra: Mapping[str, Any]) -> Iterator[Claim]:
    """What the gateway takes for itself, by the further sections `extra`."""
    http, manhole = extra.get("http"), extra.get("manhole")
    if http is not None:
        yield Claim("", "http", "TCP port", str(http.port), http.host)
    if manhole is not None and manhole.enabled and manhole.socket is None:
        yield Claim("", "manhole", "TCP port", str(manhole.port), manhole.host)


def in_the_way(one: Claim, other: Claim) -> bool:
    """Whether the two cannot both be had."""
    if (one.what, one.name) != (other.what, other.name):
        return False
    if one.host == other.host or not one.host or not other.host:
        return True
    return one.host in _WILDCARDS or other.host in _WILDCARDS


def clashes(
    channels: Mapping[str, ChannelSettings], extra: Mapping[str, Any]
) -> Iterator[tuple[Claim, Claim]]:
    """Each two that are in each other's way, the one that was there first first.
    `extra` holds the further sections, of which some listen too."""
    seen: dict[tuple[str, str], list[Claim]] = {}
    for claim in own_claims(extra):
        seen.setdefault((claim.what, claim.name), []).append(claim)
    for channel in channels.values():
        for claim in claims_of(channel):
            before = seen.setdefault((claim.what, claim.name), [])
            for other in before:
                if in_the_way(other, claim):
                    yield other, claim
                    break
            before.append(claim)


def doubts(
    channels: Mapping[str, ChannelSettings], extra: Mapping[str, Any]
) -> Iterator[Doubt]:
    """Everything doubtful about these channels together."""
    for first, second in clashes(channels, extra):
        option, remedy = _OPTIONS[second.what]
        yield Doubt(
            second.channel,
            second.part,
            option,
            f"{second.thing} is also that of {first.owner}: only one of them can have "
            f"it; {remedy}",
        )
    for channel in channels.values():
        for name, one in channel.destinations.items():
            framing = _boundless(channel, one.type_name, one.config)
            if framing:
                yield Doubt(
                    channel.name,
                    name,
                    "framing",
                    f"left out, so it is the source's {framing}, which puts no bounds "
                    "into a file: nobody can tell there where a message ends; set "
                    "framing = line, or length_prefix for messages that may hold any "
                    "byte",
                )


def _claims(
    channel: str, part: str, role: str, type_name: str, config: Any
) -> Iterator[Claim]:
    protocol = _LISTENS.get((role, type_name))
    if protocol is not None:
        yield Claim(channel, part, f"{protocol} port", str(config.port), config.host)
    elif type_name == "serial":
        line = config.port
        if "://" not in line:
            # by-id names are links to the device that another may have named itself.
            line = os.path.realpath(line) if line.startswith("/") else line
        yield Claim(channel, part, "serial line", line)
    elif type_name == "file":
        path = config.path.replace("{channel}", channel)
        path = path.replace("{destination}", part)
        yield Claim(channel, part, "file", os.path.abspath(path))


def _boundless(channel: ChannelSettings, type_name: str, config: Any) -> str:
    """The framing of the source that a file takes over and that loses the bounds; empty
    where there is none, or where somebody has chosen it."""
    chosen = getattr(config, "framing", None) is not None
    if type_name != "file" or chosen or channel.source is None:
        return ""
    framing = getattr(channel.source.config, "framing", None)
    name: str = getattr(framing, "type_name", "")
    return name if name in _BOUNDLESS else ""
