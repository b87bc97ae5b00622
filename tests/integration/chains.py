"""Gateways in a chain, each a process of its own, and what is sent through them."""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

from tests.torture.gateway import GatewayProcess, free_ports, wait_until

__all__ = ["SECONDS", "Chain"]

#: Longer than anything takes here; only a test that fails waits that long.
SECONDS = 30.0

_IOBUFFER = str(Path(sys.executable).with_name("iobuffer"))
_STORED = b"\x06"


class _Closing(Protocol):
    def close(self) -> None: ...


class Chain:
    """`first` takes lines on `lines_port`; whoever is the last one writes `out`.

    A context manager: leaving it ends every process and proxy.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.lines_port, self.http_port, self.second_port, self.third_port = free_ports(
            4
        )
        self.out = folder / "out.txt"
        self.sent: list[bytes] = []
        self._gateways: list[GatewayProcess] = []
        self._closing: list[_Closing] = []
        self._sender: socket.socket | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.hang_up()
        for gateway in self._gateways:
            gateway.kill()
            if error is not None:
                print(f"--- {gateway.config.parent}\n{gateway.log[-4000:]}")
        for each in self._closing:
            each.close()

    # -- what it is made of ------------------------------------------------------------

    def gateway(self, name: str, sections: str, *ports: int) -> GatewayProcess:
        """One gateway, not yet started."""
        made = GatewayProcess(self.folder / name, sections, ports=ports)
        self._gateways.append(made)
        return made

    def closing(self, proxy: Any) -> Any:
        """The proxy, which is closed in the end."""
        self._closing.append(proxy)
        return proxy

    def token(self, gateway: GatewayProcess, channel: str) -> str:
        """The file of a relay's token, bound to that channel."""
        made = _run("token", "create", str(gateway.config), "hop", "--channel", channel)
        path = self.folder / f"token-{gateway.config.parent.name}-{channel}"
        path.touch(mode=0o600)
        path.write_text(made.decode().strip())
        return str(path)

    def takes_lines(self, extra: str = "") -> str:
        """Sections of the first one; it says when a line is stored."""
        return f"""
[source:ward]
type = tcp_server
host = 127.0.0.1
port = {self.lines_port}
framing = line
ack = bytes
{self.web(self.http_port)}{extra}"""

    def web(self, port: int) -> str:
        """The section [http]."""
        return f"[http]\nhost = 127.0.0.1\nport = {port}\n"

    def follows(
        self, channel: str, url: str, from_channel: str, token: str, extra: str = ""
    ) -> str:
        """A source that takes another instance's channel."""
        return f"""
[source:{channel}]
type = remote_icombuffer
{self.other(url, from_channel, token)}{extra}"""

    def pushes(self, channel: str, url: str, to_channel: str, token: str) -> str:
        """A destination that gives to another instance's channel."""
        return f"""
[destination:{channel}:next]
type = remote_icombuffer
{self.other(url, to_channel, token)}"""

    def other(self, url: str, channel: str, token: str) -> str:
        """The options that name a channel of another instance."""
        return f"""url = {url}
channel_id = {channel}
auth.token_file = {token}
retry_max = 500ms
"""

    def writes(self, channel: str) -> str:
        """A destination that writes the file `out`."""
        return f"""
[destination:{channel}:file]
type = file
path = {self.out}
framing = line
"""

    # -- what goes through -------------------------------------------------------------

    def send(self, count: int, pause_seconds: float = 0.0) -> None:
        """Lines to `first`, over one connection; they are stored on return."""
        if self._sender is None:
            self._sender = socket.create_connection(
                ("127.0.0.1", self.lines_port), SECONDS
            )
        for _ in range(count):
            line = b"%06d %s" % (len(self.sent), b"x" * random.randrange(50, 150))
            self.sent.append(line)
            self._sender.sendall(line + b"\n")
            if pause_seconds:
                time.sleep(pause_seconds)
        told = 0
        while told < count:
            answer = self._sender.recv(count - told)
            assert set(answer) == set(_STORED), answer
            told += len(answer)

    def hang_up(self) -> None:
        """Close the connection that lines are sent over."""
        if self._sender is not None:
            self._sender.close()
            self._sender = None

    @property
    def arrived(self) -> list[bytes]:
        return self.out.read_bytes().splitlines() if self.out.exists() else []

    def all_arrive(self) -> None:
        """Wait until the last line is in the file."""
        self.until(
            f"{len(self.sent)} lines", lambda: self.arrived[-1:] == self.sent[-1:]
        )

    def until(self, what: str, holds: Callable[[], object]) -> None:
        """Wait for it."""
        wait_until(what, holds, SECONDS, every=0.05)

    def says(self, gateway: GatewayProcess, words: str) -> None:
        """Wait until its log, or how it is just now, says that."""
        self.until("it runs", lambda: gateway.log.count("started: ") == gateway.starts)

        def said() -> bool:
            os.kill(gateway.pid, signal.SIGUSR2)
            return words in gateway.log

        self.until(words, said)

    def each_is_stored_once(self, last: GatewayProcess, channel: str) -> None:
        """And in order. The store tells: to a file, a killed gateway writes again what
        it had not noted as written."""
        self.all_arrive()
        last.stop()
        exported = _run("store", "export", str(last.config), "--channel", channel)
        assert exported.splitlines() == self.sent

    def asked(self, gateway: GatewayProcess, *arguments: str) -> Any:
        """What `iobuffer ... --json` answers of a running gateway."""
        command, *rest = arguments
        return json.loads(_run(command, str(gateway.config), *rest, "--json"))


def _run(*arguments: str) -> bytes:
    made = subprocess.run(
        [_IOBUFFER, *arguments], capture_output=True, timeout=SECONDS, check=False
    )
    assert made.returncode == 0, (arguments, made.stdout, made.stderr)
    return made.stdout
