"""Answers of the API, made of real ones, for what a small laboratory does not come to:
eight destinations, a ledger with a difference, two hundred channels."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

__all__ = ["QUIET", "answering", "destination", "many"]

#: Instead of the browser's EventSource: one that says what a test has it say.
QUIET = """
window.EventSource = class extends EventTarget {
  static CLOSED = 2;
  constructor(url) {
    super();
    (window.streams ||= {})[new URL(url, location).pathname] = this;
    setTimeout(() => this.onopen?.());
  }
  say(name, data) {
    this.dispatchEvent(new MessageEvent(name, { data: JSON.stringify(data) }));
  }
  close() {}
};
"""


def _give(value: Any, route: Any) -> None:
    route.fulfill(json=value)


def answering(values: Mapping[str, Any], *, live: bool = True) -> Callable[[Any], None]:
    """Have a page get these for paths of the API, whatever the query. Without `live`
    nothing comes by itself, so that what was answered stays."""

    def before(page: Any) -> None:
        if not live:
            page.add_init_script(QUIET)
        for path, value in values.items():
            page.route(
                re.compile(rf"{re.escape(path)}(\?.*)?$"),
                partial(_give, value),
            )

    return before


def destination(
    like: Mapping[str, Any], word: str = "running", reason: str = "", **changed: Any
) -> dict[str, Any]:
    """A destination like that one, in another state."""
    found = copy.deepcopy(dict(like))
    found["state"] = found["state"] | {"word": word, "reason": reason}
    found["ledger"] = found["ledger"] | changed.pop("ledger", {})
    found["counters"] = found["counters"] | changed.pop("counters", {})
    return found | changed


def many(like: Mapping[str, Any], count: int) -> list[dict[str, Any]]:
    """Channels of four wards, each like that one and all well."""
    found = []
    for number in range(1, count + 1):
        one = copy.deepcopy(dict(like))
        one["name"] = f"ward{number % 4}-{number}"
        one["state"] = one["state"] | {"word": "running", "reason": ""}
        for part in one["parts"].values():
            if part["kind"] == "destination":
                part["ledger"]["parked"] = 0
        found.append(one)
    return found
