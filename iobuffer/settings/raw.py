"""What a file says, before anything is known of its meaning; and the list of problems.

INI and JSON meet here: `tls.cert = x` and `"tls": {"cert": "x"}` are the same tree.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import attrs

from ..errors import Problem
from .positions import Positions
from .words import plain

__all__ = ["ABSENT", "Node", "Report", "from_object", "put"]

#: Nothing was written here (None is JSON's null).
ABSENT: Any = object()

#: More errors of one file than somebody reads are counted and not told; of
#: warnings likewise. What comes through the API is not written by us.
_MAX_TOLD = 100
#: Of a dotted name. None of ours comes near, and no tree is deeper than this.
_MAX_PATH = 256


@attrs.define
class Node:
    """What is written under one name: a value, options beneath it, or both.

    `framing = delimiter` with `framing.delimiter = ;` beside it is both. `path` is the
    dotted name from the top of the section or file; `line` is 0 where none is known.
    """

    path: str
    line: int = 0
    value: Any = ABSENT
    children: dict[str, Node] = attrs.Factory(dict)

    @property
    def given(self) -> bool:
        """True when anything at all was written here."""
        return self.value is not ABSENT or bool(self.children)

    def below(self, name: str) -> str:
        """The path of an option beneath this one."""
        return f"{self.path}.{name}" if self.path else name


@attrs.define
class Report:
    """Collects the problems of one section, or of one JSON file.

    `exposed` says in words why the text of `file` may hold no secret, or is empty.
    `positions` knows the lines of a JSON file.
    """

    file: str
    section: str = ""
    line: int = 0
    exposed: str = ""
    problems: list[Problem] = attrs.Factory(list)
    positions: Positions | None = None
    #: By severity; a section shares it with its file.
    noted: Counter[str] = attrs.Factory(Counter)

    def error(self, message: str, option: str = "", line: int = 0) -> None:
        """Note an error; without a line, at the head of the section."""
        self.add(Problem(message), option, line)

    def warning(self, message: str, option: str = "", line: int = 0) -> None:
        """Note what does not stop a start."""
        self.add(Problem(message, severity="warning"), option, line)

    def add(self, problem: Problem, option: str = "", line: int = 0) -> None:
        """Note a problem that has no place yet."""
        if self.positions is not None and option and not line:
            line = self.positions.line(option)
        self.noted[problem.severity] += 1
        if self.noted[problem.severity] > _MAX_TOLD:
            return
        if self.noted[problem.severity] == _MAX_TOLD:
            problem = Problem(
                "there is more; mend these first", severity=problem.severity
            )
        self.problems.append(
            attrs.evolve(
                problem,
                file=self.file,
                line=line or self.line,
                section=self.section,
                option=option,
            )
        )

    @property
    def errors(self) -> int:
        """How many errors there are so far, warnings not counted."""
        return self.noted["error"]

    @property
    def is_full(self) -> bool:
        """Whether another error would only be counted."""
        return self.errors >= _MAX_TOLD


def put(root: Node, name: str, value: Any, line: int, report: Report) -> None:
    """Hang a value, or an object's values, into the tree under a dotted name."""
    node = root
    if len(root.below(name)) > _MAX_PATH:
        report.error("longer than any name of an option", plain(name), line)
        return
    for part in name.split("."):
        if not part:
            report.error("not a name of an option", plain(root.below(name)), line)
            return
        node = node.children.setdefault(part, Node(node.below(part), line))
    if isinstance(value, Mapping):
        _hang(node, value, report)
    elif node.value is not ABSENT:
        report.error("given twice", node.path, line)
    else:
        node.value = value
        node.line = line


def _hang(root: Node, found: Mapping[str, Any], report: Report) -> None:
    for name, value in found.items():
        put(root, str(name), value, root.line, report)


def from_object(found: Mapping[str, Any], report: Report, path: str = "") -> Node:
    """The tree of a JSON object. A dotted key is the same as a nested one."""
    root = Node(path)
    _hang(root, found, report)
    return root
