from __future__ import annotations

import os
from pathlib import Path

import pytest
from twisted.internet.task import Clock

from iobuffer.links.tls import ServerTls, TlsConfig, TlsError, client_creator
from tests.links.certificates import Authority


class World:
    def __init__(self, folder: Path) -> None:
        self.authority = Authority(folder)
        self.cert, self.key = self.authority.issue("chem")
        self.clock = Clock()
        self.said: list[str] = []
        self.tls = ServerTls(
            TlsConfig(enabled=True, cert=self.cert, key=self.key),
            seconds=self.clock.seconds,
            say=lambda level, text: self.said.append(f"{level}: {text}"),
        )

    def replace(self, last_day: int) -> None:
        cert, key = self.authority.issue("renewed", last_day=last_day)
        os.replace(key, self.key)
        os.replace(cert, self.cert)


def test_a_renewed_certificate_is_used_once_it_is_looked_at(tmp_path: Path) -> None:
    world = World(tmp_path)
    before = world.tls.expires_at

    world.replace(last_day=9)
    world.tls.reload()

    assert world.tls.expires_at > before + 3 * 86400
    assert world.said == [f"info: certificate {world.cert} read again"]


def test_a_broken_pair_leaves_the_old_one_and_says_so_once(tmp_path: Path) -> None:
    world = World(tmp_path)
    before = world.tls.expires_at
    _, stranger = world.authority.issue("stranger")
    os.replace(stranger, world.key)

    world.tls.reload()
    world.tls.reload()

    assert world.tls.expires_at == before
    assert len(world.said) == 1
    assert "does not belong" in world.said[0]
    assert "stays in use" in world.said[0]

    world.replace(last_day=9)
    world.tls.reload()
    assert world.tls.expires_at > before


def test_a_server_without_a_certificate_is_an_error() -> None:
    with pytest.raises(TlsError, match=r"set tls\.cert"):
        ServerTls(TlsConfig(enabled=True), seconds=lambda: 0.0, say=lambda a, b: None)


def test_files_of_a_client_are_checked_when_it_is_made(tmp_path: Path) -> None:
    with pytest.raises(TlsError, match="is not there"):
        client_creator(TlsConfig(enabled=True, ca=str(tmp_path / "no.pem")), "lis")

    client_creator(TlsConfig(enabled=True, ca=Authority(tmp_path).ca), "lis")


def test_a_key_without_its_certificate_is_a_problem() -> None:
    assert [name for name, _ in TlsConfig(key="/x").problems()] == ["cert"]
    assert not list(TlsConfig(cert="/c", key="/x").problems())
