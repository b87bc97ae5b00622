"""A backlog with the destination down: what it costs in memory, and how it drains."""

from __future__ import annotations

import shutil
import tempfile
import time
from pathlib import Path

from .processes import free_port, gateway, peak_bytes, resident_bytes
from .traffic import CountingSink, send_lines

__all__ = ["run"]

_LINES_A_GIB = 5_368_709


def run(gibibytes: float = 5.0) -> None:
    """Fill with nobody listening, then listen and drain."""
    count = int(gibibytes * _LINES_A_GIB) // 2000 * 2000
    folder = Path(tempfile.mkdtemp(prefix="bench-iobuffer-", dir="."))
    try:
        listen, forward = free_port(), free_port()
        config = f"""
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
retry_max = 1s
[channel:bench]
max_bytes = 20 GiB
"""
        with gateway(config, [listen], folder) as pid:
            before = resident_bytes(pid)
            warm = send_lines(listen, 200_000)
            warm.join()
            small = peak_bytes(pid)
            start = time.monotonic()
            send_lines(listen, count).join()
            filled = count / (time.monotonic() - start)
            large = peak_bytes(pid)
            print(
                f"  filled at {filled:,.0f} msg/s; {before / 1e6:.0f} MB idle, "
                f"peak {small / 1e6:.0f} MB after 200,000, {large / 1e6:.0f} MB after "
                f"{gibibytes:g} GiB: {(large - small) / 1e6:+.1f} MB"
            )
            start = time.monotonic()
            sink = CountingSink(forward)
            try:
                rate = (count + 200_000) / (sink.wait(count + 200_000, 600) - start)
            finally:
                sink.close()
            print(
                f"  drained at {rate:,.0f} msg/s, peak {peak_bytes(pid) / 1e6:.0f} MB"
            )
    finally:
        shutil.rmtree(folder)
