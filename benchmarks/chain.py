"""Two chained gateways beside one that passes through: the same lines, the same way in
and out, and every message fsynced by each gateway that it comes through."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from .processes import cpu_seconds, free_port, gateway
from .traffic import CountingSink, counting_sink, send_lines

__all__ = ["run"]

_COUNT = 1_000_000
#: So many go first, so that connections are open and code is warm.
_WARM = 20_000
_IOBUFFER = str(Path(sys.executable).parent / "iobuffer")


def _lines_in(port: int) -> str:
    return f"""
[source:bench]
type = tcp_server
host = 127.0.0.1
port = {port}
framing = line
"""


def _lines_out(port: int) -> str:
    return f"""
[destination:bench:out]
type = tcp_client
host = 127.0.0.1
port = {port}
framing = line
"""


def _web(port: int) -> str:
    return f"""
[http]
host = 127.0.0.1
port = {port}
"""


def _to_other(port: int, folder: Path) -> str:
    return f"""
url = http://127.0.0.1:{port}
channel_id = bench
auth.token_file = {folder}/token
"""


def _make_token(folder: Path) -> None:
    """A relay's, for the gateway whose state is kept there; made before it starts."""
    config = folder / "bench.ini"
    config.write_text(f"[gateway]\nstate_dir = {folder}/state\n")
    made = subprocess.run(
        [*(_IOBUFFER, "token", "create", str(config), "hop", "--channel", "bench")],
        check=True,
        capture_output=True,
        text=True,
    )
    token = folder / "token"
    token.touch(mode=0o600)
    token.write_text(made.stdout.strip())


def _one(stack: ExitStack, folder: Path, listen: int, sink: int) -> list[int]:
    sections = _lines_in(listen) + _lines_out(sink)
    return [stack.enter_context(gateway(sections, [listen], folder))]


def _pull(stack: ExitStack, folder: Path, listen: int, sink: int) -> list[int]:
    first, second, web = folder / "first", folder / "second", free_port()
    first.mkdir()
    second.mkdir()
    _make_token(first)
    sections = _lines_in(listen) + _web(web)
    giver = stack.enter_context(gateway(sections, [listen, web], first))
    sections = (
        f"[source:bench]\ntype = remote_icombuffer{_to_other(web, first)}"
        + _lines_out(sink)
    )
    return [giver, stack.enter_context(gateway(sections, [], second))]


def _push(stack: ExitStack, folder: Path, listen: int, sink: int) -> list[int]:
    first, second, web = folder / "first", folder / "second", free_port()
    first.mkdir()
    second.mkdir()
    _make_token(second)
    sections = f"[channel:bench]\n{_lines_out(sink)}{_web(web)}"
    taker = stack.enter_context(gateway(sections, [web], second))
    sections = (
        _lines_in(listen)
        + "[destination:bench:next]\ntype = remote_icombuffer"
        + _to_other(web, second)
    )
    return [stack.enter_context(gateway(sections, [listen], first)), taker]


Way = Callable[[ExitStack, Path, int, int], list[int]]

_WAYS: dict[str, Way] = {
    "one gateway": _one,
    "two chained, the second pulls": _pull,
    "two chained, the first pushes": _push,
}


def _measure(way: Way) -> tuple[float, list[float]]:
    """Messages a second from the first one sent to the last one out, and each
    gateway's CPU seconds for a million."""
    folder = Path(tempfile.mkdtemp(prefix="bench-iobuffer-", dir="."))
    try:
        with counting_sink() as sink, ExitStack() as stack:
            listen = free_port()
            pids = way(stack, folder.resolve(), listen, sink.port)
            _through(listen, sink, _WARM)
            used = [cpu_seconds(pid) for pid in pids]
            seconds = _through(listen, sink, _COUNT)
            used = [
                (cpu_seconds(pid) - before) * 1e6 / _COUNT
                for pid, before in zip(pids, used, strict=True)
            ]
        return _COUNT / seconds, used
    finally:
        shutil.rmtree(folder)


def _through(listen: int, sink: CountingSink, count: int) -> float:
    start = time.monotonic()
    sender = send_lines(listen, count)
    seconds = sink.wait(count, 300) - start
    sender.join()
    return seconds


def run(rounds: int = 5) -> None:
    """Each in turn, several rounds; of each the median, and of what part it is of one
    gateway's rate the median too, each round by itself: the machine may be busy."""
    found: dict[str, list[tuple[float, list[float]]]] = {name: [] for name in _WAYS}
    for _ in range(rounds):
        for name, way in _WAYS.items():
            found[name].append(_measure(way))
    one = [rate for rate, _ in found["one gateway"]]
    for name, results in found.items():
        parts = sorted(
            rate / alone for (rate, _), alone in zip(results, one, strict=True)
        )
        rate, used = sorted(results)[rounds // 2]
        seconds = " + ".join(f"{each:.2f}" for each in used)
        print(
            f"  {name:30} {rate:12,.0f} msg/s  {parts[rounds // 2]:6.0%} "
            f"({parts[0]:.0%} to {parts[-1]:.0%})  {seconds} s CPU a million"
        )
    print(f"  load of the machine at the end: {os.getloadavg()[0]:.1f}")
