"""A link to one peer, over a way of a kind of its own."""

from __future__ import annotations

from typing import Any

import pytest

from iobuffer.channel import Confidence
from iobuffer.destinations._one_peer import OnePeerLink
from iobuffer.destinations._outlet import Outlet
from iobuffer.destinations.base import LinkLost, Refused

from .tcp_fakes import FakeAck, FakeDialer, KernelTransport, Outcome, Place, batch_of


class Wire(OnePeerLink):
    """A kind whose bytes are sent, and no more than that, once they are gone."""

    def __init__(self, place: Place, dialer: FakeDialer, ack: Any) -> None:
        super().__init__(
            place.context, ack=ack, ack_timeout_seconds=2.0, sureness=Confidence.SENT
        )
        self._way = dialer(  # type: ignore[assignment]
            place.clock,
            "",
            0,
            build=lambda: Outlet(
                place.clock,
                on_chunk=self._heard,
                on_writable=self._writable_changed,
                unsent=dialer.unsent,
            ),
            on_up=self._up,
            on_down=self._down,
        )


class NoAck:
    def receipts(self, framing: str) -> None:
        return None


class Wired(Place):
    def __init__(self, ack: Any) -> None:
        super().__init__()
        self.dialer = FakeDialer()
        self.link = Wire(self, self.dialer, ack)
        self.link.start(self.user)
        self.transport = KernelTransport()
        self.dialer.connect(self.transport)

    def send(self, *messages: bytes) -> Outcome:
        return Outcome(self.link.send(batch_of(*messages)))

    def acknowledge(self, *size_bytes: int) -> None:
        self.transport.acknowledge(*size_bytes)
        self.clock.pump([0.01] * 100)


@pytest.fixture
def wired() -> Wired:
    return Wired(NoAck())


def test_a_batch_is_as_sure_as_its_kind_says(wired: Wired) -> None:
    outcome = wired.send(b"a", b"b")
    wired.acknowledge()
    assert outcome.value is Confidence.SENT


def test_what_had_gone_before_a_loss_is_as_sure(wired: Wired) -> None:
    outcome = wired.send(b"aaa", b"bbb")
    wired.acknowledge(5)
    wired.dialer.lose("unplugged")
    assert isinstance(outcome.value, LinkLost)
    assert (outcome.value.delivered, outcome.value.confidence) == (1, Confidence.SENT)


def test_what_stands_before_a_refusal_is_as_sure(wired: Wired) -> None:
    outcome = wired.send(b"a", b"b\n", b"c")
    assert not wired.link.writable
    wired.acknowledge()
    assert isinstance(outcome.value, Refused)
    assert (outcome.value.index, outcome.value.confidence) == (1, Confidence.SENT)
    assert wired.link.writable


def test_the_backoff_is_reset_once_for_each_connection(wired: Wired) -> None:
    for _ in range(2):
        wired.send(b"a")
        wired.acknowledge()
    assert wired.dialer.resets == 1
    wired.dialer.lose()
    wired.transport = KernelTransport()
    wired.dialer.connect(wired.transport)
    assert wired.dialer.resets == 1
    wired.send(b"a")
    wired.acknowledge()
    assert wired.dialer.resets == 2


def test_what_is_said_unasked_is_let_go(wired: Wired) -> None:
    wired.dialer.outlet.dataReceived(b"echo")
    assert wired.logged == []
    assert wired.counters.unmatched_answers_total == 0


def test_an_answer_is_surer_than_any_kind() -> None:
    wired = Wired(FakeAck())
    outcome = wired.send(b"a")
    wired.dialer.outlet.dataReceived(b"yes a")
    assert outcome.value is Confidence.ACKNOWLEDGED
