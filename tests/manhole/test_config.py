from __future__ import annotations

import os
from pathlib import Path

import pytest

from iobuffer.errors import ConfigError, Problem
from iobuffer.registry import KINDS
from iobuffer.settings.load import load
from iobuffer.settings.model import Settings


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    path = tmp_path / "keys"
    path.write_text("")
    path.chmod(0o644)
    return path


def _load(tmp_path: Path, text: str) -> Settings:
    (tmp_path / "g.ini").write_text(text)
    return load(str(tmp_path / "g.ini"), KINDS)


def _problems(tmp_path: Path, text: str) -> list[Problem]:
    with pytest.raises(ConfigError) as refused:
        _load(tmp_path, text)
    return list(refused.value.problems)


def test_without_the_section_there_is_none(tmp_path: Path) -> None:
    assert "manhole" not in _load(tmp_path, "[gateway]\n").extra


def test_the_section_alone_opens_nothing(tmp_path: Path) -> None:
    assert not _load(tmp_path, "[manhole]\n").extra["manhole"].enabled


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.53", "::1"])
def test_a_loopback_address_will_do(tmp_path: Path, keys: Path, host: str) -> None:
    text = f"[manhole]\nenabled = yes\nauthorized_keys = {keys}\nhost = {host}\n"

    assert _load(tmp_path, text).extra["manhole"].host == host


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.1.2.3", "localhost", "gateway"])
def test_any_other_address_is_refused_with_the_way_to_do_it(
    tmp_path: Path, keys: Path, host: str
) -> None:
    text = f"[manhole]\nenabled = yes\nauthorized_keys = {keys}\nhost = {host}\n"

    (problem,) = _problems(tmp_path, text)

    assert (problem.option, problem.line) == ("host", 4)
    assert "expected a loopback address" in problem.message
    assert "ssh -J" in problem.message


def test_one_that_nobody_could_open_is_refused(tmp_path: Path) -> None:
    (problem,) = _problems(tmp_path, "[manhole]\nenabled = yes\n")

    assert problem.option == "authorized_keys"


def test_a_list_of_keys_that_others_can_write_is_refused(
    tmp_path: Path, keys: Path
) -> None:
    keys.chmod(0o664)

    (problem,) = _problems(tmp_path, f"[manhole]\nauthorized_keys = {keys}\n")

    assert problem.message.endswith(f"chmod go-w {keys}")


def test_a_list_of_keys_that_is_not_there_yet_is_a_warning(tmp_path: Path) -> None:
    settings = _load(tmp_path, "[manhole]\nauthorized_keys = /nowhere\n")

    (warning,) = settings.warnings
    assert "nobody can log in until it is there" in warning.message


def test_a_directory_is_no_list_of_keys(tmp_path: Path) -> None:
    (problem,) = _problems(tmp_path, f"[manhole]\nauthorized_keys = {os.sep}\n")

    assert "expected a file of public keys" in problem.message
