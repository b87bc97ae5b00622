"""`python -m benchmarks [NAME ...]`."""

from __future__ import annotations

import platform
import sys
from pathlib import Path

from . import (
    backlog,
    browsers,
    chain,
    channels,
    datagrams,
    mllp,
    paint,
    passthrough,
)

_PARTS = {
    "lines": (passthrough.run, "TCP lines of 200 bytes in, stored, TCP out"),
    "mllp": (mllp.run, "MLLP, acknowledged after the commit"),
    "udp": (datagrams.run, "UDP, 200,000 datagrams/s of 200 bytes for 5 s"),
    "backlog": (backlog.run, "5 GiB with the destination down, then drained"),
    "chain": (chain.run, "two chained gateways beside one, lines of 200 bytes"),
    "channels": (channels.run, "200 channels, one message a second each"),
    "browsers": (browsers.run, "lines passed through while browsers look"),
    "paint": (paint.run, "the page in Chromium, nothing cached"),
}


def main() -> None:
    names = sys.argv[1:] or list(_PARTS)
    unknown = [name for name in names if name not in _PARTS]
    if unknown:
        sys.exit(f"no such benchmark: {unknown[0]}; there are {', '.join(_PARTS)}")
    print(_machine())
    for name in names:
        run, title = _PARTS[name]
        print(f"{name}: {title}", flush=True)
        run()


def _machine() -> str:
    models = [
        line.split(":", 1)[1].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    ]
    return (
        f"{len(models)} x {models[0] if models else platform.machine()}, "
        f"Linux {platform.release()}, Python {platform.python_version()}"
    )


if __name__ == "__main__":
    main()
