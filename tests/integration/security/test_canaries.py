"""TORTURE A14, A19: secrets and messages with a mark, and a search for the mark
everywhere that they have no business to be."""

from __future__ import annotations

import base64
import http.client
import json
import os
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import attrs
import pytest

from tests.torture.gateway import GatewayProcess, free_ports, wait_until

SECONDS = 20.0

#: Where each secret comes in; every one holds this mark.
MARK = "c4n4ry"
PASSWORD = f"{MARK} of the administrator"
WRONG = f"{MARK} that was mistyped"
INLINE = f"{MARK}-of-the-destination"
FILED = f"{MARK}-in-a-file"
WEBHOOK = f"{MARK}-of-the-webhook"
PUT = f"{MARK}-through-the-api"
#: What messages say.
PAYLOAD = f"PID|1||{MARK}^MUSTERMANN"


class Refusing(HTTPServer):
    """A destination that quotes in its answer what it does not want."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Request)
        self.posts = 0
        self._thread = threading.Thread(target=self.serve_forever, args=(0.05,))

    def __enter__(self) -> Refusing:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.shutdown()
        self._thread.join()
        self.server_close()


class _Request(BaseHTTPRequestHandler):
    server: Refusing

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.posts += 1
        words = b"I do not like " + body
        self.send_response(400, f"Bad {MARK}")
        self.send_header("Content-Length", str(len(words)))
        self.end_headers()
        self.wfile.write(words)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing is said on the standard error of the tests."""


@attrs.frozen
class Place:
    gateway: GatewayProcess
    http_port: int
    line_port: int
    refusing: Refusing

    def ask(
        self, method: str, path: str, body: Any = None, password: str = PASSWORD
    ) -> tuple[int, str]:
        pair = base64.b64encode(f"anna:{password}".encode()).decode()
        line = http.client.HTTPConnection("127.0.0.1", self.http_port, timeout=SECONDS)
        try:
            line.request(
                method,
                path,
                None if body is None else json.dumps(body),
                {
                    "Authorization": f"Basic {pair}",
                    "Content-Type": "application/json",
                },
            )
            answer = line.getresponse()
            return answer.status, answer.read().decode()
        finally:
            line.close()


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A gateway in which every secret was used and every mistake made."""
    folder = tmp_path_factory.mktemp("canaries")
    http_port, line_port, hl7_port = ports = free_ports(3)
    filed, hook = folder / "filed", folder / "hook"
    for path, text in ((filed, FILED), (hook, f"http://127.0.0.1:9/{WEBHOOK}")):
        path.touch(mode=0o600)
        path.write_text(text)
    with Refusing() as refusing:
        sections = f"""
[http]
port = {http_port}

[alarms]
webhook_file = {hook}

[source:a]
type = tcp_server
host = 127.0.0.1
port = {line_port}
framing = line
framing.max_message_bytes = 100

[destination:a:lis]
type = http
url = http://127.0.0.1:{refusing.server_port}/in
auth.username = lis
auth.password = {INLINE}
framing = line

[destination:a:follower]
type = remote_icombuffer
url = http://127.0.0.1:9
channel_id = b
auth.token_file = {filed}

[source:hl7]
type = tcp_server
host = 127.0.0.1
port = {hl7_port}
framing = mllp

[destination:hl7:astm]
type = tcp_client
host = 127.0.0.1
port = 9
"""
        options = "log_level = debug\nlog_format = text"
        with GatewayProcess(
            folder / "gw", sections, ports=ports, options=options
        ) as gateway:
            gateway.config.chmod(0o600)
            added = subprocess.run(
                ["iobuffer", "passwd", gateway.config, "anna"],
                executable=str(Path(os.sys.executable).with_name("iobuffer")),  # type: ignore[attr-defined]
                input=PASSWORD + "\n",
                capture_output=True,
                text=True,
                timeout=SECONDS,
                check=True,
            )
            assert MARK not in added.stdout + added.stderr
            gateway.start()
            made = Place(gateway, http_port, line_port, refusing)
            use(made, hl7_port)
            yield made


def use(place: Place, hl7_port: int) -> None:
    """All that may make it talk."""
    with socket.create_connection(("127.0.0.1", place.line_port), SECONDS) as device:
        # One that is refused by the other side, and one that is too long for us.
        device.sendall(f"{PAYLOAD}\n{PAYLOAD * 20}\n".encode())
    with socket.create_connection(("127.0.0.1", hl7_port), SECONDS) as device:
        # No HL7, no frame, and half of one.
        device.sendall(f"{PAYLOAD}\x0b{PAYLOAD}\x1c\r{PAYLOAD}\x0bMSH|".encode())
        device.recv(65536)
    wait_until("refused", lambda: place.refusing.posts, SECONDS)
    assert place.ask("GET", "/api/status", password=WRONG)[0] == 401
    channel = {
        "source": {"type": "tcp_server", "host": "127.0.0.1", "port": 0},
        "destinations": {
            "x": {
                "type": "http",
                "url": "http://127.0.0.1:9/",
                "auth": {"username": "u", "password": PUT},
            }
        },
    }
    assert place.ask("POST", "/api/plan", {"id": "put", **channel})[0] in (200, 400)
    status, said = place.ask("PUT", "/api/channels/put", {"id": "put", **channel})
    assert status < 500, said
    broken = {"id": "broken", "source": {"type": PUT, "password": PUT}}
    status, said = place.ask("PUT", "/api/channels/broken", broken)
    assert 400 <= status < 500
    os.kill(place.gateway.pid, signal.SIGUSR2)
    os.kill(place.gateway.pid, signal.SIGHUP)
    wait_until("reloaded", lambda: "reload" in place.gateway.log, SECONDS)


def lines_with_mark(text: str) -> list[str]:
    return [line for line in text.splitlines() if MARK in line]


def test_the_log_has_neither_secrets_nor_messages_even_at_debug(place: Place) -> None:
    assert lines_with_mark(place.gateway.log) == []
    assert "lis" in place.gateway.log


LOOKS = (
    "/api/status",
    "/api/channels",
    "/api/channels/a",
    "/api/channels/put",
    "/api/users",
    "/api/tokens",
    "/api/audit",
    "/api/alarms",
    "/metrics",
)


@pytest.mark.parametrize("path", LOOKS)
def test_no_look_shows_a_secret(place: Place, path: str) -> None:
    status, said = place.ask("GET", path)

    assert status in (200, 404)
    assert lines_with_mark(said.replace(",", "\n")) == []


def test_the_audit_log_has_neither_secrets_nor_messages(place: Place) -> None:
    found = (place.gateway.state_dir / "audit.log").read_text()

    assert lines_with_mark(found) == []
    assert "sign in: refused" in found


def test_the_state_directory_has_secrets_only_where_they_are_kept(
    place: Place,
) -> None:
    """Messages are in the store, a channel that came through the API in its file of
    mode 0600; people and tokens are there as hashes."""
    kept = {"store.sqlite3", "store.sqlite3-wal", "put.json"}
    found = {
        path.name
        for path in place.gateway.state_dir.rglob("*")
        if path.is_file() and MARK.encode() in path.read_bytes()
    }

    assert found <= kept
    put = place.gateway.state_dir / "channels" / "put.json"
    assert not put.exists() or put.stat().st_mode & 0o077 == 0


def test_the_process_shows_no_secret_to_ps(place: Place) -> None:
    of_process = Path(f"/proc/{place.gateway.pid}")

    for name in ("cmdline", "comm"):
        assert MARK.encode() not in (of_process / name).read_bytes()
    # To others of its user it shows no environment at all.
    readable = os.geteuid() == 0
    assert os.access(of_process / "environ", os.R_OK) == readable
    assert not readable or MARK.encode() not in (of_process / "environ").read_bytes()


@pytest.mark.parametrize(
    "words", [["check"], ["show"], ["channels"], ["channels", "a"], ["status"]]
)
def test_no_command_prints_a_secret(place: Place, words: list[str]) -> None:
    config = str(place.gateway.config)
    done = place.gateway.command(words[0], config, *words[1:])

    assert done.stdout or done.stderr
    assert lines_with_mark(done.stdout + done.stderr) == []


def test_a_message_is_told_to_operators_alone(place: Place) -> None:
    """The calibration: what was searched for is there, where it belongs."""
    path = "/api/channels/a/parked"
    status, said = place.ask("GET", path)
    assert status == 200
    assert json.loads(said)["parked"]
    done = place.gateway.command("messages", str(place.gateway.config), "a")
    assert MARK in done.stdout
