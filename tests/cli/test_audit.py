from __future__ import annotations

import json
from pathlib import Path

from click.testing import CliRunner, Result

from iobuffer.cli import main
from iobuffer.errors import ExitStatus
from iobuffer.storage.sqlite import SqliteStore

from .stores import change, make_store


def _audit(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, ["audit", *map(str, arguments)])


def test_a_store_that_adds_up_shows_every_ledger(tmp_path: Path) -> None:
    result = _audit(make_store(tmp_path / "state"))

    assert result.exit_code == ExitStatus.OK
    assert (
        "chem-1 -> lis: received 3 = delivered 2 + queued 1 + parked 0 + dropped 0\n"
        in result.output
    )
    assert result.output.endswith("/state: it adds up\n")


def test_a_configuration_names_the_state_directory(tmp_path: Path) -> None:
    state_dir = make_store(tmp_path / "state")
    config = tmp_path / "c.ini"
    config.write_text(f"[gateway]\nstate_dir = {state_dir}\n")

    assert f"{state_dir}: it adds up\n" in _audit(config).output


def test_what_does_not_add_up_is_named_and_the_status_is_1(tmp_path: Path) -> None:
    state_dir = make_store(tmp_path / "state")
    change(state_dir, "DELETE FROM parked")

    result = _audit(state_dir)

    assert result.exit_code == ExitStatus.DOES_NOT_ADD_UP
    assert "does not add up: chem-1 -> file: 0 messages are parked" in result.output
    assert result.output.endswith("/state: it does not add up\n")


def test_json_is_one_object(tmp_path: Path) -> None:
    state_dir = make_store(tmp_path / "state")
    change(state_dir, "DELETE FROM parked")

    result = _audit("--json", state_dir)
    found = json.loads(result.output)

    assert result.exit_code == ExitStatus.DOES_NOT_ADD_UP
    assert found["state_dir"] == str(state_dir)
    assert found["adds_up"] is False
    assert {
        "channel": "chem-1",
        "destination": "lis",
        "configured": True,
        "received": 3,
        "delivered": {"received": 2},
        "queued": 1,
        "parked": 0,
        "dropped": {},
    } in found["ledgers"]
    assert len(found["ledgers"]) == 5
    assert found["problems"]


def test_a_store_in_use_is_left_alone(tmp_path: Path) -> None:
    state_dir = make_store(tmp_path / "state")
    store = SqliteStore(state_dir)
    try:
        result = _audit(state_dir)
    finally:
        store.close()

    assert result.exit_code == ExitStatus.UNAVAILABLE
    assert "in use by process" in result.stderr


def test_where_there_is_no_store_none_is_made(tmp_path: Path) -> None:
    result = _audit(tmp_path)

    assert result.exit_code == ExitStatus.UNAVAILABLE
    assert result.stderr == f"iobuffer: {tmp_path}: there is no store\n"
    assert list(tmp_path.iterdir()) == []


def test_a_configuration_that_is_not_there_is_an_error_of_configuration(
    tmp_path: Path,
) -> None:
    result = _audit(tmp_path / "none.ini")

    assert result.exit_code == ExitStatus.CONFIG
    assert (
        "none.ini: no such file; expected the configuration, its state dir"
        in result.stderr
    )
