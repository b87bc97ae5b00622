"""TORTURE A13: files that others can read or write are refused before the start."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from iobuffer.cli import main
from tests.links.certificates import Authority

CHANNEL = """
[source:a]
type = tcp_server
host = 127.0.0.1
port = 5000
{more}
[destination:a:out]
type = http
url = https://lis.example/in
{auth}
"""


class Place:
    """A configuration and what it names, all as it should be."""

    def __init__(self, folder: Path) -> None:
        self.state = folder / "state"
        self.state.mkdir(mode=0o700)
        self.config = folder / "gateway.ini"
        self.secret = folder / "secret"
        self.secret.write_text("a secret\n")
        self.secret.chmod(0o600)
        self.cert, self.key = Authority(folder).issue("chem")
        self.write(f"auth.password_file = {self.secret}")

    def write(self, auth: str, mode: int = 0o640) -> None:
        tls = f"tls.enabled = yes\ntls.cert = {self.cert}\ntls.key = {self.key}"
        self.config.write_text(
            f"[gateway]\nstate_dir = {self.state}\n"
            + CHANNEL.format(more=tls, auth=f"auth.username = u\n{auth}")
        )
        self.config.chmod(mode)

    def check(self) -> tuple[int, str]:
        done = CliRunner().invoke(main, ["check", str(self.config)])
        return done.exit_code, done.output


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def test_as_it_should_be_it_starts(place: Place) -> None:
    assert place.check()[0] == 0, place.check()


REFUSED: dict[str, tuple[Callable[[Place], object], str]] = {
    "a configuration that everyone can write": (
        lambda place: place.config.chmod(0o646),
        "chmod o-w {config}",
    ),
    "a secret in a configuration that everyone can read": (
        lambda place: place.write("auth.password = a secret", 0o644),
        "chmod 640 {config}",
    ),
    "a secret's file that everyone can read": (
        lambda place: place.secret.chmod(0o644),
        "chmod 640 {secret}",
    ),
    "a secret's file that its group can write": (
        lambda place: place.secret.chmod(0o660),
        "chmod 640 {secret}",
    ),
    "a private key that everyone can read": (
        lambda place: Path(place.key).chmod(0o644),
        "chmod 640 {key}",
    ),
    "a private key that its group can write": (
        lambda place: Path(place.key).chmod(0o660),
        "chmod 640 {key}",
    ),
    "a state directory that its group can write": (
        lambda place: place.state.chmod(0o770),
        "chmod 700 {state}",
    ),
    "a state directory that everyone can write": (
        lambda place: place.state.chmod(0o1777),
        "chmod 700 {state}",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_the_start_is_refused_with_the_remedy(place: Place, name: str) -> None:
    spoil, remedy = REFUSED[name]
    spoil(place)

    status, said = place.check()

    assert status == 78, said
    assert remedy.format(**vars(place)) in said
    assert "a secret" not in said.replace("holds a secret", "").replace(
        "a secret stands in", ""
    )


def test_what_is_doubtful_is_a_warning(place: Place) -> None:
    place.config.chmod(0o660)
    place.state.chmod(0o755)

    status, said = place.check()

    assert status == 0
    assert f"chmod g-w {place.config}" in said
    assert f"chmod 700 {place.state}" in said


def test_a_file_that_everyone_can_write_is_refused_wherever_it_is_included(
    place: Place,
) -> None:
    channels = place.state / "channels"
    channels.mkdir(mode=0o700)
    (channels / "b.json").write_text('{"id": "b", "enabled": false}')
    (channels / "b.json").chmod(0o666)

    status, said = place.check()

    assert status == 78
    assert f"chmod o-w {channels}/b.json" in said
