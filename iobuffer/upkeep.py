"""Channels that the API makes and changes: JSON files under `state_dir/channels/`.

Floor 4. A file is written whole or not at all, and what it makes of the configuration
is known before it stays: with an error anywhere, it is as it was.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from .errors import ConfigError, Problem
from .gateway import Gateway
from .people import StateFileError
from .people.state_file import remove_private, write_private
from .settings.channels import channel_from_object, good_name
from .settings.claims import doubts
from .settings.load import CHANNELS_DIR
from .settings.model import ChannelSettings, Settings
from .settings.secret import MASK
from .settings.show import brief_ini, channel_object
from .web.base import Problem as Refusal

__all__ = ["ChannelFiles"]


class ChannelFiles:
    """The channel files of one gateway.

    Args:
        gateway: tells what runs, and reads the configuration.
    """

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._folder = os.path.join(
            os.path.abspath(gateway.settings.gateway.state_dir), CHANNELS_DIR
        )

    def owns(self, settings: ChannelSettings) -> bool:
        """Whether this channel may be changed here."""
        return settings.origin == self._path(settings.name)

    def putting(self, name: str, found: Any) -> Callable[[], Settings]:
        """What `Gateway.take` calls to keep this object as the channel's file.

        Raises:
            Refusal: 409, the channel stands in another file; 422, the id is another.
            ConfigError: this object alone has errors.
        """
        self._may_change(name)
        whole = self._checked(name, found)
        text = json.dumps(whole, ensure_ascii=False, indent=2) + "\n"
        return lambda: self._replace(name, text.encode())

    def removing(self, name: str) -> Callable[[], Settings]:
        """What `Gateway.take` calls to take the channel's file away."""
        self._may_change(name)
        return lambda: self._replace(name, None)

    def plan(self, name: str, found: Any) -> dict[str, Any]:
        """What would happen to one channel if `found` were put (None: removed), or with
        `name` "" if the configuration were read again.

        `changes` in sentences, and `warnings`; of a channel that is put also `config`
        and `ini`: what it comes down to, briefly, secrets masked.
        """
        running = {each: pair.settings for each, pair in self._gateway.pairs.items()}
        shown: dict[str, Any] = {"warnings": []}
        if not name:
            settings = self._gateway.reread()
            wanted = dict(settings.channels)
            shown["warnings"] = [str(each) for each in settings.warnings]
        else:
            self._may_change(name)
            wanted = dict(running)
            wanted.pop(name, None)
            if found is not None:
                warnings: list[Problem] = []
                channel = self._built(name, found, warnings)
                # Last, so that it is the one who is told of what is taken already.
                wanted[name] = channel
                extra = self._gateway.settings.extra
                shown["config"] = channel_object(channel, brief=True)
                shown["ini"] = brief_ini(channel)
                shown["warnings"] = [_sentence(each) for each in warnings]
                shown["warnings"] += [
                    f"{each.place}: {each.message}"
                    for each in doubts(wanted, extra)
                    if each.channel == name
                ]
        changes = []
        for each in sorted({*running, *wanted}):
            old, new = running.get(each), wanted.get(each)
            if old != new:
                changes.append(self._change(each, old, new))
        return {"changes": changes, **shown}

    def built(self, name: str, found: Any) -> ChannelSettings:
        """This object as a channel, for a trial of it: a masked secret is that of the
        channel's file. ConfigError, or a Refusal (400, 422), if it is none."""
        if not good_name(name):
            raise Refusal(400, "This cannot be the name of a channel")
        return self._built(name, found, [])

    # -- within ------------------------------------------------------------------------

    def _change(
        self, name: str, old: ChannelSettings | None, new: ChannelSettings | None
    ) -> dict[str, Any]:
        effects: list[str] = []
        pair = self._gateway.pairs.get(name)
        was = old if old is not None and old.policy.enabled else None
        now = new if new is not None and new.policy.enabled else None
        before = was.source if was is not None else None
        after = now.source if now is not None else None
        if before != after:
            peers = len(pair.source.peers()) if pair and pair.source else 0
            if before is not None:
                effects.append(f"the source is closed; {peers} peers are disconnected")
            if after is not None:
                effects.append(f"the source is opened{_port(after.config)}")
        old_ones = dict(old.destinations) if old else {}
        new_ones = dict(new.destinations) if new else {}
        for each in sorted({*old_ones, *new_ones}):
            if each not in new_ones:
                cursors = pair.channel.cursors if pair else {}
                queued = pair.channel.queued(each) if pair and each in cursors else 0
                effects.append(
                    f"{each} is closed; {queued} messages that it has not had are kept "
                    "until it is configured again or forgotten"
                )
            elif each not in old_ones:
                effects.append(self._beginning(name, each))
            elif old_ones[each] != new_ones[each]:
                effects.append(f"{each} is closed and opened again")
        if old and new and old.policy != new.policy:
            effects.append("the channel's policy changes")
        what = "changed" if old and new else "added" if new else "removed"
        return {"channel": name, "change": what, "effects": effects}

    def _beginning(self, name: str, destination: str) -> str:
        """What a destination gets first that is added to this channel."""
        stored = self._gateway.watch.stored.get(name)
        if stored is None:
            return f"{destination} is opened"
        waiting = stored.orphans.get(destination)
        if waiting is not None:
            return (
                f"{destination} is opened and goes on where it was: {waiting} "
                "messages wait for it"
            )
        if stored.destinations or stored.orphans:
            return f"{destination} is opened and gets what comes from now on"
        return (
            f"{destination} is opened and gets all that is kept: "
            f"{stored.stored_messages} messages"
        )

    def _may_change(self, name: str) -> None:
        if not good_name(name):
            raise Refusal(400, "This cannot be the name of a channel")
        pair = self._gateway.pairs.get(name)
        if pair is not None and not self.owns(pair.settings):
            raise Refusal(
                409,
                f"{name} is read-only here",
                f"It stands in {pair.settings.origin}; change it there, then reload.",
            )

    def _checked(self, name: str, found: Any) -> dict[str, Any]:
        """The object as it will be kept: named, with the secrets that were masked, and
        without an error of its own."""
        whole = self._named(name, found)
        channel_from_object(whole, self._gateway.kinds, self._path(name))
        return whole

    def _built(self, name: str, found: Any, warnings: list[Problem]) -> ChannelSettings:
        whole = self._named(name, found)
        return channel_from_object(
            whole, self._gateway.kinds, self._path(name), warnings
        )

    def _named(self, name: str, found: Any) -> dict[str, Any]:
        if not isinstance(found, Mapping):
            raise Refusal(422, "Expected an object such as a channel file holds")
        if found.get("id", name) != name:
            raise Refusal(422, f"The object's id is not {name}")
        return {"id": name, **_unmasked(found, self._kept(name), "")}

    def _kept(self, name: str) -> Any:
        try:
            with open(self._path(name), encoding="utf-8") as file:
                return json.load(file)
        except (OSError, ValueError):
            # Not there, or not ours to read: then there is no secret to keep.
            return {}

    def _replace(self, name: str, content: bytes | None) -> Settings:
        """Write (or remove) the file, read everything; on any error undo it."""
        path = self._path(name)
        try:
            before = _content(path)
            try:
                self._write(path, content)
                settings = self._gateway.reread()
                if content is not None and name not in settings.channels:
                    raise ConfigError([Problem("was not read", file=path)])
            except BaseException:
                self._write(path, before)
                raise
        except (OSError, StateFileError) as error:
            raise Refusal(507, f"{path} cannot be written", str(error)) from error
        return settings

    def _write(self, path: str, content: bytes | None) -> None:
        os.makedirs(self._folder, mode=0o700, exist_ok=True)
        if content is None:
            remove_private(Path(path))
        else:
            write_private(Path(path), content)

    def _path(self, name: str) -> str:
        return os.path.join(self._folder, f"{name}.json")


def _content(path: str) -> bytes | None:
    try:
        with open(path, "rb") as file:
            return file.read()
    except FileNotFoundError:
        return None


def _unmasked(found: Any, kept: Any, place: str) -> Any:
    """A masked secret stands for the one that is kept at the same place."""
    if isinstance(found, Mapping):
        below = kept if isinstance(kept, Mapping) else {}
        return {
            name: _unmasked(
                value, below.get(name), f"{place}.{name}" if place else name
            )
            for name, value in found.items()
        }
    if found == MASK:
        if not isinstance(kept, str):
            raise Refusal(
                422,
                f"{place}: the secret is masked, and none is kept here",
                "Write the secret itself.",
            )
        return kept
    return found


def _sentence(problem: Problem) -> str:
    """Without the file, which the channel may not have yet."""
    option = f"{problem.option}: " if problem.option else ""
    return option + problem.message


def _port(config: Any) -> str:
    port = getattr(config, "port", None)
    return f" on port {port}" if isinstance(port, int) else ""
