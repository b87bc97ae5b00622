"""API tokens, in `tokens.json`: for machines, which do not sign in.

A token is `iob_ID_SECRET`, the secret 256 random bits. Only its SHA-256 is kept: there
is nothing to guess, so a slow hash would buy nothing, and a check costs microseconds.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import attrs

from .errors import PeopleError
from .person import Person, Role, check_name, check_scope
from .state_file import StateFile

__all__ = ["DAY_SECONDS", "MAX_TOKEN_DAYS", "Token", "Tokens"]

DAY_SECONDS = 86400.0
MAX_TOKEN_DAYS = 3650
_PREFIX = "iob"
_MAX_TOKENS = 1000
_MAX_TEXT = 128


@attrs.frozen
class Token:
    """A token, as it may be shown. `expires_at` in epoch seconds."""

    id: str
    name: str
    role: Role
    channels: tuple[str, ...]
    created_at: float
    expires_at: float


class Tokens:
    """Reads and changes the file. Every method may raise StateFileError."""

    def __init__(self, state_dir: Path) -> None:
        self._file = StateFile(state_dir, "tokens")

    def list(self) -> list[Token]:
        """All of them, the oldest first, the expired ones too."""
        found = [_token(id, entry) for id, entry in self._file.read().items()]
        return sorted(found, key=lambda token: (token.created_at, token.id))

    def create(
        self,
        name: str,
        role: str,
        channels: Iterable[str],
        *,
        days: float,
        at: float,
    ) -> tuple[Token, str]:
        """A new token, and its text, which is never to be had again.

        Args:
            name: what it is for.
            days: how long it is good for.

        Raises:
            PeopleError: not a name or a role, too many tokens or days.
        """
        name = check_name(name)
        known, bound = check_scope(role, channels)
        if not 0 < days <= MAX_TOKEN_DAYS:
            raise PeopleError(f"a token is good for up to {MAX_TOKEN_DAYS} days")
        id = secrets.token_hex(6)
        text = f"{_PREFIX}_{id}_{secrets.token_urlsafe(32)}"
        with self._file.change() as entries:
            for old in [id for id in entries if entries[id]["expires_at"] <= at]:
                del entries[old]
            if len(entries) >= _MAX_TOKENS:
                raise PeopleError(f"there are {_MAX_TOKENS} tokens; revoke some first")
            entries[id] = {
                "name": name,
                "role": known.value,
                "channels": bound,
                "created_at": at,
                "expires_at": at + days * DAY_SECONDS,
                "sha256": _digest(text),
            }
            return _token(id, entries[id]), text

    def revoke(self, id: str) -> Token:
        """Make a token void.

        Raises:
            PeopleError: no such token.
        """
        with self._file.change() as entries:
            if id not in entries:
                raise PeopleError(f"there is no token {id}")
            return _token(id, entries.pop(id))

    def find(self, text: str, *, at: float) -> Person | None:
        """Who bears this token, if it is good at the time `at`."""
        if len(text) > _MAX_TEXT:
            return None
        words = text.split("_", 2)
        if len(words) != 3 or words[0] != _PREFIX:
            return None
        entry = self._file.read().get(words[1])
        # The same work for an id that is not there.
        kept = "" if entry is None else str(entry.get("sha256", ""))
        same = hmac.compare_digest(kept or "0" * 64, _digest(text))
        if entry is None or not kept or not same:
            return None
        token = _token(words[1], entry)
        if at >= token.expires_at:
            return None
        return Person(f"token:{token.name}", token.role, token.channels)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _token(id: str, entry: dict[str, Any]) -> Token:
    try:
        return Token(
            id=id,
            name=str(entry["name"]),
            role=Role(entry["role"]),
            channels=tuple(entry["channels"]),
            created_at=float(entry["created_at"]),
            expires_at=float(entry["expires_at"]),
        )
    except (KeyError, ValueError, TypeError) as error:
        raise PeopleError(f"tokens.json: {id}: {error}") from error
