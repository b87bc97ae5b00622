"""`iobuffer completion`, asked of a real bash as its Tab key would."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from iobuffer.cli import COMMANDS, main

from .gateways import gateway

BIN = Path(sys.executable).parent
SECONDS = 30.0

#: What Tab does: the function that is registered for the word, with the line as it is.
_TAB = """
source /dev/stdin <<<"$SCRIPT"
COMP_WORDS=("$@")
COMP_CWORD=$(($# - 1))
spec=$(complete -p iobuffer) || exit 3
name=${spec##*-F }
"${name%% *}" iobuffer
printf '%s\\n' "${COMPREPLY[@]}"
"""

CHANNELS = {"channels": [{"name": "chem-1"}, {"name": "chem-2"}, {"name": "syslog"}]}
CHANNEL = {
    "parts": {
        "source": {"kind": "source"},
        "lis": {"kind": "destination"},
        "file": {"kind": "destination"},
    }
}


def _script(shell: str) -> str:
    result = CliRunner().invoke(main, ["completion", shell])
    assert result.exit_code == 0
    return result.output


def _tab(*words: str | Path) -> list[str]:
    """The line `iobuffer WORDS...`, with the cursor at the end of the last word."""
    done = subprocess.run(
        ["bash", "--norc", "-c", _TAB, "bash", "iobuffer", *map(str, words)],
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
        env={"PATH": f"{BIN}:/usr/bin:/bin", "SCRIPT": _script("bash")},
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout.split()


def _answer(target: str, bodies: list[object]) -> object:
    return CHANNEL if target.endswith("/chem-1") else CHANNELS


def test_commands_and_their_options_are_completed(tmp_path: Path) -> None:
    assert set(_tab("")) == set(COMMANDS)
    assert _tab("cha") == ["channels"]
    assert _tab("park", "") == ["drop", "list", "retry", "show"]
    assert _tab("messages", tmp_path, "c", "--cont") == ["--contains", "--contains-hex"]
    assert _tab("messages", tmp_path, "c", "--state", "p") == ["parked"]


def test_names_are_those_of_the_gateway_that_runs(tmp_path: Path) -> None:
    with gateway(tmp_path, _answer):
        assert _tab("messages", tmp_path, "chem") == ["chem-1", "chem-2"]
        assert _tab("replay", tmp_path, "chem-1", "") == ["lis", "file"]
        assert _tab("pause", tmp_path, "chem-1", "s") == ["source"]
        assert _tab("park", "drop", tmp_path, "chem-1", "l") == ["lis"]
        assert _tab("messages", tmp_path, "chem-1", "--destination", "") == [
            "lis",
            "file",
        ]


def test_where_none_runs_there_is_nothing_to_offer_and_nothing_is_said(
    tmp_path: Path,
) -> None:
    (tmp_path / "bad.ini").write_text("[gateway]\nno option\n")

    assert _tab("messages", tmp_path, "") == []
    assert _tab("messages", tmp_path / "bad.ini", "") == []
    assert _tab("messages", tmp_path / "none.ini", "") == []
    with gateway(tmp_path, {"title": "Not now"}, 503):
        assert _tab("messages", tmp_path, "") == []


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_has_its_script(shell: str) -> None:
    assert f"_IOBUFFER_COMPLETE={shell}_complete" in _script(shell)
