"""UDP at a rate: what came in and what the kernel dropped must be what was sent."""

from __future__ import annotations

import shutil
import tempfile
import time
from pathlib import Path

from .processes import free_port, gateway, peak_bytes
from .traffic import send_datagrams

__all__ = ["run"]

_RATE = 200_000
_SECONDS = 5.0


def run() -> None:
    """One sender flat out at the rate; the audit after a stop says what was kept."""
    folder = Path(tempfile.mkdtemp(prefix="bench-iobuffer-", dir="."))
    try:
        port, ready = free_port(), free_port()
        config = (
            f"[source:bench]\ntype = udp\nhost = 127.0.0.1\nport = {port}\n"
            # A second channel, on TCP, only tells when the gateway is up.
            f"[source:ready]\ntype = tcp_server\nhost = 127.0.0.1\nport = {ready}\n"
        )
        with gateway(config, [ready], folder) as pid:
            sent = send_datagrams(port, _RATE, _SECONDS)
            time.sleep(1.0)
            peak = peak_bytes(pid)
        kept, drops = _totals(folder / "state")
        print(
            f"  sent {sent:,}  stored {kept:,}  kernel drops {drops:,}  "
            f"difference {sent - kept - drops}  peak {peak / 1e6:.0f} MB"
        )
    finally:
        shutil.rmtree(folder)


def _totals(state_dir: Path) -> tuple[int, int]:
    from iobuffer.storage.sqlite import SqliteStore

    store = SqliteStore(state_dir)
    try:
        state = store.state("bench")
        return state.last_seq, state.tallies.get("kernel_drops", 0)
    finally:
        store.close()
