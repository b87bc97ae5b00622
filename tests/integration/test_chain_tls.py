"""Two gateways in a chain over TLS, with certificates that do not fit, and do."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.chains import Chain
from tests.links.certificates import Authority
from tests.torture.gateway import GatewayProcess


class TlsChain(Chain):
    """The first one shows `shown`; the second one trusts `authority`, and expects the
    name of the URL, 127.0.0.1."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.authority = Authority(folder)
        self.stranger = Authority(folder, "stranger")
        self.cert, self.key = folder / "shown.pem", folder / "shown.key"
        self.tls_ca = f"tls.ca = {self.authority.ca}\n"

    def show(self, authority: Authority, name: str) -> None:
        """From now the first one has a certificate for that name, from there."""
        cert, key = authority.issue(f"for-{name}", names=(name,))
        shutil.copy(key, self.key)
        shutil.copy(cert, self.cert)

    def starts(self) -> tuple[GatewayProcess, GatewayProcess]:
        tls = f"tls.enabled = yes\ntls.cert = {self.cert}\ntls.key = {self.key}\n"
        ports = (self.lines_port, self.http_port)
        first = self.gateway("first", self.takes_lines(tls), *ports)
        first.start()
        url = f"https://127.0.0.1:{self.http_port}"
        second = self.gateway(
            "second",
            self.follows("copy", url, "ward", self.token(first, "ward"), self.tls_ca)
            + self.writes("copy"),
        )
        second.start()
        return first, second


@pytest.fixture
def chain(tmp_path: Path) -> Iterator[TlsChain]:
    with TlsChain(tmp_path) as made:
        yield made


def test_nothing_is_told_to_a_stranger_and_nothing_is_lost_by_it(
    chain: TlsChain,
) -> None:
    chain.show(chain.authority, "first.example")
    _, second = chain.starts()
    chain.send(10)
    chain.says(second, "certificate is not for 127.0.0.1 but for first.example")

    chain.show(chain.stranger, "127.0.0.1")
    chain.says(second, "tls.ca")
    chain.send(10)
    assert chain.arrived == []

    chain.show(chain.authority, "127.0.0.1")
    chain.send(10)
    chain.each_is_stored_once(second, "copy")
