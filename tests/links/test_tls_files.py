from __future__ import annotations

import os
from pathlib import Path

import pytest

from iobuffer.links.tls_files import (
    TlsError,
    fingerprint,
    load_certificates,
    load_crls,
    load_identity,
)
from tests.links.certificates import Authority


def test_a_pair_is_read_with_its_chain_and_its_end(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    cert, key = authority.issue("chem", last_day=3)
    with open(cert, "ab") as file:
        file.write(Path(authority.ca).read_bytes())

    identity = load_identity(cert, key, None)

    assert len(identity.chain) == 1
    assert identity.expires_at == pytest.approx(
        load_certificates(cert, "x")[0].not_valid_after_utc.timestamp()
    )


def test_the_key_may_stand_in_the_certificates_file(tmp_path: Path) -> None:
    cert, key = Authority(tmp_path).issue("chem")
    both = tmp_path / "both.pem"
    both.touch(mode=0o600)
    both.write_bytes(Path(cert).read_bytes() + Path(key).read_bytes())

    assert load_identity(str(both), None, None).chain == ()


def test_an_encrypted_key_wants_its_password(tmp_path: Path) -> None:
    cert, key = Authority(tmp_path).issue("chem", password=b"secret")

    load_identity(cert, key, "secret")
    with pytest.raises(TlsError, match=r"is encrypted: give tls\.key_password"):
        load_identity(cert, key, None)
    with pytest.raises(TlsError, match=r"cannot be opened with tls\.key_password"):
        load_identity(cert, key, "wrong")


def test_what_is_wrong_is_named_with_its_file(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    cert, key = authority.issue("chem")
    other_cert, _ = authority.issue("other")
    empty = tmp_path / "empty.pem"
    empty.touch(mode=0o600)

    with pytest.raises(TlsError, match=r"certificate /nowhere\.pem is not there"):
        load_identity("/nowhere.pem", key, None)
    with pytest.raises(TlsError, match=r"key /nowhere\.key is not there"):
        load_identity(cert, "/nowhere.key", None)
    with pytest.raises(TlsError, match="no certificate in PEM found in"):
        load_identity(str(empty), key, None)
    with pytest.raises(TlsError, match="no private key in PEM found in"):
        load_identity(cert, str(empty), None)
    with pytest.raises(TlsError, match="does not belong to certificate"):
        load_identity(other_cert, key, None)
    with pytest.raises(TlsError, match="no revocation list in PEM"):
        load_crls(cert)
    with pytest.raises(TlsError, match="cannot be read"):
        load_certificates(str(tmp_path), "CA")


def test_a_key_that_everyone_can_read_is_refused(tmp_path: Path) -> None:
    cert, key = Authority(tmp_path).issue("chem")
    os.chmod(key, 0o644)

    with pytest.raises(TlsError, match="chmod o-r"):
        load_identity(cert, key, None)


def test_a_replaced_file_has_another_fingerprint(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    cert, key = authority.issue("chem")
    before = fingerprint([cert, key])
    assert fingerprint([cert, key]) == before

    new_cert, _ = authority.issue("new")
    os.replace(new_cert, cert)

    assert fingerprint([cert, key]) != before
    os.unlink(cert)
    assert fingerprint([cert, key]) != before
