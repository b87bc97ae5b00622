"""Which state directory a command means, and who may write to it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from iobuffer.cli._place import check_owner, state_dir_of
from iobuffer.errors import ConfigError, StorageError


def _config(tmp_path: Path, text: str, name: str = "c.ini") -> str:
    path = tmp_path / name
    path.write_text(text)
    return str(path)


def test_a_directory_is_meant_itself(tmp_path: Path) -> None:
    assert state_dir_of(str(tmp_path)) == tmp_path


def test_the_database_stands_for_its_directory(tmp_path: Path) -> None:
    (tmp_path / "store.sqlite3").write_bytes(b"\xff")

    assert state_dir_of(str(tmp_path / "store.sqlite3")) == tmp_path


def test_without_a_gateway_section_it_is_the_default(tmp_path: Path) -> None:
    assert state_dir_of(_config(tmp_path, "")) == Path("/var/lib/iobuffer")
    assert state_dir_of(_config(tmp_path, "{}", "c.json")) == Path("/var/lib/iobuffer")


def test_mistakes_in_a_channel_do_not_hide_the_store(tmp_path: Path) -> None:
    text = "[gateway]\nstate_dir = /s\n[source:x]\ntype = tpc\nno option\n"

    assert state_dir_of(_config(tmp_path, text)) == Path("/s")


@pytest.mark.parametrize(
    "text",
    ["[gateway]\nstate_dir /s\n", "[gateway\nstate_dir = /s\n", "[gateway]\nstat = /s"],
)
def test_mistakes_in_the_gateway_section_do_not_mean_the_default(
    tmp_path: Path, text: str
) -> None:
    with pytest.raises(ConfigError):
        state_dir_of(_config(tmp_path, text))


def test_nobody_but_its_owner_writes_to_a_store(tmp_path: Path) -> None:
    check_owner(tmp_path)
    check_owner(tmp_path / "none")
    if os.geteuid() != 0:
        pytest.skip("only root can give a directory away")
    os.chown(tmp_path, 54321, -1)

    with pytest.raises(StorageError, match="belongs to #54321; run this command as"):
        check_owner(tmp_path)
