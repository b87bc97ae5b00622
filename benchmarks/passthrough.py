"""Lines of 200 bytes in over TCP, out over TCP: iobuffer (fsynced) and rsyslog."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from .processes import cpu_seconds, free_port, gateway, peak_bytes, rsyslog
from .traffic import counting_sink, send_lines

__all__ = ["run"]

_MEMORY = 'queue.type="FixedArray" queue.size="50000"'
_DISK = 'queue.type="Disk" queue.filename="q" queue.maxDiskSpace="8g"'
_SYNCED = _DISK + ' queue.syncQueueFiles="on"'


#: rsyslog keeps nothing of what it has delivered; the first row does the same. The
#: second keeps a week, as iobuffer does by default.
_OURS = {
    "iobuffer, fsynced": "keep = 0s",
    "iobuffer, fsynced, kept 7 days": "keep = 7d",
}


def _config(listen: int, forward: int, policy: str) -> str:
    return f"""
[source:bench]
type = tcp_server
host = 127.0.0.1
port = {listen}
framing = line
[destination:bench:out]
type = tcp_client
host = 127.0.0.1
port = {forward}
framing = line
[channel:bench]
{policy}
"""


def _iobuffer(count: int, policy: str) -> tuple[float, str]:
    folder = Path(tempfile.mkdtemp(prefix="bench-iobuffer-", dir="."))
    try:
        with counting_sink() as sink:
            listen = free_port()
            config = _config(listen, sink.port, policy)
            with gateway(config, [listen], folder) as pid:
                used = cpu_seconds(pid)
                start = time.monotonic()
                sender = send_lines(listen, count)
                rate = count / (sink.wait(count, 300) - start)
                used = cpu_seconds(pid) - used
                peak = peak_bytes(pid)
                sender.join()
        note = f"peak {peak / 1e6:.0f} MB, {used / count * 1e6:.2f} s CPU a million"
        return rate, note
    finally:
        shutil.rmtree(folder)


def _rsyslog(queue: str, count: int) -> tuple[float, str]:
    with counting_sink() as sink:
        listen = free_port()
        with rsyslog(queue, listen, sink.port):
            start = time.monotonic()
            sender = send_lines(listen, count)
            rate = count / (sink.wait(count, 300) - start)
            sender.join()
    return rate, ""


def run(rounds: int = 3) -> None:
    """Each in turn, several rounds; the median of each, and how many times as fast
    iobuffer, fsynced, is."""
    ours = {
        name: partial(_iobuffer, 1_000_000, policy) for name, policy in _OURS.items()
    }
    rows: dict[str, Callable[[], tuple[float, str]]] = {
        **ours,
        "rsyslog, memory queue": partial(_rsyslog, _MEMORY, 1_000_000),
        "rsyslog, disk queue": partial(_rsyslog, _DISK, 200_000),
        "rsyslog, synced disk queue": partial(_rsyslog, _SYNCED, 10_000),
    }
    if shutil.which("rsyslogd") is None:
        print("  rsyslogd is not installed: iobuffer alone")
        rows = {**ours}
    found: dict[str, list[tuple[float, str]]] = {name: [] for name in rows}
    for _ in range(rounds):
        for name, measure in rows.items():
            found[name].append(measure())
    fsynced = sorted(rate for rate, _ in found["iobuffer, fsynced"])[rounds // 2]
    for name, results in found.items():
        rate, note = sorted(results)[rounds // 2]
        print(f"  {name:30} {rate:12,.0f} msg/s  {fsynced / rate:8.2f} x  {note}")
