"""TORTURE A10: words of strangers (messages, names, certificates) in answers and logs.

What the page does with them is shown by tests/page; here it is what the API says that
they are, so that no browser takes them for a page or a script of ours.
"""

from __future__ import annotations

import json
import re
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
from twisted.internet.threads import deferToThread

from iobuffer.logs import LogOutput
from iobuffer.serving import ROUTES
from iobuffer.web.base import Route
from tests.integration.api_site import ApiGateway, free_port, raw_exchange
from tests.links.certificates import Authority
from tests.people.people_fakes import GOOD, PeopleAt
from tests.torture.gateway import GatewayProcess, free_ports, wait_until

SCRIPT = "<script>alert(1)</script>"
FORMULA = "=cmd|'/c calc'!A0"
SECONDS = 20.0

SECTIONS = """
[source:a]
type = tcp_server
host = 127.0.0.1
port = {port}
framing = line

[destination:a:out]
type = tcp_client
host = 127.0.0.1
port = 9
"""


@pytest_twisted.async_yield_fixture
async def api(reactor: Any, tmp_path: Path) -> AsyncIterator[ApiGateway]:
    port = free_port()
    made = ApiGateway(reactor, tmp_path, SECTIONS.format(port=port))
    made.start()

    def say() -> None:
        with socket.create_connection(("127.0.0.1", port), SECONDS) as device:
            device.sendall(f"{SCRIPT}\n{FORMULA}\n".encode() + b"\xff\xfe\x00<b>\n")

    await deferToThread(say)

    async def stored() -> bool:
        return bool(made.gateway.pairs["a"].channel.last_seq == 3)

    await made.until("stored", stored)
    yield made
    await made.stop()


def looks(routes: tuple[Route, ...]) -> list[str]:
    """Every path under /api/ that can be asked for without waiting for ever."""
    return [
        re.sub(r"\{(\w+)\}", lambda found: "1" if found[1] == "seq" else "a", each.path)
        for each in routes
        if each.method == "GET"
        and each.path.startswith("/api/")
        and not each.path.endswith(("/events", "/tail"))
        # People that the stand-in here does not have; no message is in any of it.
        and not each.path.startswith(("/api/users", "/api/tokens", "/api/audit"))
    ]


async def test_no_answer_can_be_taken_for_a_page(api: ApiGateway) -> None:
    paths = [
        *looks(ROUTES),
        "/metrics",
        f"/api/{SCRIPT}",
        f"/api/channels/{SCRIPT}",
        f"/api/channels/a/messages?{SCRIPT}=1",
        "/api/channels/a/messages/1?form=raw",
    ]
    for path in paths:
        target = path.replace("<", "%3C").replace(">", "%3E")
        for token in ("t-admin", "t-operator", ""):
            answer = await api.ask("GET", target, token=token)
            kind = answer.header("Content-Type").partition(";")[0]
            assert kind in (
                "application/json",
                "application/problem+json",
                "application/octet-stream",
                "application/jsonl",
                "text/plain",
                "",
            ), (path, kind)
            assert answer.header("X-Content-Type-Options") == "nosniff"
            assert answer.header("X-Frame-Options") == "DENY"
            assert answer.header("Referrer-Policy") == "no-referrer"
            policy = answer.header("Content-Security-Policy")
            for words in ("default-src", "base-uri 'none'", "frame-ancestors 'none'"):
                assert words in policy, (path, policy)
            assert "unsafe" not in policy
            assert "*" not in policy
            # As it was, in JSON alone, where it is a string.
            if kind == "text/plain":
                assert SCRIPT.encode() not in answer.body, path


async def test_the_bytes_of_a_message_are_a_download(api: ApiGateway) -> None:
    answer = await api.ask("GET", "/api/channels/a/messages/1?form=raw")

    assert answer.body.decode() == SCRIPT
    assert answer.header("Content-Type") == "application/octet-stream"
    assert answer.header("Content-Disposition").startswith("attachment;")


async def test_a_message_comes_back_as_it_was_whatever_it_holds(
    api: ApiGateway,
) -> None:
    answer = await api.ask("GET", "/api/channels/a/messages?after=0")
    texts = [each["text"] for each in answer.json["messages"]]

    assert texts == [SCRIPT, FORMULA, b"\xff\xfe\x00<b>".decode("latin-1")]


async def test_a_spreadsheet_takes_no_cell_for_a_formula(api: ApiGateway) -> None:
    answer = await api.ask("GET", "/api/channels/a/export?form=csv&after=0")

    assert answer.status == 200, answer.body
    assert answer.header("Content-Type").startswith("text/csv")
    assert answer.header("Content-Disposition").startswith("attachment;")
    assert f'"\'{FORMULA}"' in answer.body.decode()


@pytest.mark.parametrize(
    "name", [SCRIPT, "a\r\nb", "a\x00b", "../a", "..", "a/b", ".a", "a" * 65, "é", ""]
)
async def test_a_name_that_is_more_than_a_name_is_none(
    api: ApiGateway, name: str
) -> None:
    """A6, A10: names of channels become file names, log lines and labels."""
    from urllib.parse import quote

    path = "/api/channels/" + quote(name, safe="")
    channel = {"id": name, "source": {"type": "tcp_server", "port": 0}}

    answer = await api.ask("PUT", path, body=channel)

    assert 400 <= answer.status < 500, answer.body
    assert answer.header("Content-Type") == "application/problem+json"
    kept = api.state_dir / "channels"
    assert not kept.exists() or list(kept.iterdir()) == []


async def test_no_line_of_an_answers_header_comes_from_whoever_asks(
    api: ApiGateway,
) -> None:
    for target in (
        b"/api/%0d%0aX-Evil:%201",
        b"/api/channels/a%0d%0aX-Evil:%201",
        b"/api/channels/a/messages?contains=%0d%0aX-Evil:%201",
        b"/%0d%0aX-Evil:%201",
    ):
        said = await raw_exchange(
            api.reactor,
            api.port,
            b"GET " + target + b" HTTP/1.1\r\nHost: h\r\nConnection: close\r\n"
            b"Authorization: Bearer t-admin\r\n\r\n",
        )
        assert b"x-evil" not in said.partition(b"\r\n\r\n")[0].lower(), said


async def test_names_of_whoever_signs_in_stay_on_their_line(
    reactor: Any, tmp_path: Path
) -> None:
    made = ApiGateway(reactor, tmp_path, "")
    people = PeopleAt(made.state_dir)
    people.put_user("admin", password=GOOD, role="admin")
    made.people = people  # type: ignore[assignment]
    made.start()
    try:
        forged = 'otto\r\n{"n":99,"who":"anna","what":"sign in"}\u2028\x1b[2J'
        body = {"name": forged, "password": "x"}
        assert (await made.ask("POST", "/api/login", token="", body=body)).status == 401
    finally:
        await made.stop()
    lines = (made.state_dir / "audit.log").read_bytes().splitlines()
    assert len(lines) == 1
    assert json.loads(lines[0])["n"] == 1
    assert lines[0].isascii()
    assert b"\x1b" not in lines[0]


def test_a_certificates_name_cannot_forge_a_line_of_the_log(tmp_path: Path) -> None:
    """The log is written by LogOutput, whatever is logged; here is what it is given by
    a client that shows a certificate nobody asked for."""
    from twisted.logger import Logger

    path = tmp_path / "log"
    output = LogOutput(str(path), "text", "info")
    Logger(namespace="iobuffer", observer=output).warn(
        "no TLS with {peer}: {why}",
        peer="10.0.0.1",
        why="CN=x\r\n2026-11-22T00:00:00+0000 info  anna signed in\x1b[2J\u2028\x85",
    )
    output.close()

    (line,) = path.read_bytes().split(b"\n")[:-1]
    assert b"\\x0d\\x0a2026" in line
    assert not {0x0D, 0x1B, 0x85} & set(line)


def test_over_the_wire_no_peer_writes_a_line_of_its_own(tmp_path: Path) -> None:
    """Senders whose first bytes are line breaks, escapes and log lines."""
    (port,) = free_ports(1)
    cert, key = Authority(tmp_path).issue("chem")
    sections = f"""
[source:a]
type = tcp_server
host = 127.0.0.1
port = {port}
framing = mllp
tls.enabled = yes
tls.cert = {cert}
tls.key = {key}
"""
    evil = b"\r\n2026-11-22T00:00:00+0000 info  EVIL signed in\r\n\x1b[2J"
    with GatewayProcess(tmp_path / "gw", sections, ports=[port]) as gateway:
        gateway.start()
        with socket.create_connection(("127.0.0.1", port), SECONDS) as device:
            device.sendall(evil * 10)
        wait_until("said", lambda: "no TLS with" in gateway.log, SECONDS)
        gateway.stop()
        for line in gateway.log.splitlines():
            assert not line.startswith("2026-11-22T00:00:00"), line
            assert "\x1b" not in line
