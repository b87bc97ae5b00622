"""The users, in `users.json` under the state directory.

There is no default user: the first one comes by the set-up link or by
`iobuffer passwd`.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import attrs

from .errors import PeopleError
from .person import Person, Role, check_name, check_scope
from .state_file import StateFile

__all__ = ["User", "Users"]


@attrs.frozen
class User:
    """An entry of the file, as it may be shown: without the password."""

    name: str
    role: Role
    channels: tuple[str, ...]
    disabled: bool
    created_at: float
    changed_at: float
    generation: int

    def person(self) -> Person:
        """Who this is once he has shown it."""
        return Person(self.name, self.role, self.channels, self.generation)


class Users:
    """Reads and changes the file. Every change is synced when its call returns.

    Every method may raise StateFileError.
    """

    def __init__(self, state_dir: Path) -> None:
        self._file = StateFile(state_dir, "users")

    def list(self) -> list[User]:
        """All of them, by name."""
        entries = self._file.read()
        return [_user(name, entries[name]) for name in sorted(entries)]

    def find(self, name: str) -> User | None:
        """The user of this name, disabled or not."""
        entry = self._file.read().get(name.lower())
        return None if entry is None else _user(name.lower(), entry)

    def password_of(self, name: str) -> str:
        """The kept hash; empty for nobody and for the disabled."""
        entry = self._file.read().get(name.lower())
        if entry is None or entry.get("disabled"):
            return ""
        return str(entry.get("password", ""))

    def put(
        self,
        name: str,
        *,
        password_hash: str = "",
        role: str | None = None,
        channels: Iterable[str] | None = None,
        disabled: bool | None = None,
        at: float,
        only_first: bool = False,
    ) -> User:
        """Add a user, or change one; what is not given stays as it is.

        A new password also enables, unless `disabled` says no. Any change ends the
        user's sessions.

        Args:
            role: for a new user, "viewer" if not given.
            only_first: refuse if there is a user already; for the set-up link.

        Raises:
            PeopleError: not a name or a role, a new user without a password, or the
                last administrator would be gone.
        """
        name = check_name(name)
        with self._file.change() as entries:
            if only_first and _has_admin(entries):
                raise PeopleError("there is an administrator already")
            before = entries.get(name)
            if before is None and not password_hash:
                raise PeopleError(
                    f"there is no user {name}; a new one needs a password"
                )
            entry = before or {"created_at": at, "generation": 0, "disabled": False}
            if role is None:
                role = str(entry.get("role", Role.VIEWER))
                if channels is None:
                    channels = entry.get("channels", ())
            elif channels is None:
                kept = role == entry.get("role")
                channels = entry.get("channels", ()) if kept else ()
            known, bound = check_scope(role, channels)
            had_admin = _has_admin(entries)
            entry |= {"role": known.value, "channels": bound}
            if password_hash:
                entry |= {"password": password_hash, "disabled": False}
            if disabled is not None:
                entry["disabled"] = disabled
            _touch(entry, at)
            entries[name] = entry
            _keep_an_admin(had_admin, entries)
            return _user(name, entry)

    def set_disabled(self, name: str, disabled: bool, *, at: float) -> User:
        """Keep a user out, or let him in again.

        Raises:
            PeopleError: no such user, or he is the last administrator.
        """
        with self._file.change() as entries:
            entry = _entry(entries, name)
            had_admin = _has_admin(entries)
            entry["disabled"] = disabled
            _touch(entry, at)
            _keep_an_admin(had_admin, entries)
            return _user(name.lower(), entry)

    def remove(self, name: str) -> None:
        """Forget a user.

        Raises:
            PeopleError: no such user, or he is the last administrator.
        """
        with self._file.change() as entries:
            _entry(entries, name)
            had_admin = _has_admin(entries)
            del entries[name.lower()]
            _keep_an_admin(had_admin, entries)


def _user(name: str, entry: dict[str, Any]) -> User:
    try:
        return User(
            name=name,
            role=Role(entry["role"]),
            channels=tuple(entry.get("channels", ())),
            disabled=bool(entry.get("disabled")),
            created_at=float(entry.get("created_at", 0)),
            changed_at=float(entry.get("changed_at", 0)),
            generation=int(entry.get("generation", 0)),
        )
    except (KeyError, ValueError, TypeError) as error:
        raise PeopleError(f"users.json: {name}: {error}") from error


def _entry(entries: dict[str, dict[str, Any]], name: str) -> dict[str, Any]:
    if name.lower() not in entries:
        raise PeopleError(f"there is no user {name}")
    return entries[name.lower()]


def _touch(entry: dict[str, Any], at: float) -> None:
    entry["changed_at"] = at
    # Random, not counted: a user who is removed and made again is another one.
    entry["generation"] = secrets.randbits(48)


def _has_admin(entries: dict[str, dict[str, Any]]) -> bool:
    return any(
        entry.get("role") == Role.ADMIN.value
        and not entry.get("disabled")
        and entry.get("password")
        for entry in entries.values()
    )


def _keep_an_admin(had_admin: bool, entries: dict[str, dict[str, Any]]) -> None:
    # Raised within change(), so nothing is written.
    if had_admin and not _has_admin(entries):
        raise PeopleError(
            "this is the last administrator; make somebody else one first"
        )
