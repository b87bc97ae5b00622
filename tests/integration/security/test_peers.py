"""TORTURE A16: another instance that is not who it should be, on either side.

Beside what test_chain.py shows (a relay of another channel) and test_web_client.py (a
certificate of another authority or name).
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest_twisted

from iobuffer.batch import Batch
from iobuffer.relay_format import CONTENT_TYPE, Parcel, encode
from tests.integration.api_site import ApiGateway, free_port
from tests.people.people_fakes import GOOD, WALL, PeopleAt
from tests.torture.gateway import GatewayProcess, free_ports, wait_until

SECONDS = 20.0
CANARY = "canary-of-the-relay"


# -- who asks us -----------------------------------------------------------------------

TWO = """
[source:a]
type = tcp_server
host = 127.0.0.1
port = {a}

[source:b]
type = tcp_server
host = 127.0.0.1
port = {b}
"""


@pytest_twisted.async_yield_fixture
async def api(reactor: Any, tmp_path: Path) -> AsyncIterator[ApiGateway]:
    made = ApiGateway(reactor, tmp_path, TWO.format(a=free_port(), b=free_port()))
    people = PeopleAt(made.state_dir)
    people.put_user("admin", password=GOOD, role="admin")
    made.people = people  # type: ignore[assignment]
    made.start()
    yield made
    await made.stop()


def parcel() -> bytes:
    batch = Batch(
        messages=[b"forged"],
        received_at=1.0,
        peers=(("evil", 1),),
        size_bytes=6,
        first_seq=1,
    )
    return encode(Parcel(gateway="0" * 32, channel="a", after=0, batches=(batch,)))


async def both(api: ApiGateway, token: str, path: str) -> tuple[int, int]:
    """The statuses of taking and of giving."""
    took = await api.ask("GET", path, token=token)
    gave = await api.ask(
        "POST", path, token=token, body=parcel(), headers={"Content-Type": CONTENT_TYPE}
    )
    return took.status, gave.status


async def test_a_token_is_good_for_its_channel_its_time_and_nothing_else(
    api: ApiGateway,
) -> None:
    people: Any = api.people
    made, token = people.tokens.create("hop", "relay", ["a"], days=1, at=WALL)
    mine, other = "/api/channels/a/batches", "/api/channels/b/batches"

    assert await both(api, token, mine) == (204, 200)
    assert await both(api, token, other) == (403, 403)
    for path in ("/api/channels/A/batches", "/api/channels/a%20/batches"):
        assert await both(api, token, path) == (403, 403)
    for bad in ("", "nonsense", token[:-1], token + "0", token.swapcase()):
        assert await both(api, bad, mine) == (401, 401)

    people.label.now += 86_400 + 1
    assert await both(api, token, mine) == (401, 401)
    people.label.now -= 86_400 + 1
    people.tokens.revoke(made.id)
    assert await both(api, token, mine) == (401, 401)
    # What was refused has left nothing behind.
    assert api.gateway.pairs["b"].channel.last_seq == 0
    assert api.gateway.pairs["a"].channel.last_seq == 1


# -- whom we ask -----------------------------------------------------------------------


class Peer:
    """Listens, notes every byte that comes, and gives its answers in turn."""

    def __init__(self, *answers: bytes) -> None:
        self.heard = b""
        self.connections = self.answered = 0
        self._answers = answers
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._listening.settimeout(0.05)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        port: int = self._listening.getsockname()[1]
        return port

    def stop(self) -> None:
        self._over.set()
        self._thread.join(SECONDS)
        self._listening.close()

    def _serve(self) -> None:
        while not self._over.is_set():
            try:
                connection, _ = self._listening.accept()
            except TimeoutError:
                continue
            self.connections += 1
            with connection:
                connection.settimeout(1.0)
                ends_at = time.monotonic() + 5.0
                try:
                    heard = connection.recv(65536)
                    while heard and time.monotonic() < ends_at:
                        self.heard += heard
                        if b"\r\n\r\n" in heard or heard[:1] == b"\x16":
                            break
                        heard = connection.recv(65536)
                    which = self.answered % len(self._answers)
                    self.answered += 1
                    connection.sendall(self._answers[which])
                except OSError:
                    continue  # it has hung up


#: A source that follows, a destination that gives, and one that posts.
WAYS = """
[source:follows]
type = remote_icombuffer
url = {scheme}://127.0.0.1:{follows}
channel_id = chem-1
auth.token = {token}

[source:gives]
type = tcp_server
host = 127.0.0.1
port = {lines}
framing = line

[destination:gives:out]
type = remote_icombuffer
url = {scheme}://127.0.0.1:{gives}
channel_id = chem-1
auth.token = {token}

[destination:gives:posts]
type = http
url = {scheme}://127.0.0.1:{posts}/in
auth.token = {token}
framing = line
"""


@contextlib.contextmanager
def asking(
    folder: Path, scheme: str, peers: dict[str, Peer], times: int
) -> Iterator[GatewayProcess]:
    """A gateway that has asked each of them so often."""
    (lines,) = free_ports(1)
    sections = WAYS.format(
        scheme=scheme,
        token=CANARY,
        lines=lines,
        **{name: peer.port for name, peer in peers.items()},
    )
    with GatewayProcess(folder, sections, ports=[lines]) as gateway:
        gateway.config.chmod(0o600)
        gateway.start()
        with socket.create_connection(("127.0.0.1", lines), SECONDS) as device:
            device.sendall(b"one\n")
        wait_until(
            "all are asked",
            lambda: all(peer.answered >= times for peer in peers.values()),
            SECONDS,
        )
        yield gateway


@contextlib.contextmanager
def peers_with(*answers: bytes) -> Iterator[dict[str, Peer]]:
    made = {name: Peer(*answers) for name in ("follows", "gives", "posts")}
    try:
        yield made
    finally:
        for peer in made.values():
            peer.stop()


def test_a_redirect_is_not_followed_and_our_token_stays_here(tmp_path: Path) -> None:
    """CVE-2022-21712: the agent carried Authorization to wherever the answer said."""
    elsewhere = Peer(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    to = f"http://127.0.0.1:{elsewhere.port}/take".encode()
    redirects = [
        b"HTTP/1.1 " + status + b"\r\nLocation: " + to + b"\r\n"
        b"Content-Length: 0\r\nConnection: close\r\n\r\n"
        for status in (b"302 Found", b"307 Temporary Redirect")
    ]
    try:
        with (
            peers_with(*redirects) as peers,
            asking(tmp_path, "http", peers, 3),
        ):
            for peer in peers.values():
                assert f"Bearer {CANARY}".encode() in peer.heard
        assert elsewhere.connections == 0
    finally:
        elsewhere.stop()


def test_one_that_speaks_no_tls_hears_no_token_and_no_message(tmp_path: Path) -> None:
    """A downgrade: whoever sits in between answers https in plain HTTP."""
    plain = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"
    with (
        peers_with(plain) as peers,
        asking(tmp_path, "https", peers, 2) as gateway,
    ):
        for peer in peers.values():
            assert peer.heard[:1] == b"\x16"
            assert CANARY.encode() not in peer.heard
            assert b"one" not in peer.heard
        assert CANARY not in gateway.log
