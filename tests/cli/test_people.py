"""`iobuffer passwd`, `token` and `audit-log` on a state directory."""

from __future__ import annotations

import json
import stat
import time
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from iobuffer.cli import main
from iobuffer.cli._people import own_name
from iobuffer.errors import ExitStatus
from iobuffer.people import People

GOOD = "rivers run to the sea"


def _run(*words: str | Path, typed: str = "") -> Result:
    return CliRunner().invoke(main, [str(word) for word in words], input=typed)


def _people(state_dir: Path) -> People:
    return People(state_dir, wall=time.time, seconds=time.monotonic)


def test_the_first_user_is_an_administrator_and_the_link_is_void(
    tmp_path: Path,
) -> None:
    secret = _people(tmp_path).set_up.begin()

    result = _run("passwd", tmp_path, "Anna", typed=f"{GOOD}\n")

    assert result.exit_code == ExitStatus.OK, result.output
    assert result.output == "anna: admin, password set\n"
    assert _people(tmp_path).authenticate("anna", GOOD, "here") is not None
    assert not (tmp_path / "setup-token").exists()
    assert secret not in (tmp_path / "audit.log").read_text()


def test_a_configuration_names_the_state_directory_which_is_made(
    tmp_path: Path,
) -> None:
    config = tmp_path / "c.ini"
    config.write_text(f"[gateway]\nstate_dir = {tmp_path / 'state'}\n")

    result = _run("passwd", config, "anna", typed=f"{GOOD}\n")

    assert result.exit_code == ExitStatus.OK, result.output
    assert stat.S_IMODE((tmp_path / "state").stat().st_mode) == 0o700
    assert "anna" in _run("passwd", config).output


def test_users_are_added_changed_disabled_and_removed(tmp_path: Path) -> None:
    _run("passwd", tmp_path, "anna", typed=f"{GOOD}\n")
    added = _run("passwd", tmp_path, "lab-2", "--channel", "chem-1", typed=f"{GOOD}\n")
    assert added.output == "lab-2: relay of chem-1, password set\n"
    added = _run("passwd", tmp_path, "ben", typed=f"{GOOD}\n")
    assert added.output == "ben: viewer, password set\n"
    changed = _run("passwd", tmp_path, "ben", "--role", "operator", typed=f"{GOOD}\n")
    assert changed.output == "ben: operator, password set\n"

    assert _run("passwd", tmp_path, "ben", "--disable").output == "ben: disabled\n"
    assert _people(tmp_path).authenticate("ben", GOOD, "here") is None
    assert _run("passwd", tmp_path, "ben", "--enable").output == "ben: enabled\n"
    assert _run("passwd", tmp_path, "ben", "--remove").output == "ben: removed\n"

    found = json.loads(_run("passwd", tmp_path, "--json").output)["users"]
    assert [(user["name"], user["role"]) for user in found] == [
        ("anna", "admin"),
        ("lab-2", "relay"),
    ]
    assert "password" not in json.dumps(found)
    done = [entry.split()[3:5] for entry in _show(tmp_path)]
    assert ["disable", "user"] in done
    assert ["remove", "user"] in done


def _show(state_dir: Path) -> list[str]:
    return _run("audit-log", "show", state_dir).output.splitlines()


@pytest.mark.parametrize(
    ("words", "typed", "reason"),
    [
        (["anna", "--remove"], "", "the last administrator"),
        (["nil", "--disable"], "", "there is no user nil"),
        (["ben"], "short\n", "at least 12"),
        (["ben"], "", "no password on standard input"),
        (["a b"], f"{GOOD}\n", "a name has up to 64"),
        (["ben", "--role", "relay"], f"{GOOD}\n", "name at least one"),
        (["ben", "--role", "admin", "--channel", "c"], f"{GOOD}\n", "admin is not"),
    ],
)
def test_what_is_refused_says_why_and_the_status_is_1(
    tmp_path: Path, words: list[str], typed: str, reason: str
) -> None:
    _run("passwd", tmp_path, "anna", typed=f"{GOOD}\n")
    before = (tmp_path / "users.json").read_bytes()

    result = _run("passwd", tmp_path, *words, typed=typed)

    assert result.exit_code == 1
    assert reason in result.stderr
    assert (tmp_path / "users.json").read_bytes() == before


def test_a_refusal_is_written_down_too(tmp_path: Path) -> None:
    _run("passwd", tmp_path, "anna", typed=f"{GOOD}\n")
    _run("passwd", tmp_path, "anna", "--remove")

    assert "remove user: refused" in _show(tmp_path)[-1]
    assert f"  {own_name()}  " in _show(tmp_path)[-1]


def test_a_user_is_needed_for_a_change(tmp_path: Path) -> None:
    assert _run("passwd", tmp_path, "--disable").exit_code == ExitStatus.USAGE
    assert (
        _run("passwd", tmp_path, "x", "--disable", "--role", "admin").exit_code
        == ExitStatus.USAGE
    )


def test_without_users_the_list_says_what_to_do(tmp_path: Path) -> None:
    assert "adds the first one" in _run("passwd", tmp_path).output
    assert "makes one" in _run("token", "list", tmp_path).output


def test_what_cannot_be_written_down_is_not_done(tmp_path: Path) -> None:
    (tmp_path / "audit.log").mkdir()

    result = _run("passwd", tmp_path, "anna", typed=f"{GOOD}\n")

    assert result.exit_code == ExitStatus.UNAVAILABLE
    assert "nothing was done" in result.stderr
    assert not (tmp_path / "users.json").exists()


def test_a_token_is_printed_once_and_revoked_by_its_id(tmp_path: Path) -> None:
    text = _run("token", "create", tmp_path, "lab-2", "--channel", "c").output.strip()
    found = _people(tmp_path).token(text)
    assert found is not None
    assert (found.role, found.channels) == ("relay", ("c",))

    listed = _run("token", "list", tmp_path).output
    id = listed.split()[0]
    assert "lab-2" in listed
    assert text not in listed + (tmp_path / "audit.log").read_text()

    assert _run("token", "revoke", tmp_path, id).output == f"{id}: lab-2 revoked\n"
    assert _people(tmp_path).token(text) is None
    assert _run("token", "revoke", tmp_path, id).exit_code == 1
    assert json.loads(_run("token", "list", "--json", tmp_path).output) == {
        "tokens": []
    }


def test_the_log_is_verified_and_the_first_bad_line_is_named(tmp_path: Path) -> None:
    for name in ("one", "two", "three"):
        _run("token", "create", tmp_path, name)
    good = _run("audit-log", "verify", tmp_path)
    noted = good.output.split()[-1]
    assert good.exit_code == ExitStatus.OK
    assert "3 lines hold" in good.output
    assert _run("audit-log", "verify", tmp_path, "--holds", noted).exit_code == 0
    assert _run("audit-log", "verify", tmp_path, "--holds", "00").exit_code == 1

    path = tmp_path / "audit.log"
    path.write_text(path.read_text().replace("two", "six"))
    result = _run("audit-log", "verify", tmp_path)

    assert result.exit_code == ExitStatus.DOES_NOT_ADD_UP
    assert result.output.startswith("audit.log:2: line 2 was altered\n")
    found = json.loads(_run("audit-log", "verify", "--json", tmp_path).output)
    assert found["holds"] is False
    assert found["lines"] == 1


def test_a_page_of_the_log_may_be_asked_for(tmp_path: Path) -> None:
    for name in ("one", "two", "three"):
        _run("token", "create", tmp_path, name)

    shown = _run("audit-log", "show", tmp_path, "--count", "1", "--before", "3")

    assert len(shown.output.splitlines()) == 1
    assert "create token  two, role viewer, 365 days" in shown.output
    lines = _run("audit-log", "show", "--json", tmp_path).output.splitlines()
    assert [json.loads(line)["n"] for line in lines] == [1, 2, 3]
