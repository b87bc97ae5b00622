"""What comes out: frozen settings; and what goes in beside the files: the kinds."""

from __future__ import annotations

import platform
from collections.abc import Callable, Mapping
from typing import Any

import attrs

from ..errors import Problem
from ..options import (
    BOOL,
    DURATION,
    GIB,
    MIB,
    PATH,
    SIZE,
    STATE_DIR,
    TEXT,
    Converter,
    choice,
    group,
    integer,
    option,
)
from .alarms import AlarmConfig, SilenceConfig

__all__ = [
    "ChannelConfig",
    "ChannelSettings",
    "DestinationSettings",
    "GatewayConfig",
    "Kind",
    "Kinds",
    "Settings",
    "SourceSettings",
]


def _paths(value: Any) -> tuple[str, ...]:
    words = value
    if isinstance(value, str):
        words = [word.strip() for word in value.replace("\n", ",").split(",")]
    if not isinstance(words, list | tuple):
        raise ValueError(value)
    # A comma at the end of a line, or before a line break, leaves an empty word.
    return tuple(PATH.parse(word) for word in words if word != "")


#: Tuple of paths or patterns, between commas since a path may hold blanks.
PATTERNS = Converter(
    "paths or patterns between commas, such as conf.d/*.ini, channels/*.json",
    _paths,
    ", ".join,
    list,
)


@attrs.frozen(kw_only=True)
class GatewayConfig:
    """`[gateway]`: the gateway as a whole. In the main file only."""

    state_dir: str = option(
        STATE_DIR,
        default="/var/lib/iobuffer",
        help="Directory of the store, the keys and the audit log; made with mode 0700 "
        "if it is not there. On a local disk that honours flush: what is acknowledged "
        "is only as safe as this disk. A relative path counts from the directory that "
        "the gateway is started in. One gateway at a time.",
    )
    include: tuple[str, ...] = option(
        PATTERNS,
        default=(),
        help="Further files, between commas; patterns such as `conf.d/*.ini` are read "
        "in the order of their names. `*.json` is a channel file, anything else INI. "
        "Relative paths count from the directory of this file. A pattern may match "
        "nothing; a file named outright must be there.",
    )
    name: str = option(
        TEXT,
        default=attrs.Factory(platform.node),
        default_words="the host's name",
        example="gateway-ward-3",
        help="What this gateway calls itself on the page, in its log and in HL7 "
        "acknowledgements.",
    )
    max_pending_bytes: int = option(
        SIZE,
        default=2 * MIB,
        help="How many bytes of messages may wait for a commit before the sources are "
        "paused. More than 4 MiB buys no speed, only memory.",
    )
    recent_bytes: int = option(
        SIZE,
        default=8 * MIB,
        help="How many bytes of just committed messages stay in memory, so that a "
        "destination that keeps up never reads the disk. 0 reads everything back.",
    )
    min_free_bytes: int = option(
        SIZE,
        default=64 * MIB,
        help="With less than this free on the disk of `state_dir`, nothing more is "
        "stored or acknowledged; resumes by itself.",
    )
    secure_delete: str = option(
        choice("fast", "on"),
        default="fast",
        help="`on` overwrites deleted messages with zeros on the disk, at a third of "
        "the speed; `fast` does so only where it costs no extra writing.",
    )
    log_format: str = option(
        choice("text", "json"),
        default="text",
        help="Log lines for people, or one JSON object per line.",
    )
    log_level: str = option(
        choice("debug", "info", "warn", "error", aliases={"warning": "warn"}),
        default="info",
        help="The least grave lines that are logged. Payloads are never logged.",
    )


@attrs.frozen(kw_only=True)
class ChannelConfig:
    """`[channel:NAME]`: the policy of one channel. The section may be left out."""

    description: str = option(
        TEXT, default="", help="For people: the device and where it stands."
    )
    enabled: bool = option(
        BOOL,
        default=True,
        help="`no` starts neither source nor destinations; what is stored stays and "
        "can be read. The source may then be missing.",
    )
    keep: float = option(
        DURATION,
        default=7 * 86400.0,
        help="How long after they were received delivered messages stay readable and "
        "replayable. They go earlier when `max_bytes` needs the room. Messages that "
        "are not delivered yet are kept without limit of time.",
    )
    max_bytes: int = option(
        SIZE,
        default=10 * GIB,
        help="How much of the disk the channel may take. Delivered messages go first; "
        "then `when_full` speaks.",
    )
    max_messages: int = option(
        integer(0, 2**62),
        default=0,
        help="How many messages the channel may hold; 0 for no limit but `max_bytes`.",
    )
    when_full: str = option(
        choice("block", "drop_oldest", "drop_newest"),
        default="block",
        help="Once no delivered message is left to delete: `block` pauses the source "
        "or refuses its messages, so that the sender keeps them; `drop_oldest` and "
        "`drop_newest` lose messages, counted as dropped.",
    )
    max_partial_bytes: int = option(
        SIZE,
        default=64 * MIB,
        help="How many bytes of messages that have not ended yet all connections of "
        "the channel may hold together. Beyond it the largest is treated as oversize.",
    )
    payloads: str = option(
        choice("reveal", "open"),
        default="reveal",
        help="What an operator who has signed in on the page sees of what messages "
        "say: with `reveal` letters and digits are masked until he says why he needs "
        "them, which holds for an hour and this channel; `open` shows them at once. "
        "Either way the audit log has who looked at which message. Tokens and the "
        "command line are not asked.",
    )
    silence: SilenceConfig = group(
        SilenceConfig, bare="after", help="When a silent device is an alarm."
    )
    alarm: AlarmConfig = group(AlarmConfig, help="What else is an alarm.")


@attrs.frozen(kw_only=True)
class Kind:
    """One kind of source or destination, as `registry.KINDS` lists it.

    `build` makes the running object from the config and a context; settings never call
    it. `summary` is one sentence for the option reference.
    """

    config_class: type
    build: Callable[..., Any]
    summary: str


@attrs.frozen
class Kinds:
    """Everything that a config file may name.

    `extra` maps further sections, such as `http`, to their config classes; `aliases`
    maps other spellings of a `type` to the kind's name.
    """

    sources: Mapping[str, Kind]
    destinations: Mapping[str, Kind]
    gateway: type = GatewayConfig
    channel: type = ChannelConfig
    extra: Mapping[str, type] = attrs.Factory(dict)
    aliases: Mapping[str, str] = attrs.Factory(dict)


@attrs.frozen
class SourceSettings:
    """The source of a channel: its kind's name and config object."""

    type_name: str
    config: Any


@attrs.frozen
class DestinationSettings:
    """A destination of a channel: its name, its kind's name and config object."""

    name: str
    type_name: str
    config: Any


@attrs.frozen
class ChannelSettings:
    """One channel. Two that are equal need no reconnect on a reload.

    `source` is None only for a channel that is not `enabled`. `origin` is the file that
    it stands in.
    """

    name: str
    policy: Any
    source: SourceSettings | None
    destinations: Mapping[str, DestinationSettings]
    origin: str


@attrs.frozen
class Settings:
    """A whole configuration, without an error in it.

    `extra` holds the further sections that were written, by name. `files` names every
    file read, the main one first.
    """

    gateway: Any
    extra: Mapping[str, Any]
    channels: Mapping[str, ChannelSettings]
    warnings: tuple[Problem, ...]
    files: tuple[str, ...]
