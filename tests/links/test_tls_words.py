from __future__ import annotations

from OpenSSL import SSL

from iobuffer.links.tls_words import explain_tls, explain_verification


def test_openssl_reasons_become_sentences() -> None:
    error = SSL.Error([("SSL routines", "", "wrong version number")])

    assert explain_tls(error) == "the peer does not speak TLS"


def test_an_unknown_reason_is_passed_on() -> None:
    error = SSL.Error([("SSL routines", "", "phase of the moon")])

    assert explain_tls(error) == "TLS failed: phase of the moon"
    assert explain_tls(SSL.SysCallError(-1, "x")) == "TLS failed: SysCallError"


def test_what_is_no_error_of_tls_has_no_words() -> None:
    assert explain_tls(OSError("gone")) == ""


def test_a_refused_certificate_is_named_with_the_remedy() -> None:
    words = explain_verification(20, "CN=lis", "tls.ca")

    assert words == (
        "the peer's certificate (CN=lis) is refused: its CA is not known here: "
        "name that CA in tls.ca"
    )
    assert "error 999" in explain_verification(999, "CN=lis", "tls.ca")
