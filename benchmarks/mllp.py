"""HL7 over MLLP, each message acknowledged after its commit."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from pathlib import Path

from .processes import free_port, gateway
from .traffic import mllp_load

__all__ = ["run"]

_SECONDS = 3.0


def run() -> None:
    """1, 20 and 100 connections; beside it what the disk takes for a sync."""
    folder = Path(tempfile.mkdtemp(prefix="bench-iobuffer-", dir="."))
    try:
        print(f"  one fdatasync of 4 KiB takes {_sync_seconds(folder) * 1e3:.2f} ms")
        listen = free_port()
        config = (
            f"[source:bench]\ntype = tcp_server\nhost = 127.0.0.1\nport = {listen}\n"
            "framing = mllp\n"
        )
        with gateway(config, [listen], folder):
            for connections in (1, 20, 100):
                rate, trips = mllp_load(listen, connections, _SECONDS)
                middle = trips[len(trips) // 2] * 1e3
                late = trips[len(trips) * 99 // 100] * 1e3
                print(
                    f"  {connections:3} connections {rate:12,.0f} msg/s"
                    f"  p50 {middle:.2f} ms  p99 {late:.2f} ms"
                )
    finally:
        shutil.rmtree(folder)


def _sync_seconds(folder: Path) -> float:
    took = []
    with (folder / "sync").open("wb", buffering=0) as probe:
        for _ in range(50):
            probe.write(b"x" * 4096)
            start = time.perf_counter()
            os.fdatasync(probe.fileno())
            took.append(time.perf_counter() - start)
    return sorted(took)[len(took) // 2]
