"""TORTURE A11, A12: what listens, and where, when nobody has said more.

The matrix of loopback, password, TLS and the flag is in tests/web/test_server.py; here
the kernel is asked what a gateway that runs has open.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.torture.gateway import GatewayProcess, free_ports, wait_until

SECONDS = 20.0

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0,
    reason="the gateway shows its sockets to root alone, not to others of its user",
)

_LISTEN = "0A"


def listening(pid: int) -> set[tuple[str, int]]:
    """(address, port) of every TCP and UDP socket that this process has open for
    others."""
    mine = set()
    for entry in os.listdir(f"/proc/{pid}/fd"):
        try:
            mine.add(os.readlink(f"/proc/{pid}/fd/{entry}"))
        except FileNotFoundError:
            continue
    found = set()
    for table in ("tcp", "tcp6", "udp", "udp6"):
        for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if f"socket:[{fields[9]}]" not in mine:
                continue
            if fields[3] == _LISTEN or table.startswith("udp"):
                address, _, port = fields[1].partition(":")
                found.add((address, int(port, 16)))
    return found


LOOPBACK = "0100007F"


def test_without_a_section_nothing_is_open(tmp_path: Path) -> None:
    with GatewayProcess(tmp_path, "", ports=[]) as gateway:
        gateway.start()
        wait_until("started", lambda: "started: " in gateway.log, SECONDS)
        assert listening(gateway.pid) == set()


def test_the_api_alone_is_on_loopback_and_lets_nobody_in(tmp_path: Path) -> None:
    """And no manhole, no syslog, no metrics port: only what was asked for."""
    (port,) = free_ports(1)
    sections = f"[http]\nport = {port}\n[manhole]\n"
    with GatewayProcess(tmp_path, sections, ports=[port]) as gateway:
        gateway.start()
        assert listening(gateway.pid) == {(LOOPBACK, port)}
        assert not (gateway.state_dir / "users.json").exists()


def test_beyond_loopback_it_waits_for_tls_unless_told_by_its_ugly_name(
    tmp_path: Path,
) -> None:
    (port,) = free_ports(1)
    sections = f"[http]\nhost = 0.0.0.0\nport = {port}\n"
    with GatewayProcess(tmp_path, sections, ports=[]) as gateway:
        gateway.start()
        refused = "not listening on 0.0.0.0: beyond this machine it takes TLS"
        wait_until("the refusal", lambda: refused in gateway.log, SECONDS)
        assert listening(gateway.pid) == set()
        wait_until("a way in", lambda: "run `iobuffer passwd" in gateway.log, SECONDS)
        assert "#set-up=" not in gateway.log, "a link to where nothing listens"
        gateway.stop()

        gateway.configure(sections + "unsafe_network_without_tls_or_password = yes\n")
        gateway.start()
        wait_until(
            "it listens",
            lambda: listening(gateway.pid) == {("00000000", port)},
            SECONDS,
        )
        link = f"http://127.0.0.1:{port}/#set-up="
        wait_until("a link that can be opened", lambda: link in gateway.log, SECONDS)
