"""What the page costs: lines passed through at full rate with nobody looking, with
twenty who look, and with one of them who stops reading."""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from .processes import cpu_seconds, free_port, gateway, peak_bytes
from .traffic import counting_sink, send_lines

__all__ = ["run"]

_COUNT = 1_500_000
_WARM = 20_000
_BROWSERS = 20
#: How often the page asks for what no event brings: the channels, and their past.
_CHANNELS_SECONDS = 5.0
_HISTORY_SECONDS = 15.0
_IOBUFFER = str(Path(sys.executable).parent / "iobuffer")


def _config(listen: int, forward: int, web: int) -> str:
    return f"""
[http]
host = 127.0.0.1
port = {web}
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
"""


def _token(folder: Path) -> str:
    """An operator's: who may see the live tail as well."""
    config = folder / "bench.ini"
    config.write_text(f"[gateway]\nstate_dir = {folder}/state\n")
    made = subprocess.run(
        [_IOBUFFER, "token", "create", str(config), "eyes", "--role", "operator"],
        check=True,
        capture_output=True,
        text=True,
    )
    return made.stdout.strip()


def _request(path: str, token: str) -> bytes:
    lines = (
        f"GET {path} HTTP/1.1",
        "Host: 127.0.0.1",
        f"Authorization: Bearer {token}",
        "",
        "",
    )
    return "\r\n".join(lines).encode()


async def _stream(port: int, path: str, token: str, *, reads: bool) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(_request(path, token))
    if not reads:
        # The smallest window there is, and nobody who empties it.
        reader._transport.pause_reading()  # type: ignore[attr-defined]
        await asyncio.Event().wait()
    while await reader.read(65536):
        pass


async def _poll(port: int, path: str, token: str, seconds: float) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    while True:
        writer.write(_request(path, token))
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(
            int(line.split(b":")[1])
            for line in head.split(b"\r\n")
            if line.lower().startswith(b"content-length:")
        )
        await reader.readexactly(length)
        await asyncio.sleep(seconds)


async def _look(port: int, token: str, browsers: int, stopped: int) -> None:
    """Each as the page does on a channel's live view."""
    paths = ("/api/events", "/api/channels/bench/tail")
    looking = [
        _stream(port, path, token, reads=number >= stopped)
        for number in range(browsers)
        for path in paths
    ]
    for _ in range(browsers):
        looking.append(_poll(port, "/api/channels", token, _CHANNELS_SECONDS))
        looking.append(_poll(port, "/api/history?points=30", token, _HISTORY_SECONDS))
    await asyncio.gather(*looking)


def _look_on(port: int, token: str, browsers: int, stopped: int) -> None:
    asyncio.run(_look(port, token, browsers, stopped))


@contextlib.contextmanager
def _looking(port: int, token: str, browsers: int, stopped: int) -> Iterator[None]:
    if not browsers:
        yield
        return
    eyes = multiprocessing.Process(
        target=_look_on, args=(port, token, browsers, stopped)
    )
    eyes.start()
    try:
        yield
        if not eyes.is_alive():
            raise RuntimeError("those who look were turned away")
    finally:
        eyes.terminate()
        eyes.join()


def _measure(browsers: int, stopped: int) -> tuple[float, float, int]:
    """Messages a second, CPU seconds of the gateway a million, peak bytes of it."""
    folder = Path(tempfile.mkdtemp(prefix="bench-browsers-", dir="."))
    try:
        token = _token(folder)
        with counting_sink() as sink:
            listen, web = free_port(), free_port()
            sections = _config(listen, sink.port, web)
            with (
                gateway(sections, [listen, web], folder) as pid,
                _looking(web, token, browsers, stopped),
            ):
                send_lines(listen, _WARM).join()
                sink.wait(_WARM, 60)
                used = cpu_seconds(pid)
                start = time.monotonic()
                sender = send_lines(listen, _COUNT)
                rate = _COUNT / (sink.wait(_COUNT, 300) - start)
                used = cpu_seconds(pid) - used
                peak = peak_bytes(pid)
                sender.join()
        return rate, used / _COUNT * 1e6, peak
    finally:
        shutil.rmtree(folder)


def run(rounds: int = 5) -> None:
    """In turn, several rounds; the medians, and each as a part of the first."""
    rows = {
        "nobody looks": (0, 0),
        f"{_BROWSERS} look": (_BROWSERS, 0),
        f"{_BROWSERS} look, one stops reading": (_BROWSERS, 1),
    }
    found: dict[str, list[tuple[float, float, int]]] = {name: [] for name in rows}
    for _ in range(rounds):
        for name, (browsers, stopped) in rows.items():
            found[name].append(_measure(browsers, stopped))
    alone = [median(each) for each in zip(*found["nobody looks"], strict=True)]
    for name, results in found.items():
        rate, used, peak = (median(each) for each in zip(*results, strict=True))
        print(
            f"  {name:32} {rate:12,.0f} msg/s  {rate / alone[0]:5.2f} x  "
            f"{used:5.2f} s CPU a million  {used / alone[1]:5.2f} x  "
            f"peak {peak / 1e6:.0f} MB"
        )
