"""Passwords that were right a moment ago, for those who send one with each request.

HTTP Basic does; a relay that polls would cost a fifth of a second of hashing each time.
What is kept is a keyed hash that means nothing outside this process.
"""

from __future__ import annotations

import hashlib
import secrets
import threading
from collections import OrderedDict

__all__ = ["RecentPasswords"]

_KEEP_SECONDS = 300.0
_MAX_KEPT = 256


class RecentPasswords:
    """Remembers what was verified, for five minutes; safe from any thread. `now` is
    seconds of a clock that only goes forward."""

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)
        self._until: OrderedDict[bytes, float] = OrderedDict()
        self._lock = threading.Lock()

    def holds(self, kept: str, password: str, *, now: float) -> bool:
        """Was `password` found to be that of the hash `kept`? After a change of the
        password the hash is another one, so the old one is never found."""
        with self._lock:
            return self._until.get(self._digest(kept, password), now) > now

    def add(self, kept: str, password: str, *, now: float) -> None:
        """It was just verified."""
        with self._lock:
            self._until[self._digest(kept, password)] = now + _KEEP_SECONDS
            while len(self._until) > _MAX_KEPT:
                self._until.popitem(last=False)

    def _digest(self, kept: str, password: str) -> bytes:
        text = f"{kept}\0{password}".encode("utf-8", "surrogatepass")
        return hashlib.blake2b(text, key=self._key, digest_size=32).digest()
