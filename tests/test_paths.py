from __future__ import annotations

from pathlib import Path

import pytest

from iobuffer.converters import DEVICE, FILE, KEY_FILE, PORT, optional
from iobuffer.errors import Problem
from iobuffer.paths import (
    check_device,
    check_file,
    check_key_file,
    check_state_dir,
    exposed,
)


def _write(path: Path, mode: int) -> str:
    path.write_text("x")
    path.chmod(mode)
    return str(path)


def test_a_file_that_is_there_is_no_problem(tmp_path: Path) -> None:
    assert list(check_file(_write(tmp_path / "cert.pem", 0o644))) == []


def test_a_file_that_is_not_there_is_a_warning(tmp_path: Path) -> None:
    path = str(tmp_path / "cert.pem")

    assert list(check_file(path)) == [
        Problem(
            f"{path}: No such file or directory; the channel is failed until it is "
            "there",
            severity="warning",
        )
    ]


def test_a_directory_in_place_of_a_file_is_an_error(tmp_path: Path) -> None:
    [problem] = check_file(str(tmp_path))

    assert problem == Problem(f"{tmp_path} is a directory; expected a file")


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o400])
def test_a_key_that_owner_and_group_may_read_is_no_problem(
    tmp_path: Path, mode: int
) -> None:
    assert list(check_key_file(_write(tmp_path / "key.pem", mode))) == []


def test_a_key_that_everyone_may_read_is_an_error_with_its_remedy(
    tmp_path: Path,
) -> None:
    path = _write(tmp_path / "key.pem", 0o644)

    [problem] = check_key_file(path)

    assert problem.severity == "error"
    assert "everyone on this machine can read it" in problem.message
    assert f"chmod 640 {path}" in problem.message


def test_a_missing_key_is_only_a_warning(tmp_path: Path) -> None:
    [problem] = check_key_file(str(tmp_path / "key.pem"))

    assert problem.severity == "warning"


def test_a_device_is_looked_for_only_by_its_path(tmp_path: Path) -> None:
    [problem] = check_device(str(tmp_path / "ttyUSB0"))

    assert problem.severity == "warning"
    assert list(check_device("COM3")) == []
    assert list(check_device("rfc2217://10.0.0.9:4000")) == []
    assert list(check_device("/dev/null")) == []


@pytest.mark.parametrize(
    ("mode", "why"),
    [
        (0o600, ""),
        (0o640, ""),
        (0o644, "everyone on this machine can read it"),
        (0o660, "others than its owner can write it"),
        (0o602, "others than its owner can write it"),
    ],
)
def test_a_mode_is_exposed_when_others_can_get_at_the_file(mode: int, why: str) -> None:
    assert exposed(mode) == why


def test_the_converters_carry_their_checks(tmp_path: Path) -> None:
    path = str(tmp_path / "x")

    assert FILE.check is not None
    assert KEY_FILE.check is not None
    assert DEVICE.check is not None
    assert PORT.check is None
    wrapped = optional(FILE).check
    assert wrapped is not None
    assert list(wrapped(None)) == []
    assert len(list(wrapped(path))) == 1
    assert optional(PORT).check is None


def test_a_state_directory_that_is_not_there_is_made_by_the_start(
    tmp_path: Path,
) -> None:
    assert list(check_state_dir(str(tmp_path / "none"))) == []


@pytest.mark.parametrize(
    ("mode", "severity"),
    [
        (0o700, ""),
        (0o750, ""),
        (0o755, "warning"),
        (0o711, "warning"),
        (0o770, "error"),
        (0o777, "error"),
        (0o1777, "error"),
    ],
)
def test_a_state_directory_is_its_owners_alone(
    tmp_path: Path, mode: int, severity: str
) -> None:
    tmp_path.chmod(mode)
    found = list(check_state_dir(str(tmp_path)))
    tmp_path.chmod(0o700)

    assert [problem.severity for problem in found] == ([severity] if severity else [])
    assert all(f"chmod 700 {tmp_path}" in problem.message for problem in found)
