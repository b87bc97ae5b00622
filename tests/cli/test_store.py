from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from iobuffer.cli import main
from iobuffer.errors import ExitStatus
from iobuffer.storage.sqlite import SqliteStore

from .stores import MESSAGES, change, make_store


def _store(*arguments: str | Path, answer: str = "") -> Result:
    return CliRunner().invoke(main, ["store", *map(str, arguments)], input=answer)


@pytest.fixture
def state_dir(tmp_path: Path) -> Path:
    return make_store(tmp_path / "state")


@pytest.fixture
def damaged_dir(state_dir: Path) -> Path:
    change(state_dir, "UPDATE batch SET body = X'03000000585858' WHERE first_seq = 2")
    return state_dir


# -- verify ----------------------------------------------------------------------------


def test_a_sound_store_verifies(state_dir: Path) -> None:
    result = _store("verify", state_dir)

    assert result.exit_code == ExitStatus.OK
    assert result.output == f"{state_dir}: read 3 messages, channels: 2, problems: 0\n"


def test_damage_is_named_with_the_remedy(damaged_dir: Path) -> None:
    result = _store("verify", damaged_dir)

    assert result.exit_code == ExitStatus.DOES_NOT_ADD_UP
    assert "chem-1: messages 2 to 2:" in result.output
    assert f"`iobuffer store repair {damaged_dir}` saves the rest" in result.output


def test_verify_tells_machines_in_json(damaged_dir: Path) -> None:
    found = json.loads(_store("verify", "--json", damaged_dir).output)

    assert found["is_sound"] is False
    assert found["messages"] == 2
    assert found["problems"]


def test_a_file_that_is_no_database_is_said_to_be_corrupt(state_dir: Path) -> None:
    (state_dir / "store.sqlite3").write_bytes(b"x" * 65536)
    (state_dir / "store.sqlite3-wal").unlink(missing_ok=True)

    result = _store("verify", state_dir)

    assert result.exit_code == ExitStatus.DOES_NOT_ADD_UP
    assert "file is not a database" in result.stderr


# -- repair ----------------------------------------------------------------------------


def test_repair_says_what_was_saved_and_what_was_not(damaged_dir: Path) -> None:
    result = _store("repair", damaged_dir)

    assert result.exit_code == ExitStatus.DOES_NOT_ADD_UP
    assert "saved 2 messages" in result.output
    assert "\n1 messages could not be saved\n" in result.output
    assert "store.sqlite3.before-repair-1\n" in result.output
    assert CliRunner().invoke(main, ["audit", str(damaged_dir)]).exit_code == 0


def test_repairing_a_sound_store_loses_nothing(state_dir: Path) -> None:
    result = _store("repair", state_dir)

    assert result.exit_code == ExitStatus.OK, result.output
    assert "saved 3 messages" in result.output


# -- export ----------------------------------------------------------------------------


def test_export_writes_the_bytes_as_they_are(state_dir: Path) -> None:
    assert _store("export", state_dir).stdout_bytes == b"one\nt\xffwo\nthree\r\n"
    assert _store("export", "--end", "", state_dir).stdout_bytes == b"".join(MESSAGES)
    assert _store("export", "--end", r"\x00\r", state_dir).stdout_bytes.count(b"\0\r")


def test_export_writes_a_hex_line_for_each_message(state_dir: Path) -> None:
    lines = _store("export", "--format", "hex", state_dir).stdout.splitlines()

    assert lines[1] == f"chem-1\t2\t{MESSAGES[1].hex()}"


def test_export_writes_a_json_object_for_each_message(state_dir: Path) -> None:
    lines = _store("export", "--format", "json", state_dir).stdout.splitlines()

    assert json.loads(lines[0]) == {
        "channel": "chem-1",
        "seq": 1,
        "received_at": "2001-09-09T01:46:40.000+00:00",
        "peer": "10.0.0.1:5",
        "text": "one",
    }
    assert json.loads(lines[1])["base64"] == "dP93bw=="


def test_a_range_is_written_both_ends_included(state_dir: Path) -> None:
    chosen = ("--channel", "chem-1", "--from", "2", "--to", "2")

    assert _store("export", state_dir, *chosen).stdout_bytes == MESSAGES[1] + b"\n"


def test_a_range_without_a_channel_means_nothing(state_dir: Path) -> None:
    result = _store("export", state_dir, "--from", "2")

    assert result.exit_code == ExitStatus.USAGE
    assert "--from and --to need --channel" in result.stderr


def test_an_end_that_is_no_bytes_is_a_usage_error(state_dir: Path) -> None:
    result = _store("export", state_dir, "--end", r"\q")

    assert result.exit_code == ExitStatus.USAGE
    assert "--end: expected bytes such as" in result.stderr


def test_damage_is_told_beside_what_could_be_had(damaged_dir: Path) -> None:
    result = _store("export", damaged_dir, "--format", "json")
    second = json.loads(result.stdout.splitlines()[1])

    assert result.exit_code == ExitStatus.DOES_NOT_ADD_UP
    assert (second["seq"], second["last_seq"]) == (2, 2)
    assert "damage" in second
    assert "chem-1: messages 2 to 2: " in result.stderr
    assert result.stderr.endswith("2 messages written, 1 damaged\n")
    assert _store("export", damaged_dir).stdout_bytes == b"one\nthree\r\n"


def test_an_output_file_is_new_and_private(state_dir: Path, tmp_path: Path) -> None:
    output = tmp_path / "out"

    assert _store("export", state_dir, "--output", output).exit_code == 0
    assert output.read_bytes() == b"one\nt\xffwo\nthree\r\n"
    assert output.stat().st_mode & 0o777 == 0o600

    again = _store("export", state_dir, "--output", output)
    assert again.exit_code == ExitStatus.UNAVAILABLE
    assert again.stderr == (
        f"iobuffer: {output}: is there already, and is not overwritten\n"
    )


def test_an_unknown_channel_is_answered_with_the_known(state_dir: Path) -> None:
    result = _store("export", state_dir, "--channel", "chem-2")

    assert result.exit_code == ExitStatus.UNAVAILABLE
    assert "no channel chem-2 in the store; there is: chem-1, idle" in result.stderr


# -- forget ----------------------------------------------------------------------------


def test_forget_asks_first_and_says_what_would_be_lost(state_dir: Path) -> None:
    refused = _store("forget", state_dir, "chem-1", answer="n\n")

    assert refused.exit_code == 1
    assert (
        "Delete for good: channel chem-1 with 3 messages; not delivered: 3?"
        in refused.output
    )
    assert _channels(state_dir) == ["chem-1", "idle"]

    done = _store("forget", state_dir, "chem-1", answer="y\n")

    assert done.exit_code == ExitStatus.OK
    assert _channels(state_dir) == ["idle"]


def test_forget_takes_one_destination_and_leaves_the_messages(state_dir: Path) -> None:
    result = _store("forget", "--yes", state_dir, "chem-1", "file")

    assert (
        result.output
        == "deleted: destination file of channel chem-1; not delivered: 3\n"
    )
    store = SqliteStore(state_dir)
    state = store.state("chem-1")
    store.close()
    assert [*state.destinations, *state.orphans] == ["lis"]
    assert state.stored_messages == 3


@pytest.mark.parametrize(
    ("names", "known"),
    [(["chem-2"], "chem-1, idle"), (["chem-1", "lsi"], "lis, file")],
)
def test_forget_does_not_guess(state_dir: Path, names: list[str], known: str) -> None:
    result = _store("forget", "--yes", state_dir, *names)

    assert result.exit_code == ExitStatus.USAGE
    assert f"there is: {known}" in result.stderr


def test_forget_makes_no_store_where_none_is(tmp_path: Path) -> None:
    result = _store("forget", "--yes", tmp_path, "chem-1")

    assert result.exit_code == ExitStatus.UNAVAILABLE
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", [["repair"], ["forget", "chem-1"]])
def test_what_writes_refuses_to_run_as_somebody_else(
    state_dir: Path, command: list[str]
) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give a directory away")
    os.chown(state_dir, 54321, -1)

    result = _store(command[0], state_dir, *command[1:], answer="y\n")

    assert result.exit_code == ExitStatus.UNAVAILABLE
    assert "belongs to #54321" in result.stderr


def _channels(state_dir: Path) -> list[str]:
    store = SqliteStore(state_dir)
    names = store.channels()
    store.close()
    return names
