"""The manhole of a real gateway, with Debian's ssh client."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.torture.gateway import GatewayProcess, free_ports, wait_until

SECONDS = 20.0

pytestmark = pytest.mark.skipif(
    shutil.which("ssh") is None, reason="ssh is not installed (openssh-client)"
)

#: What colours the prompt, moves the cursor and clears lines.
_ESCAPES = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


def _client(*words: str | Path, typed: str = "") -> subprocess.CompletedProcess[str]:
    # Nothing of whoever runs the tests: no configuration, no agent, no known hosts.
    environment = {
        name: value for name, value in os.environ.items() if name != "SSH_AUTH_SOCK"
    }
    return subprocess.run(
        [
            *("ssh", "-F", "none", "-o", "StrictHostKeyChecking=no"),
            *("-o", "UserKnownHostsFile=/dev/null", "-o", "IdentitiesOnly=yes"),
            *("-o", "BatchMode=yes", "-o", "LogLevel=ERROR"),
            *map(str, words),
        ],
        input=typed,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        env=environment,
        check=False,
    )


def _key(path: Path, comment: str) -> Path:
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", path],
        check=True,
    )
    return path


def _section(folder: Path, *lines: str) -> str:
    return "\n".join(
        ["[manhole]", "enabled = yes", f"authorized_keys = {folder}/keys", *lines, ""]
    )


_CHANNEL = "[channel:chem-1]\nenabled = no\n"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("manhole")
    _key(made / "right", "ada@laptop")
    _key(made / "wrong", "eve@elsewhere")
    shutil.copy(made / "right.pub", made / "keys")
    (made / "keys").chmod(0o600)
    return made


@pytest.fixture(scope="module")
def port() -> int:
    return free_ports(1)[0]


@pytest.fixture(scope="module")
def gateway(folder: Path, port: int) -> Iterator[GatewayProcess]:
    sections = _CHANNEL + _section(folder, f"port = {port}")
    with GatewayProcess(folder / "run", sections, ports=[port]) as running:
        running.start()
        yield running


def test_the_right_key_gets_a_prompt_that_knows_the_gateway(
    gateway: GatewayProcess, folder: Path, port: int
) -> None:
    typed = '2*21\nlist(channels)\nchannels["chem-1"].state\ngateway.settings.files\n'

    session = _client(
        *("-tt", "-p", str(port), "-i", folder / "right", "ops@127.0.0.1"), typed=typed
    )

    said = _ESCAPES.sub("", session.stdout)
    assert "\n42\n" in said
    assert "\n['chem-1']\n" in said
    assert "not enabled: what is stored is kept" in said
    assert str(gateway.config) in said
    # Before it: what one can type.
    assert said.index("gateway.log_status()") < said.index("42")


def test_every_login_and_every_line_is_logged_and_audited(
    gateway: GatewayProcess, folder: Path, port: int
) -> None:
    session = ("-tt", "-p", str(port), "-i", folder / "right", "ops@127.0.0.1")
    _client(*session, typed="6*111\n")
    wait_until("logged out", lambda: "logged out" in gateway.log, SECONDS)

    who = r"manhole: ops with the key SHA256:\S{43} \(ada@laptop\) from 127.0.0.1:\d+"
    assert re.search(rf"{who}: logged in\n", gateway.log)
    assert re.search(rf"{who} typed: 6\*111\n", gateway.log)
    assert re.search(rf"{who}: logged out\n", gateway.log)
    assert "Traceback" not in gateway.log
    audited = (gateway.state_dir / "audit.log").read_text()
    assert '"what":"manhole: logged in"' in audited
    assert '"what":"manhole: typed","detail":"6*111"' in audited


def test_what_cannot_be_audited_is_not_run(
    gateway: GatewayProcess, folder: Path, port: int
) -> None:
    """Another hand has opened the audit log to everyone: it is not written any more."""
    session = ("-tt", "-p", str(port), "-i", folder / "right", "ops@127.0.0.1")
    audit = gateway.state_dir / "audit.log"
    _client(*session)
    audit.chmod(0o666)

    said = _client(*session, typed="7*111\n").stdout
    audit.chmod(0o600)

    assert "777" not in said
    assert "nothing was done" in said
    assert "7*111" not in audit.read_text()
    assert "\n777\n" in _ESCAPES.sub("", _client(*session, typed="7*111\n").stdout)


@pytest.mark.parametrize(("key", "user"), [("wrong", "ops"), ("right", "root")])
def test_another_key_or_another_user_is_refused_and_logged(
    gateway: GatewayProcess, folder: Path, port: int, key: str, user: str
) -> None:
    session = _client(
        *("-tt", "-p", str(port), "-i", folder / key, f"{user}@127.0.0.1"),
        typed="2*21\n",
    )

    assert session.returncode == 255
    assert "Permission denied (publickey)" in session.stderr
    assert f"manhole: refused: user {user} with the key SHA256:" in gateway.log


def test_a_password_is_not_even_asked_for(
    gateway: GatewayProcess, folder: Path, port: int
) -> None:
    session = _client(
        *("-o", "PubkeyAuthentication=no", "-o", "BatchMode=no"),
        *("-o", "PreferredAuthentications=password,keyboard-interactive,none"),
        *("-p", str(port), "ops@127.0.0.1"),
    )

    # The server names the methods that it would take.
    assert "Permission denied (publickey)" in session.stderr


def test_there_are_no_commands_and_no_forwarding(
    gateway: GatewayProcess, folder: Path, port: int
) -> None:
    to = ("-p", str(port), "-i", folder / "right", "ops@127.0.0.1")

    assert "log in with ssh -tt" in _client(*to, "2*21").stdout
    assert "forwarding failed" in _client("-W", f"127.0.0.1:{port}", *to).stderr
    assert "Traceback" not in gateway.log


def test_telnet_gets_nowhere(gateway: GatewayProcess, port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), SECONDS) as plain:
        plain.settimeout(SECONDS)
        plain.sendall(b"root\r\n2*21\r\n")
        said = b""
        while chunk := plain.recv(4096):
            said += chunk

    assert said.startswith(b"SSH-2.0-")
    assert b"42" not in said


def test_the_host_key_is_ed25519_and_stays_the_same(
    gateway: GatewayProcess, port: int
) -> None:
    scan = ["ssh-keyscan", "-t", "ed25519", "-p", str(port), "127.0.0.1"]
    shown = subprocess.run(scan, capture_output=True, text=True, check=True).stdout
    own = gateway.state_dir / "manhole_host_key"

    public = subprocess.run(
        ["ssh-keygen", "-y", "-f", own], capture_output=True, text=True, check=True
    ).stdout

    assert "ssh-ed25519" in shown
    assert public.split()[1] in shown


def test_a_unix_socket_opens_it_and_a_reload_closes_it(
    folder: Path, tmp_path: Path
) -> None:
    if shutil.which("socat") is None:
        pytest.skip("socat is not installed")
    path = tmp_path / "manhole"
    with GatewayProcess(
        tmp_path / "run", _CHANNEL + _section(folder, f"socket = {path}"), ports=[]
    ) as gateway:
        gateway.launch()
        wait_until("the socket", path.exists, SECONDS)
        through = f"ProxyCommand=socat - UNIX-CONNECT:{path}"
        session = ("-tt", "-o", through, "-i", folder / "right", "ops@manhole")

        assert "\n42\n" in _client(*session, typed="2*21\n").stdout
        assert path.stat().st_mode & 0o777 == 0o600

        gateway.configure(_CHANNEL)
        os.kill(gateway.pid, signal.SIGHUP)
        wait_until("no socket", lambda: not path.exists(), SECONDS)
        wait_until("the word", lambda: "manhole: closed" in gateway.log, SECONDS)


def test_by_default_nothing_listens(tmp_path: Path) -> None:
    with GatewayProcess(tmp_path, _CHANNEL, ports=[]) as gateway:
        gateway.launch()
        wait_until("started", lambda: "started: 1 channel" in gateway.log, SECONDS)

        assert "manhole" not in gateway.log
        assert not (gateway.state_dir / "manhole_host_key").exists()
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", 2222)) != 0
