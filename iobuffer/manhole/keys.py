"""The keys of the manhole: its own, and those that open it."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import attrs
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from twisted.conch.ssh.keys import FingerprintFormats, Key

from ..errors import IobufferError
from ..people import StateFileError
from ..people.state_file import write_private
from .config import writable_by_others

__all__ = [
    "HOST_KEY",
    "AuthorizedKey",
    "KeyFileError",
    "authorized_keys",
    "fingerprint",
    "host_key",
]

#: In the state directory.
HOST_KEY = "manhole_host_key"


class KeyFileError(IobufferError):
    """A file of keys cannot be used; the message names it and the remedy."""


@attrs.frozen
class AuthorizedKey:
    """A public key, and the words behind it in the file: whose it is."""

    key: Key
    comment: str


def fingerprint(key: Key) -> str:
    """As ssh shows it: `SHA256:...`."""
    digest = key.public().fingerprint(FingerprintFormats.SHA256_BASE64)
    return "SHA256:" + digest.rstrip("=")


def host_key(state_dir: Path) -> Key:
    """The gateway's own ed25519 key; made at the first call, mode 0600.

    Raises:
        KeyFileError: it cannot be read or made, or others can read it.
    """
    path = state_dir / HOST_KEY
    try:
        if not path.exists():
            made = Key(Ed25519PrivateKey.generate())
            write_private(path, made.toString("openssh"))
        if stat.S_IMODE(path.stat().st_mode) & 0o077:
            raise KeyFileError(
                f"{path} is a private key that others may read; delete it, and a new "
                f"one is made"
            )
        text = path.read_bytes()
    except StateFileError as error:
        raise KeyFileError(str(error)) from error
    except OSError as error:
        raise KeyFileError(f"{path}: {error.strerror}") from error
    try:
        return Key.fromString(text)
    except Exception as error:
        # Conch has no one class for it: of one bit it is a struct.error, of another a
        # ValueError, and none of them may keep the gateway from starting.
        words = f"{path} is damaged ({error}); delete it, and a new one is made"
        raise KeyFileError(words) from error


def authorized_keys(path: Path) -> tuple[list[AuthorizedKey], list[str]]:
    """The keys in the file, and a sentence for each line that is none.

    Raises:
        KeyFileError: it cannot be read, or others than its owner can write it.
    """
    try:
        with path.open("rb") as file:
            if writable_by_others(os.fstat(file.fileno()).st_mode):
                words = f"others than the owner of {path} can write it"
                raise KeyFileError(f"{words}; chmod go-w {path}")
            text = file.read()
    except OSError as error:
        raise KeyFileError(f"{path}: {error.strerror}") from error
    problems: list[str] = []
    return list(_keys(path, text, problems)), problems


def _keys(path: Path, text: bytes, problems: list[str]) -> Iterator[AuthorizedKey]:
    for number, line in enumerate(text.splitlines(), 1):
        line = line.strip()
        if not line or line.startswith(b"#"):
            continue
        words = line.split(None, 2)
        if not words[0].startswith((b"ssh-", b"ecdsa-", b"sk-")):
            # An option is a restriction; to take the key without it would be worse
            # than not to take it.
            problems.append(
                f"{path}:{number}: not taken: expected a public key such as "
                f"ssh-ed25519 AAAA... name, without options before it"
            )
            continue
        try:
            key = Key.fromString(b" ".join(words[:2]), type="public_openssh")
        except Exception as error:
            # Whatever conch says of it (it has no one class for that), one line that
            # is no key must not shut out the others.
            problems.append(f"{path}:{number}: not taken: {error}")
            continue
        comment = words[2].decode(errors="replace") if len(words) > 2 else ""
        yield AuthorizedKey(key, comment)
