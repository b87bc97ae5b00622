from __future__ import annotations

import contextlib
import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from twisted.conch.ssh.keys import Key

from iobuffer.manhole.keys import (
    HOST_KEY,
    KeyFileError,
    authorized_keys,
    fingerprint,
    host_key,
)


def _public_line(key: Key, comment: str = "") -> bytes:
    return key.public().toString("openssh", comment=comment.encode())


@pytest.fixture
def key() -> Key:
    return Key(Ed25519PrivateKey.generate())


# -- its own ---------------------------------------------------------------------------


def test_the_host_key_is_made_once_for_nobody_else_to_read(tmp_path: Path) -> None:
    made = host_key(tmp_path)

    assert made.sshType() == b"ssh-ed25519"
    assert not made.isPublic()
    assert stat.S_IMODE((tmp_path / HOST_KEY).stat().st_mode) == 0o600
    assert host_key(tmp_path) == made
    assert [each.name for each in tmp_path.iterdir()] == [HOST_KEY]


def test_a_host_key_that_others_can_read_is_not_used(tmp_path: Path) -> None:
    host_key(tmp_path)
    (tmp_path / HOST_KEY).chmod(0o640)

    with pytest.raises(KeyFileError, match="others may read"):
        host_key(tmp_path)


def test_a_damaged_host_key_is_named_with_the_remedy(tmp_path: Path) -> None:
    host_key(tmp_path)
    (tmp_path / HOST_KEY).write_text("-----BEGIN OPENSSH PRIVATE KEY-----\n")

    with pytest.raises(KeyFileError, match="delete it, and a new one is made"):
        host_key(tmp_path)


@pytest.mark.parametrize("kept_bytes", range(36, 400, 40))
def test_a_host_key_that_is_cut_off_or_altered_is_named(
    tmp_path: Path, kept_bytes: int
) -> None:
    host_key(tmp_path)
    path = tmp_path / HOST_KEY
    whole = path.read_bytes()
    for damaged in (whole[:kept_bytes], whole[:kept_bytes] + b"~" + whole[kept_bytes:]):
        path.write_bytes(damaged)
        with contextlib.suppress(KeyFileError):
            host_key(tmp_path)


def test_a_directory_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(KeyFileError, match="No such file"):
        host_key(tmp_path / "nowhere")


# -- those that open it ----------------------------------------------------------------


def test_keys_are_read_with_their_comments(tmp_path: Path, key: Key) -> None:
    path = tmp_path / "keys"
    other = Key(Ed25519PrivateKey.generate())
    path.write_bytes(
        b"# ours\n\n"
        + _public_line(key, "ada on her laptop")
        + b"\r\n"
        + _public_line(other)
    )

    found, problems = authorized_keys(path)

    assert [(each.key, each.comment) for each in found] == [
        (key.public(), "ada on her laptop"),
        (other.public(), ""),
    ]
    assert problems == []


@pytest.mark.parametrize(
    "line",
    [
        b'from="10.0.0.1" ssh-ed25519 AAAA',
        b"ssh-ed25519",
        b"ssh-ed25519 AAAA",
        b"ssh-ed25519 !!!",
        b"\xff\xfe",
    ],
)
def test_a_line_that_is_no_plain_key_is_told_and_shuts_out_no_other(
    tmp_path: Path, key: Key, line: bytes
) -> None:
    path = tmp_path / "keys"
    path.write_bytes(line + b"\n" + _public_line(key))

    found, problems = authorized_keys(path)

    assert [each.key for each in found] == [key.public()]
    assert problems[0].startswith(f"{path}:1: not taken: ")


def test_a_private_key_in_the_list_opens_nothing(tmp_path: Path, key: Key) -> None:
    path = tmp_path / "keys"
    path.write_bytes(key.toString("openssh"))

    assert authorized_keys(path)[0] == []


@pytest.mark.parametrize("mode", [0o620, 0o602])
def test_a_list_that_others_can_write_opens_nothing(
    tmp_path: Path, key: Key, mode: int
) -> None:
    path = tmp_path / "keys"
    path.write_bytes(_public_line(key))
    path.chmod(mode)

    with pytest.raises(KeyFileError, match="chmod go-w"):
        authorized_keys(path)


def test_a_list_that_is_not_there_opens_nothing(tmp_path: Path) -> None:
    with pytest.raises(KeyFileError, match="No such file"):
        authorized_keys(tmp_path / "keys")


def test_a_fingerprint_is_as_ssh_shows_it() -> None:
    line = (
        b"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhs"
        b"cHR4f"
    )

    # ssh-keygen -lf of this line.
    assert (
        fingerprint(Key.fromString(line))
        == "SHA256:ZkAslGjFiUHdGf/WUL8rQvkib4PTvQatUV0OUQSncCA"
    )
