"""A gateway with a small laboratory around it, for the page's tests and for looking at.

`python -m tests.page.stage` runs it until Ctrl-C and says where the page is.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import socket
import socketserver
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tests.torture.gateway import GatewayProcess, free_ports, wait_until

__all__ = ["ADMIN", "OPERATOR", "VIEWER", "Lis", "Stage", "hl7_result", "staged"]

SECONDS = 20.0
_BIN = Path(sys.executable).parent

#: (name, password) of each role.
ADMIN = ("ada", "a laboratory at night")
OPERATOR = ("otto", "an analyser in ward 3")
VIEWER = ("vera", "a window and no more")


def hl7_result(number: int, patient: str = "000042") -> bytes:
    """A result of an analyser, framed as MLLP."""
    message = (
        f"MSH|^~\\&|ANALYSER|WARD3|LIS|LAB|20261122024100||ORU^R01|SIM{number:08d}|P|2.5.1\r"
        f"PID|1||{patient}^^^HOSP^MR||DOE^JANE||19700101|F\r"
        f"OBR|1|{number}||GLU^Glucose\r"
        f"OBX|1|NM|GLU^Glucose||{5 + number % 10 / 10:.1f}|mmol/L|3.9-5.5|H|||F\r"
    )
    return b"\x0b" + message.encode() + b"\x1c\r"


class Lis:
    """A laboratory system that takes HL7 and answers AA, or AE for a patient whom it
    does not know. `taken` holds the control ids of what it has said AA to."""

    def __init__(self) -> None:
        self.taken: list[str] = []
        self.unknown: set[str] = set()
        lis = self

        class Answers(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                message = b""
                while byte := self.rfile.read(1):
                    message += byte
                    if not message.endswith(b"\x1c\r"):
                        continue
                    self.wfile.write(lis.answer(message))
                    message = b""

        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Answers)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        threading.Thread(
            target=self._server.serve_forever, args=(0.02,), daemon=True
        ).start()

    def answer(self, message: bytes) -> bytes:
        segments = message.strip(b"\x0b\x1c\r").split(b"\r")
        control_id = segments[0].split(b"|")[9].decode()
        patient = segments[1].split(b"|")[3].split(b"^")[0].decode()
        if patient in self.unknown:
            code, why = "AE", f"unknown patient {patient}"
        else:
            code, why = "AA", ""
            self.taken.append(control_id)
        return (
            b"\x0bMSH|^~\\&|LIS|LAB|ANALYSER|WARD3|20261122||ACK|1|P|2.5.1\r"
            + f"MSA|{code}|{control_id}|{why}\r".encode()
            + b"\x1c\r"
        )

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class Stage:
    """The gateway, where its page is, and who may sign in."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.lis = Lis()
        names = ("http", "chem", "scanner", "syslog", "away", "taken", "spare")
        self.ports = dict(zip(names, free_ports(len(names)), strict=True))
        self.url = f"http://127.0.0.1:{self.ports['http']}"
        self._squatter = socket.create_server(("127.0.0.1", self.ports["taken"]))
        self.gateway = GatewayProcess(
            folder,
            self._sections(),
            ports=[self.ports["http"], self.ports["chem"]],
            options="name = lab-gw-1",
        )

    def _sections(self) -> str:
        ports = self.ports
        return f"""
[http]
host = 127.0.0.1
port = {ports["http"]}

[source:chem-1]
type = tcp_server
host = 127.0.0.1
port = {ports["chem"]}
framing = mllp
[destination:chem-1:lis]
type = tcp_client
host = 127.0.0.1
port = {self.lis.port}
framing = mllp
ack = hl7
refused = park
[destination:chem-1:archive]
type = file
path = {self.folder}/archive/%Y-%m-%d.hl7
[channel:chem-1]
description = Chemistry analyser, ward 3

[source:scanner-7]
type = tcp_server
host = 127.0.0.1
port = {ports["scanner"]}
framing = line
[destination:scanner-7:wms]
type = file
path = {self.folder}/scanner.txt
[channel:scanner-7]
description = Hand scanner at the loading bay

[source:syslog]
type = udp
host = 127.0.0.1
port = {ports["syslog"]}
framing = syslog
[destination:syslog:siem]
type = tcp_client
host = 127.0.0.1
port = {ports["away"]}

[source:xray]
type = tcp_server
host = 127.0.0.1
port = {ports["taken"]}
[destination:xray:ris]
type = file
path = {self.folder}/xray.txt
"""

    def start(self) -> None:
        """Make the people, start the gateway, send a little of everything."""
        for (name, password), role in (
            (ADMIN, "admin"),
            (OPERATOR, "operator"),
            (VIEWER, "viewer"),
        ):
            subprocess.run(
                [
                    _BIN / "iobuffer",
                    "passwd",
                    self.gateway.config,
                    name,
                    "--role",
                    role,
                ],
                input=password.encode() + b"\n",
                check=True,
                capture_output=True,
            )
        self.gateway.start()
        self.lis.unknown.add("000666")
        self.send_results(1, 10)
        self.send_results(11, 12, patient="000666")
        self.send_results(13, 20)
        with socket.create_connection(("127.0.0.1", self.ports["scanner"])) as line:
            line.sendall(b"4006381333931\n9780201379624\n")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams:
            for number in range(5):
                datagrams.sendto(
                    b"<34>Nov 22 02:41:0%d pump-%d su: failed for root"
                    % (number, number),
                    ("127.0.0.1", self.ports["syslog"]),
                )
        wait_until("the results at the LIS", lambda: len(self.lis.taken) == 18, SECONDS)
        wait_until("two parked", lambda: self.parked() == 2, SECONDS)

    def send_results(self, first: int, last: int, patient: str = "000042") -> None:
        """As the analyser does: each result waits for the acknowledgement before."""
        with socket.create_connection(
            ("127.0.0.1", self.ports["chem"]), SECONDS
        ) as line:
            line.settimeout(SECONDS)
            for number in range(first, last + 1):
                line.sendall(hl7_result(number, patient))
                answer = b""
                while not answer.endswith(b"\x1c\r"):
                    chunk = line.recv(4096)
                    if not chunk:
                        raise ConnectionError("the gateway closed the line")
                    answer += chunk
                if b"MSA|AA" not in answer:
                    raise AssertionError(answer)

    def parked(self) -> int:
        found = self.asked("/api/channels/chem-1/parked")
        return len(found["parked"])

    def asked(self, path: str, **options: Any) -> Any:
        """What the API answers an administrator's name and password."""
        request = urllib.request.Request(self.url + path, **options)
        secret = base64.b64encode(":".join(ADMIN).encode()).decode()
        request.add_header("Authorization", f"Basic {secret}")
        with urllib.request.urlopen(request, timeout=SECONDS) as answer:
            body = answer.read()
            return json.loads(body) if body else None

    def wait_for(self, what: str, holds: Callable[[], object]) -> None:
        wait_until(what, holds, SECONDS)

    def close(self) -> None:
        self.gateway.kill()
        self._squatter.close()
        self.lis.close()


@contextlib.contextmanager
def staged(folder: Path) -> Iterator[Stage]:
    """A stage that runs, and ends."""
    stage = Stage(folder)
    try:
        stage.start()
        yield stage
    finally:
        stage.close()


if __name__ == "__main__":
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "/tmp/iobuffer-stage")
    folder.mkdir(parents=True, exist_ok=True)
    with staged(folder / str(os.getpid())) as stage:
        print(f"{stage.url}  {' / '.join(ADMIN)}", flush=True)
        with contextlib.suppress(KeyboardInterrupt):
            number = 100
            while not threading.Event().wait(1.0):
                stage.send_results(number, number + number % 3)
                number += 3
