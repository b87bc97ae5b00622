"""What was last said of a host, so that it is said once and not at every attempt."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

__all__ = ["Complaints"]

#: A scanner with many addresses makes the oldest be forgotten.
_REMEMBERED_HOSTS = 1024


class Complaints:
    """Logs what is new about a host, and keeps quiet while it stays the same.

    Args:
        log: `log(level, text)`.
    """

    def __init__(self, log: Callable[[str, str], None]) -> None:
        self._log = log
        self._said: OrderedDict[str, str] = OrderedDict()

    def say(self, host: str, text: str, level: str = "warn") -> None:
        """Log it, unless it is what was last said of this host."""
        if self._said.get(host) != text:
            self._log(level, text)
        self._said[host] = text
        self._said.move_to_end(host)
        if len(self._said) > _REMEMBERED_HOSTS:
            self._said.popitem(last=False)

    def forget(self, host: str) -> bool:
        """All is well with this host; True if that is news."""
        return self._said.pop(host, None) is not None
