"""What went wrong with TLS, in a sentence with the remedy."""

from __future__ import annotations

from OpenSSL import SSL

__all__ = ["TlsNote", "explain_tls", "explain_verification"]


class TlsNote:
    """Of one TLS connection: why the peer's certificate was refused."""

    __slots__ = ("problem",)

    def __init__(self) -> None:
        self.problem = ""


#: X509_V_ERR_* of OpenSSL's x509_vfy.h.
_VERIFICATION = {
    3: "there is no revocation list of its CA in tls.crl",
    9: "it is not valid yet: check the clocks of both sides",
    10: "it has expired: renew it",
    12: "the revocation list has expired: renew the file of tls.crl",
    18: "it is self-signed and not trusted: name it in {ca} if it is the right one",
    19: "its chain ends in a CA that is not trusted: name that CA in {ca}",
    20: "its CA is not known here: name that CA in {ca}",
    21: "its CA is not known here: name that CA in {ca}",
    23: "it has been revoked",
    24: "one of its chain is no CA",
    26: "it is not made for this use (extended key usage)",
    66: "its key is too small",
    67: "the key of its CA is too small",
    68: "it is signed with a digest that is too weak",
}

#: By what OpenSSL's reason contains; the first that fits.
_REASONS = (
    ("http request", "the peer speaks HTTP, not TLS"),
    ("https proxy request", "the peer speaks HTTP, not TLS"),
    ("wrong version number", "the peer does not speak TLS"),
    ("packet length too long", "the peer does not speak TLS"),
    ("unknown protocol", "the peer does not speak TLS"),
    ("record layer failure", "the peer does not speak TLS"),
    ("unsupported protocol", "the peer knows only TLS versions that are too old"),
    ("version too low", "the peer knows only TLS versions that are too old"),
    ("alert protocol version", "the peer refused our TLS versions"),
    ("no shared cipher", "the peer knows no cipher that is safe enough"),
    (
        "certificate required",
        "the peer wants a certificate of ours: set tls.cert and tls.key",
    ),
    ("did not return a certificate", "the peer sent no client certificate"),
    ("alert unknown ca", "the peer does not know the CA of our certificate"),
    ("alert certificate expired", "the peer says that our certificate has expired"),
    ("alert certificate revoked", "the peer says that our certificate is revoked"),
    ("alert bad certificate", "the peer refused our certificate"),
    ("alert certificate unknown", "the peer refused our certificate"),
    ("alert unsupported certificate", "the peer refused our certificate"),
    ("alert handshake failure", "the peer refused: no common cipher or certificate"),
)


def explain_verification(number: int, subject: str, ca_option: str) -> str:
    """Why OpenSSL refused a certificate. `number` is its X509_V_ERR."""
    why = _VERIFICATION.get(number, f"OpenSSL's verification error {number}")
    return f"the peer's certificate ({subject}) is refused: " + why.format(ca=ca_option)


def explain_tls(error: BaseException | None) -> str:
    """The reason of a failed handshake; empty when the error is none of TLS."""
    if not isinstance(error, SSL.Error):
        return ""
    # SSL.Error holds a list of (library, function, reason); its subclasses may not.
    entries = error.args[0] if error.args and isinstance(error.args[0], list) else []
    reasons = [str(entry[-1]).lower() for entry in entries]
    for part, words in _REASONS:
        if any(part in reason for reason in reasons):
            return words
    return "TLS failed: " + (", ".join(reasons) or type(error).__name__)
