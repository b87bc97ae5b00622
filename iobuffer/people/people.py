"""Everything about people in one place: what the web asks."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import attrs

from .audit import AuditLog
from .backoff import LoginBackoff
from .errors import PeopleError, TryLater
from .passwords import Passwords
from .person import Person, Role, check_name
from .recent import RecentPasswords
from .sessions import Sessions
from .set_up import SetUp
from .tokens import Tokens
from .users import User, Users

__all__ = ["People", "SignedIn"]


@attrs.frozen
class SignedIn(Person):
    """Somebody with a session. A change must bring `csrf` along in a header."""

    csrf: str = ""


class People:
    """Users, tokens, sessions and the audit log of one state directory.

    Args:
        wall: epoch seconds, for labels and for the end of a token.
        seconds: a clock that only goes forward, for sessions and pauses.
        passwords: judges and hashes them; tests give a quick one.
    """

    def __init__(
        self,
        state_dir: Path,
        *,
        wall: Callable[[], float],
        seconds: Callable[[], float],
        passwords: Passwords | None = None,
    ) -> None:
        self.state_dir = state_dir
        self.users = Users(state_dir)
        self.tokens = Tokens(state_dir)
        self.sessions = Sessions()
        self.backoff = LoginBackoff()
        self.audit = AuditLog(state_dir, wall=wall)
        self.set_up = SetUp(state_dir, self.users)
        self.passwords = passwords or Passwords()
        self._recent = RecentPasswords()
        self._wall = wall
        self._seconds = seconds

    @contextlib.contextmanager
    def noted(self, who: str, what: str, detail: str) -> Iterator[None]:
        """Write down what the block does before it is done; if it was refused, that
        too. Blocks for a sync.

        Raises:
            AuditError: it cannot be written down; the block does not run.
        """
        self.audit.append(who, what, detail)
        try:
            yield
        except PeopleError as error:
            self.audit.append(who, f"{what}: refused", str(error))
            raise

    def has_password(self) -> bool:
        """Whether anybody can sign in."""
        return any(not user.disabled for user in self.users.list())

    def authenticate(self, name: str, password: str, address: str) -> Person | None:
        """Whose name and password these are. Blocks; for a thread. The audit log is
        told, both ways.

        The work and the answer are the same for an unknown or disabled user as for a
        wrong password.

        Raises:
            TryLater: too many attempts for this account or from this address, or too
                many at once; nothing was looked at.
        """
        name = name.lower()
        kept = self.users.password_of(name)
        # First, or guessing at what was right a moment ago would be fast.
        self._heed(
            name, address, self.backoff.pause(name, address, now=self._seconds())
        )
        if kept and self._recent.holds(kept, password, now=self._seconds()):
            return self._person(name)
        self._attempt(name, address)
        if not self.passwords.verify(kept, password):
            self.audit.note(name[:64], "sign in: refused", f"from {address}")
            return None
        self.backoff.succeeded(name, address)
        self._recent.add(kept, password, now=self._seconds())
        self.audit.note(name, "sign in", f"from {address}")
        return self._person(name)

    def stands(self, name: str, generation: int) -> bool:
        """Whether this user is as he was when he showed his password: not removed,
        disabled or changed since."""
        person = self._person(name)
        return person is not None and person.generation == generation

    def token(self, secret: str) -> Person | None:
        """Whose token this is, if it is good now."""
        return self.tokens.find(secret, at=self._wall())

    def open_session(self, person: Person, before: str = "") -> tuple[str, SignedIn]:
        """A new session for somebody who has just shown who he is.

        Args:
            before: the id that his browser came with; that session ends.

        Returns:
            The id for the cookie, and who is signed in.
        """
        id, session = self.sessions.open(
            person.name, person.generation, now=self._seconds(), before=before
        )
        return id, _signed_in(person, session.csrf)

    def session(self, secret: str, *, seen: bool = True) -> SignedIn | None:
        """Whose session this is, if it holds: not idle or old, the user neither changed
        nor disabled since it began, here or by the command line. Without `seen` it goes
        on being as idle as it was."""
        session = self.sessions.find(secret, now=self._seconds(), seen=seen)
        if session is None:
            return None
        person = self._person(session.name)
        if person is None or person.generation != session.generation:
            # This one alone: he may have signed in anew since the change.
            self.sessions.close(secret)
            return None
        return _signed_in(person, session.csrf)

    def put_user(
        self,
        name: str,
        *,
        password: str = "",
        role: str | None = None,
        channels: tuple[str, ...] | None = None,
        disabled: bool | None = None,
        only_first: bool = False,
    ) -> User:
        """Add or change a user. Blocks for the hash if there is a password.

        Raises:
            PeopleError: the name, password, role or channels will not do.
        """
        name = check_name(name)
        hashed = ""
        if password:
            self.passwords.check(name, password)
            hashed = self.passwords.hash(password)
        user = self.users.put(
            name,
            password_hash=hashed,
            role=role,
            channels=channels,
            disabled=disabled,
            at=self._wall(),
            only_first=only_first,
        )
        self.sessions.close_user(name)
        return user

    def set_disabled(self, name: str, disabled: bool) -> User:
        """Keep a user out, or let him in again."""
        user = self.users.set_disabled(name, disabled, at=self._wall())
        self.sessions.close_user(user.name)
        return user

    def remove_user(self, name: str) -> None:
        """Forget a user and end his sessions."""
        self.users.remove(name)
        self.sessions.close_user(name.lower())

    def first_user(self, secret: str, name: str, password: str, address: str) -> User:
        """The first administrator, by the set-up link. Blocks.

        Raises:
            PeopleError: the link is not good, or name or password will not do.
            TryLater: too many attempts from this address.
        """
        self._attempt("set up", address)
        self.set_up.check(secret)
        self.backoff.succeeded("set up", address)
        name = check_name(name)
        self.passwords.check(name, password)
        self.audit.append(name, "set up", f"first administrator, from {address}")
        user = self.put_user(
            name, password=password, role=Role.ADMIN.value, only_first=True
        )
        self.set_up.done()
        return user

    def _attempt(self, name: str, address: str) -> None:
        self._heed(
            name, address, self.backoff.attempt(name, address, now=self._seconds())
        )

    def _heed(self, name: str, address: str, refused: tuple[float, bool]) -> None:
        wait_seconds, first = refused
        if wait_seconds > 0:
            if first:
                # Once in each pause: a flood of attempts must not fill the disk.
                self.audit.note(name[:64], "sign in: paused", f"from {address}")
            raise TryLater(wait_seconds)

    def _person(self, name: str) -> Person | None:
        user = self.users.find(name)
        if user is None or user.disabled:
            return None
        return user.person()


def _signed_in(person: Person, csrf: str) -> SignedIn:
    return SignedIn(person.name, person.role, person.channels, person.generation, csrf)
