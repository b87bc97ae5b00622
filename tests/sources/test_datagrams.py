from __future__ import annotations

from ipaddress import ip_network
from typing import Any

import pytest
from twisted.internet.task import Clock

from iobuffer.acks import ACKS
from iobuffer.acks.base import When
from iobuffer.framing import FRAMINGS
from iobuffer.sources._datagrams import DatagramIntake, Peers
from tests.sources.udp_fakes import Bench, bench

A = ("10.0.0.1", 514)
B = ("10.0.0.2", 515)

TRAP = bytes.fromhex(
    "306002010104067075626c6963a7530204552bb72b0201000201003045300e06082b060102010103"
    "00430230393019060a2b060106030101040100060b2b06010401bf08020300013018060b2b060104"
    "01bf08020302010409646f6f72206f70656e"
)
INFORM = bytes.fromhex(
    "304602010104067075626c6963a63902043cb420c9020100020100302b300e06082b060102010103"
    "00430230393019060a2b060106030101040100060b2b06010401bf0802030001"
)
RESPONSE = INFORM.replace(b"\xa6", b"\xa2", 1)


class Wire:
    def __init__(self) -> None:
        self.sent: list[tuple[bytes, Any]] = []

    def send(self, datagram: bytes, receiver: Any) -> bool:
        self.sent.append((datagram, receiver))
        return True


def intake(
    where: Bench,
    wire: Wire,
    *,
    framing: Any = None,
    ack: Any = None,
    allow: tuple[Any, ...] = (),
) -> DatagramIntake:
    return DatagramIntake(
        where.context,
        framing=framing or FRAMINGS["datagram"](),
        ack=ack or ACKS["auto"](),
        peers=Peers(allow),
        send=wire.send,
    )


@pytest.fixture
def where() -> Bench:
    return bench(Clock())


@pytest.fixture
def wire() -> Wire:
    return Wire()


def test_a_turn_of_datagrams_is_one_batch_with_its_senders_as_runs(
    where: Bench, wire: Wire
) -> None:
    intake(where, wire).take([b"a", b"b", b"c", b"d"], [A, A, B, A])
    (batch,) = where.keeper.batches
    assert batch.messages == [b"a", b"b", b"c", b"d"]
    assert batch.peers == (
        ("10.0.0.1:514", 2),
        ("10.0.0.2:515", 1),
        ("10.0.0.1:514", 1),
    )
    assert where.counters.messages_in_total == 4
    assert where.counters.batches_in_total == 1
    assert where.counters.bytes_in_total == where.counters.framed_bytes_total == 4


def test_an_empty_datagram_is_counted_and_no_message(where: Bench, wire: Wire) -> None:
    intake(where, wire).take([b"", b"x", b""], [A, B, A])
    assert where.keeper.messages == [b"x"]
    assert where.keeper.batches[0].peers == (("10.0.0.2:515", 1),)
    assert where.counters.empty_total == 2


def test_only_empty_datagrams_make_no_batch(where: Bench, wire: Wire) -> None:
    intake(where, wire).take([b""], [A])
    assert where.keeper.batches == []


def test_an_empty_datagram_is_kept_when_the_framing_keeps_it(
    where: Bench, wire: Wire
) -> None:
    framing = FRAMINGS["datagram"](keep_empty=True)
    intake(where, wire, framing=framing).take([b"", b"x"], [A, A])
    assert where.keeper.messages == [b"", b"x"]


def test_syslog_takes_line_ends_and_nul_off_and_nothing_else(
    where: Bench, wire: Wire
) -> None:
    framing = FRAMINGS["syslog"]()
    take = intake(where, wire, framing=framing).take
    take([b"<13>a\nb\n", b"<13>stdlib\0", b"59 <13>c", b"\n"], [A, A, A, A])
    assert where.keeper.messages == [b"<13>a\nb", b"<13>stdlib", b"59 <13>c"]
    counters = where.counters
    assert counters.bytes_in_total == (
        counters.framed_bytes_total + counters.skipped_bytes_total
    )


def test_each_datagram_has_a_framer_of_its_own(where: Bench, wire: Wire) -> None:
    """What one leaves open does not swallow the next."""
    take = intake(where, wire, framing=FRAMINGS["mllp"](), ack=ACKS["none"]()).take
    take([b"\x0bopen", b"\x0bone\x1c\r\x0btwo\x1c\r"], [A, B])
    assert where.keeper.messages == [b"one", b"two"]
    assert where.keeper.batches[0].peers == (("10.0.0.2:515", 2),)
    counters = where.counters
    assert counters.skipped_bytes_total > 0
    assert counters.skipped_sample
    assert counters.bytes_in_total == (
        counters.framed_bytes_total + counters.skipped_bytes_total
    )


def test_a_datagram_above_the_limit_is_rejected_and_counted(
    where: Bench, wire: Wire
) -> None:
    framing = FRAMINGS["datagram"](max_message_bytes=4)
    intake(where, wire, framing=framing).take([b"12345", b"1234"], [A, A])
    assert where.keeper.messages == [b"1234"]
    assert where.counters.oversize_total == 1
    assert where.counters.skipped_bytes_total == 5


def test_who_is_not_allowed_is_counted_and_thrown_away(
    where: Bench, wire: Wire
) -> None:
    allow = (ip_network("10.0.0.2/32"),)
    take = intake(where, wire, allow=allow).take
    take([b"a", b"b", b"c"], [A, B, A])
    take([b"a"], [A])
    assert where.keeper.messages == [b"b"]
    assert where.counters.connections_refused_total == 3
    assert where.counters.bytes_in_total == 1


def test_addresses_are_worded_for_people() -> None:
    peers = Peers(())
    assert peers.name(("::ffff:10.0.0.1", 514, 0, 0)) == "10.0.0.1:514"
    assert peers.name(("fe80::1%eth0", 514, 0, 2)) == "[fe80::1%eth0]:514"


def test_an_allow_list_for_ipv4_meets_a_socket_for_both() -> None:
    peers = Peers((ip_network("10.0.0.0/8"),))
    assert peers.name(("::ffff:10.0.0.1", 514, 0, 0)) == "10.0.0.1:514"
    assert peers.name(("2001:db8::1", 514, 0, 0)) == ""


def test_a_flood_from_forged_addresses_takes_no_more_than_so_much_memory() -> None:
    peers = Peers(())
    for port in range(20_000):
        peers.name(("10.0.0.1", port))
    assert len(peers._known) <= 4096


# -- answers ---------------------------------------------------------------------------


def test_an_inform_is_answered_to_its_sender_after_the_commit(
    where: Bench, wire: Wire
) -> None:
    where.keeper.holds = True
    intake(where, wire).take([INFORM], [A])
    assert wire.sent == []
    where.keeper.commit()
    assert wire.sent == [(RESPONSE, A)]
    assert where.counters.acks_positive_total == 1


def test_a_full_channel_refuses_informs_and_keeps_what_nobody_sends_again(
    where: Bench, wire: Wire
) -> None:
    """Traps and syslog lines are offered without an answer: the keeper keeps those
    waiting, and refuses the others, whose senders repeat them."""
    where.keeper.refuses = True
    intake(where, wire).take([TRAP, INFORM, b"<13>x"], [A, A, B])
    assert where.keeper.with_answer == [False, True, False]
    assert where.keeper.messages == [TRAP, b"<13>x"]
    assert where.counters.refused_messages_total == 1
    assert wire.sent == []


def test_datagrams_without_an_inform_are_one_batch_without_an_answer(
    where: Bench, wire: Wire
) -> None:
    intake(where, wire).take([TRAP, b"<13>x"], [A, B])
    assert where.keeper.with_answer == [False]


def test_fixed_bytes_answer_each_datagram_to_its_sender(
    where: Bench, wire: Wire
) -> None:
    ack = ACKS["bytes"](ok=b"OK", error=b"NO")
    take = intake(where, wire, ack=ack).take
    take([b"a", b"b"], [A, B])
    assert wire.sent == [(b"OK", A), (b"OK", B)]
    where.keeper.refuses = True
    take([b"c"], [B])
    assert wire.sent[2:] == [(b"NO", B)]
    assert where.counters.acks_negative_total == 1


def test_messages_of_one_datagram_are_answered_with_one_datagram(
    where: Bench, wire: Wire
) -> None:
    ack = ACKS["bytes"](ok=b"\x06", error=b"\x15")
    intake(where, wire, framing=FRAMINGS["line"](), ack=ack).take([b"a\nb\n"], [A])
    assert wire.sent == [(b"\x06\x06", A)]


def _delivered_bench() -> tuple[Bench, Clock, Wire, DatagramIntake]:
    clock = Clock()
    where = bench(clock, cursors={"lis": 0})
    wire = Wire()
    ack = ACKS["bytes"](ok=b"OK", error=b"NO", when=When.DELIVERED, deadline=5.0)
    return where, clock, wire, intake(where, wire, ack=ack)


def test_with_when_delivered_the_answer_waits_for_the_destinations() -> None:
    where, clock, wire, taker = _delivered_bench()
    taker.take([b"a"], [A])
    assert wire.sent == []
    where.channel.advance("lis", 1, None)  # type: ignore[arg-type]
    assert wire.sent == [(b"OK", A)]
    assert clock.getDelayedCalls() == []


def test_with_when_delivered_the_deadline_says_no_once() -> None:
    where, clock, wire, taker = _delivered_bench()
    taker.take([b"a"], [A])
    clock.advance(5.0)
    assert wire.sent == [(b"NO", A)]
    where.channel.advance("lis", 1, None)  # type: ignore[arg-type]
    assert wire.sent == [(b"NO", A)]


def test_nobody_is_waited_for_after_a_stop() -> None:
    _, clock, wire, taker = _delivered_bench()
    taker.take([b"a"], [A])
    taker.stop()
    assert clock.getDelayedCalls() == []
    assert wire.sent == []
