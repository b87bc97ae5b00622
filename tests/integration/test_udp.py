"""Datagrams over real sockets, and the real senders."""

from __future__ import annotations

import logging
import logging.handlers
import socket
import subprocess
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread

from iobuffer.batch import single_peer
from iobuffer.channel import Confidence
from iobuffer.counters import DestinationCounters
from iobuffer.destinations import udp as udp_destination
from iobuffer.destinations.base import LinkContext, Refused
from iobuffer.framing import FRAMINGS
from iobuffer.links.udp_port import set_receive_buffer
from iobuffer.sources import udp as udp_source
from iobuffer.state import StateCell, Word
from tests.sources.udp_fakes import WALL, Bench, bench


class Running:
    """A started source, and what it takes to wait for it."""

    def __init__(self, reactor: Any, **options: Any) -> None:
        self.reactor = reactor
        self.bench: Bench = bench(reactor)
        options.setdefault("host", "127.0.0.1")
        options.setdefault("port", 0)
        config = udp_source.UdpConfig(**options)
        self.source = udp_source.build(config, self.bench.context)
        self.source.start()

    @property
    def port(self) -> int:
        assert self.source.address is not None, self.bench.context.state.current
        return self.source.address[1]

    async def until(self, condition: Any) -> None:
        while not condition():
            await deferLater(self.reactor, 0.01, lambda: None)

    async def messages(self, count: int) -> list[bytes]:
        await self.until(lambda: len(self.bench.keeper.messages) >= count)
        return self.bench.keeper.messages


def _sender(port: int, family: int = socket.AF_INET) -> socket.socket:
    skt = socket.socket(family, socket.SOCK_DGRAM)
    skt.connect(("::1" if family == socket.AF_INET6 else "127.0.0.1", port))
    return skt


async def _run(*command: str) -> int:
    done = await deferToThread(
        subprocess.run, command, capture_output=True, timeout=20, check=False
    )
    return done.returncode


async def test_a_datagram_of_the_largest_size_is_not_cut(reactor: Any) -> None:
    running = Running(reactor)
    with _sender(running.port) as skt:
        skt.send(b"x" * 65507)
        place = skt.getsockname()
    assert [len(message) for message in await running.messages(1)] == [65507]
    (batch,) = running.bench.keeper.batches
    assert batch.peers == ((f"127.0.0.1:{place[1]}", 1),)
    await running.source.stop()


async def test_ipv6_senders_are_heard(reactor: Any) -> None:
    running = Running(reactor, host="::")
    with _sender(running.port, socket.AF_INET6) as six, _sender(running.port) as four:
        six.send(b"six")
        await running.messages(1)
        four.send(b"four")
        assert await running.messages(2) == [b"six", b"four"]
        peers = [batch.peers[0][0] for batch in running.bench.keeper.batches]
        assert peers[0].startswith("[::1]:")
        assert peers[1].startswith("127.0.0.1:")
    await running.source.stop()


async def test_a_port_in_use_is_failed_with_the_remedy_and_tried_again(
    reactor: Any,
) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", 0))
        running = Running(reactor, port=other.getsockname()[1], retry_max=0.05)
        state = running.bench.context.state
        assert state.word is Word.FAILED
        assert "address in use" in state.current.reason
        assert "ss -lunp" in state.current.reason
    await running.until(lambda: state.word is Word.RUNNING)
    await running.source.stop()


async def test_a_host_that_nobody_knows_is_failed_and_stops_cleanly(
    reactor: Any,
) -> None:
    running = Running(reactor, host="203.0.113.77")
    state = running.bench.context.state
    assert state.word is Word.FAILED
    assert "no such address" in state.current.reason
    await running.source.stop()
    assert state.word is Word.STOPPED


async def test_everything_sent_is_received_or_counted_as_dropped(reactor: Any) -> None:
    """A small buffer and a burst: received + kernel drops = sent, exactly."""
    sent = 3000
    running = Running(reactor, receive_buffer=64 * 1024)
    running.source.pause()
    with _sender(running.port) as skt:
        for _ in range(sent):
            skt.send(b"x" * 200)
    running.source.resume()
    counters = running.bench.counters
    await running.until(
        lambda: counters.messages_in_total + counters.kernel_drops_total >= sent
    )
    assert counters.kernel_drops_total > 0
    assert counters.messages_in_total + counters.kernel_drops_total == sent
    assert any("the kernel drops" in text for _, text in running.bench.logged)
    await running.source.stop()


async def test_stop_takes_what_the_kernel_holds_and_counts_what_it_dropped(
    reactor: Any,
) -> None:
    sent = 3000
    running = Running(reactor, receive_buffer=64 * 1024)
    with _sender(running.port) as skt:
        for _ in range(sent):
            skt.send(b"x" * 200)
    # The reactor has had no turn since.
    await running.source.stop()
    counters = running.bench.counters
    assert counters.messages_in_total > 0
    assert counters.messages_in_total + counters.kernel_drops_total == sent


async def test_a_pressed_channel_is_not_read_for_until_it_is_relieved(
    reactor: Any,
) -> None:
    running = Running(reactor)
    keeper, channel = running.bench.keeper, running.bench.channel
    keeper.pressed = True
    with _sender(running.port) as skt:
        skt.send(b"one")
        await running.messages(1)
        skt.send(b"two")
        await deferLater(reactor, 0.05, lambda: None)
        assert keeper.messages == [b"one"]
        assert running.bench.counters.pauses_total == 1
        keeper.pressed = False
        channel.relieved()
        assert await running.messages(2) == [b"one", b"two"]
    await running.source.stop()


async def test_pause_holds_and_resume_goes_on(reactor: Any) -> None:
    running = Running(reactor)
    state = running.bench.context.state
    running.source.pause()
    assert state.word is Word.PAUSED
    with _sender(running.port) as skt:
        skt.send(b"held")
        await deferLater(reactor, 0.05, lambda: None)
        assert running.bench.keeper.messages == []
        running.source.resume()
        assert state.word is Word.RUNNING
        assert await running.messages(1) == [b"held"]
    await running.source.stop()


async def test_the_real_size_of_the_receive_buffer_is_told(reactor: Any) -> None:
    running = Running(reactor, receive_buffer=1024 * 1024)
    assert running.bench.counters.receive_buffer_bytes >= 1024 * 1024
    await running.source.stop()


async def test_multicast_is_heard(reactor: Any) -> None:
    running = Running(reactor, host="0.0.0.0", multicast_group="239.255.7.7")
    if running.bench.context.state.word is Word.FAILED:
        await running.source.stop()
        pytest.skip("this machine has no interface with multicast")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as skt:
        skt.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_LOOP, 1)
        skt.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 0)
        try:
            skt.sendto(b"group", ("239.255.7.7", running.port))
        except OSError:
            await running.source.stop()
            pytest.skip("this machine has no route for multicast")
    assert await running.messages(1) == [b"group"]
    await running.source.stop()


# -- real senders ----------------------------------------------------------------------


async def test_logger_is_heard(reactor: Any) -> None:
    running = Running(reactor, framing=FRAMINGS["syslog"]())
    code = await _run(
        *("logger", "-d", "-n", "127.0.0.1", "-P", str(running.port)),
        *("--rfc5424", "-p", "local0.info", "hello from logger"),
    )
    assert code == 0
    (message,) = await running.messages(1)
    assert message.startswith(b"<134>1 ")
    assert message.endswith(b"hello from logger")
    await running.source.stop()


async def test_python_s_sysloghandler_is_heard_without_its_nul(reactor: Any) -> None:
    running = Running(reactor, framing=FRAMINGS["syslog"]())
    sender = logging.handlers.SysLogHandler(("127.0.0.1", running.port))
    sender.emit(logging.makeLogRecord({"msg": "stdlib", "levelno": logging.WARNING}))
    sender.close()
    assert await running.messages(1) == [b"<12>stdlib"]
    await running.source.stop()


async def test_snmptrap_is_stored_as_it_came(reactor: Any) -> None:
    running = Running(reactor)
    code = await _run(
        *("snmptrap", "-v2c", "-c", "public", f"127.0.0.1:{running.port}", "''"),
        *("1.3.6.1.4.1.8072.2.3.0.1", "1.3.6.1.4.1.8072.2.3.2.1", "s", "door open"),
    )
    assert code == 0
    (message,) = await running.messages(1)
    assert message[:1] == b"\x30"
    assert message.endswith(b"door open")
    assert running.bench.counters.acks_positive_total == 0
    await running.source.stop()


async def _snmpinform(port: int) -> int:
    return await _run(
        *("snmpinform", "-r", "0", "-t", "1", "-v2c", "-c", "public"),
        *(f"127.0.0.1:{port}", "''", "1.3.6.1.4.1.8072.2.3.0.1"),
    )


async def test_snmpinform_is_answered_once_its_message_is_stored(reactor: Any) -> None:
    running = Running(reactor)
    assert await _snmpinform(running.port) == 0
    assert running.bench.counters.acks_positive_total == 1
    await running.source.stop()


async def test_snmpinform_hears_nothing_before_the_commit(reactor: Any) -> None:
    running = Running(reactor)
    running.bench.keeper.holds = True
    assert await _snmpinform(running.port) == 1
    assert running.bench.keeper.held
    await running.source.stop()


# -- destination -----------------------------------------------------------------------


class User:
    def __init__(self) -> None:
        self.told: list[str] = []

    def link_up(self) -> None:
        self.told.append("up")

    def link_down(self, reason: str) -> None:
        self.told.append(reason)


def _link(reactor: Any, **options: Any) -> tuple[udp_destination.UdpLink, StateCell]:
    config = udp_destination.UdpConfig(host="127.0.0.1", **options)
    state = StateCell(lambda: WALL, lambda old, new: None)
    context = LinkContext(
        reactor=reactor,
        channel="ward-3",
        name="lis",
        framing=config.framing,
        counters=DestinationCounters(),
        state=state,
        wall=lambda: WALL,
        log=lambda level, text: None,
    )
    return udp_destination.build(config, context), state


def _batch(*messages: bytes) -> Any:
    return single_peer(list(messages), WALL, "test")


def _receiver() -> socket.socket:
    skt = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    set_receive_buffer(skt, 4 * 1024 * 1024)
    skt.bind(("127.0.0.1", 0))
    skt.settimeout(5)
    return skt


async def test_each_message_is_a_datagram_and_counts_as_sent(reactor: Any) -> None:
    with _receiver() as there:
        link, state = _link(reactor, port=there.getsockname()[1])
        user = User()
        link.start(user)
        assert user.told == ["up"]
        assert state.word is Word.RUNNING
        count = 1200
        sent = link.send(_batch(*(b"%d" % n for n in range(count))))
        found = [there.recv(100) for _ in range(512)]
        assert await sent is Confidence.SENT
        found += [there.recv(100) for _ in range(count - 512)]
        assert found == [b"%d" % n for n in range(count)]
        await link.stop()


async def test_a_message_too_large_for_a_datagram_is_refused_for_good(
    reactor: Any,
) -> None:
    with _receiver() as there:
        link, _ = _link(reactor, port=there.getsockname()[1])
        link.start(User())
        with pytest.raises(Refused) as caught:
            await link.send(_batch(b"first", b"x" * 65508, b"never"))
        assert (caught.value.index, caught.value.final) == (1, True)
        assert caught.value.confidence is Confidence.SENT
        assert there.recv(100) == b"first"
        assert link.writable
        assert await link.send(_batch(b"after")) is Confidence.SENT
        assert there.recv(100) == b"after"
        await link.stop()


async def test_framing_is_put_on_each_datagram_when_asked_for(reactor: Any) -> None:
    with _receiver() as there:
        link, _ = _link(
            reactor, port=there.getsockname()[1], framing=FRAMINGS["line"]()
        )
        link.start(User())
        await link.send(_batch(b"a", b"b"))
        assert [there.recv(10), there.recv(10)] == [b"a\n", b"b\n"]
        await link.stop()


async def test_a_receiver_that_is_not_there_is_told_and_not_fatal(reactor: Any) -> None:
    with _receiver() as there:
        port = there.getsockname()[1]
    link, state = _link(reactor, port=port)
    user = User()
    link.start(user)
    for _ in range(3):
        assert await link.send(_batch(b"lost")) is Confidence.SENT
        await deferLater(reactor, 0.02, lambda: None)
    assert link.port_unreachable_total >= 2
    assert "nobody listens" in state.current.reason
    assert [word for word in user.told if word != "up"] == []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as there:
        there.bind(("127.0.0.1", port))
        there.settimeout(5)
        await link.send(_batch(b"found"))
        assert there.recv(10) == b"found"
    await link.stop()


async def test_a_name_that_nobody_knows_is_failed_and_tried_again(reactor: Any) -> None:
    link, state = _link(reactor, port=9, retry_max=0.5)
    link._config = udp_destination.UdpConfig(host="nobody.invalid", port=9)
    link.start(User())
    while state.word is not Word.FAILED:
        await deferLater(reactor, 0.02, lambda: None)
    assert "nobody.invalid" in state.current.reason
    await link.stop()


def test_reopen_is_a_new_socket(reactor: Any) -> None:
    link, _ = _link(reactor, port=9)
    user = User()
    link.start(user)
    link.reopen("no progress")
    assert user.told == ["up", "no progress", "up"]
    finished: Deferred[None] = link.stop()
    assert finished.called
