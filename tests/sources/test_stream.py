from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.error import ConnectionDone
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure

from iobuffer.acks import AutoAckConfig, BytesAckConfig, Hl7AckConfig, NoAckConfig
from iobuffer.acks.base import When
from iobuffer.channel import Confidence
from iobuffer.errors import StorageFull
from iobuffer.framing import FRAMINGS
from iobuffer.framing.base import OnOversize
from iobuffer.sources._intake import DRAIN_SECONDS, Intake, StreamConfig
from iobuffer.sources._stream import StreamProtocol
from tests.sources.source_fakes import SourceWorld, transport_from

HL7 = b"\x0bMSH|^~\\&|A|B|C|D|20260101||ADT^A01|42|P|2.3\r\x1c\r"


def config(framing: str = "line", ack: Any = None, **options: Any) -> StreamConfig:
    return StreamConfig(
        framing=FRAMINGS[framing](),
        ack=NoAckConfig() if ack is None else ack,
        **options,
    )


def connect(
    intake: Intake, host: str = "10.0.0.1", port: int = 40000
) -> tuple[StreamProtocol, StringTransport]:
    stream, transport = intake.build(), transport_from(host, port)
    stream.makeConnection(transport)
    stream.begin()
    return stream, transport


def lose(stream: StreamProtocol) -> None:
    stream.connectionLost(Failure(ConnectionDone()))


def test_a_chunk_becomes_one_batch_with_its_peer_and_time() -> None:
    world = SourceWorld()
    stream, _ = connect(Intake(config(), world.context))

    stream.dataReceived(b"one\ntwo\nthr")
    stream.dataReceived(b"ee\n")

    first, second = world.keeper.batches
    assert first.messages == [b"one", b"two"]
    assert first.peers == (("10.0.0.1:40000", 2),)
    assert first.received_at == 1000.0
    assert second.messages == [b"three"]


def test_bytes_in_are_framed_skipped_or_partial_after_every_chunk() -> None:
    world = SourceWorld()
    stream, _ = connect(Intake(config("mllp"), world.context))
    counters = world.counters

    for chunk in (b"junk", HL7, b"\x0bMSH|half", b"x" * 100):
        stream.dataReceived(chunk)

        assert counters.bytes_in_total == (
            counters.framed_bytes_total
            + counters.skipped_bytes_total
            + counters.partial_bytes
        )
    assert counters.partial_bytes > 0
    assert counters.messages_in_total == 1

    lose(stream)

    assert counters.partial_bytes == 0
    assert (
        counters.bytes_in_total
        == counters.framed_bytes_total + counters.skipped_bytes_total
    )


def test_without_an_answer_the_channel_may_hold_what_it_cannot_store() -> None:
    world = SourceWorld()
    stream, _ = connect(Intake(config(), world.context))

    stream.dataReceived(b"one\n")

    assert world.keeper.answered == [False]


def test_nothing_is_answered_before_the_commit() -> None:
    world = SourceWorld()
    world.keeper.at_once = False
    stream, transport = connect(Intake(config(ack=BytesAckConfig()), world.context))

    stream.dataReceived(b"one\ntwo\n")
    assert transport.value() == b""

    world.keeper.commit()
    assert transport.value() == b"\x06\x06"
    assert world.counters.acks_positive_total == 2


def test_answers_keep_the_order_of_the_batches_whatever_is_done_first() -> None:
    world = SourceWorld()
    world.keeper.at_once = False
    stream, transport = connect(
        Intake(config(ack=BytesAckConfig(ok=b"Y", error=b"N")), world.context)
    )
    stream.dataReceived(b"one\n")
    stream.dataReceived(b"two\n")

    world.keeper.commit(1)
    assert transport.value() == b""

    world.keeper.refuse(StorageFull("full"))
    assert transport.value() == b"NY"


def test_a_store_that_refuses_is_heard_as_no() -> None:
    world = SourceWorld()
    world.keeper.at_once = False
    stream, transport = connect(Intake(config(ack=BytesAckConfig()), world.context))

    stream.dataReceived(b"one\n")
    world.keeper.refuse(StorageFull("no room"))

    assert transport.value() == b"\x15"
    assert world.counters.refused_messages_total == 1
    assert world.counters.acks_positive_total == 0


@pytest.mark.parametrize("modes", [b"SU|NE", b"NE|NE"])
def test_a_refusal_that_the_sender_will_not_hear_of_closes_the_connection(
    modes: bytes,
) -> None:
    """Saying nothing at all would look like success."""
    world = SourceWorld()
    world.keeper.at_once = False
    stream, transport = connect(
        Intake(config("mllp", ack=Hl7AckConfig()), world.context)
    )

    stream.dataReceived(
        b"\x0bMSH|^~\\&|A|B|C|D|20260101||ADT^A01|1|P|2.5|||" + modes + b"\r\x1c\r"
    )
    world.keeper.refuse(StorageFull("no room"))

    assert transport.value() == b""
    assert transport.disconnecting


def test_auto_asks_for_its_answers_once_the_framing_is_found() -> None:
    world = SourceWorld()
    stream, transport = connect(Intake(config("auto", AutoAckConfig()), world.context))

    stream.dataReceived(HL7)

    assert b"MSA|AA|42" in transport.value()
    assert stream.seen()["framing"] == "mllp"
    assert world.log == ["info: 10.0.0.1 speaks mllp (framing auto)"]


def test_what_auto_found_is_logged_again_only_when_it_changes() -> None:
    world = SourceWorld()
    intake = Intake(config("auto"), world.context)

    for chunk in (b"a line\n", b"a line\n", HL7):
        stream, _ = connect(intake)
        stream.dataReceived(chunk)
        lose(stream)

    assert world.log == [
        "info: 10.0.0.1 speaks line (framing auto)",
        "info: 10.0.0.1 speaks mllp (framing auto)",
    ]


class TestDelivered:
    def world(self) -> tuple[SourceWorld, StreamProtocol, StringTransport]:
        world = SourceWorld(destinations=("lis",))
        ack = BytesAckConfig(when=When.DELIVERED, deadline=10.0)
        stream, transport = connect(Intake(config(ack=ack), world.context))
        stream.dataReceived(b"one\ntwo\n")
        return world, stream, transport

    def test_yes_waits_for_every_destination(self) -> None:
        world, _, transport = self.world()
        assert transport.value() == b""

        world.channel.advance("lis", 1, Confidence.ACKNOWLEDGED)
        assert transport.value() == b""

        world.channel.advance("lis", 2, Confidence.ACKNOWLEDGED)
        assert transport.value() == b"\x06\x06"
        assert not world.clock.getDelayedCalls()

    def test_the_deadline_says_no_and_a_late_delivery_says_nothing_more(self) -> None:
        world, _, transport = self.world()

        world.clock.advance(10.0)
        assert transport.value() == b"\x15\x15"

        world.channel.advance("lis", 2, Confidence.ACKNOWLEDGED)
        assert transport.value() == b"\x15\x15"

    def test_a_parked_message_is_heard_as_no(self) -> None:
        world, _, transport = self.world()

        world.channel.advance("lis", 1, Confidence.ACKNOWLEDGED)
        world.channel.park("lis", 2, "refused", 3)

        assert transport.value() == b"\x15\x15"

    def test_a_lost_connection_leaves_no_timer(self) -> None:
        world, stream, _ = self.world()

        lose(stream)
        assert not world.clock.getDelayedCalls()

        world.channel.advance("lis", 2, Confidence.ACKNOWLEDGED)

    def test_with_no_destination_stored_is_enough(self) -> None:
        world = SourceWorld()
        ack = BytesAckConfig(when=When.DELIVERED)
        stream, transport = connect(Intake(config(ack=ack), world.context))

        stream.dataReceived(b"one\n")

        assert transport.value() == b"\x06"


class TestPauses:
    def test_too_many_unanswered_batches_pause_until_half_are_answered(self) -> None:
        world = SourceWorld()
        world.keeper.at_once = False
        stream, transport = connect(
            Intake(config(ack=BytesAckConfig(), max_unanswered=4), world.context)
        )
        for _ in range(4):
            stream.dataReceived(b"x\n")
        assert transport.producerState == "producing"

        stream.dataReceived(b"x\n")
        assert transport.producerState == "paused"

        world.keeper.commit(0)
        world.keeper.commit(0)
        assert transport.producerState == "paused"

        world.keeper.commit(0)
        assert transport.producerState == "producing"
        assert world.counters.pauses_total == 1

    def test_a_pressed_channel_pauses_until_it_is_relieved(self) -> None:
        world = SourceWorld()
        intake = Intake(config(), world.context)
        stream, transport = connect(intake)
        _, other_transport = connect(intake, "10.0.0.2")
        world.keeper.pressed = True

        stream.dataReceived(b"one\n")
        assert transport.producerState == "paused"
        assert other_transport.producerState == "producing"

        world.keeper.pressed = False
        world.channel.relieved()
        assert transport.producerState == "producing"

    def test_a_connection_that_ends_under_pressure_is_forgotten(self) -> None:
        world = SourceWorld()
        intake = Intake(config(), world.context)
        world.keeper.pressed = True
        for _ in range(3):
            stream, _ = connect(intake)
            stream.dataReceived(b"one\n")
            lose(stream)

        assert not intake._waiting
        assert len(world.channel._resumes) == 1

    def test_reading_resumes_only_when_no_reason_is_left(self) -> None:
        world = SourceWorld()
        intake = Intake(config(), world.context)
        stream, transport = connect(intake)
        world.keeper.pressed = True
        stream.dataReceived(b"one\n")

        intake.pause()
        world.keeper.pressed = False
        world.channel.relieved()
        assert transport.producerState == "paused"

        intake.resume()
        assert transport.producerState == "producing"

    def test_who_connects_while_paused_is_not_read(self) -> None:
        world = SourceWorld()
        intake = Intake(config(), world.context)
        intake.pause()

        _, transport = connect(intake)

        assert transport.producerState == "paused"

    def test_a_handshake_goes_on_while_the_source_is_paused(self) -> None:
        world = SourceWorld()
        intake = Intake(config(), world.context)
        stream, transport = intake.build(), transport_from("10.0.0.1")
        stream.makeConnection(transport)

        intake.pause()
        assert transport.producerState == "producing"

        stream.begin()
        assert transport.producerState == "paused"

    def test_a_peer_that_does_not_read_its_answers_is_not_read(self) -> None:
        world = SourceWorld()
        stream, transport = connect(Intake(config(ack=BytesAckConfig()), world.context))

        assert transport.producer is stream
        transport.producer.pauseProducing()
        assert transport.producerState == "paused"

        transport.producer.resumeProducing()
        assert transport.producerState == "producing"


class TestSilence:
    def idle(self, world: SourceWorld, **options: Any) -> StreamProtocol:
        stream, self.transport = connect(
            Intake(config("idle"), world.context, **options)
        )
        self.gap = FRAMINGS["idle"]().gap
        return stream

    def test_silence_completes_a_message_without_an_end(self) -> None:
        world = SourceWorld()
        stream = self.idle(world)
        stream.dataReceived(b"no end")

        world.clock.advance(self.gap * 0.6)
        stream.dataReceived(b" yet")
        world.clock.advance(self.gap * 0.6)
        assert world.keeper.messages == []

        world.clock.advance(self.gap * 0.6)
        assert world.keeper.messages == [b"no end yet"]

    def test_a_long_timer_of_idle_timeout_does_not_delay_it(self) -> None:
        world = SourceWorld()
        stream = self.idle(world, idle_timeout=60.0)
        world.clock.advance(1.0)

        stream.dataReceived(b"scan")
        world.clock.advance(self.gap + 0.01)

        assert world.keeper.messages == [b"scan"]

    def test_silence_of_our_own_making_does_not_count(self) -> None:
        world = SourceWorld()
        stream = self.idle(world)
        stream.dataReceived(b"half of ")
        stream.pause()

        world.clock.pump([self.gap] * 5)
        assert world.keeper.messages == []

        stream.resume()
        stream.dataReceived(b"it")
        world.clock.pump([self.gap, self.gap])
        assert world.keeper.messages == [b"half of it"]

    def test_there_is_one_timer_however_many_chunks_come(self) -> None:
        world = SourceWorld()
        stream = self.idle(world)

        for _ in range(100):
            stream.dataReceived(b"x")

        assert len(world.clock.getDelayedCalls()) == 1

    def test_a_silent_connection_is_closed_after_idle_timeout(self) -> None:
        world = SourceWorld()
        stream, transport = connect(Intake(config(), world.context, idle_timeout=60.0))
        world.clock.advance(50.0)
        stream.dataReceived(b"alive\n")

        world.clock.advance(50.0)
        assert not transport.disconnecting

        world.clock.advance(10.0)
        assert transport.disconnecting

    def test_a_framing_without_silence_has_no_timer(self) -> None:
        world = SourceWorld()
        stream, _ = connect(Intake(config(), world.context))
        stream.dataReceived(b"half")

        assert not world.clock.getDelayedCalls()


class TestEnd:
    def test_the_tail_of_a_stream_that_ends_is_a_message_if_the_framing_says_so(
        self,
    ) -> None:
        world = SourceWorld()
        stream, _ = connect(Intake(config("raw"), world.context))
        stream.dataReceived(b"chunk")
        lose(stream)

        assert world.keeper.messages == [b"chunk"]
        assert stream._intake.peers() == []

    def test_a_framing_error_closes_after_what_was_good_is_answered(self) -> None:
        world = SourceWorld()
        world.keeper.at_once = False
        framing = FRAMINGS["line"](max_message_bytes=10, on_oversize=OnOversize.CLOSE)
        stream, transport = connect(
            Intake(StreamConfig(framing=framing, ack=BytesAckConfig()), world.context)
        )
        stream.dataReceived(b"good\n" + b"x" * 50)
        assert transport.producerState == "paused"
        assert not transport.disconnecting

        world.keeper.commit()
        assert world.keeper.messages == [b"good"]
        assert transport.value() == b"\x06"
        assert transport.disconnecting
        assert len(world.log) == 1
        assert "10.0.0.1" in world.log[0]

    def test_a_sender_that_has_finished_still_gets_its_answers(self) -> None:
        world = SourceWorld()
        world.keeper.at_once = False
        stream, transport = connect(Intake(config(ack=BytesAckConfig()), world.context))
        stream.dataReceived(b"one\n")

        stream.readConnectionLost()
        assert not transport.disconnecting

        world.keeper.commit()
        assert transport.value() == b"\x06"
        assert transport.disconnecting

    def test_an_answer_after_the_connection_is_gone_is_nobodys(self) -> None:
        world = SourceWorld()
        world.keeper.at_once = False
        stream, transport = connect(Intake(config(ack=BytesAckConfig()), world.context))
        stream.dataReceived(b"one\n")

        lose(stream)
        world.keeper.commit()

        assert transport.value() == b""
        assert world.keeper.messages == [b"one"]

    def test_drain_waits_for_the_answers_that_are_owed(self) -> None:
        world = SourceWorld()
        world.keeper.at_once = False
        intake = Intake(config(ack=BytesAckConfig()), world.context)
        stream, transport = connect(intake)
        stream.dataReceived(b"one\n")

        drained = intake.drain()
        assert not drained.called

        world.keeper.commit()
        assert drained.called
        assert transport.value() == b"\x06"
        assert transport.disconnecting
        assert not world.clock.getDelayedCalls()

    def test_drain_does_not_wait_for_ever(self) -> None:
        world = SourceWorld()
        world.keeper.at_once = False
        intake = Intake(config(ack=BytesAckConfig()), world.context)
        stream, _ = connect(intake)
        stream.dataReceived(b"one\n")

        drained = intake.drain()
        world.clock.advance(DRAIN_SECONDS)

        assert drained.called

    def test_what_comes_after_the_goodbye_is_skipped_and_counted(self) -> None:
        world = SourceWorld()
        stream, _ = connect(Intake(config(), world.context))
        stream.close()

        stream.dataReceived(b"late\n")

        assert world.keeper.messages == []
        assert world.counters.skipped_bytes_total == 5


class TestForeign:
    @pytest.mark.parametrize(
        ("first", "word"),
        [
            (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "TLS"),
            (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP"),
            (b"POST /api HTTP/1.0\r\n\r\n", "HTTP"),
        ],
    )
    def test_it_is_logged_once_for_its_host_and_closed(
        self, first: bytes, word: str
    ) -> None:
        world = SourceWorld()
        intake = Intake(config("auto"), world.context)
        for _ in range(5):
            stream, transport = connect(intake)
            stream.dataReceived(first)
            assert transport.disconnecting
            lose(stream)

        assert len(world.log) == 1
        assert word in world.log[0]
        assert world.keeper.messages == []
        assert world.counters.skipped_bytes_total == 5 * len(first)

    def test_a_line_that_begins_like_http_is_a_line(self) -> None:
        world = SourceWorld()
        stream, _ = connect(Intake(config(), world.context))

        stream.dataReceived(b"GET TEMPERATURE\n")

        assert world.keeper.messages == [b"GET TEMPERATURE"]

    def test_a_binary_framing_may_begin_like_anything(self) -> None:
        world = SourceWorld()
        stream, _ = connect(Intake(config("raw"), world.context))

        stream.dataReceived(b"\x16\x03\x01\x02\x00\x01")

        assert len(world.keeper.messages) == 1


def test_beyond_max_partial_bytes_the_largest_partial_is_given_up() -> None:
    world = SourceWorld(max_partial_bytes=1000)
    intake = Intake(config(), world.context)
    large, _ = connect(intake, "10.0.0.1")
    small, _ = connect(intake, "10.0.0.2")

    large.dataReceived(b"x" * 700)
    small.dataReceived(b"y" * 200)
    assert world.counters.oversize_total == 0

    small.dataReceived(b"y" * 150)
    assert world.counters.oversize_total == 1
    assert world.counters.partial_bytes == 350

    small.dataReceived(b"z\n")
    large.dataReceived(b"x\nnext\n")
    assert world.keeper.messages == [b"y" * 350 + b"z", b"next"]


def test_peers_tell_who_is_connected_and_what_they_sent() -> None:
    world = SourceWorld()
    intake = Intake(config(), world.context)
    stream, _ = connect(intake)
    stream.dataReceived(b"one\ntwo\n")

    assert intake.peers() == [
        {
            "peer": "10.0.0.1:40000",
            "since": 1000.0,
            "framing": "line",
            "bytes": 8,
            "messages": 2,
        }
    ]
