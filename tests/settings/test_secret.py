from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from iobuffer.settings.build import build
from iobuffer.settings.raw import Report, from_object

from .toy_kinds import ToyRemote

EXPOSED = "everyone on this machine can read it"


def _build(exposed: str = "", **auth: Any) -> tuple[Any, list[str]]:
    report = Report("c.ini", exposed=exposed)
    root = from_object({"url": "x", "auth": auth}, report)
    built = build(root, ToyRemote, report)
    problems = [str(problem) for problem in report.problems]
    assert "hunter2" not in str(problems)
    return built, problems


def _secret_file(path: Path, mode: int = 0o640, text: str = "hunter2\n") -> str:
    path.write_text(text)
    path.chmod(mode)
    return str(path)


def test_an_inline_secret_is_taken_as_it_stands() -> None:
    built, problems = _build(password=" hunter2 ")

    assert problems == []
    assert built.auth.password == " hunter2 "
    assert "hunter2" not in repr(built)


def test_a_secret_that_was_copied_masked_is_told_of_and_taken() -> None:
    built, problems = _build(password="********")

    assert built.auth.password == "********"
    assert len(problems) == 1
    assert "write the real one" in problems[0]


def test_a_secret_comes_from_a_file_without_its_line_end(tmp_path: Path) -> None:
    built, problems = _build(
        password_file=_secret_file(tmp_path / "a", text="hunter2\r\n")
    )

    assert problems == []
    assert built.auth.password == "hunter2"


def test_a_secret_comes_from_a_credential(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _secret_file(tmp_path / "relay", 0o400)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))

    built, problems = _build(password_credential="relay")

    assert problems == []
    assert built.auth.password == "hunter2"


def test_a_credential_is_a_name_inside_its_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))

    assert _build(password_credential="../relay")[1] == [
        "c.ini: auth.password_credential: expected the name of a credential, not a path"
    ]


def test_without_systemd_a_credential_is_refused_with_the_remedy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)

    built, [problem] = _build(password_credential="relay")

    assert built is None
    assert "$CREDENTIALS_DIRECTORY is not set" in problem


def test_two_spellings_of_one_secret_are_refused(tmp_path: Path) -> None:
    assert _build(password="hunter2", password_file="/x")[1] == [
        "c.ini: auth.password_file: give one of auth.password and "
        "auth.password_file, not both"
    ]


@pytest.mark.parametrize("mode", [0o644, 0o660, 0o604])
def test_a_secret_file_that_others_get_at_is_refused_with_the_remedy(
    tmp_path: Path, mode: int
) -> None:
    path = _secret_file(tmp_path / "a", mode)

    built, [problem] = _build(password_file=path)

    assert built is None
    assert problem.endswith(f"; chmod 640 {path}")


def test_a_missing_secret_file_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "a"

    assert _build(password_file=str(path))[1] == [
        f"c.ini: auth.password_file: {path} cannot be read: No such file or directory"
    ]


def test_an_inline_secret_in_a_file_that_everyone_reads_is_refused() -> None:
    built, problems = _build(EXPOSED, password="hunter2")

    assert built is None
    assert problems == [
        f"c.ini: auth.password: a secret stands in this file and {EXPOSED}; "
        "chmod 640 c.ini, or use auth.password_file"
    ]


def test_a_secret_file_may_be_named_where_everyone_reads(tmp_path: Path) -> None:
    built, problems = _build(EXPOSED, password_file=_secret_file(tmp_path / "a"))

    assert problems == []
    assert built.auth.password == "hunter2"


@pytest.mark.parametrize(
    "auth",
    [
        {"password": 5},
        {"password": ["hunter2"]},
        {"password": {"x": "hunter2"}},
        {"password_file": ""},
        {"password_file": 5},
    ],
)
def test_what_is_no_secret_is_refused_without_quoting_it(auth: Any) -> None:
    built, problems = _build(**auth)

    assert built is None
    assert len(problems) == 1


def test_a_secret_may_be_left_out() -> None:
    built, problems = _build()

    assert problems == []
    assert built.auth.password == ""
    assert built.token is None
