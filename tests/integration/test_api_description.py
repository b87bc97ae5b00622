"""The API is what `/api/openapi.json` says it is: Schemathesis asks a running gateway
all that the description allows, and what it forbids.

Held to: no fault of the gateway's own; the status, the content type and the schema of
every answer; what the description refuses, the gateway refuses; methods that are not
there.
"""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest

from tests.torture.gateway import GatewayProcess, free_ports

#: On a machine that is busy with other tests; else about ten.
SECONDS = 180.0
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
    "unsupported_method",
)
#: What is too much is refused as that before it is looked at.
CONFIG = """
[checks]
negative_data_rejection.expected-statuses = ["400", "401", "403", "404", "413", "422"]
"""
#: Answers without an end; tests/integration/test_api_live.py has them.
STREAMS = ("/api/events", "/tail", "/trials/{trial}/events")
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


@attrs.frozen
class Running:
    gateway: GatewayProcess
    url: str
    admin: str
    relay: str

    def token(self, role: str) -> str:
        return self.relay if role == "relay" else self.admin


def made_token(gateway: GatewayProcess, *more: str) -> str:
    made = gateway.command("token", "create", str(gateway.config), *more)
    assert made.returncode == 0, made.stderr
    return made.stdout.strip()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("described")
    http, lines = ports = free_ports(2)
    sections = SECTIONS.format(http=http, lines=lines, folder=folder)
    with GatewayProcess(folder / "gw", sections, ports=ports) as gateway:
        admin = made_token(gateway, "tester", "--role", "admin")
        relay = made_token(gateway, "hop", "--role", "relay", "--channel", "a")
        gateway.start()
        yield Running(gateway, f"http://127.0.0.1:{http}", admin, relay)
        assert "Traceback" not in gateway.log


def described(running: Running, role: str) -> dict[str, Any]:
    """The description, of what this role may ask; where a path names a channel, it is
    the one that there is."""
    request = urllib.request.Request(
        running.url + "/api/openapi.json",
        headers={"Authorization": f"Bearer {running.admin}"},
    )
    with urllib.request.urlopen(request, timeout=SECONDS) as answer:
        found: dict[str, Any] = json.load(answer)
    paths: dict[str, Any] = {}
    for path, methods in found["paths"].items():
        if path.endswith(STREAMS):
            continue
        for method, operation in methods.items():
            roles = operation.get("x-roles", [])
            # What everybody may ask, the administrator does.
            if role not in roles and (roles or role == "relay"):
                continue
            if role == "relay" and "admin" in roles:
                continue
            for param in operation.get("parameters", ()):
                if param["name"] == "channel" and method != "put":
                    param["schema"] = {"type": "string", "enum": ["a"]}
                if param["name"] == "wait":
                    param["schema"] = {"type": "integer", "enum": [0]}
            paths.setdefault(path, {})[method] = operation
    return found | {"paths": paths}


@pytest.mark.parametrize("role", ["admin", "relay"])
def test_every_answer_is_one_that_is_described(
    running: Running, tmp_path: Path, role: str
) -> None:
    document = tmp_path / "openapi.json"
    document.write_text(json.dumps(described(running, role)))
    (tmp_path / "schemathesis.toml").write_text(CONFIG)
    done = subprocess.run(
        [
            *(Path(sys.executable).with_name("schemathesis"), "run", document),
            *("--url", running.url, "--checks", ",".join(CHECKS)),
            *("-H", f"Authorization: Bearer {running.token(role)}"),
            # A channel that is taken away is no more there for the others.
            *("--exclude-name", "DELETE /api/channels/{channel}"),
            *("--phases", "coverage", "--max-examples", "3"),
            *("--seed", "20261122", "--generation-deterministic", "--workers", "2"),
            *("--request-timeout", "10", "--no-color"),
        ],
        capture_output=True,
        text=True,
        timeout=SECONDS,
        cwd=tmp_path,
        check=False,
    )

    lines = [line[:400] for line in done.stdout.splitlines()]
    assert done.returncode == 0, "\n".join(lines) + done.stderr[-2000:]
    assert "No issues found" in done.stdout or " passed" in done.stdout
