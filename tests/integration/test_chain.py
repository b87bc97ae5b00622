"""Two gateways in a chain, each a process of its own, over a network that is bad."""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.cutting_proxy import CuttingProxy
from tests.torture.gateway import GatewayProcess, free_ports, wait_until

SECONDS = 25.0
IOBUFFER = str(Path(sys.executable).with_name("iobuffer"))


class Chain:
    """`first` takes lines; `second` follows it, or is given to, and writes a file."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.lines_port, self.http_port, self.second_port, self.udp_port = free_ports(4)
        self.out = folder / "out.txt"
        self.gateways: list[GatewayProcess] = []
        self.proxies: list[CuttingProxy] = []
        self.sent: list[bytes] = []
        self._sender: socket.socket | None = None

    def proxy(self, port: int, **how: Any) -> CuttingProxy:
        made = CuttingProxy(port, **how)
        self.proxies.append(made)
        return made

    def gateway(self, name: str, sections: str, *ports: int) -> GatewayProcess:
        made = GatewayProcess(self.folder / name, sections, ports=ports)
        self.gateways.append(made)
        return made

    def token(self, gateway: GatewayProcess, channel: str) -> str:
        """The file of a relay's token, bound to that channel."""
        made = subprocess.run(
            [
                *(IOBUFFER, "token", "create", str(gateway.config), "hop"),
                *("--role", "relay", "--channel", channel),
            ],
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=True,
        )
        path = self.folder / f"token-{channel}"
        path.touch(mode=0o600)
        path.write_text(made.stdout.strip())
        return str(path)

    def send(self, count: int, pause_seconds: float = 0.0) -> None:
        """Lines to `first`, over one connection."""
        if self._sender is None:
            self._sender = socket.create_connection(
                ("127.0.0.1", self.lines_port), SECONDS
            )
        for _ in range(count):
            line = b"%06d %s" % (len(self.sent), b"x" * random.randrange(200))
            self.sent.append(line)
            self._sender.sendall(line + b"\n")
            if pause_seconds:
                time.sleep(pause_seconds)

    @property
    def arrived(self) -> list[bytes]:
        return self.out.read_bytes().splitlines() if self.out.exists() else []

    def all_arrive(self) -> None:
        """Wait until the last line is in the file."""
        wait_until(
            f"{len(self.sent)} lines",
            lambda: self.arrived[-1:] == self.sent[-1:],
            SECONDS,
            every=0.1,
        )

    def each_is_stored_once(self, second: GatewayProcess) -> None:
        """And in order. The store tells: to a file, a killed gateway writes again what
        it had not noted as written."""
        self.all_arrive()
        second.stop()
        exported = subprocess.run(
            [
                *(IOBUFFER, "store", "export", str(second.config)),
                *("--channel", "copy"),
            ],
            capture_output=True,
            timeout=SECONDS,
            check=True,
        )
        assert exported.stdout.splitlines() == self.sent

    def taken(self, first: GatewayProcess, count: int) -> None:
        """Wait until it has read so many lines since it started, and hang up."""

        def shown() -> bool:
            os.kill(first.pid, signal.SIGUSR2)
            return (
                f"({count} messages in," in first.log
                or f"({count} messages in)" in first.log
            )

        wait_until(f"{count} messages in", shown, SECONDS, every=0.1)
        self.hang_up()

    def hang_up(self) -> None:
        """Close the connection that lines are sent over."""
        if self._sender is not None:
            self._sender.close()
            self._sender = None

    def close(self) -> None:
        self.hang_up()
        for gateway in self.gateways:
            gateway.kill()
        for proxy in self.proxies:
            proxy.close()


@pytest.fixture
def chain(tmp_path: Path) -> Iterator[Chain]:
    made = Chain(tmp_path)
    yield made
    made.close()


def takes_lines(chain: Chain) -> str:
    return f"""
[source:ward]
type = tcp_server
host = 127.0.0.1
port = {chain.lines_port}
framing = line
[http]
host = 127.0.0.1
port = {chain.http_port}
"""


def follows(chain: Chain, port: int, token: str) -> str:
    return f"""
[source:copy]
type = remote_icombuffer
url = http://127.0.0.1:{port}
channel_id = ward
auth.token_file = {token}
retry_max = 500ms
[destination:copy:file]
type = file
path = {chain.out}
framing = line
[http]
host = 127.0.0.1
port = {chain.second_port}
"""


def test_a_chain_carries_each_message_once_whatever_is_cut_repeated_or_killed(
    chain: Chain,
) -> None:
    first = chain.gateway("first", takes_lines(chain), chain.lines_port)
    first.start()
    token = chain.token(first, "ward")
    proxy = chain.proxy(chain.http_port, seed=7)
    second = chain.gateway("second", follows(chain, proxy.port, token))
    second.start()
    sending = threading.Thread(target=chain.send, args=(3000, 0.001))
    sending.start()
    for _ in range(2):
        time.sleep(0.8)
        second.kill()
        second.start()
    sending.join()
    # Lines over TCP are nobody's until they are stored: a stop in good order stores
    # what the kernel has, and only then is the first one killed.
    second.kill()
    chain.taken(first, 3000)
    first.stop()
    first.start()
    second.start()
    wait_until("some", lambda: len(chain.arrived) > 500, SECONDS)
    first.kill()
    first.start()
    proxy.calm()
    chain.send(200)

    chain.each_is_stored_once(second)
    assert proxy.cuts_total > 0


def test_what_comes_while_the_hop_is_down_waits_for_it(chain: Chain) -> None:
    first = chain.gateway("first", takes_lines(chain), chain.lines_port)
    first.start()
    token = chain.token(first, "ward")
    second = chain.gateway("second", follows(chain, chain.http_port, token))
    second.start()
    chain.send(10)
    chain.all_arrive()
    second.kill()
    chain.send(500)
    chain.taken(first, 510)
    first.stop()
    first.start()
    assert "no longer configured" not in first.log
    second.start()

    chain.each_is_stored_once(second)


def test_a_relay_of_another_channel_is_turned_away(chain: Chain) -> None:
    first = chain.gateway("first", takes_lines(chain), chain.lines_port)
    first.start()
    token = chain.token(first, "other")
    second = chain.gateway("second", follows(chain, chain.http_port, token))
    second.start()
    chain.send(5)

    wait_until("refusal", lambda: "does not let us in" in second.log, SECONDS)
    assert chain.arrived == []


def test_a_channel_that_follows_itself_is_told_so(chain: Chain) -> None:
    first = chain.gateway("first", takes_lines(chain), chain.http_port)
    first.start()
    token = chain.token(first, "ward")
    chain.send(5)
    chain.taken(first, 5)
    first.stop()
    first.configure(
        f"""
[source:ward]
type = remote_icombuffer
url = http://127.0.0.1:{chain.http_port}
channel_id = ward
auth.token_file = {token}
[http]
host = 127.0.0.1
port = {chain.http_port}
"""
    )
    first.start()

    wait_until("the loop is told", lambda: "they go round" in first.log, SECONDS)


def test_what_is_given_is_there_once_whatever_is_cut_repeated_or_killed(
    chain: Chain,
) -> None:
    second = chain.gateway(
        "second",
        f"""
[source:copy]
type = udp
host = 127.0.0.1
port = {chain.udp_port}
[destination:copy:file]
type = file
path = {chain.out}
framing = line
[http]
host = 127.0.0.1
port = {chain.second_port}
""",
        chain.second_port,
    )
    second.start()
    token = chain.token(second, "copy")
    proxy = chain.proxy(
        chain.second_port, seed=11, cut_share=0.6, cut_before_bytes=3000
    )
    first = chain.gateway(
        "first",
        takes_lines(chain)
        + f"""
[destination:ward:next]
type = remote_icombuffer
url = http://127.0.0.1:{proxy.port}
channel_id = copy
auth.token_file = {token}
retry_max = 500ms
""",
        chain.lines_port,
    )
    first.start()
    sending = threading.Thread(target=chain.send, args=(2000, 0.001))
    sending.start()
    time.sleep(0.8)
    second.kill()
    second.start()
    sending.join()
    chain.taken(first, 2000)
    wait_until("some", lambda: len(chain.arrived) > 500, SECONDS)
    first.stop()
    first.start()
    first.kill()
    first.start()
    proxy.calm()
    chain.send(100)

    chain.each_is_stored_once(second)
    assert proxy.cuts_total > 0
