"""The option reference in reST, from the metadata that reads the options."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import groupby
from textwrap import wrap

import attrs

from ..options import REQUIRED, Group, Option, Variant
from .catalogue import Chapter, Entry, Section, catalogue
from .model import Kinds

__all__ = ["default_words", "reference"]

_INTRODUCTION = """
Written by ``make docs`` from the same declarations that read the files.
``etc/iobuffer.ini.example`` tells the same in the form of a configuration.

A configuration is INI; a channel may also be a JSON file. ``tls.cert = x`` in INI is
``"tls": {"cert": "x"}`` in JSON. Durations take ``ms``, ``s``, ``m``, ``h``, ``d`` and
``w``, also together (``1h 30m``), and are seconds without a unit. Sizes take ``KiB``,
``MiB``, ``GiB`` and ``TiB`` (and ``kB`` and so on, by the thousand), and are bytes
without a unit. Bytes are written with ``\\r``, ``\\n``, ``\\t``, ``\\0``, ``\\\\`` and
``\\xNN``.
"""


def reference(kinds: Kinds) -> str:
    """The whole reference as one reST document."""
    return "\n".join(_document(kinds)).rstrip() + "\n"


def default_words(spec: Option) -> str:
    """What holds when the option is left out, as INI writes it."""
    if spec.default is REQUIRED:
        return "required"
    if spec.default_words:
        return f"default: {spec.default_words}"
    default = spec.default
    if isinstance(default, attrs.Factory):  # type: ignore[arg-type]
        default = default.factory()
    if default is None:
        return "default: none"
    text = spec.converter.show(default)
    return f"default: ``{text}``" if text else "default: empty"


def _document(kinds: Kinds) -> Iterator[str]:
    yield from _heading("Options", "=")
    yield _INTRODUCTION.lstrip("\n")
    found = catalogue(kinds)
    for header, group in groupby(found.sections, lambda section: section.header):
        yield from _heading(f"[{header}]", "-")
        for section in group:
            yield from _section(section)
    for chapter in found.chapters:
        yield from _chapter(chapter)


def _section(section: Section) -> Iterator[str]:
    if section.type_name:
        yield from _heading(section.title, "~")
        text = f"`type = {section.type_name}`. {section.text}"
    else:
        text = section.text
    yield from _paragraphs(text)
    yield from _entries(section.entries)


def _chapter(chapter: Chapter) -> Iterator[str]:
    yield from _heading(chapter.title, "-")
    users = [f"`{user.title}`_" for user in chapter.users]
    yield from _wrapped(f"An option of {', '.join(users)}.")
    for section in chapter.sections:
        if not chapter.is_group:
            yield from _heading(section.title, "~")
        yield from _paragraphs(section.text)
        yield from _entries(section.entries)


def _entries(entries: Iterable[Entry]) -> Iterator[str]:
    told_elsewhere: dict[str, list[str]] = {}
    for entry in entries:
        if entry.told_in is None:
            yield from _entry(entry)
            continue
        words = f"``{_name(entry)}``"
        if not isinstance(entry.spec, Group):
            words += f" ({_default_of(entry.spec)})"
        told_elsewhere.setdefault(entry.told_in.title, []).append(words)
    for title, words_of in told_elsewhere.items():
        yield from _wrapped(f"As in `{title}`_: {', '.join(words_of)}.")


def _entry(entry: Entry) -> Iterator[str]:
    spec = entry.spec
    yield f"``{_name(entry)}``"
    yield from _wrapped(_rest(spec.help), "    ")
    if isinstance(spec, Option):
        expects = spec.converter.expects
        words = f"{_rest(expects[:1].upper() + expects[1:])}; {default_words(spec)}."
        if spec.secret:
            also = f"``{entry.name}_file`` or ``{entry.name}_credential``"
            words += f" Also as {also}."
    else:
        words = f"See `{entry.chapter.title}`_." if entry.chapter else ""
        if isinstance(spec, Variant):
            words = f"One of {', '.join(spec.kinds)}; {_default_of(spec)}. {words}"
    yield from _wrapped(words, "    ")


def _name(entry: Entry) -> str:
    return f"{entry.name}.*" if isinstance(entry.spec, Group) else entry.name


def _default_of(spec: Option | Variant) -> str:
    if isinstance(spec, Option):
        return default_words(spec)
    return f"default: ``{spec.default}``" if spec.default else "default: none"


def _heading(text: str, underline: str) -> Iterator[str]:
    yield text
    yield underline * len(text)
    yield ""


def _paragraphs(text: str) -> Iterator[str]:
    """A docstring's paragraphs."""
    for paragraph in re.split(r"\n\s*\n", text.strip()):
        if paragraph:
            yield from _wrapped(_rest(" ".join(paragraph.split())))


def _wrapped(text: str, indent: str = "") -> Iterator[str]:
    yield from wrap(
        text,
        88,
        initial_indent=indent,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
    yield ""


def _rest(text: str) -> str:
    """Our `code` as reST's ``code``; elsewhere, what reST would take for its own."""
    parts = re.split(r"(``[^`]+``|`[^`]+`)", text)
    parts[::2] = [re.sub(r"([\\*|]|_\b)", r"\\\1", part) for part in parts[::2]]
    parts[1::2] = [f"``{part.strip('`')}``" for part in parts[1::2]]
    return "".join(parts)
