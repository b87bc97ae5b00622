"""`--json`: one object on standard output, of the commands that ask no gateway too."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from iobuffer.cli import main

from .gateways import gateway
from .stores import change, make_store

GOOD = "rivers run to the sea"


def _json(*words: str | Path, typed: str = "") -> Any:
    result = CliRunner().invoke(main, [*map(str, words), "--json"], input=typed)
    return json.loads(result.stdout)


@pytest.fixture
def state_dir(tmp_path: Path) -> Path:
    return make_store(tmp_path / "state")


def test_of_a_configuration_every_problem_has_its_place(tmp_path: Path) -> None:
    config = tmp_path / "c.ini"
    config.write_text("[gateway]\nlgo = 1\n")

    bad = _json("check", config)
    config.write_text("[gateway]\nstate_dir = /s\n[source:x]\ntype = udp\nport = 5\n")
    good = _json("check", config)

    assert bad["ok"] is False
    assert bad["problems"][0]["line"] == 2
    assert bad["problems"][0]["option"] == "lgo"
    assert (good["ok"], good["channels"], good["file"]) == (True, ["x"], str(config))


def test_of_people_what_they_are_and_never_their_passwords(tmp_path: Path) -> None:
    added = _json("passwd", tmp_path, "anna", typed=f"{GOOD}\n")
    disabled = _json("passwd", tmp_path, "ben", typed=f"{GOOD}\n")
    disabled = _json("passwd", tmp_path, "ben", "--disable")
    listed = _json("passwd", tmp_path)

    assert added["user"]["role"] == "admin"
    assert disabled == {"user": "ben", "done": "disabled"}
    assert [user["name"] for user in listed["users"]] == ["anna", "ben"]
    assert "argon2" not in json.dumps([added, listed])


def test_of_a_token_its_secret_once(tmp_path: Path) -> None:
    made = _json("token", "create", tmp_path, "report")
    listed = _json("token", "list", tmp_path)
    revoked = _json("token", "revoke", tmp_path, made["id"])

    assert made["token"].startswith("iob_")
    assert [token["name"] for token in listed["tokens"]] == ["report"]
    assert made["token"] not in json.dumps(listed)
    assert revoked["revoked"]["id"] == made["id"]


def test_of_a_store_what_was_saved_and_what_was_deleted(state_dir: Path) -> None:
    change(state_dir, "UPDATE batch SET body = X'03000000585858' WHERE first_seq = 2")

    repaired = _json("store", "repair", state_dir)
    forgotten = _json("store", "forget", state_dir, "chem-1", "file", "--yes")

    assert repaired["messages"] == 2
    assert repaired["damaged_messages"] == 1
    assert Path(repaired["original"]).is_file()
    assert forgotten["deleted"] == {"channel": "chem-1", "destination": "file"}
    assert forgotten["not_delivered"] == 3


def test_of_what_is_parked_and_was_dropped(tmp_path: Path) -> None:
    def answer(target: str, bodies: list[Any]) -> Any:
        if target.startswith("POST"):
            return {"dropped": len(bodies[0]["seqs"])}
        return {"parked": [{"seq": 7}]}

    with gateway(tmp_path, answer):
        shown = _json("park", "show", tmp_path, "chem-1", "lis", "7")
        dropped = _json(
            "park", "drop", tmp_path, "chem-1", "lis", "7", "--reason=x", "--yes"
        )

    assert shown == {"seq": 7}
    assert dropped == {"dropped": 1}


def test_of_a_question_nothing_stands_in_the_output(tmp_path: Path) -> None:
    answer = {"parked": [{"seq": 7}], "dropped": 1}
    with gateway(tmp_path, answer):
        dropped = _json(
            "park",
            "drop",
            tmp_path,
            "chem-1",
            "lis",
            "7",
            "--reason=x",
            typed="y\n",
        )

    assert dropped == {"dropped": 1}
