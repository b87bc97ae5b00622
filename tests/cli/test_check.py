from __future__ import annotations

from io import StringIO
from pathlib import Path

from iobuffer.cli.check import check
from iobuffer.errors import ExitStatus
from iobuffer.registry import KINDS as REGISTRY
from iobuffer.settings.model import Kinds

KINDS = Kinds(sources={}, destinations={})


def _check(path: Path) -> tuple[int, list[str]]:
    out = StringIO()
    status = check(str(path), KINDS, out)
    return status, out.getvalue().splitlines()


def test_a_good_file_is_ok_with_the_number_of_its_channels(tmp_path: Path) -> None:
    path = tmp_path / "c.ini"
    path.write_text("[gateway]\nstate_dir = /s\n[channel:x]\nenabled = no\n")

    assert _check(path) == (ExitStatus.OK, [f"{path}: OK, 1 channel"])


def test_errors_come_before_warnings_and_the_status_is_78(tmp_path: Path) -> None:
    path = tmp_path / "c.ini"
    path.write_text("[gateway]\nname = a\n  b = c\nlog_level = loud\nlgo = 1\n")

    status, lines = _check(path)

    assert status == 78
    assert [line.removeprefix(f"{path}:").split(":")[0] for line in lines] == [
        "4",
        "5",
        "3",
    ]
    assert "warning" in lines[-1]


def test_warnings_alone_are_told_and_are_no_reason_to_refuse(tmp_path: Path) -> None:
    path = tmp_path / "c.ini"
    path.write_text("[gateway]\nname = a\n  b = c\n")

    status, lines = _check(path)

    assert status == 0
    assert "warning" in lines[0]
    assert lines[1] == f"{path}: OK, 0 channels"


def test_a_file_that_is_not_there_is_78(tmp_path: Path) -> None:
    status, [line] = _check(tmp_path / "c.ini")

    assert status == 78
    assert "No such file" in line


def test_what_is_good_and_hardly_meant_is_a_warning(tmp_path: Path) -> None:
    """A certificate that encrypts nothing."""
    path = tmp_path / "c.ini"
    (tmp_path / "chem.pem").touch()
    path.write_text(
        f"""[gateway]
state_dir = /s
[source:a]
type = tcp_server
port = 20001
tls.cert = {tmp_path}/chem.pem
[destination:a:f]
type = file
path = /tmp/a
"""
    )
    out = StringIO()

    assert check(str(path), REGISTRY, out) == 0

    first, last = out.getvalue().splitlines()
    assert first.startswith(f"{path}:6: warning: [source:a] tls.cert: has no effect")
    assert last == f"{path}: OK, 1 channel"
