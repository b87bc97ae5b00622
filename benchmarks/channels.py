"""Many quiet channels: what they cost."""

from __future__ import annotations

import shutil
import socket
import tempfile
import time
from pathlib import Path

from .processes import cpu_seconds, free_port, gateway, peak_bytes
from .traffic import counting_sink

__all__ = ["run"]

_CHANNELS = 200
_SECONDS = 15.0


def run() -> None:
    """A line a second into each of 200 channels, each to a TCP destination."""
    folder = Path(tempfile.mkdtemp(prefix="bench-iobuffer-", dir="."))
    try:
        with counting_sink() as sink:
            ports: list[int] = []
            while len(ports) < _CHANNELS:
                port = free_port()
                if port not in ports:
                    ports.append(port)
            config = "".join(
                f"[source:c{port}]\ntype = tcp_server\nhost = 127.0.0.1\n"
                f"port = {port}\nframing = line\n"
                f"[destination:c{port}:out]\ntype = tcp_client\nhost = 127.0.0.1\n"
                f"port = {sink.port}\nframing = line\n"
                for port in ports
            )
            with gateway(config, ports, folder) as pid:
                lines = [socket.create_connection(("127.0.0.1", p)) for p in ports]
                used = cpu_seconds(pid)
                start = time.monotonic()
                sent = 0
                while (elapsed := time.monotonic() - start) < _SECONDS:
                    # Spread over the second, as devices are.
                    while sent < elapsed * _CHANNELS:
                        lines[sent % _CHANNELS].send(b"x" * 199 + b"\n")
                        sent += 1
                    time.sleep(0.001)
                sink.wait(sent, 10)
                share = (cpu_seconds(pid) - used) / (time.monotonic() - start)
                print(
                    f"  {_CHANNELS} channels: {share * 100:.1f} % of one core, "
                    f"peak {peak_bytes(pid) / 1e6:.0f} MB, all {sent:,} delivered"
                )
                for one in lines:
                    one.close()
    finally:
        shutil.rmtree(folder)
