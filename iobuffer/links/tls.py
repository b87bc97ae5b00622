"""TLS as we want it: verified, 1.2 or newer, ephemeral keys and AEAD only, and
certificates that are read again when their files change."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from ipaddress import ip_address
from typing import Any, cast

import attrs
from cryptography import x509
from OpenSSL import SSL, crypto
from service_identity import CertificateError, VerificationError
from service_identity.cryptography import (
    verify_certificate_hostname,
    verify_certificate_ip_address,
)
from twisted.internet.interfaces import (
    IOpenSSLClientConnectionCreator,
    IOpenSSLServerConnectionCreator,
)
from twisted.internet.ssl import (
    AcceptableCiphers,
    Certificate,
    CertificateOptions,
    TLSVersion,
    platformTrust,
    trustRootFromCertificates,
)
from twisted.protocols.tls import TLSMemoryBIOProtocol
from zope.interface import implementer

from ..options import BOOL, FILE, HOST, KEY_FILE, TEXT, choice, option, optional
from .tls_files import (
    TlsError,
    fingerprint,
    load_certificates,
    load_crls,
    load_identity,
)
from .tls_words import TlsNote, explain_verification

__all__ = ["ServerTls", "TlsConfig", "TlsError", "client_creator"]

#: TLS 1.2; the suites of TLS 1.3 are all of this kind and need no list. Twisted's own
#: default still offers key exchange by RSA.
_CIPHERS = AcceptableCiphers.fromOpenSSLCipherString(
    "ECDHE+AESGCM:ECDHE+CHACHA20:ECDHE+AESCCM"
)

#: How often, at most, the files are looked at.
_LOOK_SECONDS = 1.0


@attrs.frozen(kw_only=True)
class TlsConfig:
    """TLS of one connection, either side."""

    enabled: bool = option(BOOL, default=False, help="Speak TLS.")
    cert: str | None = option(
        optional(FILE),
        default=None,
        help="Our certificate in PEM, followed by those that lead to its CA. A server "
        "needs one. Read again when the file changes; a pair that is broken leaves "
        "the old one in use and is logged.",
    )
    key: str | None = option(
        optional(KEY_FILE),
        default=None,
        help="The private key of `cert` in PEM, not readable by everyone. Left out: in "
        "the file of `cert`.",
    )
    key_password: str | None = option(
        optional(TEXT), default=None, secret=True, help="Opens an encrypted `key`."
    )
    ca: str | None = option(
        optional(FILE),
        default=None,
        help="Client: the CAs, in PEM, that the server's certificate must come from, "
        "instead of those that the system trusts.",
    )
    client_ca: str | None = option(
        optional(FILE),
        default=None,
        help="Server: clients must show a certificate of these CAs, in PEM. Left out: "
        "clients need no certificate.",
    )
    client_cert_required: bool = option(
        BOOL,
        default=True,
        help="Server with `client_ca`: refuse clients that show none. With no, a "
        "certificate is checked if there is one.",
    )
    crl: str | None = option(
        optional(FILE),
        default=None,
        help="Revocation lists, in PEM, for the peer's certificate; one that has "
        "expired refuses everybody.",
    )
    server_name: str | None = option(
        optional(HOST),
        default=None,
        help="Client: the name or address that the server's certificate must hold. "
        "Left out: `host`.",
    )
    verify: bool = option(
        BOOL,
        default=True,
        help="Client: check the server's certificate. With no, anybody between the two "
        "can read and change everything; there is a warning at each start.",
    )
    minimum: str = option(
        choice("1.2", "1.3"), default="1.2", help="The oldest TLS version spoken."
    )

    def problems(self) -> Iterable[tuple[str, str]]:
        """What the loader cannot see in one option alone."""
        if self.key and not self.cert:
            yield "cert", "expected the certificate that belongs to key"
        if self.key_password and not self.cert:
            yield "cert", "expected the certificate that belongs to key_password"

    def warnings(self) -> Iterable[tuple[str, str]]:
        """What is good and hardly meant."""
        for name in ("cert", "ca", "client_ca", "crl"):
            if getattr(self, name) and not self.enabled:
                yield (
                    name,
                    "has no effect without enabled = yes: the connection is not "
                    "encrypted",
                )

    def paths(self) -> list[str]:
        """The files that this configuration reads."""
        named = (self.cert, self.key, self.ca, self.client_ca, self.crl)
        return [path for path in named if path]


@implementer(IOpenSSLServerConnectionCreator)
class ServerTls:
    """Makes the server's side of TLS connections, with the certificate of now.

    Args:
        seconds: monotonic clock.
        say: `say(level, text)`, called when the certificate changes or cannot.

    Raises:
        TlsError: the files cannot be used, at the first reading.
    """

    def __init__(
        self,
        config: TlsConfig,
        *,
        seconds: Callable[[], float],
        say: Callable[[str, str], None],
    ) -> None:
        if not config.cert:
            raise TlsError("a TLS server needs a certificate: set tls.cert and tls.key")
        self._config = config
        self._seconds = seconds
        self._say = say
        self._seen = fingerprint(config.paths())
        self._looked_at = seconds()
        self._trouble = ""
        #: Epoch seconds: when the certificate in use expires.
        self.expires_at = 0.0
        self._options = self._build()

    def reload(self) -> None:
        """Look at the files now. One that is broken leaves what was read before."""
        self._looked_at = self._seconds()
        found = fingerprint(self._config.paths())
        if found == self._seen:
            return
        try:
            self._options = self._build()
        except TlsError as error:
            # Tried again at the next look, told once: half a pair may have been
            # replaced, or there was no file descriptor left to read with.
            if str(error) != self._trouble:
                self._trouble = str(error)
                self._say("error", f"{error}; the certificate read before stays in use")
        else:
            self._seen = found
            self._trouble = ""
            self._say("info", f"certificate {self._config.cert} read again")

    def serverConnectionForTLS(self, tlsProtocol: TLSMemoryBIOProtocol) -> Any:
        if self._seconds() - self._looked_at >= _LOOK_SECONDS:
            self.reload()
        connection = self._options.serverConnectionForTLS(tlsProtocol)
        if self._config.client_ca:
            mode = SSL.VERIFY_PEER | SSL.VERIFY_CLIENT_ONCE
            if self._config.client_cert_required:
                mode |= SSL.VERIFY_FAIL_IF_NO_PEER_CERT
            note = _note_of(tlsProtocol)
            _verify(connection, mode, note, None, "tls.client_ca")
        return connection

    def _build(self) -> CertificateOptions:
        config = self._config
        trust = _trust_of(config.client_ca, "CA of clients")
        options, expires_at = _options(config, trust)
        self.expires_at = expires_at
        return options


def client_creator(config: TlsConfig, host: str) -> IOpenSSLClientConnectionCreator:
    """Makes the client's side of one TLS connection; built anew for each attempt, so
    that renewed files are used.

    Raises:
        TlsError: the files cannot be used.
    """
    trust = _trust_of(config.ca, "CA") if config.ca else platformTrust()
    options, _ = _options(config, trust if config.verify else None)
    return cast(
        IOpenSSLClientConnectionCreator,
        _ClientTls(options, config.server_name or host, config.verify),
    )


@implementer(IOpenSSLClientConnectionCreator)
class _ClientTls:
    """As `optionsForClientTLS`, with words for why a certificate was refused, and with
    a way not to look at it that has to be asked for by name."""

    def __init__(self, options: CertificateOptions, name: str, verify: bool) -> None:
        self._options = options
        self._name = name
        self._verify = verify

    def clientConnectionForTLS(self, tlsProtocol: TLSMemoryBIOProtocol) -> Any:
        connection = self._options.clientConnectionForTLS(tlsProtocol)
        if not _is_address(self._name):
            # RFC 6066, 3: no literal addresses in the server name indication.
            connection.set_tlsext_host_name(self._name.encode("idna"))
        if self._verify:
            mode = SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT
            note = _note_of(tlsProtocol)
            _verify(connection, mode, note, self._name, "tls.ca")
        return connection


def _note_of(tls_protocol: TLSMemoryBIOProtocol) -> TlsNote:
    """Where the Gate above this TLS layer looks for words; one for nobody else."""
    note = getattr(tls_protocol.wrappedProtocol, "note", None)
    return note if isinstance(note, TlsNote) else TlsNote()


def _verify(
    connection: SSL.Connection,
    mode: int,
    note: TlsNote,
    name: str | None,
    ca_option: str,
) -> None:
    """OpenSSL checks the chain, service-identity the name; the note says why not."""

    # What is raised in here, pyOpenSSL raises from the handshake: closed, not open.
    def verified(_: Any, cert: crypto.X509, number: int, depth: int, ok: int) -> bool:
        certificate = cert.to_cryptography()
        if not ok:
            subject = certificate.subject.rfc4514_string() or "no subject"
            note.problem = explain_verification(number, subject, ca_option)
            return False
        if depth == 0 and name is not None:
            note.problem = _name_problem(certificate, name)
        return not note.problem

    connection.set_verify(mode, verified)


def _name_problem(certificate: x509.Certificate, name: str) -> str:
    try:
        if _is_address(name):
            verify_certificate_ip_address(certificate, name)
        else:
            verify_certificate_hostname(certificate, name.encode("idna").decode())
    except (VerificationError, CertificateError):
        return (
            f"the peer's certificate is not for {name} but for "
            f"{_names_in(certificate)}: correct the host, or set tls.server_name"
        )
    return ""


def _names_in(certificate: x509.Certificate) -> str:
    try:
        names = certificate.extensions.get_extension_for_class(
            x509.SubjectAlternativeName
        ).value
    except (x509.ExtensionNotFound, ValueError):
        return "no name at all (it has no subjectAltName)"
    return ", ".join(str(name.value) for name in names) or "no name at all"


def _options(config: TlsConfig, trust: Any | None) -> tuple[CertificateOptions, float]:
    """CertificateOptions with our identity, if there is one, and when that expires."""
    arguments: dict[str, Any] = {}
    expires_at = 0.0
    if config.cert:
        identity = load_identity(config.cert, config.key, config.key_password)
        expires_at = identity.expires_at
        arguments.update(
            privateKey=identity.key,
            certificate=identity.certificate,
            extraCertChain=list(identity.chain),
        )
    options = CertificateOptions(
        acceptableCiphers=_CIPHERS,
        raiseMinimumTo=(
            TLSVersion.TLSv1_3 if config.minimum == "1.3" else TLSVersion.TLSv1_2
        ),
        trustRoot=trust,
        **arguments,
    )
    try:
        context = options.getContext()
    except SSL.Error as error:
        raise TlsError(f"OpenSSL refuses certificate {config.cert}: {error}") from None
    context.set_options(SSL.OP_NO_RENEGOTIATION)
    # Twisted's own answer to ALPN, where it knows of no protocol, is an empty name; of
    # that OpenSSL makes an alert, and no browser could connect.
    context.set_alpn_select_callback(lambda *_: SSL.NO_OVERLAPPING_PROTOCOLS)
    if config.crl and trust is not None:
        store = context.get_cert_store()
        assert store is not None
        for crl in load_crls(config.crl):
            store.add_crl(crl)
        store.set_flags(crypto.X509StoreFlags.CRL_CHECK)
    return options, expires_at


def _trust_of(path: str | None, what: str) -> Any | None:
    if path is None:
        return None
    return trustRootFromCertificates(_wrapped(load_certificates(path, what)))


def _wrapped(certificates: Sequence[x509.Certificate]) -> list[Certificate]:
    return [
        Certificate(crypto.X509.from_cryptography(certificate))
        for certificate in certificates
    ]


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
