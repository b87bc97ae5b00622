"""The listening port as a link: copies to whoever is connected."""

from __future__ import annotations

from typing import Any

import pytest

from iobuffer.acks import ACKS
from iobuffer.batch import Batch
from iobuffer.channel import Confidence
from iobuffer.destinations.base import Dropped, LinkLost, Refused
from iobuffer.destinations.tcp_server import TcpServerConfig, TcpServerLink
from iobuffer.links.tls import TlsConfig

from .tcp_fakes import FakeListener, KernelTransport, Outcome, Place, batch_of


class Server(Place):
    """A link, and the test in the place of network and delivery."""

    def __init__(self, **options: Any) -> None:
        super().__init__()
        self.listener = FakeListener()
        self.link = TcpServerLink(
            TcpServerConfig(port=9000, **options),
            self.context,
            make_listener=self.listener,
            unsent=self.listener.unsent,
        )
        self.link.start(self.user)

    def join(self, **options: Any) -> KernelTransport:
        transport = KernelTransport(**options)
        self.listener.join(transport)
        return transport

    def send(self, *messages: bytes) -> Outcome:
        return Outcome(self.link.send(batch_of(*messages)))

    def pass_time(self, seconds: float = 1.0) -> None:
        for _ in range(round(seconds * 100)):
            self.clock.advance(0.01)
            self.listener.leave_aborted()


@pytest.fixture
def server() -> Server:
    return Server()


def test_with_nobody_connected_the_link_is_down_and_says_so(server) -> None:
    assert server.user.said == []
    assert not server.link.writable
    assert server.states == ["waiting: nobody is connected to port 9000"]


def test_a_port_that_cannot_be_opened_is_the_state_of_the_link() -> None:
    server = Server()
    server.listener.fail("Port 9000 is in use by another program")
    assert server.states[-1] == "failed: Port 9000 is in use by another program"
    assert not server.link.writable


def test_the_first_client_brings_the_link_up_and_the_last_one_down(server) -> None:
    first = server.join()
    assert server.link.writable
    assert server.user.said == ["up"]
    second = server.join()
    server.listener.leave(first)
    # Told again: nothing could be sent while the first one's leaving was sorted out.
    assert server.user.said == ["up", "up"]
    server.listener.leave(second)
    assert server.user.said[2:] == ["down: nobody is connected to port 9000 any more"]
    assert not server.link.writable
    assert [state.partition(":")[0] for state in server.states] == [
        "waiting",
        "running",
        "waiting",
    ]
    assert server.counters.connects_total == 2
    assert server.counters.disconnects_total == 2
    assert server.counters.connections == 0


def test_a_batch_is_received_when_every_client_has_its_copy(server) -> None:
    one, other = server.join(), server.join()
    outcome = server.send(b"a", b"b")
    assert one.value() == other.value() == b"a\nb\n"
    one.acknowledge()
    server.pass_time()
    assert outcome.value is None
    other.acknowledge()
    server.pass_time()
    assert outcome.value is Confidence.RECEIVED


def test_a_client_that_goes_is_not_waited_for_when_another_has_it(server) -> None:
    one, other = server.join(), server.join()
    outcome = server.send(b"a")
    one.acknowledge()
    server.pass_time()
    server.listener.leave(other)
    assert outcome.value is Confidence.RECEIVED
    assert server.user.said == ["up", "up"]


def test_a_batch_that_nobody_has_is_lost_with_the_last_client(server) -> None:
    client = server.join()
    first, second = server.send(b"aaa", b"bbb"), server.send(b"ccc")
    client.acknowledge(5)
    server.pass_time()
    server.listener.leave(client)
    assert isinstance(first.value, LinkLost)
    assert (first.value.delivered, second.value.delivered) == (1, 0)
    assert server.user.said[-1].startswith("down")


def test_a_lost_batch_takes_those_behind_it_along_so_that_order_is_kept(server) -> None:
    one = server.join()
    first = server.send(b"a")
    other = server.join()
    second = server.send(b"b")
    other.acknowledge()
    server.pass_time()
    server.listener.leave(one)
    assert isinstance(first.value, LinkLost)
    assert isinstance(second.value, LinkLost)
    assert second.value.delivered == 0
    assert [word.partition(":")[0] for word in server.user.said] == ["up", "down", "up"]
    assert server.link.writable


def test_a_client_gets_what_is_sent_from_when_it_connects(server) -> None:
    server.join()
    server.send(b"a")
    late = server.join()
    server.send(b"b")
    assert late.value() == b"b\n"


def test_the_link_has_room_while_one_client_has(server) -> None:
    fast = server.join()
    slow = server.join(kernel_bytes=1000)
    server.send(b"x" * 100_000)
    assert server.link.writable
    fast.acknowledge()
    assert slow.buffered_bytes > 0


def test_with_every_client_full_the_link_is_not_writable(server) -> None:
    one, other = server.join(kernel_bytes=1000), server.join(kernel_bytes=1000)
    server.send(b"x" * 100_000)
    assert not server.link.writable
    one.acknowledge()
    assert server.link.writable
    assert server.user.said == ["up", "up"]
    other.acknowledge()


def test_a_client_that_lags_behind_is_disconnected_and_the_others_go_on() -> None:
    server = Server(client_buffer=200_000)
    fast = server.join()
    slow = server.join(kernel_bytes=1000)
    outcomes = []
    for _ in range(4):
        outcomes.append(server.send(b"x" * 100_000))
        fast.acknowledge()
    assert slow.aborted
    assert len(slow.value()) <= 200_000 + 100_001
    server.pass_time()
    assert [outcome.value for outcome in outcomes] == [Confidence.RECEIVED] * 4
    assert server.counters.stalls_total == 1
    assert [level for level, _ in server.logged] == ["warn"]
    assert "client_buffer" in server.logged[0][1]
    assert not any(word.startswith("down") for word in server.user.said)


def test_a_single_slow_client_is_waited_for_and_not_disconnected() -> None:
    server = Server(client_buffer=200_000)
    client = server.join(kernel_bytes=1000)
    server.send(b"x" * 300_000)
    assert not server.link.writable
    server.pass_time(20)
    client.acknowledge(100_000)
    server.pass_time(20)
    assert not client.aborted


def test_a_client_that_takes_nothing_for_half_the_stall_is_disconnected(server) -> None:
    fast, dead = server.join(), server.join()
    outcome = server.send(b"a")
    fast.acknowledge()
    server.pass_time(29)
    assert not dead.aborted
    server.pass_time(2)
    assert dead.aborted
    assert outcome.value is Confidence.RECEIVED


def test_a_client_that_drips_cannot_hold_back_the_others_for_ever(server) -> None:
    fast, drip = server.join(), server.join()
    server.send(b"x" * 1000)
    fast.acknowledge()
    for _ in range(32):
        server.pass_time(1)
        if drip.aborted:
            break
        drip.acknowledge(1)
    assert drip.aborted
    assert "held back" in server.logged[0][1]


def test_laggards_are_logged_once_in_a_while_and_always_counted() -> None:
    server = Server()
    for _ in range(3):
        client = server.join()
        server.send(b"a")
        server.pass_time(31)
        assert client.aborted
    assert server.counters.stalls_total == 3
    assert len(server.logged) == 1


def test_a_message_that_cannot_be_framed_is_refused_after_those_before_it(
    server,
) -> None:
    one, other = server.join(), server.join()
    outcome = server.send(b"a", b"b\n")
    assert not server.link.writable
    one.acknowledge()
    other.acknowledge()
    server.pass_time()
    assert isinstance(outcome.value, Refused)
    assert (outcome.value.index, outcome.value.final) == (1, True)
    assert server.link.writable
    assert server.user.said == ["up", "up"]


def test_nothing_can_be_sent_while_a_leaving_client_is_told_of(server) -> None:
    one, other = server.join(), server.join()
    seen: list[bool] = []
    for message in (b"a", b"b"):
        done = server.link.send(batch_of(message))
        done.addCallback(lambda confidence: seen.append(server.link.writable))
    one.acknowledge()
    server.pass_time()
    server.listener.leave(other)
    assert seen == [False, False]
    assert server.link.writable


def test_drop_lets_messages_go_while_nobody_is_connected_and_counts_them() -> None:
    server = Server(when_none="drop")
    assert server.user.said == ["up"]
    assert server.link.writable
    for _ in range(3):
        assert isinstance(server.send(b"a", b"b").value, Dropped)
    assert len(server.logged) == 1
    client = server.join()
    outcome = server.send(b"c")
    assert client.value() == b"c\n"
    server.listener.leave(client)
    assert isinstance(outcome.value, Dropped)
    assert outcome.value.delivered == 0
    assert server.link.writable
    assert len(server.logged) == 2


def test_what_a_client_says_is_counted_and_logged_once(server) -> None:
    client = server.join()
    for _ in range(3):
        server.listener.outlets[client].dataReceived(b"hello")
    assert server.counters.unmatched_answers_total == 3
    assert len(server.logged) == 1


def test_a_reopen_disconnects_only_those_who_hold_things_up(server) -> None:
    fast, slow = server.join(), server.join()
    server.send(b"a")
    fast.acknowledge()
    server.pass_time()
    server.link.reopen("no progress")
    assert slow.aborted
    assert not fast.aborted


def test_a_stop_waits_a_moment_and_then_fails_the_rest(server) -> None:
    client = server.join()
    first = server.send(b"a")
    client.acknowledge()
    second = server.send(b"b")
    stopped: list[None] = []
    server.link.stop().addCallback(stopped.append)
    assert not server.link.writable
    server.pass_time(2)
    assert first.value is Confidence.RECEIVED
    assert isinstance(second.value, LinkLost)
    assert stopped == [None]
    assert server.user.said == ["up"]
    assert not server.clock.getDelayedCalls()


def test_answers_are_refused_by_the_options() -> None:
    def problems(**options: Any) -> set[str]:
        config = TcpServerConfig(port=9000, **options)
        return {name for name, _ in config.problems()}

    assert problems() == set()
    assert problems(ack=ACKS["none"]()) == set()
    assert problems(ack=ACKS["hl7"]()) == {"ack"}
    assert problems(client_buffer=100) == {"client_buffer"}
    assert problems(tls=TlsConfig(enabled=True)) == {"tls.cert"}


def test_an_empty_batch_settles_without_a_byte(server) -> None:
    server.join()
    assert Outcome(server.link.send(Batch([], 0.0, (), 0))).value is Confidence.RECEIVED
