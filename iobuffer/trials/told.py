"""What a trial has told: kept, within bounds, for those who begin to listen later."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

import attrs

from ..web.answers import to_json

__all__ = ["Attempt", "Listener", "Told", "sentence"]

#: More than the budgets of a trial make (see source.py); a flapping link alone could
#: come here.
_MAX_EVENTS = 3000


class Listener(Protocol):
    """Who is told: a stream of events (web/api_live.py)."""

    @property
    def ready(self) -> bool:
        """Whether it can take more now."""

    def send(self, event: str, data: bytes) -> None:
        """Take an event."""

    def close(self) -> None:
        """There will be no more."""


class Attempt(Protocol):
    """What is tried. It tells by `Told`, and ends itself by what it was given."""

    def start(self) -> None:
        """Open it. What fails is told, and never raised."""

    def look(self, now: float) -> None:
        """Called ten times a second, with monotonic seconds."""

    def stop(self) -> Any:
        """Close it; a Deferred that fires when that is done."""

    @property
    def ok(self) -> bool | None:
        """Whether it works, as far as is known."""


def sentence(text: str) -> str:
    """With a capital and a full stop; an address or a path at its beginning stays."""
    if text.partition(" ")[0].isalpha():
        text = text[:1].upper() + text[1:]
    return text if text.endswith((".", "?")) else f"{text}."


@attrs.define(eq=False)
class Told:
    """Numbered events; of some kinds only the latest is kept."""

    wall: Any
    last: int = 0
    _events: dict[int, tuple[str, bytes]] = attrs.Factory(dict)
    _latest: dict[str, tuple[int, Any]] = attrs.Factory(dict)

    def say(self, event: str, **value: Any) -> None:
        """Tell it, with the time."""
        self._add(event, {"at": self.wall(), **value})

    def report(self, ok: bool | None, text: str) -> None:
        """Tell what was found out of a destination; None where nobody can know."""
        self.say("report", ok=ok, text=sentence(text))

    def end(self, ok: bool | None, reason: str) -> None:
        """Tell that it is over."""
        self.say("end", reason=sentence(reason), ok=ok)

    def say_latest(self, event: str, **value: Any) -> None:
        """Tell it instead of the one before; the same again tells nothing."""
        number, before = self._latest.get(event, (0, None))
        if before == value:
            return
        self._events.pop(number, None)
        self._add(event, value)
        self._latest[event] = (self.last, value)

    def after(self, number: int) -> Iterator[tuple[int, str, bytes]]:
        """What was told behind that number."""
        if number < self.last:
            for each, (event, data) in tuple(self._events.items()):
                if each > number:
                    yield each, event, data

    def _add(self, event: str, value: dict[str, Any]) -> None:
        self.last += 1
        self._events[self.last] = (event, to_json(value))
        if len(self._events) > _MAX_EVENTS:
            del self._events[next(iter(self._events))]
