"""One message in flight, and its answer."""

from __future__ import annotations

import pytest
from twisted.internet.task import Clock

from iobuffer.batch import Batch
from iobuffer.channel import Confidence
from iobuffer.counters import DestinationCounters
from iobuffer.destinations._acked import OneByOne
from iobuffer.destinations.base import LinkLost, Refused

from .tcp_fakes import FakeReceipts, LineEncoder, Outcome, batch_of


class Peer:
    """The far end of one OneByOne."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.counters = DestinationCounters()
        self.written: list[bytes] = []
        self.silences = 0
        self.conversation = OneByOne(
            self.clock,
            encoder=LineEncoder(),
            receipts=FakeReceipts(),
            counters=self.counters,
            write=self.written.append,
            timeout_seconds=30.0,
            on_silence=self.silent,
        )

    def silent(self) -> None:
        self.silences += 1

    def send(self, batch: Batch) -> Outcome:
        return Outcome(self.conversation.send(batch))


@pytest.fixture
def peer() -> Peer:
    return Peer()


def test_the_next_message_goes_out_only_after_the_answer(peer) -> None:
    outcome = peer.send(batch_of(b"a", b"b"))
    assert peer.written == [b"a\n"]
    peer.conversation.feed(b"yes a")
    assert peer.written == [b"a\n", b"b\n"]
    assert outcome.value is None
    peer.conversation.feed(b"yes b")
    assert outcome.value is Confidence.ACKNOWLEDGED
    assert not peer.conversation.busy
    assert not peer.clock.getDelayedCalls()


def test_an_error_refuses_that_message_and_the_rest_is_not_sent(peer) -> None:
    outcome = peer.send(batch_of(b"a", b"b", b"c"))
    peer.conversation.feed(b"yes a")
    peer.conversation.feed(b"no b")
    assert isinstance(outcome.value, Refused)
    assert (outcome.value.index, outcome.value.reason) == (1, "no")
    assert not outcome.value.final
    assert outcome.value.confidence is Confidence.ACKNOWLEDGED
    assert peer.written == [b"a\n", b"b\n"]


def test_a_rejection_is_final(peer) -> None:
    outcome = peer.send(batch_of(b"a"))
    peer.conversation.feed(b"never a")
    assert isinstance(outcome.value, Refused)
    assert outcome.value.final


def test_an_answer_to_another_message_is_counted_and_confirms_nothing(peer) -> None:
    outcome = peer.send(batch_of(b"a"))
    peer.conversation.feed(b"yes z")
    assert outcome.value is None
    assert peer.counters.unmatched_answers_total == 1
    peer.conversation.feed(b"yes a")
    assert outcome.value is Confidence.ACKNOWLEDGED


def test_an_answer_while_nothing_is_in_flight_is_counted(peer) -> None:
    peer.conversation.feed(b"yes a")
    peer.conversation.feed(b"yes b")
    assert peer.counters.unmatched_answers_total == 2


def test_a_lost_connection_tells_how_many_were_acknowledged(peer) -> None:
    outcome = peer.send(batch_of(b"a", b"b", b"c"))
    peer.conversation.feed(b"yes a")
    peer.conversation.lost("the peer closed")
    assert isinstance(outcome.value, LinkLost)
    assert outcome.value.delivered == 1
    assert outcome.value.confidence is Confidence.ACKNOWLEDGED
    assert not peer.clock.getDelayedCalls()
    peer.conversation.lost("again")


def test_silence_is_told_once_and_each_answer_gives_the_next_its_full_time(
    peer,
) -> None:
    outcome = peer.send(batch_of(b"a", b"b"))
    peer.clock.advance(29)
    peer.conversation.feed(b"yes a")
    peer.clock.advance(29)
    assert peer.silences == 0
    peer.clock.advance(1)
    assert peer.silences == 1
    assert outcome.value is None
    # After the silence an answer finds nobody who waits for it.
    peer.conversation.feed(b"yes b")
    assert outcome.value is None
    peer.conversation.lost("no answer")
    assert outcome.value.delivered == 1


def test_what_cannot_be_framed_is_refused_for_good_after_those_before_it(peer) -> None:
    outcome = peer.send(batch_of(b"a", b"b\n", b"c"))
    peer.conversation.feed(b"yes a")
    assert isinstance(outcome.value, Refused)
    assert (outcome.value.index, outcome.value.final) == (1, True)
    assert peer.written == [b"a\n"]
    assert not peer.clock.getDelayedCalls()
