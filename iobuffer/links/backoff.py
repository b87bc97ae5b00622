"""How long to wait before the next attempt."""

from __future__ import annotations

import random as _random
from collections.abc import Callable

__all__ = ["STEADY_SECONDS", "Backoff"]

#: A connection that lasted this long was a good one: the next pause is short again. A
#: server that takes connections only to drop them is not tried in a tight circle.
STEADY_SECONDS = 10.0


class Backoff:
    """Pauses that grow by `factor` up to `max_seconds`, and are never longer.

    Jitter only shortens: each pause is between `(1 - jitter)` and the whole of what is
    due, so that a hundred gateways do not come back in step after a power cut.

    Args:
        random: gives a float in [0, 1), such as `random.random`.
    """

    def __init__(
        self,
        *,
        initial_seconds: float = 0.5,
        max_seconds: float = 60.0,
        factor: float = 2.0,
        jitter: float = 0.2,
        random: Callable[[], float] = _random.random,
    ) -> None:
        self._initial_seconds = min(initial_seconds, max_seconds)
        self._max_seconds = max_seconds
        self._factor = factor
        self._jitter = jitter
        self._random = random
        self._due_seconds = self._initial_seconds

    def next(self) -> float:
        """Seconds to wait now; the one after that is longer."""
        due_seconds = self._due_seconds
        self._due_seconds = min(due_seconds * self._factor, self._max_seconds)
        return due_seconds * (1.0 - self._jitter * self._random())

    def reset(self) -> None:
        """What was tried works: begin again with the shortest pause."""
        self._due_seconds = self._initial_seconds
