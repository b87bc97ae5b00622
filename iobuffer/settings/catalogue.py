"""Every option in the order in which it is told: kind by kind, then what kinds share.

The reference in `docs/` and the example in `etc/` are two ways to write this down. What
is the same word for word in several places (TLS, the size limits of the framings) is
told in the first, and the others point there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import attrs

from ..options import REQUIRED, Group, Option, Spec, Variant, spec_of
from .model import Kind, Kinds

__all__ = ["Catalogue", "Chapter", "Entry", "Section", "catalogue", "example_of"]


@attrs.frozen
class Entry:
    """An option, group or variant where it stands.

    `name` is dotted. `told_in` is the section that tells of it word for word, None when
    that is this one. `chapter` tells what is beneath a group or variant.
    """

    name: str
    spec: Spec
    told_in: Section | None = None
    chapter: Chapter | None = None


@attrs.define(eq=False)
class Section:
    """What stands under one `[section]` of a file, or beneath one shared option.

    `title` is unique. `header` and `type_name` are what the file says there:
    `source:CHANNEL` and `tcp_server`; for a shared one, the option's name and kind.
    """

    title: str
    header: str
    type_name: str
    text: str
    entries: list[Entry] = attrs.Factory(list)


@attrs.define(eq=False)
class Chapter:
    """A group, or a variant with a section for each of its kinds. `users` are the
    sections whose options it is part of."""

    title: str
    name: str
    is_group: bool
    sections: list[Section] = attrs.Factory(list)
    users: list[Section] = attrs.Factory(list)


@attrs.frozen
class Catalogue:
    sections: tuple[Section, ...]
    chapters: tuple[Chapter, ...]


def catalogue(kinds: Kinds) -> Catalogue:
    """All that a configuration may say."""
    found = _Collector(kinds)
    sections = tuple(found.sections())
    return Catalogue(sections, tuple(found.chapters))


def example_of(spec: Option | Variant) -> tuple[str, bool]:
    """A value as INI writes it, and whether it is the default.

    It is, wherever INI can write the default and it is the same on every machine; else
    it is the option's `example`.
    """
    if isinstance(spec, Variant):
        if spec.default is not None:
            return spec.default, True
        return next(name for name in spec.kinds if name != "auto"), False
    if spec.example:
        return spec.example, False
    if spec.default is REQUIRED:
        return "", False
    default = spec.default
    if isinstance(default, attrs.Factory):  # type: ignore[arg-type]
        default = default.factory()
    return ("" if default is None else spec.converter.show(default)), True


@attrs.define(eq=False)
class _Collector:
    kinds: Kinds
    chapters: list[Chapter] = attrs.Factory(list)
    #: What was told -> where.
    told: dict[object, Section] = attrs.Factory(dict)
    #: (chapter, kind, config class) that have a section.
    described: set[tuple[Chapter, str, type]] = attrs.Factory(set)

    def sections(self) -> Iterator[Section]:
        for header, config_class in (
            ("gateway", self.kinds.gateway),
            *self.kinds.extra.items(),
            ("channel:CHANNEL", self.kinds.channel),
        ):
            section = Section(f"[{header}]", header, "", config_class.__doc__ or "")
            self._fill(section, config_class, "")
            yield section
        yield from self._kinds("source", "source:CHANNEL", self.kinds.sources)
        yield from self._kinds(
            "destination", "destination:CHANNEL:NAME", self.kinds.destinations
        )

    def _kinds(
        self, role: str, header: str, table: Mapping[str, Kind]
    ) -> Iterator[Section]:
        for name, kind in table.items():
            text = kind.summary
            others = [alias for alias, of in self.kinds.aliases.items() if of == name]
            if others:
                text += f" Also written `{'`, `'.join(others)}`."
            section = Section(f"{name} {role}", header, name, text)
            self._fill(section, kind.config_class, "")
            yield section

    def _fill(self, section: Section, config_class: type, prefix: str) -> None:
        for name, spec in _in_order(config_class):
            chapter = None
            if not isinstance(spec, Option):
                chapter = self._chapter(name, spec, section)
            key = (prefix + name, _words(spec), chapter)
            told_in: Section | None = self.told.setdefault(key, section)
            if told_in is section or _is_required(spec):
                told_in = None
            section.entries.append(Entry(prefix + name, spec, told_in, chapter))

    def _chapter(self, name: str, spec: Group | Variant, user: Section) -> Chapter:
        """The one that tells of this group or variant, made or added to if need be."""
        for chapter in self.chapters:
            if chapter.name == name and chapter.is_group == isinstance(spec, Group):
                break
        else:
            chapter = Chapter(name, name, isinstance(spec, Group))
            self.chapters.append(chapter)
        chapter.users.append(user)
        inside = (
            {"": spec.config_class} if isinstance(spec, Group) else dict(spec.kinds)
        )
        for kind, config_class in inside.items():
            if (chapter, kind, config_class) in self.described:
                continue
            title = f"{name} = {kind}" if kind else name
            if any(title == section.title for section in chapter.sections):
                title += f" ({user.title})"
            self.described.add((chapter, kind, config_class))
            section = Section(title, name, kind, config_class.__doc__ or "")
            chapter.sections.append(section)
            self._fill(section, config_class, f"{name}.")
        return chapter


def _in_order(config_class: type) -> list[tuple[str, Spec]]:
    """What must be given, then a class's own options, then those it inherits."""
    found = []
    for field in attrs.fields(config_class):
        spec = spec_of(field)
        if spec is not None:
            name = spec.name if isinstance(spec, Option) and spec.name else field.name
            found.append(((not _is_required(spec), field.inherited), name, spec))
    return [(name, spec) for _, name, spec in sorted(found, key=lambda one: one[0])]


def _is_required(spec: Spec) -> bool:
    return isinstance(spec, Option) and spec.default is REQUIRED


def _words(spec: Spec) -> tuple[object, ...]:
    """What is told of it: equal for two that need to be told of once."""
    if isinstance(spec, Group):
        return spec.help, spec.config_class
    if isinstance(spec, Variant):
        return spec.help, spec.default, tuple(spec.kinds.items())
    return spec.help, spec.converter.expects, spec.default_words, *example_of(spec)
