"""On which line of a JSON text each of its names stands.

`json` keeps no places. This looks once more over a text that `json` has read, and only
when there is something to tell of it.
"""

from __future__ import annotations

import json
import re
from functools import cached_property

from .words import plain

__all__ = ["Positions"]

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\]:]')


class Positions:
    """The lines of one JSON text that has no fault."""

    def __init__(self, text: str) -> None:
        self._text = text

    def line(self, path: str) -> int:
        """The line, from 1, of a dotted name such as `source.tls.cert`; of what is not
        there that of the nearest object around it, and 0 when there is none."""
        lines, _ = self._found
        while path and path not in lines:
            path = path.rpartition(".")[0]
        return lines.get(path, 0)

    @property
    def twice(self) -> list[tuple[str, int]]:
        """Names that stand a second time in one object, each with that line."""
        return self._found[1]

    @cached_property
    def _found(self) -> tuple[dict[str, int], list[tuple[str, int]]]:
        lines: dict[str, int] = {}
        twice: list[tuple[str, int]] = []
        # Of each object or list that is open: its name, and the names seen in it.
        around: list[tuple[str, set[str]]] = []
        name = string = ""
        line, counted, begin = 1, 0, 0
        for match in _TOKEN.finditer(self._text):
            token = match[0]
            if token in ("{", "["):
                around.append((name, set()))
                name = ""
            elif token in ("}", "]"):
                name, _ = around.pop()
            elif token == ":":
                name = plain(json.loads(string))
                line += self._text.count("\n", counted, begin)
                counted = begin
                path = ".".join(filter(None, [*(outer for outer, _ in around), name]))
                if name in around[-1][1]:
                    twice.append((path, line))
                around[-1][1].add(name)
                lines[path] = line
            else:
                string, begin = token, match.start()
        return lines, twice
