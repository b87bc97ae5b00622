from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest
from twisted.internet.testing import StringTransport

from iobuffer.links.tcp import (
    TcpTuning,
    quality_of,
    raise_read_bytes,
    tune,
    unsent_bytes,
)


class _Transport:
    """What of a Twisted TCP transport we look at, over a real socket."""

    def __init__(self, sock: socket.socket) -> None:
        self.socket = sock
        self.bufferSize = 65536
        self.dataBuffer = b""
        self.offset = 0
        self._tempDataLen = 0


@pytest.fixture
def pair() -> Iterator[tuple[_Transport, socket.socket]]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        client = socket.create_connection(server.getsockname())
        peer, _ = server.accept()
    with client, peer:
        yield _Transport(client), peer


def test_a_dead_peer_is_given_up_within_keepalive(
    pair: tuple[_Transport, socket.socket],
) -> None:
    transport, _ = pair

    tune(transport, keepalive_seconds=30.0, user_timeout_seconds=12.5)

    sock = transport.socket
    assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
    first = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE)
    apart = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL)
    probes = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT)
    assert first + apart * probes == 30
    assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 12500
    assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 1


def test_zero_leaves_the_kernel_alone(pair: tuple[_Transport, socket.socket]) -> None:
    transport, _ = pair

    tune(transport, keepalive_seconds=0, user_timeout_seconds=0)

    sock = transport.socket
    assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 0
    assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 0


def test_quality_is_what_the_kernel_has_measured(
    pair: tuple[_Transport, socket.socket],
) -> None:
    transport, peer = pair
    transport.socket.sendall(b"x" * 1000)
    assert peer.recv(1000, socket.MSG_WAITALL) == b"x" * 1000
    transport.dataBuffer = b"y" * 40

    found = quality_of(transport)
    assert 0 < found.pop("round_trip_seconds") < 1
    assert found == {"unacknowledged_bytes": 40, "retransmits": 0}


def test_of_what_is_no_tcp_or_has_ended_no_quality_is_known(
    pair: tuple[_Transport, socket.socket],
) -> None:
    transport, _ = pair
    assert quality_of(StringTransport()) == {}
    transport.socket.close()
    assert quality_of(transport) == {}


def test_unsent_is_what_twisted_and_the_kernel_still_hold(
    pair: tuple[_Transport, socket.socket],
) -> None:
    transport, _ = pair
    assert unsent_bytes(transport) == 0

    transport.dataBuffer = b"x" * 10
    transport.offset = 4
    transport._tempDataLen = 100
    assert unsent_bytes(transport) == 106

    # Fill the peer's window and our own send buffer: nobody reads.
    transport.socket.setblocking(False)
    sent = transport.socket.send(b"y" * 2**23)
    assert sent < 2**23
    assert unsent_bytes(transport) > 106 + 65536


def test_a_transport_without_a_socket_is_left_alone() -> None:
    transport = StringTransport()

    tune(transport, keepalive_seconds=30.0, user_timeout_seconds=30.0)
    raise_read_bytes(transport, 2**18)

    assert unsent_bytes(transport) == 0


def test_larger_reads_are_asked_of_the_transport(
    pair: tuple[_Transport, socket.socket],
) -> None:
    transport, _ = pair

    raise_read_bytes(transport, 2**18)

    assert transport.bufferSize == 2**18


@pytest.mark.parametrize("seconds", [0.2, 40000.0])
def test_timings_that_the_kernel_cannot_keep_are_problems(seconds: float) -> None:
    assert [name for name, _ in TcpTuning(keepalive=seconds).problems()] == [
        "keepalive"
    ]
    assert [name for name, _ in TcpTuning(user_timeout=seconds).problems()] == [
        "user_timeout"
    ]
    assert not list(TcpTuning(keepalive=0, user_timeout=0).problems())
