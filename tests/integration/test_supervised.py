"""`twistd iobuffer` under something that listens as systemd does."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.torture.gateway import GatewayProcess, free_ports, wait_until

SECONDS = 20.0


def _lines_in(port: int, name: str) -> str:
    return (
        f"[source:{name}]\ntype = tcp_server\nhost = 127.0.0.1\nport = {port}\n"
        f"[destination:{name}:out]\ntype = file\npath = {name}.out\n"
    )


@pytest.fixture
def notify(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        listening.settimeout(SECONDS)
        yield listening


def test_a_gateway_tells_its_supervisor_of_its_whole_life(
    tmp_path: Path, notify: socket.socket
) -> None:
    port, taken, other = free_ports(3)
    with (
        socket.socket() as squatter,
        GatewayProcess(
            tmp_path / "run",
            _lines_in(port, "a") + _lines_in(taken, "b"),
            ports=[port],
            environment={
                "NOTIFY_SOCKET": str(tmp_path / "notify"),
                "WATCHDOG_USEC": "400000",
            },
        ) as gateway,
    ):
        squatter.bind(("127.0.0.1", taken))
        squatter.listen()
        gateway.launch()

        def told() -> list[str]:
            return notify.recv(4096).decode().split("\n")

        ready, status = told()
        assert ready == "READY=1"
        assert status == "STATUS=2 channels, 1 needs attention: b"
        # Ready means that it takes messages.
        socket.create_connection(("127.0.0.1", port), SECONDS).close()
        assert told() == ["WATCHDOG=1"]
        assert told() == ["WATCHDOG=1"]

        gateway.configure(_lines_in(port, "a") + _lines_in(other, "b"))
        os.kill(gateway.pid, signal.SIGHUP)
        lines = told()
        while lines == ["WATCHDOG=1"]:
            lines = told()
        assert lines[0] == "RELOADING=1"
        while lines[0] != "READY=1":
            lines = told()
        wait_until("the reload in the log", lambda: "reloaded" in gateway.log, SECONDS)
        while lines[-1] != "STATUS=2 channels, none needs attention":
            lines = told()

        os.kill(gateway.pid, signal.SIGTERM)
        while lines[0] != "STOPPING=1":
            lines = told()
        assert gateway.wait(SECONDS) == -signal.SIGTERM


def test_a_rotated_log_is_opened_anew_without_a_reload(tmp_path: Path) -> None:
    """SIGUSR1, as logrotate sends it: a configuration that somebody is still editing
    must not be taken up in the night."""
    (port,) = free_ports(1)
    with GatewayProcess(
        tmp_path / "run", _lines_in(port, "a"), ports=[port]
    ) as gateway:
        gateway.start()
        os.kill(gateway.pid, signal.SIGUSR1)
        os.kill(gateway.pid, signal.SIGUSR2)
        wait_until("the status", lambda: "a: running" in gateway.log, SECONDS)

        assert "reload" not in gateway.log
        gateway.stop()
