"""INI text -> sections, with the line of every section and option.

`configparser` gives the values, but no line numbers for them, and it stops at the first
fault. So the lines are read here once by its rules (a test holds the two together),
what is faulty is reported and blanked, and `configparser` reads the rest.

The grammar: `[section]`, `option = value`; `#` and `;` begin a comment at the start of
a line, a `;` behind a blank also behind a value; a value goes on in indented lines. No
interpolation, no section of defaults; names are case-sensitive.
"""

from __future__ import annotations

import configparser
import re

import attrs

from .raw import Node, Report, put
from .words import plain

__all__ = ["Section", "parse"]

_INLINE_COMMENT = re.compile(r"(?:^|\s);.*$", re.DOTALL)
_LOOKS_LIKE_AN_OPTION = re.compile(r"[a-z][a-z0-9_.]*\s*=")


@attrs.define
class Section:
    """One section: `[source:chem-1]` has two words. `root` holds its options."""

    words: tuple[str, ...]
    root: Node
    report: Report

    @property
    def name(self) -> str:
        return ":".join(self.words)

    @property
    def place(self) -> str:
        """Where it stands, for an error about another one."""
        return f"{self.report.file}:{self.report.line}"


@attrs.define
class _Scan:
    """Numbers sections and options; reports and blanks what configparser would refuse.

    `options` holds, for each header as it is written, the line of each option.
    """

    report: Report
    lines: list[str]
    headers: dict[str, int] = attrs.Factory(dict)
    options: dict[str, dict[str, int]] = attrs.Factory(dict)
    #: The header that options belong to; None before the first and after a faulty one.
    header: str | None = None
    #: How far the option was indented whose value may go on; None: no value may.
    value_indent: int | None = None
    value_blanked: bool = False
    told_of_lost_options: bool = False

    def run(self) -> None:
        for number, line in enumerate(self.lines, 1):
            text = _INLINE_COMMENT.sub("", line).strip()
            if not text or text.startswith("#"):
                self.value_indent = None
                continue
            indent = len(line) - len(line.lstrip())
            if self.value_indent is not None and indent > self.value_indent:
                sound = self._continuation(text, number)
            elif text.startswith("["):
                self.value_indent = None
                sound = self._header(text, number)
                self.header = text[1:-1] if sound else None
            else:
                self.value_indent = indent
                sound = self._option(text, number)
                self.value_blanked = not sound
            if not sound:
                self.lines[number - 1] = ""

    def _continuation(self, text: str, number: int) -> bool:
        if not self.value_blanked and _LOOKS_LIKE_AN_OPTION.match(text):
            self.report.warning(
                "this indented line continues the value above it; if it is an option "
                "of its own, remove the blanks before it",
                line=number,
            )
        return not self.value_blanked

    def _header(self, text: str, number: int) -> bool:
        # What stands below a faulty header is skipped in silence: it has been told.
        self.told_of_lost_options = True
        header = text[1:-1]
        name = ":".join(_words(header))
        if not text.endswith("]") or not header.strip():
            self.report.error("expected `[section]`", line=number)
            return False
        if name in self.headers:
            self.report.error(
                f"section [{plain(name)}] given twice; "
                f"see {self.report.file}:{self.headers[name]}",
                line=number,
            )
            return False
        self.headers[name] = number
        self.options[header] = {}
        return True

    def _option(self, text: str, number: int) -> bool:
        name, equals, _ = text.partition("=")
        name = name.strip()
        if self.header is None:
            if not self.told_of_lost_options:
                self.told_of_lost_options = True
                self.report.error("expected a `[section]` before this", line=number)
            return False
        if not equals or not name:
            # The line itself is not quoted: it may be part of a password.
            self._in_section("expected `option = value`", "", number)
            return False
        known = self.options[self.header]
        if name in known:
            first = f"{self.report.file}:{known[name]}"
            self._in_section(f"given twice; see {first}", plain(name), number)
            return False
        known[name] = number
        return True

    def _in_section(self, message: str, option: str, number: int) -> None:
        words = _words(self.header or "")
        report = attrs.evolve(self.report, section=plain(":".join(words)))
        report.error(message, option, number)


def _words(header: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in header.split(":"))


def parse(text: str, report: Report) -> list[Section]:
    """The sections of an INI text, in order.

    What is wrong with the lines themselves goes into `report`, which names the file.
    Each section has a report of its own that collects into the same list.
    """
    scan = _Scan(report, text.split("\n"))
    scan.run()
    values = configparser.RawConfigParser(
        strict=True,
        delimiters=("=",),
        comment_prefixes=("#", ";"),
        inline_comment_prefixes=(";",),
        empty_lines_in_values=False,
        # No header can hold a line break, so no section is one of defaults.
        default_section="\n",
    )
    values.optionxform = str  # type: ignore[assignment,method-assign]
    values.read_file(scan.lines, report.file)
    sections = []
    for header, lines in scan.options.items():
        words = _words(header)
        line = scan.headers[":".join(words)]
        own = attrs.evolve(report, section=plain(":".join(words)), line=line)
        root = Node("", line)
        for name, number in lines.items():
            put(root, name, values.get(header, name), number, own)
        sections.append(Section(words, root, own))
    return sections
