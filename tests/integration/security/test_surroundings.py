"""TORTURE A15: what changes without anybody's request is in the audit log too."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

from tests.links.certificates import Authority
from tests.torture.gateway import GatewayProcess, free_ports, wait_until

SECONDS = 20.0


def test_a_certificate_that_is_replaced_is_in_the_audit_log(tmp_path: Path) -> None:
    (port,) = free_ports(1)
    authority = Authority(tmp_path)
    cert, key = authority.issue("chem")
    sections = f"""
[source:chem-1]
type = tcp_server
host = 127.0.0.1
port = {port}
tls.enabled = yes
tls.cert = {cert}
tls.key = {key}
[destination:chem-1:out]
type = file
path = {tmp_path}/out.txt
"""
    with GatewayProcess(tmp_path / "run", sections, ports=[port]) as gateway:
        gateway.start()

        def lines() -> list[tuple[str, str, str]]:
            path = gateway.state_dir / "audit.log"
            text = path.read_text() if path.exists() else ""
            found = [json.loads(each) for each in text.splitlines()]
            return [
                (each["who"], each["what"], each["detail"])
                for each in found
                if "what" in each
            ]

        def told() -> bool:
            return ("iobuffer", "certificate changed", cert) in lines()

        # The gateway's first look only remembers, and may come after the first of them.
        for _ in range(3):
            authority.issue("chem")
            with contextlib.suppress(TimeoutError):
                wait_until("the line of the audit log", told, SECONDS / 2)
                break
        assert told()
        verified = gateway.command("audit-log", "verify", str(gateway.config))
        assert verified.returncode == 0, verified.stdout + verified.stderr
