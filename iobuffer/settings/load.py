"""The main file and what it includes -> Settings, or every problem at once."""

from __future__ import annotations

import glob
import os
import stat
from collections.abc import Iterator
from typing import Any

import attrs

from ..errors import ConfigError, Problem
from . import ini, jsonfile
from .build import build
from .channels import (
    NAME_RULE,
    Part,
    Parts,
    build_channel,
    good_name,
    parts_from_object,
)
from .claims import Doubt, doubts
from .files import FileText, read_text
from .ini import Section
from .model import PATTERNS, ChannelSettings, Kinds, Settings
from .raw import Node, Report
from .words import quoted, unknown

__all__ = ["CHANNELS_DIR", "load"]

#: Below `state_dir`: channel files that the API has made.
CHANNELS_DIR = "channels"

_SHAPES = {
    "source": "[source:CHANNEL]",
    "destination": "[destination:CHANNEL:NAME]",
    "channel": "[channel:CHANNEL]",
}


def load(path: str, kinds: Kinds) -> Settings:
    """Read a configuration; starts nothing and writes nothing.

    A main file that ends in `.json` is one channel file, with a default gateway.

    Raises:
        ConfigError: with every problem of every file, warnings included, in order of
            file and line.
    """
    return _Load(kinds).run(path)


@attrs.define
class _Load:
    kinds: Kinds
    problems: list[Problem] = attrs.Factory(list)
    files: list[str] = attrs.Factory(list)
    #: The sections that are no part of a channel, by name.
    others: dict[str, Section] = attrs.Factory(dict)
    channels: dict[str, Parts] = attrs.Factory(dict)
    #: Every section of every file, to name both places of a double one.
    seen: dict[str, Section] = attrs.Factory(dict)

    def run(self, path: str) -> Settings:
        self._read(path, main=True)
        for included in self._included(path):
            self._read(included, main=False)
        gateway = self._other("gateway", self.kinds.gateway, path)
        for kept in self._kept(gateway):
            self._read(kept, main=False)
        extra = {
            name: self._other(name, config_class, path)
            for name, config_class in self.kinds.extra.items()
            if name in self.others
        }
        channels: dict[str, ChannelSettings] = {}
        for name, parts in self.channels.items():
            channel = build_channel(parts, self.kinds)
            if channel is not None:
                channels[name] = channel
        for doubt in doubts(channels, extra):
            self._tell(doubt)
        rank = {file: number for number, file in enumerate(self.files)}
        problems = sorted(
            self.problems, key=lambda found: (rank.get(found.file, -1), found.line)
        )
        if any(problem.severity == "error" for problem in problems):
            raise ConfigError(problems)
        return Settings(gateway, extra, channels, tuple(problems), tuple(self.files))

    def _tell(self, doubt: Doubt) -> None:
        """Put a warning where its option stands, or would stand."""
        parts = self.channels[doubt.channel]
        source = doubt.part == "source"
        part = parts.source if source else parts.destinations[doubt.part]
        assert part is not None
        written = part.node.children.get(doubt.option)
        line = written.line if written is not None else part.node.line
        part.report.warning(doubt.message, part.node.below(doubt.option), line)

    # -- files -------------------------------------------------------------------------

    def _read(self, path: str, *, main: bool) -> None:
        self.files.append(path)
        try:
            found = read_text(path)
        except ConfigError as error:
            self.problems += error.problems
            return
        report = Report(path, exposed=_exposed(found), problems=self.problems)
        _check_writers(found, report)
        if path.endswith(".json"):
            content = jsonfile.parse(found.text, report)
            if content is not None:
                self._channel_file(content, report)
            return
        for section in ini.parse(found.text, report):
            if section.words == ("gateway",) and not main:
                section.report.error(f"belongs into the main file, {self.files[0]}")
            else:
                self._section(section)

    def _included(self, path: str) -> Iterator[str]:
        """The files that the main file includes, each once, in order."""
        gateway = self.others.get("gateway")
        node = gateway.root.children.get("include") if gateway else None
        if gateway is None or node is None:
            return
        try:
            patterns = PATTERNS.parse(node.value)
        except ValueError:
            return  # building [gateway] says so
        read = {os.path.realpath(path)}
        for pattern in patterns:
            whole = os.path.join(os.path.dirname(path), pattern)
            # A name without wildcards stands for itself, there or not.
            names = sorted(glob.glob(whole)) if glob.has_magic(pattern) else [whole]
            for name in names:
                if os.path.realpath(name) not in read:
                    read.add(os.path.realpath(name))
                    yield name

    def _kept(self, gateway: Any) -> list[str]:
        """The channel files in the state directory that were not included by name."""
        if gateway is None:
            return []
        pattern = os.path.join(
            glob.escape(os.path.abspath(gateway.state_dir)), CHANNELS_DIR, "*.json"
        )
        read = {os.path.realpath(file) for file in self.files}
        return [
            name
            for name in sorted(glob.glob(pattern))
            if os.path.realpath(name) not in read
        ]

    # -- sections ----------------------------------------------------------------------

    def _section(self, section: Section) -> None:
        """Put a section where it belongs, or say why it belongs nowhere."""
        kind, *names = section.words
        first = self.seen.setdefault(section.name, section)
        if first is not section:
            section.report.error(f"section given twice; see {first.place}")
        elif kind in _SHAPES:
            if self._well_named(section, names):
                self._channel_section(section, kind, names)
        elif kind != "gateway" and kind not in self.kinds.extra:
            known = ["gateway", *self.kinds.extra, *_SHAPES]
            section.report.error(unknown("section", kind, known))
        elif names:
            section.report.error(f"expected [{kind}], without a name")
        else:
            self.others[kind] = section

    def _well_named(self, section: Section, names: list[str]) -> bool:
        if len(names) != _SHAPES[section.words[0]].count(":"):
            section.report.error(f"expected {_SHAPES[section.words[0]]}")
            return False
        bad = [name for name in names if not good_name(name)]
        for name in bad:
            section.report.error(f"expected a name of {NAME_RULE}; got {quoted(name)}")
        return not bad

    def _channel_section(self, section: Section, kind: str, names: list[str]) -> None:
        name = names[0]
        parts = self.channels.setdefault(name, Parts(name, section.report))
        if parts.report.file != section.report.file:
            self._second_file(name, section.report)
            return
        part = Part(section.root, section.report)
        if kind == "source":
            parts.source = part
        elif kind == "channel":
            parts.policy = part
            parts.sourceless = True
        else:
            parts.destinations[names[1]] = part

    def _channel_file(self, content: dict[str, Any], report: Report) -> None:
        parts = parts_from_object(content, report)
        if not parts.name or parts.name in self.channels:
            if parts.name:
                self._second_file(parts.name, report)
            # What else is wrong in it is worth telling all the same.
            build_channel(parts, self.kinds)
            return
        self.channels[parts.name] = parts

    def _second_file(self, name: str, report: Report) -> None:
        first = self.channels[name].report
        place = f"{first.file}:{first.line}" if first.line else first.file
        report.error(f"channel {name} is also in {place}; a channel stands in one file")

    def _other(self, name: str, config_class: type, main: str) -> Any:
        section = self.others.get(name)
        if section is None:
            return build(Node(""), config_class, self._absent(name, main))
        return build(section.root, config_class, section.report)

    def _absent(self, name: str, main: str) -> Report:
        """Where to report what a section that is not there lacks."""
        return Report(main, name, problems=self.problems)


def _check_writers(found: FileText, report: Report) -> None:
    """Whoever can write this file can have a program run ([alarms] mail_command) and
    messages sent anywhere."""
    if found.mode & stat.S_IWOTH:
        report.error(f"everyone can write this file; chmod o-w {report.file}")
    elif found.mode & stat.S_IWGRP:
        report.warning(f"others of its group can write it; chmod g-w {report.file}")


def _exposed(found: FileText) -> str:
    return "everyone on this machine can read it" if found.world_readable else ""
