"""TORTURE A15: a disk without room for the audit log. What administrators do is then
refused; messages go on. And the log as somebody has altered it afterwards.

The disk is full for the audit log alone: it stands in for one whose last kilobytes the
store has kept free for itself (tests/torture/test_full_disk.py fills a whole one).
"""

from __future__ import annotations

import http.client
import json
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from iobuffer.people import AuditLog
from tests.torture.gateway import GatewayProcess, free_ports, wait_until

SECONDS = 20.0
SECTIONS = """
[http]
port = {http}

[source:a]
type = tcp_server
host = 127.0.0.1
port = {lines}
framing = line

[destination:a:out]
type = file
path = {folder}/out.txt
framing = line
"""


class Local:
    """Asks over the unix socket, as the command line does."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def ask(self, method: str, path: str, body: Any = None) -> tuple[int, str]:
        line = http.client.HTTPConnection("local", timeout=SECONDS)
        line.sock = socket.socket(socket.AF_UNIX)
        line.sock.settimeout(SECONDS)
        line.sock.connect(str(self._path))
        try:
            content = None if body is None else json.dumps(body)
            line.request(method, path, content, {"Content-Type": "application/json"})
            answer = line.getresponse()
            return answer.status, answer.read().decode()
        finally:
            line.close()


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """64 KiB, in memory: a place for the audit log."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "iobuffer-test", place],
        capture_output=True,
        text=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip(f"no disk of its own: {mounted.stderr.strip()}")
    yield place
    subprocess.run(["umount", "-l", place], check=True)


CHANGES = (
    ("POST", "/api/channels/a/stop?part=out", None),
    ("POST", "/api/channels/a/pause", None),
    ("DELETE", "/api/channels/a", None),
    ("POST", "/api/reload", None),
    ("PUT", "/api/users/eve", {"password": "rivers run to the sea", "role": "admin"}),
    ("POST", "/api/tokens", {"name": "eve", "role": "admin", "days": 1}),
    ("POST", "/api/channels/a/replay", {"destination": "out", "seqs": [1]}),
)


def fill(path: Path) -> None:
    """Write until there is no room for another block."""
    with path.open("wb", buffering=0) as ballast:
        while True:
            try:
                ballast.write(bytes(512))
            except OSError:
                return


def test_nothing_is_administered_that_cannot_be_written_down_and_messages_go_on(
    tmp_path: Path, disk: Path
) -> None:
    http_port, lines = ports = free_ports(2)
    sections = SECTIONS.format(http=http_port, lines=lines, folder=tmp_path)
    out = tmp_path / "out.txt"
    with (
        GatewayProcess(tmp_path / "gw", sections, ports=ports) as gateway,
        socket.socket() as device,
    ):
        gateway.start()
        local = Local(gateway.state_dir / "api.sock")
        assert local.ask("POST", "/api/reload")[0] == 200
        log = gateway.state_dir / "audit.log"
        # The file itself moves to the small disk; a bind mount keeps its name.
        (disk / "audit.log").write_bytes(log.read_bytes())
        (disk / "audit.log").chmod(0o600)
        subprocess.run(["mount", "--bind", disk / "audit.log", log], check=True)
        try:
            assert local.ask("POST", "/api/reload")[0] == 200
            fill(disk / "ballast")
            # Until the block that the log is in is full as well.
            wait_until(
                "no room for a line",
                lambda: local.ask("POST", "/api/reload")[0] == 503,
                SECONDS,
            )

            refused = {
                path: local.ask(method, path, body) for method, path, body in CHANGES
            }

            assert {status for status, _ in refused.values()} == {503}, refused
            assert all("nothing was done" in said for _, said in refused.values())
            assert json.loads(local.ask("GET", "/api/users")[1])["users"] == []
            assert json.loads(local.ask("GET", "/api/tokens")[1])["tokens"] == []
            device.connect(("127.0.0.1", lines))
            device.sendall(b"one\ntwo\n")
            wait_until(
                "delivered",
                lambda: out.exists() and out.read_bytes() == b"one\ntwo\n",
                SECONDS,
            )

            (disk / "ballast").unlink()
            assert local.ask("POST", "/api/reload")[0] == 200
        finally:
            subprocess.run(["umount", "-l", log], check=True)
        log.write_bytes((disk / "audit.log").read_bytes())
        verified = gateway.command("audit-log", "verify", str(gateway.config))
        assert verified.returncode == 0, verified.stdout + verified.stderr
        assert "Traceback" not in gateway.log


ALTERED = {
    "a word": lambda lines: [
        *lines[:2],
        lines[2].replace(b'"put', b'"got'),
        *lines[3:],
    ],
    "a line taken out": lambda lines: [*lines[:2], *lines[3:]],
    "two lines exchanged": lambda lines: [*lines[:2], lines[3], lines[2], *lines[4:]],
    "a line put in": lambda lines: [*lines[:2], lines[1], *lines[2:]],
}


@pytest.mark.parametrize("name", ALTERED)
def test_the_command_names_the_line_that_was_altered(tmp_path: Path, name: str) -> None:
    log = AuditLog(tmp_path, wall=lambda: 1_700_000_000.0)
    for number in range(6):
        log.append("anna", "put channel", f"chem-{number}")
    lines = log.path.read_bytes().splitlines(keepends=True)
    log.path.write_bytes(b"".join(ALTERED[name](lines)))
    gateway = GatewayProcess(tmp_path / "gw", "", ports=[], state_dir=tmp_path)

    verified = gateway.command("audit-log", "verify", str(gateway.config))

    assert verified.returncode == 1
    assert "audit.log:3: " in verified.stdout + verified.stderr
