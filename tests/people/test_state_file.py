from __future__ import annotations

import json
import os
import stat
import threading
from pathlib import Path

import pytest

from iobuffer.people.errors import StateFileError
from iobuffer.people.state_file import StateFile, locked, write_private


def _put(file: StateFile, name: str) -> None:
    with file.change() as entries:
        entries[name] = {"role": "viewer"}


def test_where_there_is_no_file_there_is_nobody(tmp_path: Path) -> None:
    assert StateFile(tmp_path / "none", "users").read() == {}


def test_a_change_is_a_whole_new_file_of_mode_0600(tmp_path: Path) -> None:
    state_dir = tmp_path / "state"
    file = StateFile(state_dir, "users")

    _put(file, "anna")

    assert stat.S_IMODE(os.stat(file.path).st_mode) == 0o600
    assert stat.S_IMODE(os.stat(state_dir).st_mode) == 0o700
    assert json.loads(file.path.read_text()) == {
        "version": 1,
        "users": {"anna": {"role": "viewer"}},
    }
    assert sorted(os.listdir(state_dir)) == ["people.lock", "users.json"]


def test_what_another_process_wrote_is_seen_at_the_next_look(tmp_path: Path) -> None:
    gateway, command = StateFile(tmp_path, "users"), StateFile(tmp_path, "users")
    _put(gateway, "anna")
    assert set(gateway.read()) == {"anna"}

    _put(command, "ben")

    assert set(gateway.read()) == {"anna", "ben"}
    _put(gateway, "carl")
    assert set(command.read()) == {"anna", "ben", "carl"}


def test_a_change_that_fails_midway_changes_nothing(tmp_path: Path) -> None:
    file = StateFile(tmp_path, "users")
    _put(file, "anna")
    before = file.path.read_bytes()

    def fail() -> None:
        with file.change() as entries:
            entries["anna"]["role"] = "admin"
            del entries["ben"]

    with pytest.raises(KeyError):
        fail()

    assert file.path.read_bytes() == before
    assert file.read() == {"anna": {"role": "viewer"}}


@pytest.mark.parametrize(
    "image",
    [
        b"",
        b"{",
        b"[]",
        b'{"version": 1}',
        b'{"version": 2, "users": {}}',
        b'{"version": 1, "users": []}',
        b'{"version": 1, "users": {"anna": 1}}',
        b"\xff",
        b"[" * 100_000,
    ],
)
def test_nobody_is_let_in_on_the_word_of_a_damaged_file(
    tmp_path: Path, image: bytes
) -> None:
    file = StateFile(tmp_path, "users")
    write_private(file.path, image)

    with pytest.raises(StateFileError, match=r"users\.json is damaged .* good copy"):
        file.read()
    with pytest.raises(StateFileError), file.change():
        pass
    assert file.path.read_bytes() == image


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o666])
def test_a_file_that_others_can_open_is_refused(tmp_path: Path, mode: int) -> None:
    file = StateFile(tmp_path, "users")
    _put(file, "anna")
    file.read()
    file.path.chmod(mode)

    with pytest.raises(StateFileError, match="chmod 600"):
        file.read()


def test_a_link_to_somewhere_else_is_refused(tmp_path: Path) -> None:
    file = StateFile(tmp_path, "users")
    _put(file, "anna")
    file.path.rename(tmp_path / "elsewhere")
    file.path.symlink_to(tmp_path / "elsewhere")

    with pytest.raises(StateFileError):
        file.read()


def test_a_disk_that_says_no_leaves_the_old_file(tmp_path: Path) -> None:
    file = StateFile(tmp_path, "users")
    _put(file, "anna")
    before = file.path.read_bytes()
    # A directory in the way of the new file is an error of the system for root too.
    (tmp_path / "users.json.new").mkdir()

    with pytest.raises(StateFileError, match=r"cannot be written: .*; nothing was"):
        _put(file, "ben")

    assert file.path.read_bytes() == before


def test_the_new_file_of_a_crash_is_in_nobodys_way(tmp_path: Path) -> None:
    file = StateFile(tmp_path, "users")
    (tmp_path / "users.json.new").write_text("half of")

    _put(file, "anna")

    assert set(file.read()) == {"anna"}


def test_changes_at_the_same_time_come_one_after_the_other(tmp_path: Path) -> None:
    def change(name: str) -> None:
        file = StateFile(tmp_path, "users")
        for number in range(5):
            _put(file, f"{name}-{number}")

    threads = [threading.Thread(target=change, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(StateFile(tmp_path, "users").read()) == 20


def test_the_lock_excludes_another_thread(tmp_path: Path) -> None:
    inside = threading.Event()

    def wait() -> None:
        with locked(tmp_path):
            inside.set()

    thread = threading.Thread(target=wait)
    with locked(tmp_path):
        thread.start()
        assert not inside.wait(0.05)
    thread.join()
    assert inside.is_set()
