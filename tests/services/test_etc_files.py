"""What `etc/` has for systemd and logrotate, judged by their own programs."""

from __future__ import annotations

import os
import re
import shutil
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

ETC = Path(__file__).parents[2] / "etc"


def _needs(program: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(
        shutil.which(program) is None, reason=f"{program} is not installed"
    )


needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="makes users; needs root")


def _run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*map(str, command)], capture_output=True, text=True, timeout=30, check=False
    )


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    """The unit, with a program that is there in the place of ours."""
    text = (ETC / "iobuffer.service").read_text()
    path = tmp_path / "iobuffer.service"
    path.write_text(text.replace("/opt/iobuffer/bin/twistd", "/bin/true"))
    return path


@_needs("systemd-analyze")
def test_systemd_finds_nothing_wrong_with_the_unit(unit: Path) -> None:
    verified = _run("systemd-analyze", "verify", unit)

    ours = [line for line in verified.stderr.splitlines() if "iobuffer" in line]
    assert (verified.returncode, ours) == (0, [])


@_needs("systemd-analyze")
def test_systemd_calls_the_unit_well_protected(unit: Path) -> None:
    """Below 3 of 10; a service that hardens nothing has 9.6."""
    command = ("systemd-analyze", "security", "--offline=true", "--threshold=30", unit)

    judged = _run(*command)

    assert judged.returncode == 0, judged.stdout + judged.stderr


def test_the_watchdog_and_the_exit_statuses_are_in_the_unit() -> None:
    lines = (ETC / "iobuffer.service").read_text().splitlines()

    for line in (
        "Type=notify",
        "NotifyAccess=main",
        "WatchdogSec=30",
        "ExecReload=/bin/kill -HUP $MAINPID",
        "Restart=on-failure",
        "RestartPreventExitStatus=78",
        "SuccessExitStatus=143",
        "StateDirectory=iobuffer",
    ):
        assert line in lines


@needs_root
@_needs("systemd-sysusers")
@_needs("systemd-tmpfiles")
def test_the_user_and_the_directories_are_made_as_the_services_need_them(
    tmp_path: Path,
) -> None:
    (tmp_path / "etc").mkdir()
    root = f"--root={tmp_path}"
    users = _run("systemd-sysusers", root, ETC / "iobuffer.sysusers")
    assert users.returncode == 0, users.stderr
    made = _run("systemd-tmpfiles", root, "--create", ETC / "iobuffer.tmpfiles")
    assert made.returncode == 0, made.stderr

    passwd = (tmp_path / "etc/passwd").read_text()
    found = re.search(r"^iobuffer:x:(\d+):(\d+):.*:/usr/sbin/nologin$", passwd, re.M)
    assert found is not None
    user, group = int(found[1]), int(found[2])
    assert re.search(r"^dialout:.*iobuffer", (tmp_path / "etc/group").read_text(), re.M)
    for path, mode, owner in (
        ("var/lib/iobuffer", 0o700, user),
        ("etc/iobuffer", 0o750, 0),
        ("run/iobuffer", 0o755, 0),
        ("var/log/iobuffer", 0o750, 0),
    ):
        status = (tmp_path / path).stat()
        shown = (stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid)
        assert shown == (mode, owner, group), path


@needs_root
@_needs("logrotate")
def test_logrotate_moves_the_log_away_and_has_it_opened_anew(tmp_path: Path) -> None:
    log = tmp_path / "log" / "iobuffer.log"
    log.parent.mkdir(mode=0o750)
    log.write_text("a line\n")
    log.chmod(0o640)
    told = tmp_path / "told"
    text = (ETC / "logrotate.conf").read_text()
    replaced: list[Callable[[str], str]] = [
        lambda text: text.replace("/var/log/iobuffer", str(log.parent)),
        lambda text: text.replace("iobuffer iobuffer", "root root"),
        lambda text: text.replace("/etc/init.d/iobuffer", f"echo >{told}"),
    ]
    for replace in replaced:
        changed = replace(text)
        assert changed != text
        text = changed
    config = tmp_path / "config"
    config.write_text(text)
    config.chmod(0o644)

    rotated = _run("logrotate", "--force", "--state", tmp_path / "state", config)

    assert rotated.returncode == 0, rotated.stderr
    assert log.read_text() == ""
    assert stat.S_IMODE(log.stat().st_mode) == 0o640
    assert log.with_suffix(".log.1").read_text() == "a line\n"
    assert told.exists()


def test_the_script_is_plain_sh() -> None:
    checked = _run("sh", "-n", ETC / "iobuffer.init")

    assert (checked.returncode, checked.stderr) == (0, "")
    assert os.access(ETC / "iobuffer.init", os.X_OK)


def test_the_defaults_that_are_shown_are_those_of_the_script() -> None:
    shown = re.findall(r"^#([A-Z_]+=.*)$", (ETC / "iobuffer.default").read_text(), re.M)
    script = (ETC / "iobuffer.init").read_text().splitlines()

    assert len(shown) == 9
    assert [line for line in shown if line not in script] == []
