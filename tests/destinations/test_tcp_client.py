"""The outgoing connection as a link."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from iobuffer.acks import ACKS
from iobuffer.channel import Confidence
from iobuffer.destinations.base import LinkLost, Refused
from iobuffer.destinations.tcp_client import TcpClientConfig, TcpClientLink
from iobuffer.links.tls import TlsConfig

from .tcp_fakes import (
    FakeAck,
    FakeDialer,
    KernelTransport,
    Outcome,
    Place,
    batch_of,
)


class Client(Place):
    """A link, and the test in the place of network and delivery."""

    def __init__(self, **options: Any) -> None:
        super().__init__()
        self.dialer = FakeDialer()
        options.setdefault("ack", ACKS["none"]())
        self.link = TcpClientLink(
            TcpClientConfig(host="lis.example", port=6661, **options),
            self.context,
            make_dialer=self.dialer,
            unsent=self.dialer.unsent,
        )
        self.link.start(self.user)

    def connect(self, **options: Any) -> KernelTransport:
        transport = KernelTransport(**options)
        self.dialer.connect(transport)
        return transport

    def send(self, *messages: bytes) -> Outcome:
        return Outcome(self.link.send(batch_of(*messages)))

    def pass_time(self, seconds: float = 1.0) -> None:
        self.clock.pump([0.01] * round(seconds * 100))


@pytest.fixture
def client() -> Client:
    return Client()


@pytest.fixture
def answered() -> Client:
    return Client(ack=FakeAck())


# -- without answers -------------------------------------------------------------------


def test_a_link_is_up_and_writable_once_it_is_connected(client) -> None:
    assert client.dialer.started
    assert not client.link.writable
    client.connect()
    assert client.link.writable
    assert client.user.said == ["up"]


def test_a_batch_is_one_write_and_received_when_the_peers_tcp_has_it(client) -> None:
    transport = client.connect()
    outcome = client.send(b"a", b"b")
    assert transport.value() == b"a\nb\n"
    client.pass_time()
    assert outcome.value is None
    transport.acknowledge()
    client.pass_time()
    assert outcome.value is Confidence.RECEIVED


def test_a_lost_connection_fails_all_that_is_outstanding_and_then_says_down() -> None:
    client = Client()
    transport = client.connect()
    first, second = client.send(b"aaa", b"bbb"), client.send(b"ccc")
    transport.acknowledge(5)
    client.pass_time()
    order: list[str] = []
    client.user.link_down = lambda reason: order.append(
        f"{reason}: {first.value!r} {second.value!r}"
    )
    client.dialer.lose("reset by the peer")
    assert isinstance(first.value, LinkLost)
    assert (first.value.delivered, second.value.delivered) == (1, 0)
    assert first.value.confidence is Confidence.RECEIVED
    assert second.value.reason == "reset by the peer"
    assert order == [f"reset by the peer: {first.value!r} {second.value!r}"]
    assert not client.link.writable
    assert not client.clock.getDelayedCalls()


def test_a_peer_that_stops_reading_makes_the_link_unwritable_until_it_goes_on() -> None:
    client = Client()
    transport = client.connect(kernel_bytes=1000)
    outcome = client.send(b"x" * 100_000)
    assert not client.link.writable
    client.pass_time(60)
    assert outcome.value is None
    transport.acknowledge()
    assert client.link.writable
    assert outcome.value is Confidence.RECEIVED
    assert client.user.said == ["up", "up"]


def test_a_message_that_cannot_be_framed_is_refused_once_those_before_it_arrived(
    client,
) -> None:
    transport = client.connect()
    outcome = client.send(b"a", b"b\n", b"c")
    assert transport.value() == b"a\n"
    # What follows must not overtake the decision about it, whatever room there is.
    assert not client.link.writable
    client.dialer.outlet.pauseProducing()
    client.dialer.outlet.resumeProducing()
    assert not client.link.writable
    client.pass_time()
    assert outcome.value is None
    transport.acknowledge()
    client.pass_time()
    assert isinstance(outcome.value, Refused)
    assert (outcome.value.index, outcome.value.final) == (1, True)
    assert outcome.value.confidence is Confidence.RECEIVED
    assert client.link.writable
    assert client.user.said == ["up", "up"]


def test_a_refusal_never_comes_before_the_batches_in_front_of_it(client) -> None:
    transport = client.connect()
    first, second = client.send(b"a"), client.send(b"b\n")
    assert second.value is None
    transport.acknowledge()
    client.pass_time()
    assert first.value is Confidence.RECEIVED
    assert isinstance(second.value, Refused)


def test_a_refusal_whose_connection_is_lost_is_a_lost_link(client) -> None:
    client.connect()
    first, second = client.send(b"a"), client.send(b"b\n")
    client.dialer.lose()
    assert isinstance(first.value, LinkLost)
    assert isinstance(second.value, LinkLost)
    client.connect()
    assert client.link.writable


def test_what_the_peer_says_unasked_is_counted_and_logged_once(client) -> None:
    client.connect()
    for _ in range(3):
        client.dialer.outlet.dataReceived(b"MSA|AA")
    assert client.counters.unmatched_answers_total == 3
    assert [level for level, _ in client.logged] == ["warn"]
    assert "set ack" in client.logged[0][1]
    assert "MSA" not in client.logged[0][1]


def test_the_backoff_is_reset_with_the_first_confirmed_delivery(client) -> None:
    transport = client.connect()
    client.send(b"a")
    assert client.dialer.resets == 0
    transport.acknowledge()
    client.pass_time()
    client.send(b"b")
    transport.acknowledge()
    client.pass_time()
    assert client.dialer.resets == 1


def test_a_tls_server_that_may_still_turn_us_down_confirms_nothing_at_first() -> None:
    client = Client(tls=TlsConfig(enabled=True))
    transport = client.connect()
    outcome = client.send(b"a")
    transport.acknowledge()
    client.pass_time(0.9)
    assert outcome.value is None
    assert client.dialer.resets == 0
    client.pass_time(0.5)
    assert outcome.value is Confidence.RECEIVED
    assert client.dialer.resets == 1


def test_a_stop_waits_a_moment_for_what_is_under_way(client) -> None:
    transport = client.connect()
    outcome = client.send(b"a")
    stopped: list[None] = []
    client.link.stop().addCallback(stopped.append)
    assert not client.link.writable
    client.pass_time(0.5)
    transport.acknowledge()
    client.pass_time(0.5)
    assert outcome.value is Confidence.RECEIVED
    assert stopped == [None]
    assert client.user.said == ["up"]
    assert not client.clock.getDelayedCalls()


def test_a_stop_fails_what_is_not_confirmed_in_time(client) -> None:
    client.connect()
    outcome = client.send(b"a")
    stopped: list[None] = []
    client.link.stop().addCallback(stopped.append)
    client.pass_time(2)
    assert isinstance(outcome.value, LinkLost)
    assert stopped == [None]
    assert client.user.said == ["up"]
    assert not client.clock.getDelayedCalls()


# -- with answers ----------------------------------------------------------------------


def test_one_message_is_in_flight_and_acknowledged_by_its_answer(answered) -> None:
    transport = answered.connect()
    outcome = answered.send(b"a")
    assert not answered.link.writable
    transport.acknowledge()
    answered.pass_time()
    assert outcome.value is None
    answered.dialer.outlet.dataReceived(b"yes a")
    assert outcome.value is Confidence.ACKNOWLEDGED
    assert answered.link.writable
    assert answered.user.said == ["up", "up"]


def test_the_next_batch_may_be_sent_from_within_the_answer(answered) -> None:
    transport = answered.connect()
    done = answered.link.send(batch_of(b"a"))
    seconds: list[Outcome] = []

    def send_next(confidence: Confidence) -> None:
        assert answered.link.writable
        seconds.append(answered.send(b"b"))

    done.addCallback(send_next)
    answered.dialer.outlet.dataReceived(b"yes a")
    assert transport.value() == b"a\nb\n"
    # It is busy again, so nobody is told that it could be sent to.
    assert answered.user.said == ["up"]
    answered.dialer.outlet.dataReceived(b"yes b")
    assert seconds[0].value is Confidence.ACKNOWLEDGED


@pytest.mark.parametrize(("answer", "final"), [(b"no a", False), (b"never a", True)])
def test_a_negative_answer_is_a_refusal_and_the_link_stays_up(
    answered, answer: bytes, final: bool
) -> None:
    answered.connect()
    outcome = answered.send(b"a")
    answered.dialer.outlet.dataReceived(answer)
    assert isinstance(outcome.value, Refused)
    assert outcome.value.final is final
    assert answered.link.writable
    # The application has spoken: the line works.
    assert answered.dialer.resets == 1


def test_an_answer_that_does_not_come_closes_the_connection(answered) -> None:
    answered.connect()
    outcome = answered.send(b"a", b"b")
    answered.dialer.outlet.dataReceived(b"yes a")
    answered.pass_time(29)
    assert answered.dialer.reopened == []
    answered.pass_time(2)
    assert len(answered.dialer.reopened) == 1
    assert "ack_timeout" in answered.dialer.reopened[0]
    assert isinstance(outcome.value, LinkLost)
    assert outcome.value.delivered == 1
    assert answered.user.said[-1].startswith("down: ")


def test_a_late_answer_after_a_reconnect_confirms_nothing_else(answered) -> None:
    answered.connect()
    first = answered.send(b"a")
    answered.pass_time(31)
    assert isinstance(first.value, LinkLost)
    answered.connect()
    second = answered.send(b"b")
    answered.dialer.outlet.dataReceived(b"yes a")
    assert second.value is None
    assert answered.counters.unmatched_answers_total == 1
    answered.dialer.outlet.dataReceived(b"yes b")
    assert second.value is Confidence.ACKNOWLEDGED


def test_half_an_answer_of_the_old_connection_is_forgotten() -> None:
    client = Client(ack=ACKS["bytes"](ok=b"OK\r\n", error=b"NO\r\n"))
    client.connect()
    client.send(b"a")
    client.dialer.outlet.dataReceived(b"OK\r")
    client.dialer.lose()
    client.connect()
    outcome = client.send(b"a")
    client.dialer.outlet.dataReceived(b"\n")
    assert outcome.value is None
    client.dialer.outlet.dataReceived(b"OK\r\n")
    assert outcome.value is Confidence.ACKNOWLEDGED


# -- HL7 -------------------------------------------------------------------------------

_MESSAGE = b"MSH|^~\\&|A|B|C|D|20260101||ORU^R01|%s|P|2.5\rPID|1\r"
_ANSWER = (
    b"\x0bMSH|^~\\&|C|D|A|B|20260101||ACK|9|P|2.5\rMSA|%s|%s|no such patient\r\x1c\r"
)


@pytest.fixture
def hl7() -> Client:
    return Client(ack=ACKS["hl7"]())


def test_hl7_is_acknowledged_by_the_control_id_of_the_message(hl7) -> None:
    hl7.connect()
    outcome = hl7.send(_MESSAGE % b"17")
    hl7.dialer.outlet.dataReceived(_ANSWER % (b"AA", b"16"))
    assert outcome.value is None
    assert hl7.counters.unmatched_answers_total == 1
    hl7.dialer.outlet.dataReceived(_ANSWER % (b"AA", b"17"))
    assert outcome.value is Confidence.ACKNOWLEDGED


@pytest.mark.parametrize(("code", "final"), [(b"AE", False), (b"AR", True)])
def test_hl7_errors_and_rejections_are_refusals_with_the_peers_words(
    hl7, code: bytes, final: bool
) -> None:
    hl7.connect()
    outcome = hl7.send(_MESSAGE % b"17")
    hl7.dialer.outlet.dataReceived(_ANSWER % (code, b"17"))
    assert isinstance(outcome.value, Refused)
    assert outcome.value.final is final
    assert outcome.value.reason == f"{code.decode()}: no such patient"


# -- options ---------------------------------------------------------------------------


def test_times_of_nothing_are_problems() -> None:
    config = TcpClientConfig(
        host="h", port=1, connect_timeout=0.0, ack_timeout=0.0, stall=0.0, keepalive=0.1
    )
    assert {name for name, _ in config.problems()} == {
        "connect_timeout",
        "ack_timeout",
        "stall",
        "keepalive",
    }
    assert not list(attrs.evolve(TcpClientConfig(host="h", port=1)).problems())
