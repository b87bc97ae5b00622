"""Starting, watching and ending what is measured."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = [
    "cpu_seconds",
    "free_port",
    "gateway",
    "peak_bytes",
    "resident_bytes",
    "rsyslog",
    "wait_for_port",
]

_CLOCK_TICKS = os.sysconf("SC_CLK_TCK")


def free_port() -> int:
    """A TCP port on loopback that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for_port(port: int, seconds: float = 20.0) -> None:
    """Return once something accepts on that port."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)


def resident_bytes(pid: int) -> int:
    """VmRSS now."""
    return _status(pid, "VmRSS")


def peak_bytes(pid: int) -> int:
    """VmHWM, the most it ever was."""
    return _status(pid, "VmHWM")


def _status(pid: int, name: str) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(name + ":"):
            return int(line.split()[1]) * 1024
    raise KeyError(name)


def cpu_seconds(pid: int) -> float:
    """User and system time of the process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / _CLOCK_TICKS


@contextmanager
def _running(arguments: list[str], log: Path) -> Iterator[int]:
    with log.open("wb") as output:
        process = subprocess.Popen(arguments, stdout=output, stderr=output)
    try:
        yield process.pid
        if process.poll() is not None:
            raise RuntimeError(f"it ended by itself:\n{log.read_text()}")
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@contextmanager
def gateway(sections: str, ports: list[int], state_dir: Path) -> Iterator[int]:
    """iobuffer with this configuration; its pid, once the ports are open."""
    config = state_dir / "bench.ini"
    config.write_text(f"[gateway]\nstate_dir = {state_dir}/state\n{sections}")
    twistd = str(Path(sys.executable).parent / "twistd")
    arguments = [twistd, "-n", "--pidfile=", "iobuffer", "-c", str(config)]
    with _running(arguments, state_dir / "gateway.log") as pid:
        for port in ports:
            wait_for_port(port)
        yield pid


@contextmanager
def rsyslog(queue: str, listen: int, forward: int) -> Iterator[int]:
    """rsyslogd that takes lines on one port and forwards them to another.

    `queue` is the parameters of the queue between the two.
    """
    with tempfile.TemporaryDirectory(prefix="bench-rsyslog-") as folder:
        config = Path(folder) / "rsyslog.conf"
        config.write_text(
            f"""
global(workDirectory="{folder}" maxMessageSize="64k")
module(load="imtcp")
template(name="raw" type="string" string="%rawmsg%\\n")
ruleset(name="forward" {queue}) {{
  action(type="omfwd" target="127.0.0.1" port="{forward}" protocol="tcp"
         template="raw")
}}
input(type="imtcp" address="127.0.0.1" port="{listen}" ruleset="forward")
"""
        )
        pidfile = Path(folder) / "pid"
        arguments = ["rsyslogd", "-n", "-f", str(config), "-i", str(pidfile)]
        with _running(arguments, Path(folder) / "log") as pid:
            wait_for_port(listen)
            yield pid
