"""An alarm, from a silent device to the webhook and the mail command."""

from __future__ import annotations

import json
import socket
import ssl
import threading
from collections.abc import Iterator
from email import message_from_string
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.links.certificates import Authority
from tests.torture.gateway import GatewayProcess, free_ports, wait_until

SECONDS = 25.0


class Webhook(HTTPServer):
    """Takes what is posted; the first post fails. `identity`: a certificate and its
    key, to speak TLS with."""

    def __init__(self, identity: tuple[str, str] | None = None) -> None:
        super().__init__(("127.0.0.1", 0), _Request)
        if identity is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*identity)
            # The handshake is made by whoever reads first, and may fail there.
            self.socket = context.wrap_socket(
                self.socket, server_side=True, do_handshake_on_connect=False
            )
        self.posts = 0
        self.documents: list[dict[str, Any]] = []
        self._thread = threading.Thread(target=self.serve_forever, args=(0.05,))

    def __enter__(self) -> Webhook:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.shutdown()
        self._thread.join()
        self.server_close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that does not trust us hangs up within the handshake."""


class _Request(BaseHTTPRequestHandler):
    server: Webhook

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.posts += 1
        if self.server.posts == 1:
            self.send_error(503)
            return
        self.server.documents.append(json.loads(body))
        self.send_response(204)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Nothing is said on the standard error of the tests."""


@pytest.fixture
def webhook() -> Iterator[Webhook]:
    with Webhook() as serving:
        yield serving


def mail_command(folder: Path) -> tuple[str, Path]:
    """A program that stands for sendmail, and the folder that it fills."""
    mails = folder / "mails"
    mails.mkdir()
    program = folder / "sendmail"
    program.write_text(f'#!/bin/sh\n[ "$1" = -t ] && exec cat > {mails}/$$\n')
    program.chmod(0o755)
    return f"{program} -t", mails


def test_a_silent_device_is_told_once_and_once_more_when_it_speaks(
    tmp_path: Path, webhook: Webhook
) -> None:
    command, mails = mail_command(tmp_path)
    url = tmp_path / "url"
    url.write_text(f"http://127.0.0.1:{webhook.server_port}/hook")
    url.chmod(0o600)
    (port,) = free_ports(1)
    sections = f"""
[alarms]
webhook_file = {url}
mail_to = lab@hospital.example
mail_command = {command}

[source:chem-1]
type = tcp_server
host = 127.0.0.1
port = {port}
framing = line

[channel:chem-1]
silence = 1s

[destination:chem-1:out]
type = file
path = {tmp_path}/out
"""

    def subjects() -> set[str]:
        found = (message_from_string(each.read_text()) for each in mails.iterdir())
        return {str(mail["Subject"]).split(" (")[0] for mail in found}

    with GatewayProcess(
        tmp_path / "gw", sections, ports=[port], options="name = ward-3"
    ) as gateway:
        gateway.start()
        wait_until("the alarm", lambda: webhook.documents, SECONDS)
        with socket.create_connection(("127.0.0.1", port), SECONDS) as device:
            device.sendall(b"hello\n")
            wait_until("its end", lambda: len(webhook.documents) == 2, SECONDS)
        expected = {"ALARM silence chem-1", "cleared silence chem-1"}
        wait_until("both mails", lambda: subjects() == expected, SECONDS)
        gateway.stop()
        raised, cleared = webhook.documents

        assert (raised["gateway"], raised["channel"]) == ("ward-3", "chem-1")
        assert (raised["alarm"], raised["raised"]) == ("silence", True)
        assert (cleared["alarm"], cleared["raised"]) == ("silence", False)
        assert cleared["text"] == "a message has come"
        assert gateway.log.count("ALARM silence") == 1
        assert gateway.log.count("alarm cleared, silence") == 1
        assert "the server answered with 503; trying again" in gateway.log
        assert "webhook works again" in gateway.log
        assert "/hook" not in gateway.log


@pytest.mark.parametrize("trusted", [False, True], ids=["another CA", "its CA"])
def test_a_webhook_over_tls_is_told_only_if_its_certificate_is_good(
    tmp_path: Path, trusted: bool
) -> None:
    """It is verified without anybody asking for it; `tls.ca` names the hospital's own
    authority."""
    ours = Authority(tmp_path, "ours")
    other = Authority(tmp_path, "other")
    (port,) = free_ports(1)
    with Webhook(ours.issue("hook")) as webhook:
        # Here no post is to fail but for its certificate.
        webhook.posts = 1
        url = tmp_path / "url"
        url.touch(mode=0o600)
        url.write_text(f"https://127.0.0.1:{webhook.server_port}/hook")
        sections = f"""
[alarms]
webhook_file = {url}
tls.ca = {(ours if trusted else other).ca}

[source:chem-1]
type = tcp_server
host = 127.0.0.1
port = {port}
framing = line

[channel:chem-1]
silence = 1s

[destination:chem-1:out]
type = file
path = {tmp_path}/out
"""
        with GatewayProcess(tmp_path / "gw", sections, ports=[port]) as gateway:
            gateway.start()
            if trusted:
                wait_until("the alarm", lambda: webhook.documents, SECONDS)
                assert webhook.documents[0]["channel"] == "chem-1"
            else:
                refused = "(CN=hook) is refused: its CA is not known here"
                wait_until("the reason", lambda: refused in gateway.log, SECONDS)
                assert webhook.documents == []
            gateway.stop()
            assert "/hook" not in gateway.log
