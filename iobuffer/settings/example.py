"""`etc/iobuffer.ini.example`: every option at its default, under what it means.

The file loads as it stands: a small channel pair, then comments. A line that begins
with `;` and a name is an option; without its `;` it says what holds anyhow, or, where
the text says so, an example.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from textwrap import wrap

from ..options import REQUIRED, Group, Variant
from .catalogue import Chapter, Entry, Section, catalogue, example_of
from .model import Kinds

__all__ = ["example"]

_WIDTH = 88

_INTRODUCTION = r"""
iobuffer.ini.example: every option, with its unit, its default and its trade-off.

Written by `make docs` from the same declarations that read the files;
docs/options.rst tells the same as a page.

To begin: copy this file to /etc/iobuffer/iobuffer.ini, or write a new one with the
few lines of the first part, and change them to your devices. Then

    iobuffer check /etc/iobuffer/iobuffer.ini
    twistd -n iobuffer --config /etc/iobuffer/iobuffer.ini

To read: the first part is a whole configuration and is not commented out. Everything
behind it is. A line such as `;keep = 7d`, without a blank behind the semicolon, is an
option at its default: without the semicolon it changes nothing until you change the
value. Where the text says "an example", it is only that.

A section `[source:chem-1]`, and one `[destination:chem-1:NAME]` for each place that
its messages go to, make the channel chem-1; `[channel:chem-1]` may add how much of it
is kept and for how long. Each section and each option stands once.

Durations: 500ms, 30s, 5m, 12h, 7d, also 1h 30m; a bare number is seconds.
Sizes:     512, 64 KiB, 16 MiB, 10 GiB; a bare number is bytes.
Bytes:     \r \n \t \0 \\ and \xNN, such as \x1c\r.
Yes, no:   also true, false, on, off.
Comments:  # or ; at the start of a line; behind a value only ` ;`.
A value may go on in the next line if that is indented. Names are case-sensitive.
"""

_BEGINNING = """
[gateway]
state_dir = /var/lib/iobuffer

[source:chem-1]
type = tcp_server
port = 5000

[destination:chem-1:archive]
type = file
path = /var/lib/iobuffer-archive/{channel}/%Y-%m-%d.txt
"""


def example(kinds: Kinds) -> str:
    """The whole file."""
    return "\n".join(_file(kinds)).rstrip() + "\n"


def _file(kinds: Kinds) -> Iterator[str]:
    for line in _INTRODUCTION.strip().splitlines():
        yield f"; {line}".rstrip()
    yield ""
    yield from _rule("A whole configuration: lines over TCP, into a file for each day")
    yield _BEGINNING
    found = catalogue(kinds)
    for section in found.sections:
        yield from _section(section)
    for chapter in found.chapters:
        yield from _chapter(chapter)


def _section(section: Section) -> Iterator[str]:
    header = section.header.replace("CHANNEL", "chem-1").replace("NAME", "lis")
    type_line = f"type = {section.type_name}" if section.type_name else ""
    yield from _rule(f"[{section.header}] {type_line}")
    yield from _comment(section.text)
    yield ""
    yield f";[{header}]"
    if type_line:
        yield f";{type_line}"
    yield ""
    yield from _entries(section.entries)


def _chapter(chapter: Chapter) -> Iterator[str]:
    for section in chapter.sections:
        yield from _rule(section.title)
        yield from _comment(section.text)
        if section is chapter.sections[0]:
            users = ", ".join(user.title for user in chapter.users)
            yield from _comment(f"Part of: {users}.")
        yield ""
        if not chapter.is_group:
            yield f";{chapter.name} = {section.type_name}"
            yield ""
        yield from _entries(section.entries)


def _entries(entries: Iterable[Entry]) -> Iterator[str]:
    told_elsewhere: dict[str, list[str]] = {}
    for entry in entries:
        lines = _option_lines(entry)
        if entry.told_in is None:
            yield from _comment(entry.spec.help)
            yield from _comment(_expected(entry))
            yield from lines
            yield ""
        elif lines:
            told_elsewhere.setdefault(entry.told_in.title, []).extend(lines)
    for title, lines in told_elsewhere.items():
        yield from _comment(f"As told under {title}:")
        yield from lines
        yield ""


def _option_lines(entry: Entry) -> list[str]:
    if isinstance(entry.spec, Group):
        return []
    value, is_default = example_of(entry.spec)
    line = f";{entry.name} = {value}".rstrip()
    if entry.told_in is None or is_default:
        return [line]
    return ["; (left out by default; an example)", line]


def _expected(entry: Entry) -> str:
    """The sentence between an option's help and its line."""
    spec = entry.spec
    title = entry.chapter.title if entry.chapter else ""
    if isinstance(spec, Group):
        return f"{entry.name}.*: see {title}, further down."
    _, is_default = example_of(spec)
    if isinstance(spec, Variant):
        words = f"One of {', '.join(spec.kinds)}: see {title}, further down."
        return words if is_default else f"{words} Left out by default; an example:"
    words = spec.converter.expects
    words = f"{words[:1].upper()}{words[1:]}."
    if spec.secret:
        words += f" Also as {entry.name}_file or {entry.name}_credential."
    if spec.default is REQUIRED:
        return f"{words} Required; an example:"
    if is_default:
        return words
    default = spec.default_words
    left_out = f"Default: {default}" if default else "Left out by default"
    return f"{words} {left_out}; an example:"


def _rule(title: str) -> Iterator[str]:
    yield f"; -- {title.strip()} ".ljust(_WIDTH, "-")


def _comment(text: str) -> Iterator[str]:
    """The paragraphs of a text, each line behind `; `."""
    paragraphs = [part for part in re.split(r"\n\s*\n", text.strip()) if part]
    for number, paragraph in enumerate(paragraphs):
        if number:
            yield ";"
        yield from wrap(
            " ".join(paragraph.replace("``", "`").split()),
            _WIDTH,
            initial_indent="; ",
            subsequent_indent="; ",
            break_long_words=False,
            break_on_hyphens=False,
        )
