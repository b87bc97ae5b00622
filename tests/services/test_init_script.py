"""`etc/iobuffer.init`, run as root with a configuration and directories of its own."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.torture.gateway import free_ports, wait_until

SECONDS = 20.0
SCRIPT = Path(__file__).parents[2] / "etc" / "iobuffer.init"
BIN = Path(sys.executable).parent

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0, reason="an init script is for root, and this is not root"
)


def _user() -> tuple[str, str]:
    """nobody, if that user can run our Python at all (not one below /root)."""
    command = [BIN / "python", "-c", "import iobuffer.tap"]
    can = subprocess.run(
        ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", *command],
        capture_output=True,
        check=False,
    )
    return ("nobody", "nogroup") if can.returncode == 0 else ("root", "root")


class Installed:
    """The script, with everything it works on in one folder."""

    def __init__(self, folder: Path, port: int, user: str, group: str) -> None:
        self.user = user
        self.port = port
        self.pid_file = folder / "run" / "iobuffer.pid"
        self.log_file = folder / "log" / "iobuffer.log"
        self.config = folder / "gateway.ini"
        self._defaults = folder / "default"
        self._defaults.write_text(
            f"BIN={BIN}\nCONFIG={self.config}\nRUN_AS={user}\nGROUP={group}\n"
            f"WORK_DIR={folder}\nRUN_DIR={folder}/run\nLOG_DIR={folder}/log\n"
            f"STOP_SECONDS=10\n"
        )
        self._text = (
            f"[gateway]\nstate_dir = {folder}/state\n"
            f"[source:a]\ntype = tcp_server\nhost = 127.0.0.1\nport = {port}\n"
            f"[destination:a:out]\ntype = file\npath = {folder}/state/out\n"
        )
        self.configure()

    def configure(self, more: str = "") -> None:
        self.config.write_text(self._text + more)

    def set(self, line: str) -> None:
        """Add a line to the defaults; a later one wins."""
        with self._defaults.open("a") as file:
            file.write(line + "\n")

    def __call__(self, *verbs: str) -> int:
        self.said = ""
        done = subprocess.run(
            [SCRIPT, *verbs],
            # Nothing of ours: init gives a script no more than this.
            env={
                "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
                "IOBUFFER_DEFAULTS": str(self._defaults),
                "PYTHONPATH": str(SCRIPT.parents[1]),
            },
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            cwd="/",
        )
        self.said = done.stdout + done.stderr
        return done.returncode

    @property
    def pid(self) -> int:
        return int(self.pid_file.read_text())

    @property
    def log(self) -> str:
        return self.log_file.read_text()

    def logs(self, text: str) -> None:
        wait_until(text, lambda: text in self.log, SECONDS)

    def gone(self) -> bool:
        """Whether nothing runs as that process; the dead may lie about unburied."""
        try:
            return Path(f"/proc/{self.pid}/cmdline").read_bytes() == b""
        except FileNotFoundError:
            return True


@pytest.fixture
def init() -> Iterator[Installed]:
    # Not below pytest's own folder, which is for nobody but root.
    folder = Path(tempfile.mkdtemp(prefix="iobuffer-init-"))
    folder.chmod(0o755)
    user, group = _user()
    (folder / "state").mkdir()
    shutil.chown(folder / "state", user, group)
    (port,) = free_ports(1)
    installed = Installed(folder, port, user, group)
    yield installed
    if installed.pid_file.exists() and not installed.gone():
        os.kill(installed.pid, signal.SIGKILL)
    shutil.rmtree(folder)


def test_it_starts_tells_reloads_and_stops(init: Installed) -> None:
    """The whole life, with LSB's exit status at each step."""
    assert init("status") == 3
    assert init("stop") == 0, "that it does not run already is no fault"
    assert init("reload") == 7
    assert init("force-reload") == 7
    assert init("reopen-log") == 7
    assert init("try-restart") == 0
    assert init("status") == 3

    assert init("start") == 0, init.said
    # It returned, so it listens.
    socket.create_connection(("127.0.0.1", init.port), SECONDS).close()
    assert init("status") == 0
    assert f"process {init.pid}" in init.said
    pid = init.pid
    assert init("start") == 0, "that it runs already is no fault"
    assert (init.pid, init.said) == (pid, f"iobuffer: runs already, process {pid}\n")

    assert init("reload") == 0, init.said
    init.logs("reloaded: 0 channels added, 0 changed, 0 removed, 1 as before")
    assert init.pid == pid

    assert init("restart") == 0, init.said
    assert init.pid != pid
    socket.create_connection(("127.0.0.1", init.port), SECONDS).close()
    pid = init.pid
    assert init("try-restart") == 0
    assert init.pid != pid

    assert init("stop") == 0
    # It returned, so it has ended, in good order.
    assert init.log.splitlines()[-1].endswith("info  stopped")
    assert init("status") == 3


def test_it_runs_as_its_user_and_what_it_writes_is_not_for_all(
    init: Installed,
) -> None:
    assert init("start") == 0, init.said

    status = Path(f"/proc/{init.pid}/status").read_text()
    uid = pwd.getpwnam(init.user).pw_uid
    assert f"Uid:\t{uid}\t{uid}\t{uid}\t{uid}\n" in status
    assert "Umask:\t0027\n" in status
    log = init.log_file.stat()
    assert (log.st_uid, stat.S_IMODE(log.st_mode)) == (uid, 0o640)
    # Root opens files in these, so a link there must be nobody else's to make.
    for path in (init.log_file.parent, init.pid_file.parent):
        assert path.stat().st_uid == 0
        assert not path.stat().st_mode & 0o022


@pytest.mark.parametrize(("wanted", "had"), [("300", "300"), ("999999999", None)])
def test_it_may_have_as_many_connections_as_is_set_or_can_be(
    init: Installed, wanted: str, had: str | None
) -> None:
    init.set(f"MAX_FILES={wanted}")
    assert init("start") == 0, init.said

    limits = Path(f"/proc/{init.pid}/limits").read_text()
    (row,) = (row for row in limits.splitlines() if row.startswith("Max open files"))
    soft, hard = row.split()[3:5]
    assert soft == (had or hard), "also where the kernel allows less"


def test_a_configuration_with_errors_starts_nothing_and_stops_nothing(
    init: Installed,
) -> None:
    init.configure("[sorce:b]\n")
    assert init("start") == 6
    assert "[sorce:b] unknown section" in init.said
    assert init("status") == 3

    init.configure()
    assert init("start") == 0, init.said
    pid = init.pid
    init.configure("[sorce:b]\n")
    for verb in ("reload", "force-reload", "restart", "try-restart"):
        assert init(verb) == 6, verb
    assert init.pid == pid
    assert init("status") == 0


def test_what_is_not_installed_is_told_as_such(init: Installed) -> None:
    init.set("BIN=/nowhere")
    assert init("start") == 5
    assert "/nowhere/twistd is not there" in init.said

    init.set(f"BIN={BIN}\nRUN_AS=nobody-of-that-name")
    assert init("start") == 5
    assert "no user nobody-of-that-name" in init.said


@pytest.mark.parametrize("verbs", [(), ("begin",), ("start", "now")])
def test_a_wrong_argument_is_told_with_those_that_are_right(
    init: Installed, verbs: tuple[str, ...]
) -> None:
    assert init(*verbs) == 2
    assert "expected start, stop, restart" in init.said


def test_one_that_was_killed_is_dead_until_it_is_started_again(
    init: Installed,
) -> None:
    assert init("start") == 0, init.said
    os.kill(init.pid, signal.SIGKILL)
    wait_until("its end", init.gone, SECONDS)

    assert init("status") == 1
    assert init("reload") == 7
    assert init("start") == 0, init.said
    assert init("status") == 0


def test_a_number_that_is_another_programs_now_is_left_alone(init: Installed) -> None:
    init.pid_file.parent.mkdir()
    with subprocess.Popen(["sleep", "60"], user=init.user) as other:
        init.pid_file.write_text(str(other.pid))

        assert init("status") == 1
        assert init("stop") == 0
        assert other.poll() is None
        other.kill()


def test_a_start_that_fails_says_where_to_look(init: Installed) -> None:
    (init.config.parent / "state").rmdir()
    (init.config.parent / "state").write_text("a file in the place of a directory")

    assert init("start") == 1
    assert f"not started; see the end of {init.log_file}" in init.said
    assert "state" in init.log
    assert init("status") == 3


def test_a_rotated_log_is_opened_anew_and_the_configuration_not_looked_at(
    init: Installed,
) -> None:
    assert init("start") == 0, init.said
    rotated = init.log_file.with_suffix(".1")
    init.log_file.rename(rotated)
    # As logrotate's `create`; without the directory's permission it cannot itself.
    init.log_file.touch(0o640)
    shutil.chown(init.log_file, init.user)
    init.configure("[sorce:b]\n")

    assert init("reopen-log") == 0
    os.kill(init.pid, signal.SIGUSR2)
    init.logs("a: running")

    assert "reload" not in init.log + rotated.read_text()


def test_one_that_does_not_end_is_killed(init: Installed) -> None:
    init.set("STOP_SECONDS=1")
    assert init("start") == 0, init.said
    os.kill(init.pid, signal.SIGSTOP)

    assert init("stop") == 0
    assert "killed" in init.said
    assert init("status") == 3
