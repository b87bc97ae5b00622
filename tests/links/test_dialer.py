from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.error import (
    ConnectionDone,
    ConnectionRefusedError,
    TCPTimedOutError,
)
from twisted.internet.protocol import Protocol
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.python.failure import Failure

from iobuffer.links.backoff import Backoff
from iobuffer.links.dialer import Dialer
from iobuffer.links.tcp import TcpTuning
from iobuffer.links.tls import TlsConfig
from iobuffer.state import StateCell, Word


class World:
    """A dialer over a reactor in memory; `events` is what its user was told."""

    def __init__(self, host: str = "10.0.0.9", tls: TlsConfig | None = None) -> None:
        self.reactor = MemoryReactorClock()
        self.state = StateCell(lambda: 0.0, lambda old, new: None)
        self.events: list[str] = []
        self.log: list[str] = []
        self.dialer = Dialer(
            self.reactor,
            host,
            6661,
            tls=tls,
            tuning=TcpTuning(),
            build=Protocol,
            on_up=lambda protocol: self.events.append("up"),
            on_down=lambda reason: self.events.append(f"down: {reason}"),
            state=self.state,
            backoff=Backoff(random=lambda: 0.0),
            log=lambda level, text: self.log.append(f"{level}: {text}"),
        )

    @property
    def attempts(self) -> int:
        return len(self.reactor.tcpClients)

    def refuse(self, error: Exception | None = None) -> None:
        factory = self.reactor.tcpClients[-1][2]
        connector: Any = None
        factory.clientConnectionFailed(
            connector, Failure(error or ConnectionRefusedError())
        )

    def connect(self) -> tuple[Any, StringTransport]:
        factory = self.reactor.tcpClients[-1][2]
        protocol = factory.buildProtocol(None)
        transport = StringTransport()
        # As a TCP transport does: an abort ends the connection by itself.
        transport.abortConnection = lambda: protocol.connectionLost(  # type: ignore[method-assign]
            Failure(ConnectionDone())
        )
        protocol.makeConnection(transport)
        return protocol, transport


def test_it_is_up_once_connected_and_says_so() -> None:
    world = World()
    world.dialer.start()
    assert str(world.state.current) == "waiting: connecting to 10.0.0.9:6661"

    world.connect()

    assert world.events == ["up"]
    assert str(world.state.current) == "running: connected to 10.0.0.9:6661"
    assert world.dialer.counters.connects_total == 1


def test_a_refusal_is_told_with_the_time_of_the_next_try() -> None:
    world = World()
    world.dialer.start()

    world.refuse()

    assert str(world.state.current) == (
        "waiting: connection refused by 10.0.0.9:6661: nothing listens there; "
        "next try in 0.5 s"
    )
    assert world.dialer.counters.connect_failures_total == 1
    assert world.events == []


def test_pauses_grow_to_a_minute_for_ever() -> None:
    world = World()
    world.dialer.start()
    pauses = []
    for _ in range(12):
        world.refuse()
        before = world.reactor.seconds()
        (call,) = world.reactor.getDelayedCalls()
        pauses.append(call.getTime() - before)
        world.reactor.advance(pauses[-1])

    assert pauses == [0.5, 1, 2, 4, 8, 16, 32, 60, 60, 60, 60, 60]
    assert world.attempts == 13


def test_a_connection_alone_does_not_shorten_the_pauses() -> None:
    world = World()
    world.dialer.start()
    for pause in (0.5, 1.0, 2.0):
        protocol, _ = world.connect()
        protocol.connectionLost(Failure(ConnectionDone()))
        (call,) = world.reactor.getDelayedCalls()
        assert call.getTime() - world.reactor.seconds() == pause
        world.reactor.advance(pause)


def test_a_connection_that_lasted_shortens_them() -> None:
    world = World()
    world.dialer.start()
    for _ in range(4):
        world.refuse()
        world.reactor.advance(60.0)
    protocol, _ = world.connect()
    world.reactor.advance(10.0)

    protocol.connectionLost(Failure(ConnectionDone()))

    assert "next try in 0.5 s" in world.state.current.reason


def test_its_user_can_say_that_it_works() -> None:
    world = World()
    world.dialer.start()
    for _ in range(4):
        world.refuse()
        world.reactor.advance(60.0)
    protocol, _ = world.connect()

    world.dialer.reset_backoff()
    protocol.connectionLost(Failure(ConnectionDone()))

    assert "next try in 0.5 s" in world.state.current.reason


def test_a_lost_connection_is_told_once_and_dialled_again() -> None:
    world = World()
    world.dialer.start()
    protocol, _ = world.connect()

    protocol.connectionLost(Failure(ConnectionDone()))

    assert world.events == [
        "up",
        "down: connection to 10.0.0.9:6661 closed by the peer",
    ]
    world.reactor.advance(0.5)
    assert world.attempts == 2


def test_reopen_drops_the_connection_with_the_reason_given() -> None:
    world = World()
    world.dialer.start()
    world.connect()

    world.dialer.reopen("stalled for 60 s")

    assert world.events[-1] == "down: connection to 10.0.0.9:6661 stalled for 60 s"
    world.reactor.advance(0.5)
    assert world.attempts == 2


def test_stop_hangs_up_and_dials_no_more() -> None:
    world = World()
    world.dialer.start()
    protocol, transport = world.connect()

    stopped = world.dialer.stop()
    assert transport.disconnecting
    assert not stopped.called

    protocol.connectionLost(Failure(ConnectionDone()))
    assert stopped.called
    assert not world.reactor.getDelayedCalls()
    assert world.attempts == 1


def test_each_who_stops_it_is_told_once_its_user_has_been() -> None:
    world = World()
    world.dialer.start()
    protocol, _ = world.connect()
    for name in ("first", "second"):
        world.dialer.stop().addCallback(
            lambda _, name=name: world.events.append(f"{name} stopped")
        )

    protocol.connectionLost(Failure(ConnectionDone()))

    assert world.events == [
        "up",
        "down: connection to 10.0.0.9:6661 closed",
        "first stopped",
        "second stopped",
    ]


def test_stop_between_attempts_leaves_no_timer() -> None:
    world = World()
    world.dialer.start()
    world.refuse()

    stopped = world.dialer.stop()

    assert stopped.called
    assert not world.reactor.getDelayedCalls()


def test_a_peer_that_never_answers_the_goodbye_is_cut_off() -> None:
    world = World()
    world.dialer.start()
    world.connect()

    stopped = world.dialer.stop()
    world.reactor.advance(5.0)

    assert stopped.called


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (TCPTimedOutError(), "no answer from 10.0.0.9:6661"),
        (ConnectionRefusedError(), "connection refused by 10.0.0.9:6661"),
    ],
)
def test_failures_are_sentences(error: Exception, words: str) -> None:
    world = World()
    world.dialer.start()

    world.refuse(error)

    assert words in world.state.current.reason


def test_a_missing_file_is_failed_with_its_name_and_tried_again(tmp_path: Any) -> None:
    ca = str(tmp_path / "ca.pem")
    world = World(tls=TlsConfig(enabled=True, ca=ca))

    world.dialer.start()

    assert world.state.word is Word.FAILED
    assert f"CA {ca} is not there" in world.state.current.reason
    assert world.attempts == 0
    assert len(world.reactor.getDelayedCalls()) == 1


def test_unverified_tls_is_warned_of_at_start() -> None:
    world = World(tls=TlsConfig(enabled=True, verify=False))

    world.dialer.start()

    assert len(world.log) == 1
    assert "tls.verify = no" in world.log[0]


def test_ipv6_addresses_are_written_with_brackets() -> None:
    world = World(host="fd00::9")

    world.dialer.start()

    assert world.state.current.reason == "connecting to [fd00::9]:6661"
