"""JSON text -> the object in it, with every syntax fault in words.

`json` gives a line and a column for a syntax error; an error about a value names its
path from the top of the file (`source.tls.cert`), and `Positions` finds the line.
"""

from __future__ import annotations

import json
from typing import Any

from .positions import Positions
from .raw import Report

__all__ = ["parse"]

#: Nothing of ours is a quarter as deep; whoever reads it may call himself for each.
_MAX_DEPTH = 32


def parse(text: str, report: Report) -> dict[str, Any] | None:
    """The object of a JSON text, or None when there is none to go on with.

    A key that stands twice in one object is an error; the last one is returned. The
    report knows the lines from then on.
    """
    twice = False

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        nonlocal twice
        found = dict(pairs)
        twice = twice or len(found) < len(pairs)
        return found

    def refuse(word: str) -> None:
        raise ValueError(f"{word} is not JSON")

    try:
        found = json.loads(text, object_pairs_hook=once, parse_constant=refuse)
    except json.JSONDecodeError as error:
        report.error(f"not JSON: {error.msg} (column {error.colno})", line=error.lineno)
    except ValueError as error:
        # NaN and Infinity, and numbers of more digits than Python converts.
        report.error(f"not JSON: {str(error).partition(';')[0]}")
    except RecursionError:
        report.error("not JSON that we read: nested too deeply")
    else:
        if _is_deep(found):
            report.error(f"nested more than {_MAX_DEPTH} deep")
        elif isinstance(found, dict):
            report.positions = Positions(text)
            for path, line in report.positions.twice if twice else ():
                report.error("given twice in one object", path, line)
            return found
        else:
            report.error("expected an object in { }")
    return None


def _is_deep(found: Any) -> bool:
    level = [found]
    for _ in range(_MAX_DEPTH + 1):
        level = [
            inner
            for one in level
            if isinstance(one, dict | list)
            for inner in (one.values() if isinstance(one, dict) else one)
        ]
        if not level:
            return False
    return True
