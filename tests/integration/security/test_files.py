"""TORTURE A13: the files of a running gateway, and links that others put in its way."""

from __future__ import annotations

import os
import socket
import stat
from pathlib import Path

from tests.torture.gateway import GatewayProcess, free_ports, wait_until

SECONDS = 20.0
SECTIONS = """
[http]
port = {http}

[source:a]
type = tcp_server
host = 127.0.0.1
port = {port}
framing = line

[destination:a:out]
type = file
path = {folder}/{{channel}}.txt
framing = line
"""


def modes(folder: Path) -> dict[str, int]:
    found = {}
    for path in [folder, *folder.rglob("*")]:
        kind = path.lstat().st_mode
        found[str(path.relative_to(folder.parent))] = stat.S_IMODE(kind)
    return found


def send(port: int, content: bytes) -> None:
    with socket.create_connection(("127.0.0.1", port), SECONDS) as device:
        device.sendall(content)


def test_whatever_the_umask_nothing_is_for_everybody(tmp_path: Path) -> None:
    http, port = ports = free_ports(2)
    out = tmp_path / "out"
    sections = SECTIONS.format(http=http, port=port, folder=out)
    before = os.umask(0)
    try:
        with GatewayProcess(tmp_path / "gw", sections, ports=ports) as gateway:
            # Here the test's own files are for everybody; that is not what is tried.
            gateway.config.parent.chmod(0o700)
            gateway.config.chmod(0o600)
            gateway.start()
            added = gateway.command("passwd", "--help")
            assert added.returncode == 0
            send(port, b"one\n")
            wait_until("delivered", lambda: (out / "a.txt").exists(), SECONDS)
            wait_until("written", (out / "a.txt").read_bytes, SECONDS)
            found = modes(gateway.state_dir)
            delivered = modes(out)
            log = gateway.log
    finally:
        os.umask(before)

    assert {name: oct(mode) for name, mode in found.items() if mode & 0o077} == {}
    assert {"state/api.sock", "state/store.sqlite3"} <= set(found)
    assert delivered == {"out": 0o750, "out/a.txt": 0o640}
    assert os.geteuid() != 0 or "this runs as root" in log


def test_a_link_in_the_spool_leads_to_no_file_of_ours(tmp_path: Path) -> None:
    """Whoever may write in the folder names the configuration for us to append to."""
    http, port = ports = free_ports(2)
    out = tmp_path / "out"
    out.mkdir()
    sections = SECTIONS.format(http=http, port=port, folder=out)
    with GatewayProcess(tmp_path / "gw", sections, ports=ports) as gateway:
        (out / "a.txt").symlink_to(gateway.config)
        text = gateway.config.read_text()
        gateway.start()
        send(port, b"[alarms]\nmail_command = /bin/sh\n")
        refused = "a symbolic link, which is not followed"
        wait_until("the refusal", lambda: refused in gateway.log, SECONDS)
        assert gateway.config.read_text() == text

        (out / "a.txt").unlink()
        wait_until("delivered", lambda: (out / "a.txt").is_file(), SECONDS)
        wait_until(
            "both",
            lambda: (out / "a.txt").read_bytes().count(b"\n") == 2,
            SECONDS,
        )
        gateway.stop()
        gateway.audit()
