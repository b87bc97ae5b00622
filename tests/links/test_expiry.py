from __future__ import annotations

from pathlib import Path

import attrs
import pytest

from iobuffer.links.expiry import Expiries, certificate_path
from iobuffer.links.tls import TlsConfig
from iobuffer.links.tls_files import load_identity
from iobuffer.links.web_client import WebTlsConfig
from tests.links.certificates import Authority


@attrs.frozen
class Config:
    tls: TlsConfig | WebTlsConfig


def test_a_certificate_that_is_shown_has_a_path() -> None:
    assert certificate_path(Config(TlsConfig(enabled=True, cert="a.pem"))) == "a.pem"
    assert certificate_path(Config(TlsConfig(enabled=False, cert="a.pem"))) == ""
    assert certificate_path(Config(TlsConfig(enabled=True))) == ""
    assert certificate_path(None) == ""


def test_a_certificate_for_an_https_url_is_looked_at_without_a_switch() -> None:
    assert certificate_path(Config(WebTlsConfig(cert="a.pem"))) == "a.pem"
    assert certificate_path(Config(WebTlsConfig())) == ""


def test_the_end_is_that_of_the_pair_in_use(tmp_path: Path) -> None:
    cert, key = Authority(tmp_path).issue("chem", last_day=3)
    found = Expiries().look([cert])

    assert found == {cert: pytest.approx(load_identity(cert, key, None).expires_at)}


def test_a_file_that_is_replaced_is_read_again(tmp_path: Path) -> None:
    authority, expiries = Authority(tmp_path), Expiries()
    cert, _ = authority.issue("chem", last_day=3)
    first = expiries.look([cert])[cert]
    renewed, _ = authority.issue("renewed", last_day=5)
    Path(renewed).replace(cert)

    assert expiries.look([cert])[cert] == pytest.approx(first + 2 * 86400, abs=5)


def test_while_a_new_file_is_broken_the_one_in_use_ends_when_it_did(
    tmp_path: Path,
) -> None:
    expiries = Expiries()
    cert, _ = Authority(tmp_path).issue("chem", last_day=3)
    before = expiries.look([cert])

    Path(cert).write_text("half a certif")
    assert expiries.look([cert]) == before
    Path(cert).unlink()
    assert expiries.look([cert]) == before
    assert expiries.look([cert]) == before


def test_a_file_that_cannot_be_used_is_left_out(tmp_path: Path) -> None:
    broken = tmp_path / "broken.pem"
    broken.write_text("nothing")

    assert Expiries().look([str(broken), str(tmp_path / "missing.pem")]) == {}
