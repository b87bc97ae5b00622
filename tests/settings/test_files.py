from __future__ import annotations

import os
from pathlib import Path

import pytest

from iobuffer.errors import ConfigError
from iobuffer.settings.files import read_text


def _refusal(path: Path | str, max_bytes: int = 1000) -> str:
    with pytest.raises(ConfigError) as caught:
        read_text(str(path), max_bytes)
    return str(caught.value)


def test_a_file_is_read_with_its_mode_and_without_its_byte_order_mark(
    tmp_path: Path,
) -> None:
    path = tmp_path / "c.ini"
    path.write_bytes(b"\xef\xbb\xbf[gateway]\n")
    path.chmod(0o644)

    found = read_text(str(path))

    assert found.text == "[gateway]\n"
    assert found.world_readable
    path.chmod(0o640)
    assert not read_text(str(path)).world_readable


def test_a_missing_file_is_one_problem(tmp_path: Path) -> None:
    path = tmp_path / "c.ini"

    assert _refusal(path) == f"{path}: cannot be read: No such file or directory"


def test_a_directory_is_one_problem(tmp_path: Path) -> None:
    assert _refusal(tmp_path) == f"{tmp_path}: is a directory; expected a file"


def test_text_that_is_not_utf8_is_named_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "c.ini"
    path.write_bytes(b"[a]\n# ok\nname = Z\xfcrich\n")

    assert _refusal(path) == f"{path}:3: is not UTF-8; save it as UTF-8"


def test_a_file_that_is_too_large_is_not_read_whole(tmp_path: Path) -> None:
    path = tmp_path / "c.ini"
    path.write_bytes(b"x" * 1001)

    assert "is larger than 1000 bytes" in _refusal(path)


def test_a_fifo_without_a_writer_does_not_hang_the_start(tmp_path: Path) -> None:
    path = tmp_path / "c.ini"
    os.mkfifo(path)

    assert _refusal(path) == f"{path}: is not a regular file"


def test_a_path_with_a_nul_is_one_problem() -> None:
    assert "not a path" in _refusal("a\0b")
