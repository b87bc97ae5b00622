"""Certificates and keys from files, with errors that name the file and the remedy."""

from __future__ import annotations

import os
import stat

import attrs
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

from ..errors import IobufferError

__all__ = [
    "Identity",
    "TlsError",
    "fingerprint",
    "load_certificates",
    "load_crls",
    "load_identity",
]


class TlsError(IobufferError):
    """TLS cannot be set up as configured; the message names the file and the remedy."""


@attrs.frozen(eq=False)
class Identity:
    """A certificate with its key, and the certificates that lead to its CA."""

    key: PrivateKeyTypes
    certificate: x509.Certificate
    chain: tuple[x509.Certificate, ...]

    @property
    def expires_at(self) -> float:
        """Epoch seconds after which nobody accepts it: the first of the chain to go."""
        return min(
            certificate.not_valid_after_utc.timestamp()
            for certificate in (self.certificate, *self.chain)
        )


def load_identity(cert: str, key: str | None, password: str | None) -> Identity:
    """A certificate, its chain and its key, checked to belong together.

    Without `key` the private key is looked for in the certificate's file.

    Raises:
        TlsError: a file is missing, unreadable, readable by everyone (the key), not
            PEM, or the two do not belong together.
    """
    certificate, *chain = load_certificates(cert, "certificate")
    key_path = key or cert
    data = _read(key_path, "key")
    _refuse_open_key(key_path)
    try:
        private_key = serialization.load_pem_private_key(
            data, password.encode() if password else None
        )
    except TypeError:
        if password:
            raise TlsError(
                f"key {key_path} has no password: leave out tls.key_password"
            ) from None
        raise TlsError(f"key {key_path} is encrypted: give tls.key_password") from None
    except (ValueError, UnsupportedAlgorithm) as error:
        if password:
            raise TlsError(
                f"key {key_path} cannot be opened with tls.key_password: {error}"
            ) from None
        raise TlsError(f"no private key in PEM found in {key_path}") from None
    if certificate.public_key() != private_key.public_key():
        raise TlsError(f"key {key_path} does not belong to certificate {cert}")
    return Identity(private_key, certificate, tuple(chain))


def load_certificates(path: str, what: str) -> list[x509.Certificate]:
    """All certificates of a PEM file, at least one. `what` words the errors.

    Raises:
        TlsError: the file is missing, unreadable, or holds no certificate.
    """
    data = _read(path, what)
    try:
        return x509.load_pem_x509_certificates(data)
    except ValueError:
        raise TlsError(f"no certificate in PEM found in {path} ({what})") from None


def load_crls(path: str) -> list[x509.CertificateRevocationList]:
    """All revocation lists of a PEM file, at least one.

    Raises:
        TlsError: the file is missing, unreadable, or holds no revocation list.
    """
    data = _read(path, "revocation list")
    end = b"-----END X509 CRL-----"
    try:
        found = [
            x509.load_pem_x509_crl(part + end)
            for part in data.split(end)
            if b"--" in part
        ]
    except ValueError:
        found = []
    if not found:
        raise TlsError(f"no revocation list in PEM found in {path}")
    return found


def fingerprint(paths: list[str]) -> tuple[tuple[int, ...], ...]:
    """What changes when one of the files is replaced or rewritten."""
    found: list[tuple[int, ...]] = []
    for path in paths:
        try:
            status = os.stat(path)
        except OSError as error:
            found.append((error.errno or 0,))
        else:
            found.append((status.st_mtime_ns, status.st_ino, status.st_size))
    return tuple(found)


def _read(path: str, what: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read()
    except FileNotFoundError:
        raise TlsError(f"{what} {path} is not there") from None
    except PermissionError:
        raise TlsError(
            f"{what} {path} may not be read by this program (user id {os.geteuid()})"
        ) from None
    except OSError as error:
        raise TlsError(f"{what} {path} cannot be read: {error.strerror}") from None


def _refuse_open_key(path: str) -> None:
    if os.stat(path).st_mode & stat.S_IROTH:
        raise TlsError(f"key {path} can be read by everyone: chmod o-r {path}")
