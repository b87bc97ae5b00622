"""Whether a file could be written, without writing it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from iobuffer.trials.file import why_not_writable

as_root = os.geteuid() == 0


def test_a_file_in_folders_that_are_not_there_yet_can_be_written(
    tmp_path: Path,
) -> None:
    assert why_not_writable(str(tmp_path / "a" / "b" / "c.txt")) == ""
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_there_is_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"kept")

    assert why_not_writable(str(path)) == ""
    assert path.read_bytes() == b"kept"


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    assert "is a folder: add the name of a file" in why_not_writable(str(tmp_path))


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"")

    assert why_not_writable(str(tmp_path / "f" / "g")).endswith("choose another path")


@pytest.mark.skipif(as_root, reason="root may write everywhere")
def test_a_folder_that_may_not_be_written_is_named(tmp_path: Path) -> None:
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o500)

    assert f"{locked} may not be written" in why_not_writable(str(locked / "a" / "f"))


@pytest.mark.skipif(not Path("/proc/version").exists(), reason="takes Linux")
def test_a_file_system_that_makes_no_files_is_told_of_for_everybody() -> None:
    assert why_not_writable("/proc/version/x").endswith("choose another path")
