"""Who is signed in, in memory: a restart signs everybody out.

`now` is seconds of a clock that only goes forward.
"""

from __future__ import annotations

import hashlib
import secrets
import threading

import attrs

__all__ = ["Session", "Sessions"]


@attrs.define
class Session:
    """`generation` is that of the user when he signed in; once his differs, this is
    over. `csrf` is what a change must bring along in a header."""

    name: str
    generation: int
    csrf: str
    opened_at: float
    seen_at: float


class Sessions:
    """Opens, finds and ends them; safe to call from any thread.

    Memory is bounded: beyond `max_sessions` the one that was idle longest ends, and a
    user has at most `max_per_user`.
    """

    def __init__(
        self,
        *,
        idle_seconds: float = 15 * 60,
        absolute_seconds: float = 12 * 3600,
        max_sessions: int = 1000,
        max_per_user: int = 20,
    ) -> None:
        self._idle_seconds = idle_seconds
        self._absolute_seconds = absolute_seconds
        self._max_sessions = max_sessions
        self._max_per_user = max_per_user
        # By the hash of the id, so that how long a look-up takes says nothing of an id.
        self._sessions: dict[bytes, Session] = {}
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._sessions)

    def open(
        self, name: str, generation: int, *, now: float, before: str = ""
    ) -> tuple[str, Session]:
        """A new session and its id, 256 random bits, for the cookie.

        Args:
            before: the id that the browser came with, which ends here; whoever planted
                it has nothing of it.
        """
        id = secrets.token_urlsafe(32)
        session = Session(name, generation, secrets.token_urlsafe(32), now, now)
        with self._lock:
            self._sessions.pop(_key(before), None)
            self._drop_expired(now)
            mine = [key for key, one in self._sessions.items() if one.name == name]
            if len(mine) >= self._max_per_user:
                self._drop_idlest(mine)
            elif len(self._sessions) >= self._max_sessions:
                self._drop_idlest(list(self._sessions))
            self._sessions[_key(id)] = session
        return id, session

    def find(self, id: str, *, now: float, seen: bool = True) -> Session | None:
        """The session of this id, None once it is over.

        Args:
            seen: somebody asked for something with it, so it is not idle.
        """
        key = _key(id)
        with self._lock:
            session = self._sessions.get(key)
            if session is None:
                return None
            if self._is_over(session, now):
                del self._sessions[key]
                return None
            if seen:
                session.seen_at = now
            return session

    def close(self, id: str) -> Session | None:
        """End it; the session that was, if it was."""
        with self._lock:
            return self._sessions.pop(_key(id), None)

    def close_user(self, name: str) -> int:
        """End all sessions of a user; how many there were."""
        with self._lock:
            keys = [key for key, one in self._sessions.items() if one.name == name]
            for key in keys:
                del self._sessions[key]
            return len(keys)

    def _is_over(self, session: Session, now: float) -> bool:
        return (
            now - session.seen_at >= self._idle_seconds
            or now - session.opened_at >= self._absolute_seconds
        )

    def _drop_expired(self, now: float) -> None:
        over = [key for key, one in self._sessions.items() if self._is_over(one, now)]
        for key in over:
            del self._sessions[key]

    def _drop_idlest(self, keys: list[bytes]) -> None:
        del self._sessions[min(keys, key=lambda key: self._sessions[key].seen_at)]


def _key(id: str) -> bytes:
    return hashlib.sha256(id.encode("utf-8", "surrogatepass")).digest()
