"""Writes on one connection, and when they count as received."""

from __future__ import annotations

import pytest
from twisted.internet.error import ConnectionLost
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from iobuffer.destinations._outlet import Outlet

from .tcp_fakes import KernelTransport


class Wire:
    """An Outlet on a transport whose peer the test plays."""

    def __init__(
        self, *, kernel_bytes: int = 1 << 30, hold_seconds: float = 0.0
    ) -> None:
        self.clock = Clock()
        self.transport = KernelTransport(kernel_bytes=kernel_bytes)
        self.chunks: list[bytes] = []
        self.received: list[tuple[str, int]] = []
        self.rooms = 0
        self.measured = 0
        self.outlet = Outlet(
            self.clock,
            on_chunk=self.chunks.append,
            on_writable=self.changed,
            unsent=self.unsent,
            hold_seconds=hold_seconds,
        )
        self.outlet.makeConnection(self.transport)

    def changed(self) -> None:
        self.rooms += self.outlet.writable

    def unsent(self, transport: KernelTransport) -> int:
        assert transport is self.transport
        self.measured += 1
        return transport.unsent_bytes

    def send(self, name: str, data: bytes) -> None:
        self.outlet.send(data, lambda count: self.received.append((name, count)))

    def lose(self) -> None:
        self.outlet.connectionLost(Failure(ConnectionLost()))
        self.outlet.give_up()


@pytest.fixture
def wire() -> Wire:
    return Wire()


def test_a_write_counts_as_received_when_the_peers_tcp_has_all_of_it(wire) -> None:
    wire.send("a", b"x" * 100)
    wire.clock.advance(1)
    assert wire.received == []
    wire.transport.acknowledge(99)
    wire.clock.advance(1)
    assert wire.received == []
    wire.transport.acknowledge(1)
    wire.clock.advance(1)
    assert wire.received == [("a", 100)]


def test_no_timer_runs_while_there_is_nothing_to_confirm(wire) -> None:
    assert not wire.clock.getDelayedCalls()
    wire.send("a", b"x")
    wire.send("b", b"x")
    assert len(wire.clock.getDelayedCalls()) == 1
    wire.transport.acknowledge()
    wire.clock.advance(0.005)
    assert wire.received == [("a", 1), ("b", 1)]
    assert not wire.clock.getDelayedCalls()


def test_a_peer_that_does_not_move_is_asked_for_ever_more_seldom(wire) -> None:
    wire.send("a", b"x")
    wire.clock.pump([0.001] * 1000)
    in_the_first_second = wire.measured
    wire.clock.pump([0.001] * 60_000)
    assert in_the_first_second < 60
    assert wire.measured - in_the_first_second <= 4 * 60 + 10


def test_the_peer_is_asked_when_twisted_has_got_rid_of_its_bytes() -> None:
    wire = Wire(kernel_bytes=1000)
    wire.send("a", b"x" * 100_000)
    assert not wire.outlet.writable
    wire.transport.acknowledge(100_000)
    assert wire.received == [("a", 100_000)]
    assert wire.outlet.writable
    assert wire.rooms == 1


def test_a_full_buffer_says_so_until_it_is_empty() -> None:
    wire = Wire(kernel_bytes=1000)
    wire.send("a", b"x" * 60_000)
    assert wire.outlet.writable
    wire.send("b", b"x" * 10_000)
    assert not wire.outlet.writable
    wire.transport.acknowledge(50_000)
    assert not wire.outlet.writable
    assert wire.rooms == 0


def test_a_lost_connection_tells_how_much_was_known_to_have_arrived(wire) -> None:
    wire.send("a", b"x" * 10)
    wire.send("b", b"x" * 10)
    wire.transport.acknowledge(15)
    wire.clock.advance(0.005)
    # Known too late: the peer's TCP may have taken it down with itself.
    wire.transport.acknowledge(5)
    wire.lose()
    assert wire.received == [("a", 10), ("b", 5)]
    assert not wire.clock.getDelayedCalls()
    assert not wire.outlet.writable


def test_a_connection_that_is_gone_takes_nothing_and_is_not_asked(wire) -> None:
    wire.send("a", b"x")
    wire.outlet.connectionLost(Failure(ConnectionLost()))
    wire.outlet.measure()
    assert wire.received == []
    wire.outlet.give_up()
    wire.send("b", b"x")
    assert wire.received == [("a", 0), ("b", 0)]
    assert wire.measured == 0
    assert wire.transport.value() == b"x"


def test_nothing_is_confirmed_while_the_peer_may_still_turn_us_down() -> None:
    wire = Wire(hold_seconds=1.0)
    wire.clock.advance(5)
    wire.send("a", b"x")
    wire.transport.acknowledge()
    wire.clock.pump([0.1] * 9)
    assert wire.received == []
    wire.lose()
    assert wire.received == [("a", 0)]

    patient = Wire(hold_seconds=1.0)
    patient.send("a", b"x")
    patient.transport.acknowledge()
    patient.clock.pump([0.1] * 13)
    assert patient.received == [("a", 1)]


def test_how_long_nothing_has_moved_is_told(wire) -> None:
    still: list[float] = []
    wire.outlet.on_stuck = still.append
    wire.clock.advance(100)
    wire.send("a", b"x" * 10)
    wire.clock.pump([0.1] * 20)
    assert still[-1] == pytest.approx(2.0, abs=0.3)
    wire.transport.acknowledge(1)
    wire.clock.pump([0.1] * 5)
    assert still[-1] < 0.6


def test_what_the_peer_says_is_passed_on(wire) -> None:
    wire.outlet.dataReceived(b"hello")
    assert wire.chunks == [b"hello"]
