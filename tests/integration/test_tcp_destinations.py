"""The TCP destinations on real sockets, with real TLS."""

from __future__ import annotations

import datetime
import fcntl
import ipaddress
import socket
import struct
import termios
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import attrs
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import deferLater

from iobuffer.acks import ACKS
from iobuffer.batch import Batch, cut, single_peer
from iobuffer.channel import Confidence
from iobuffer.counters import DestinationCounters
from iobuffer.destinations.base import LinkContext, LinkLost, Refused
from iobuffer.destinations.tcp_client import TcpClientConfig, TcpClientLink
from iobuffer.destinations.tcp_server import TcpServerConfig, TcpServerLink
from iobuffer.framing import FRAMINGS
from iobuffer.links.listener import Listener
from iobuffer.links.tcp import TcpTuning
from iobuffer.links.tls import TlsConfig
from iobuffer.state import StateCell, Word

# -- peers -----------------------------------------------------------------------------


class Peer(Protocol):
    """Keeps what it reads; `on_bytes` plays its part."""

    def __init__(self, on_bytes: Callable[[Peer], None] = lambda peer: None) -> None:
        self.got = bytearray()
        self.gone = False
        self._on_bytes = on_bytes

    def dataReceived(self, data: bytes) -> None:
        self.got += data
        self._on_bytes(self)

    def connectionLost(self, reason: Any = None) -> None:
        self.gone = True


class Peers:
    """Everybody who has connected to one port, in order."""

    def __init__(self, on_bytes: Callable[[Peer], None] = lambda peer: None) -> None:
        self.all: list[Peer] = []
        self._on_bytes = on_bytes

    def build(self) -> Peer:
        peer = Peer(self._on_bytes)
        self.all.append(peer)
        return peer

    @property
    def got(self) -> bytes:
        return b"".join(bytes(peer.got) for peer in self.all)


@asynccontextmanager
async def listening(reactor: Any, peers: Peers) -> AsyncIterator[int]:
    factory = Factory.forProtocol(peers.build)
    port = reactor.listenTCP(0, factory, interface="127.0.0.1")
    # Inherited by what it accepts: a small window, so that little is out of sight.
    port.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16384)
    try:
        yield port.getHost().port
    finally:
        await port.stopListening()
        for peer in peers.all:
            if not peer.gone:
                peer.transport.abortConnection()
        await until(reactor, lambda: all(peer.gone for peer in peers.all))


async def until(reactor: Any, true: Callable[[], object], seconds: float = 15) -> None:
    deadline = reactor.seconds() + seconds
    while not true():
        assert reactor.seconds() < deadline, "it has not come about"
        await deferLater(reactor, 0.005)


async def pause(reactor: Any, seconds: float) -> None:
    await deferLater(reactor, seconds)


# -- links -----------------------------------------------------------------------------


class Sender:
    """A small delivery: sends in order, as far as the link has room, and again whatever
    was not confirmed."""

    def __init__(self, reactor: Any, *, framing: str = "line") -> None:
        self.link: Any = None
        self.said: list[str] = []
        self.states: list[str] = []
        self.logged: list[str] = []
        self.outcomes: list[Any] = []
        self.confirmed = 0
        self.counters = DestinationCounters()
        self.context = LinkContext(
            reactor=reactor,
            channel="chem-1",
            name="lis",
            framing=FRAMINGS[framing](),
            counters=self.counters,
            state=StateCell(lambda: 0.0, lambda old, new: self.states.append(str(new))),
            wall=lambda: 0.0,
            log=lambda level, text: self.logged.append(text),
        )
        self._batches: list[Batch] = []
        self._next = 0
        self._in_flight = 0
        self._up = False
        self._broken = False

    def offer(self, *batches: list[bytes]) -> None:
        self._batches += [single_peer(batch, 0.0, "test") for batch in batches]
        self._pump()

    @property
    def done(self) -> bool:
        return not self._batches

    def link_up(self) -> None:
        self.said.append("up")
        self._up = True
        self._pump()

    def link_down(self, reason: str) -> None:
        self.said.append(f"down: {reason}")
        self._up = False

    def _pump(self) -> None:
        while (
            self._up
            and not self._broken
            and self.link.writable
            and self._next < len(self._batches)
        ):
            batch = self._batches[self._next]
            self._next += 1
            self._in_flight += 1
            self.link.send(batch).addCallbacks(
                self._confirmed, self._failed, errbackArgs=(batch,)
            )

    def _confirmed(self, confidence: Confidence) -> None:
        self.outcomes.append(confidence)
        self._in_flight -= 1
        self.confirmed += len(self._batches.pop(0))
        self._next -= 1
        self._pump()

    def _failed(self, failure: Any, batch: Batch) -> None:
        error = failure.value
        self.outcomes.append(error)
        self._in_flight -= 1
        self._broken = True
        if batch is self._batches[0]:
            count = error.delivered if isinstance(error, LinkLost) else error.index
            self.confirmed += count
            if isinstance(error, Refused):
                count += 1
            rest = cut(batch, count, len(batch))
            self._batches[:1] = [rest] if len(rest) else []
        if not self._in_flight:
            self._broken = False
            self._next = 0
            self._pump()


@asynccontextmanager
async def client(
    reactor: Any, port: int, *, framing: str = "line", **options: Any
) -> AsyncIterator[Sender]:
    sender = Sender(reactor, framing=framing)
    options.setdefault("host", "127.0.0.1")
    sender.link = TcpClientLink(TcpClientConfig(port=port, **options), sender.context)
    sender.link.start(sender)
    try:
        yield sender
    finally:
        await sender.link.stop()


@asynccontextmanager
async def server(reactor: Any, **options: Any) -> AsyncIterator[Sender]:
    sender = Sender(reactor)
    config = TcpServerConfig(host="127.0.0.1", port=9000, **options)

    # A free port instead of a number that another program may have.
    def make_listener(on: Any, host: str, port: int, **rest: Any) -> Listener:
        return Listener(on, host, 0, **rest)

    sender.link = TcpServerLink(config, sender.context, make_listener=make_listener)
    sender.link.start(sender)
    try:
        yield sender
    finally:
        await sender.link.stop()


async def connected(reactor: Any, port: int, peer: Peer) -> Peer:
    from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol

    endpoint = TCP4ClientEndpoint(reactor, "127.0.0.1", port)
    await connectProtocol(endpoint, peer)
    return peer


def numbered(count: int, *, size_bytes: int = 10, each: int = 50) -> list[list[bytes]]:
    messages = [b"%0*d" % (size_bytes, number) for number in range(count)]
    return [messages[at : at + each] for at in range(0, count, each)]


# -- without answers -------------------------------------------------------------------


async def test_messages_arrive_in_order_and_count_as_received(reactor) -> None:
    peers = Peers()
    batches = numbered(20_000, size_bytes=200, each=500)
    async with listening(reactor, peers) as port, client(reactor, port) as sender:
        sender.offer(*batches)
        await until(reactor, lambda: sender.done)
        assert peers.got == b"".join(m + b"\n" for batch in batches for m in batch)
        assert set(sender.outcomes) == {Confidence.RECEIVED}
        assert sender.states[-1] == f"running: connected to 127.0.0.1:{port}"


async def test_a_peer_that_resets_after_some_bytes_loses_nothing_that_was_confirmed(
    reactor,
) -> None:
    """It reads a while, stops reading until the line is full, and resets. No message
    counts as received that its TCP did not have; and again and again, all arrive."""

    def on_bytes(peer: Peer) -> None:
        if len(peers.all) <= 6 and len(peer.got) > 30_000:
            peer.transport.pauseProducing()
            # Time enough for the gateway to fill the line and to ask what arrived.
            reactor.callLater(0.1, reset, peer)

    def reset(peer: Peer) -> None:
        # What its TCP has acknowledged until now is the peer's to keep. Only peeked
        # at: really read, it would make room, and the peer's TCP would take more.
        sock = peer.transport.getHandle()
        answer = fcntl.ioctl(sock.fileno(), termios.FIONREAD, struct.pack("i", 0))
        (unread_bytes,) = struct.unpack("i", answer)
        peer.got += sock.recv(unread_bytes, socket.MSG_PEEK)
        peer.transport.abortConnection()

    peers = Peers(on_bytes)
    batches = numbered(20_000, size_bytes=200, each=500)
    async with (
        listening(reactor, peers) as port,
        client(reactor, port, retry_max=0.5) as sender,
    ):
        sender.offer(*batches)
        await until(reactor, lambda: sender.done, 25)
    assert len(peers.all) == 7
    # The last piece of a connection that was reset is no whole message.
    whole = [bytes(peer.got).split(b"\n")[:-1] for peer in peers.all]
    seen: dict[bytes, None] = {}
    for at, messages in enumerate(whole):
        assert messages == sorted(messages)
        if at:
            # What comes next tells how much of the last connection was confirmed.
            confirmed = int(messages[0]) - int(whole[at - 1][0])
            assert 0 < confirmed <= len(whole[at - 1])
        seen.update(dict.fromkeys(messages))
    assert list(seen) == [message for batch in batches for message in batch]


async def test_a_peer_that_stops_reading_is_felt_and_costs_no_memory(reactor) -> None:
    peers = Peers(lambda peer: peer.transport.pauseProducing())
    # Twice what the kernel's buffers hold.
    batches = numbered(40_000, size_bytes=200, each=500)
    async with listening(reactor, peers) as port, client(reactor, port) as sender:
        sender.offer(*batches)
        await until(reactor, lambda: peers.got and not sender.link.writable)
        await pause(reactor, 0.5)
        assert not sender.link.writable
        assert not sender.done
        # Below the gate is Twisted's connection: its limit, and the batch beyond it.
        transport = sender.link._outlet.transport.transport
        buffered_bytes = len(transport.dataBuffer) + transport._tempDataLen
        assert 0 < buffered_bytes <= transport.bufferSize + 500 * 201
        for peer in peers.all:
            peer._on_bytes = lambda peer: None
            peer.transport.resumeProducing()
        await until(reactor, lambda: sender.done, 25)
        assert peers.got == b"".join(m + b"\n" for batch in batches for m in batch)
        assert sender.counters.disconnects_total == 0


async def test_a_peer_that_closes_is_seen_before_the_next_write(reactor) -> None:
    peers = Peers()
    async with (
        listening(reactor, peers) as port,
        client(reactor, port, retry_max=0.5) as sender,
    ):
        await until(reactor, lambda: len(sender.said) == 1)
        await until(reactor, lambda: peers.all)
        peers.all[0].transport.loseConnection()
        await until(reactor, lambda: len(sender.said) >= 2)
        assert sender.said[1].endswith("closed by the peer")
        assert not sender.link.writable or len(sender.said) > 2
        await until(reactor, lambda: sender.said[-1] == "up")
        sender.offer([b"after"])
        await until(reactor, lambda: sender.done)
        assert peers.got == b"after\n"


async def test_a_stop_confirms_what_the_peer_takes_at_once(reactor) -> None:
    peers = Peers()
    async with listening(reactor, peers) as port, client(reactor, port) as sender:
        await until(reactor, lambda: sender.said == ["up"])
        sender.offer(*numbered(1000))
        await sender.link.stop()
        assert sender.confirmed == 1000
        assert peers.got.count(b"\n") == 1000


# -- with answers ----------------------------------------------------------------------

_HL7 = b"MSH|^~\\&|A|B|C|D|20260101||ORU^R01|%s|P|2.5\rPID|1\r"


def _answering(*codes: bytes) -> Callable[[Peer], None]:
    """Answers each whole block with the next code, and then with the last one."""
    remaining = list(codes)

    def on_bytes(peer: Peer) -> None:
        while b"\x1c\r" in peer.got:
            block, _, rest = bytes(peer.got).partition(b"\x1c\r")
            peer.got[:] = rest
            control_id = block.split(b"|")[9]
            code = remaining.pop(0) if len(remaining) > 1 else remaining[0]
            if code:
                peer.transport.write(
                    b"\x0bMSH|^~\\&|C|D|A|B|20260101||ACK|9|P|2.5\r"
                    b"MSA|%s|%s|words\r\x1c\r" % (code, control_id)
                )

    return on_bytes


async def test_hl7_messages_are_acknowledged_one_by_one(reactor) -> None:
    peers = Peers(_answering(b"AA", b"AE", b"AA", b"AR", b"CA"))
    async with (
        listening(reactor, peers) as port,
        client(reactor, port, framing="mllp", ack=ACKS["auto"]()) as sender,
    ):
        sender.offer([_HL7 % b"%d" % number for number in range(6)])
        await until(reactor, lambda: sender.done)
        refusals = [each for each in sender.outcomes if isinstance(each, Refused)]
        assert [(each.index, each.final) for each in refusals] == [
            (1, False),
            (1, True),
        ]
        assert sender.outcomes[-1] is Confidence.ACKNOWLEDGED
        assert sender.confirmed == 4


async def test_a_message_without_an_answer_goes_out_again_on_a_new_connection(
    reactor,
) -> None:
    peers = Peers(_answering(b"AA", b"", b"AA"))
    async with (
        listening(reactor, peers) as port,
        client(
            reactor,
            port,
            framing="mllp",
            ack=ACKS["hl7"](),
            ack_timeout=0.3,
            retry_max=0.5,
        ) as sender,
    ):
        sender.offer([_HL7 % b"1", _HL7 % b"2", _HL7 % b"3"])
        await until(reactor, lambda: sender.done)
        assert len(peers.all) == 2
        lost = sender.outcomes[0]
        assert isinstance(lost, LinkLost)
        assert lost.delivered == 1
        assert "no answer within 0.3 s" in lost.reason
        assert sender.confirmed == 3


# -- TLS -------------------------------------------------------------------------------


@attrs.frozen
class Authority:
    """A CA of its own, that makes certificates as files."""

    folder: Path
    name: str
    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @classmethod
    def made(cls, folder: Path, name: str) -> Authority:
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = _certificate(name, key, name, key, authority=True)
        (folder / f"{name}.pem").write_bytes(_pem(certificate))
        return cls(folder, name, key, certificate)

    @property
    def path(self) -> str:
        return str(self.folder / f"{self.name}.pem")

    def issue(self, subject: str) -> dict[str, str]:
        """The options `cert` and `key`."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = _certificate(subject, key, self.name, self.key)
        cert_path = self.folder / f"{self.name}-{subject}.pem"
        key_path = self.folder / f"{self.name}-{subject}.key"
        cert_path.write_bytes(_pem(certificate))
        key_path.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        key_path.chmod(0o600)
        return {"cert": str(cert_path), "key": str(key_path)}


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _certificate(
    subject: str,
    key: ec.EllipticCurvePrivateKey,
    issuer: str,
    issuer_key: ec.EllipticCurvePrivateKey,
    *,
    authority: bool = False,
) -> x509.Certificate:
    now = datetime.datetime.now(datetime.UTC)

    def name(text: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)])

    return (
        x509.CertificateBuilder()
        .subject_name(name(subject))
        .issuer_name(name(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), True)
        .add_extension(
            x509.SubjectAlternativeName(
                [x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
            ),
            False,
        )
        .sign(issuer_key, hashes.SHA256())
    )


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority.made(tmp_path, "ours")


@pytest.fixture
def stranger(tmp_path: Path) -> Authority:
    return Authority.made(tmp_path, "theirs")


@asynccontextmanager
async def tls_listening(
    reactor: Any, peers: Peers, tls: TlsConfig
) -> AsyncIterator[int]:
    factory = Factory.forProtocol(peers.build)
    listener = Listener(
        reactor,
        "127.0.0.1",
        0,
        tls=tls,
        tuning=TcpTuning(),
        factory=factory,
        state=None,
        log=lambda level, text: None,
    )
    listener.start()
    assert listener.port_number is not None
    try:
        yield listener.port_number
    finally:
        await listener.stop()


async def test_messages_arrive_through_tls(reactor, authority) -> None:
    peers = Peers()
    ours = TlsConfig(enabled=True, **authority.issue("lis"))
    batches = numbered(20_000, size_bytes=200, each=500)
    async with (
        tls_listening(reactor, peers, ours) as port,
        client(reactor, port, tls=TlsConfig(enabled=True, ca=authority.path)) as sender,
    ):
        sender.offer(*batches)
        await until(reactor, lambda: sender.done)
        await until(reactor, lambda: len(peers.got) == 20_000 * 201)
        assert peers.got == b"".join(m + b"\n" for batch in batches for m in batch)
        assert set(sender.outcomes) == {Confidence.RECEIVED}


async def test_a_server_of_another_authority_is_never_sent_to(
    reactor, authority, stranger
) -> None:
    peers = Peers()
    ours = TlsConfig(enabled=True, **authority.issue("lis"))
    async with (
        tls_listening(reactor, peers, ours) as port,
        client(reactor, port, tls=TlsConfig(enabled=True, ca=stranger.path)) as sender,
    ):
        sender.offer([b"secret"])
        await until(reactor, lambda: sender.counters.connect_failures_total >= 2)
        assert sender.said == []
        assert not sender.link.writable
        assert sender.states[-1].startswith("failed: no TLS with")
        assert "certificate" in sender.states[-1]
        assert peers.got == b""


async def test_a_client_certificate_opens_the_door(
    reactor, authority, stranger
) -> None:
    peers = Peers()
    ours = TlsConfig(enabled=True, client_ca=authority.path, **authority.issue("lis"))
    async with tls_listening(reactor, peers, ours) as port:
        mine = TlsConfig(enabled=True, ca=authority.path, **authority.issue("me"))
        async with client(reactor, port, tls=mine) as sender:
            sender.offer([b"hello"])
            await until(reactor, lambda: sender.done)
            assert peers.got == b"hello\n"


@pytest.mark.parametrize("shown", ["none", "a stranger's"])
async def test_a_server_that_turns_us_down_confirms_nothing(
    reactor, authority, stranger, shown: str
) -> None:
    """In TLS 1.3 we count as connected before the server has looked at what we show;
    its TCP takes our first bytes, and nobody reads them."""
    peers = Peers()
    ours = TlsConfig(enabled=True, client_ca=authority.path, **authority.issue("lis"))
    identity = {} if shown == "none" else stranger.issue("me")
    mine = TlsConfig(enabled=True, ca=authority.path, **identity)
    async with (
        tls_listening(reactor, peers, ours) as port,
        client(reactor, port, tls=mine, retry_max=0.5) as sender,
    ):
        sender.offer([b"hello"])
        await until(reactor, lambda: sender.counters.disconnects_total >= 2)
        assert sender.confirmed == 0
        assert all(isinstance(each, LinkLost) for each in sender.outcomes)
        assert peers.got == b""


# -- the listening side ----------------------------------------------------------------


async def test_every_client_of_the_server_gets_a_copy(reactor) -> None:
    async with server(reactor) as sender:
        port = sender.link.port_number
        one = await connected(reactor, port, Peer())
        other = await connected(reactor, port, Peer())
        await until(reactor, lambda: sender.counters.connections == 2)
        batches = numbered(5000)
        sender.offer(*batches)
        await until(reactor, lambda: sender.done)
        expected = b"".join(m + b"\n" for batch in batches for m in batch)
        await until(reactor, lambda: one.got == other.got == expected)
        assert set(sender.outcomes) == {Confidence.RECEIVED}
        one.transport.loseConnection()
        other.transport.loseConnection()
        await until(reactor, lambda: sender.said[-1].startswith("down"))
        assert sender.context.state.word is Word.WAITING


async def test_a_client_that_stops_reading_does_not_hold_back_the_other(
    reactor,
) -> None:
    async with server(reactor, client_buffer=256 * 1024) as sender:
        port = sender.link.port_number
        fast = await connected(reactor, port, Peer())
        slow = Peer(lambda peer: peer.transport.pauseProducing())
        await connected(reactor, port, slow)
        await until(reactor, lambda: sender.counters.connections == 2)
        batches = numbered(100_000, size_bytes=200, each=500)
        sender.offer(*batches)
        await until(reactor, lambda: sender.done, 25)
        await until(reactor, lambda: len(fast.got) == 100_000 * 201)
        assert sender.counters.stalls_total == 1
        assert sender.counters.connections == 1
        assert sum("client_buffer" in text for text in sender.logged) == 1
        assert not any(word.startswith("down") for word in sender.said)
        slow.transport.abortConnection()
        fast.transport.loseConnection()
        await until(reactor, lambda: slow.gone and fast.gone)


async def test_a_client_of_the_server_needs_its_certificate(
    reactor, authority, stranger
) -> None:
    ours = TlsConfig(
        enabled=True, client_ca=authority.path, **authority.issue("gateway")
    )
    async with server(reactor, tls=ours) as sender:
        port = sender.link.port_number
        sender.offer([b"hello"])

        from twisted.internet.endpoints import (
            TCP4ClientEndpoint,
            connectProtocol,
            wrapClientTLS,
        )

        from iobuffer.links.tls import client_creator

        def dial(identity: dict[str, str], peer: Peer) -> Deferred[Any]:
            tls = TlsConfig(enabled=True, ca=authority.path, **identity)
            endpoint = wrapClientTLS(
                client_creator(tls, "127.0.0.1"),
                TCP4ClientEndpoint(reactor, "127.0.0.1", port),
                reactor,
            )
            return connectProtocol(endpoint, peer)

        for identity in ({}, stranger.issue("me")):
            refused = Peer()
            await dial(identity, refused)
            await until(reactor, lambda peer=refused: peer.gone)
            assert refused.got == b""
        assert sender.said == []
        welcome = Peer()
        await dial(authority.issue("me"), welcome)
        await until(reactor, lambda: sender.done)
        await until(reactor, lambda: welcome.got == b"hello\n")
        welcome.transport.loseConnection()
        await until(reactor, lambda: welcome.gone)


async def test_a_port_in_use_is_a_state_with_the_reason(reactor) -> None:
    peers = Peers()
    async with listening(reactor, peers) as port:
        sender = Sender(reactor)
        sender.link = TcpServerLink(
            TcpServerConfig(host="127.0.0.1", port=port), sender.context
        )
        sender.link.start(sender)
        assert sender.states[-1].startswith(f"failed: port {port} is in use")
        assert "trying again" in sender.states[-1]
        await sender.link.stop()
