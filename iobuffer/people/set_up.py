"""The first administrator: a one-time link, as there is no default user.

While no administrator can sign in, a secret lies in `setup-token` (mode 0600) under the
state directory. Whoever can read it, or the line that was printed at the start, makes
the first user; then the file is gone.
"""

from __future__ import annotations

import hmac
import secrets
from pathlib import Path

from .errors import PeopleError, StateFileError
from .person import Role
from .state_file import locked, write_private
from .users import Users

__all__ = ["SetUp"]

_NAME = "setup-token"


class SetUp:
    """The secret of the link. Methods may raise StateFileError."""

    def __init__(self, state_dir: Path, users: Users) -> None:
        self.path = state_dir / _NAME
        self._state_dir = state_dir
        self._users = users

    def needed(self) -> bool:
        """Is there nobody yet who could let others in?"""
        return not any(
            user.role is Role.ADMIN and not user.disabled for user in self._users.list()
        )

    def begin(self) -> str:
        """The secret for the link, the same one until it is used; empty if there is an
        administrator, and then its file is gone too. For the start of a gateway."""
        with locked(self._state_dir):
            if not self.needed():
                self._forget()
                return ""
            kept = self._kept()
            if not kept:
                kept = secrets.token_urlsafe(32)
                write_private(self.path, kept.encode() + b"\n")
            return kept

    def check(self, secret: str) -> None:
        """Raises PeopleError unless this is the secret and it may still be used."""
        kept = self._kept() if self.needed() else ""
        same = hmac.compare_digest(
            secret.encode("utf-8", "surrogatepass"), (kept or "-").encode()
        )
        if not kept or not same:
            raise PeopleError(
                "this link has been used, or is not the one that the gateway printed; "
                f"the secret of a good one is in {_NAME} in its state directory"
            )

    def done(self) -> None:
        """The link was used."""
        with locked(self._state_dir):
            self._forget()

    def _kept(self) -> str:
        try:
            return self.path.read_text("ascii").strip()
        except FileNotFoundError:
            return ""
        except (OSError, UnicodeDecodeError) as error:
            raise StateFileError(f"{self.path} cannot be read: {error}") from error

    def _forget(self) -> None:
        try:
            self.path.unlink(missing_ok=True)
        except OSError as error:
            raise StateFileError(f"{self.path}: {error.strerror}") from error
