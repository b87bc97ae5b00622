"""Which passwords will do, and their hashes (argon2id, RFC 9106).

Hashing takes about a fifth of a second and 64 MiB by intent: call it in a thread. Two
hash at once, a few more wait, and beyond that nobody is heard: to sign in must not take
the processor from the messages, nor all threads.
"""

from __future__ import annotations

import base64
import contextlib
import secrets
import string
import threading
import unicodedata
from collections.abc import Iterator

from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError

from .errors import PeopleError, TryLater

__all__ = ["MAX_PASSWORD_CHARACTERS", "MIN_PASSWORD_CHARACTERS", "Passwords"]

MIN_PASSWORD_CHARACTERS = 12
#: What anybody may make us hash.
MAX_PASSWORD_CHARACTERS = 1024
_AT_ONCE = 2
_WAITING = 4
_BUSY_SECONDS = 2.0

#: What the commonest passwords are made of, once digits and punctuation are taken off;
#: every one of the usual lists that is long enough reduces to one of these.
_COMMONEST = """
password passwort passw pass passphrase admin administrator root welcome welcometo
letmein changeme change qwerty qwertyuiop qwertz qwertyqwerty qwertyasdfgh azerty
asdfghjkl asdfgh zxcvbnm qazwsx qazwsxedc qwer iloveyou monkey dragon football
baseball basketball superman batman starwars sunshine princess master trustno
whatever michael jordan jennifer summer winter spring autumn january december secret
secretpassword mypassword newpassword defaultpassword default guest test testtest
testpassword adminadmin adminpassword hospital laboratory iobuffer gateway abc abcd
abcdef abcdefgh abcdefghijkl passwordpassword unknown correcthorsebatterystaple
"""
_LEET = str.maketrans("@$0134!57", "asoleaist")
_RUNS = ("0123456789" * 3, "9876543210" * 3, "abcdefghijklmnopqrstuvwxyz")


def _core(text: str) -> str:
    """Without what is put around a word so that a rule is content."""
    return text.strip(string.digits + string.punctuation + " ")


def _stripped(text: str) -> str:
    return "".join(letter for letter in text if letter.isalpha())


class Passwords:
    """Judges, hashes and verifies; safe from any thread.

    Args:
        hasher: the parameters; those of RFC 9106 for little memory, on one lane, as
            the other core has messages to move.
    """

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher(
            time_cost=3, memory_cost=64 * 1024, parallelism=1, type=Type.ID
        )
        self._commonest = frozenset(_COMMONEST.split())
        self._nobody = _stand_in(self._hasher)
        self._turns = threading.BoundedSemaphore(_AT_ONCE)
        self._places = threading.BoundedSemaphore(_AT_ONCE + _WAITING)

    def check(self, name: str, password: str) -> None:
        """Raises PeopleError with the reason if it will not do for this user."""
        password = _normal(password)
        if len(password) < MIN_PASSWORD_CHARACTERS:
            raise PeopleError(
                f"a password has at least {MIN_PASSWORD_CHARACTERS} characters; "
                "a few words in a row are easy to remember"
            )
        if len(password) > MAX_PASSWORD_CHARACTERS:
            raise PeopleError(
                f"a password has at most {MAX_PASSWORD_CHARACTERS} characters"
            )
        plain = password.lower()
        if name and name in plain and not _stripped(plain.replace(name, "")):
            raise PeopleError("a password is not the user's name, nor that and digits")
        if len(set(plain)) < 5 or any(plain in run for run in _RUNS):
            raise PeopleError("a password is not the same few characters over again")
        bare = {_stripped(plain), _stripped(_core(plain).translate(_LEET))}
        if not self._commonest.isdisjoint(bare):
            raise PeopleError("this is one of the commonest passwords")

    def hash(self, password: str) -> str:
        """The text to keep. Blocks for about a fifth of a second.

        Raises:
            TryLater: too many are at it.
        """
        with self._turn():
            return self._hasher.hash(_normal(password))

    def verify(self, kept: str, password: str) -> bool:
        """Is this the password whose hash was kept? Blocks as `hash` does.

        With nothing kept (no such user, or a disabled one) the same work is done and
        the answer is no, so that the time tells nothing.

        Raises:
            TryLater: too many are at it.
        """
        if len(password) > MAX_PASSWORD_CHARACTERS:
            password = ""
        with self._turn():
            try:
                self._hasher.verify(kept or self._nobody, _normal(password))
            except (VerificationError, InvalidHashError):
                return False
        return bool(kept)

    @contextlib.contextmanager
    def _turn(self) -> Iterator[None]:
        if not self._places.acquire(blocking=False):
            raise TryLater(_BUSY_SECONDS, "too many passwords are being checked")
        try:
            with self._turns:
                yield
        finally:
            self._places.release()


def _stand_in(hasher: PasswordHasher) -> str:
    """A hash of no password, which costs `hasher` what any other of its own does."""
    salt, hash = (
        base64.b64encode(secrets.token_bytes(count)).decode().rstrip("=")
        for count in (hasher.salt_len, hasher.hash_len)
    )
    costs = f"m={hasher.memory_cost},t={hasher.time_cost},p={hasher.parallelism}"
    return f"$argon2id$v=19${costs}${salt}${hash}"


def _normal(password: str) -> str:
    # Two keyboards may write one letter as different code points (NIST 800-63B 5.1.1).
    return unicodedata.normalize("NFKC", password)
