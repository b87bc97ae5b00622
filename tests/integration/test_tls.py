"""TLS with real sockets, real certificates, and OpenSSL's own client."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import deferLater
from twisted.internet.utils import getProcessOutputAndValue

from iobuffer.acks import AutoAckConfig, NoAckConfig
from iobuffer.framing import FRAMINGS
from iobuffer.links.backoff import Backoff
from iobuffer.links.dialer import Dialer
from iobuffer.links.tcp import TcpTuning, unsent_bytes
from iobuffer.links.tls import TlsConfig
from iobuffer.sources.tcp_client import TcpClientConfig, TcpClientSource
from iobuffer.sources.tcp_server import TcpServerConfig, TcpServerSource
from iobuffer.state import StateCell, Word
from tests.links.certificates import Authority
from tests.sources.source_fakes import SourceWorld

from .test_tcp_sources import HL7, connect, port_of, until


def serve(world: SourceWorld, tls: TlsConfig, **options: Any) -> TcpServerSource:
    config = TcpServerConfig(
        host="127.0.0.1",
        port=0,
        framing=FRAMINGS["auto"](),
        ack=AutoAckConfig(),
        tls=tls,
        **options,
    )
    source = TcpServerSource(config, world.context)
    source.start()
    return source


class Client:
    """A dialer that says `data` once it is up, and what became of it."""

    def __init__(
        self, reactor: Any, port: int, tls: TlsConfig, host: str = "localhost"
    ) -> None:
        self.ups: list[Any] = []
        self.downs: list[str] = []
        self.state = StateCell(lambda: 0.0, lambda old, new: None)
        self.dialer = Dialer(
            reactor,
            host,
            port,
            tls=tls,
            tuning=TcpTuning(),
            build=Protocol,
            on_up=self.ups.append,
            on_down=self.downs.append,
            state=self.state,
            backoff=Backoff(initial_seconds=20.0),
            log=lambda level, text: None,
        )
        self.dialer.start()

    @property
    def reason(self) -> str:
        return self.state.current.reason


async def s_client(reactor: Any, port: int, *arguments: str) -> tuple[str, int]:
    """What OpenSSL's client says; it hangs up when its input ends."""
    out, err, code = await getProcessOutputAndValue(
        "/bin/sh",
        (
            "-c",
            f"openssl s_client -connect 127.0.0.1:{port} "
            + " ".join(arguments)
            + " < /dev/null",
        ),
        env={"PATH": "/usr/bin:/bin"},
        reactor=reactor,
    )
    return (out + err).decode(errors="replace"), code


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.mark.parametrize("version", ["1.2", "1.3"])
async def test_messages_come_through_tls_and_are_answered(
    reactor: Any, authority: Authority, version: str
) -> None:
    cert, key = authority.issue("chem")
    world = SourceWorld(reactor)
    source = serve(world, TlsConfig(enabled=True, cert=cert, key=key, minimum=version))
    client = Client(reactor, port_of(source), TlsConfig(enabled=True, ca=authority.ca))
    await until(reactor, lambda: client.ups)
    (protocol,) = client.ups
    heard: list[bytes] = []
    protocol.dataReceived = heard.append

    protocol.transport.write(HL7)
    assert unsent_bytes(protocol.transport) >= len(HL7)
    await until(reactor, lambda: heard)

    assert b"MSA|AA|42" in heard[0]
    assert world.keeper.messages == [HL7[1:-2]]
    await until(reactor, lambda: unsent_bytes(protocol.transport) == 0)
    await client.dialer.stop()
    await source.stop()


async def test_an_address_is_verified_as_an_address(
    reactor: Any, authority: Authority
) -> None:
    cert, key = authority.issue("chem", names=("127.0.0.1",))
    world = SourceWorld(reactor)
    source = serve(world, TlsConfig(enabled=True, cert=cert, key=key))
    tls = TlsConfig(enabled=True, ca=authority.ca)

    client = Client(reactor, port_of(source), tls, host="127.0.0.1")
    await until(reactor, lambda: client.ups)

    await client.dialer.stop()
    await source.stop()


@pytest.mark.parametrize(
    ("issued", "options", "words"),
    [
        ({"names": ("lis.example",)}, {}, "not for localhost but for lis.example"),
        ({"first_day": -5, "last_day": -1}, {}, "it has expired"),
        ({"first_day": 1}, {}, "not valid yet: check the clocks"),
        ({}, {"ca": None}, "its CA is not known here: name that CA in tls.ca"),
        ({}, {"server_name": "other.example"}, "not for other.example"),
        ({}, {"crl": "revoked"}, "it has been revoked"),
    ],
)
async def test_a_certificate_that_does_not_fit_never_counts_as_connected(
    reactor: Any,
    authority: Authority,
    issued: dict[str, Any],
    options: dict[str, Any],
    words: str,
) -> None:
    cert, key = authority.issue("chem", **issued)
    world = SourceWorld(reactor)
    source = serve(world, TlsConfig(enabled=True, cert=cert, key=key))
    options = {"ca": authority.ca, **options}
    if "crl" in options:
        options["crl"] = authority.revoke(cert)

    client = Client(reactor, port_of(source), TlsConfig(enabled=True, **options))
    await until(reactor, lambda: client.state.word is Word.FAILED)

    assert words in client.reason
    assert client.ups == client.downs == []
    assert client.dialer.counters.connect_failures_total == 1
    await client.dialer.stop()
    await until(reactor, lambda: world.counters.handshake_failures_total == 1)
    assert len(world.log) == 1
    await source.stop()


async def test_verify_no_takes_any_certificate(
    reactor: Any, authority: Authority
) -> None:
    cert, key = authority.issue("chem", names=("elsewhere",), last_day=0, first_day=-3)
    world = SourceWorld(reactor)
    source = serve(world, TlsConfig(enabled=True, cert=cert, key=key))

    client = Client(reactor, port_of(source), TlsConfig(enabled=True, verify=False))
    await until(reactor, lambda: client.ups)

    await client.dialer.stop()
    await source.stop()


async def test_clients_must_show_a_certificate_of_client_ca(
    reactor: Any, authority: Authority, tmp_path: Path
) -> None:
    cert, key = authority.issue("chem")
    good_cert, good_key = authority.issue("analyser")
    bad_cert, bad_key = Authority(tmp_path, "stranger").issue("intruder")
    world = SourceWorld(reactor)
    source = serve(
        world, TlsConfig(enabled=True, cert=cert, key=key, client_ca=authority.ca)
    )
    port = port_of(source)

    out, _ = await s_client(reactor, port, "-ign_eof")
    assert "alert certificate required" in out
    assert "sent no client certificate" in world.log[0]

    out, _ = await s_client(
        reactor, port, "-ign_eof", "-cert", bad_cert, "-key", bad_key
    )
    assert "unknown ca" in out
    assert "name that CA in tls.client_ca" in world.log[1]
    assert world.counters.connections_total == 0

    tls = TlsConfig(enabled=True, ca=authority.ca, cert=good_cert, key=good_key)
    client = Client(reactor, port, tls)
    await until(reactor, lambda: world.counters.connections == 1)
    assert world.log[2] == "info: 127.0.0.1 is connected again"
    await client.dialer.stop()
    await source.stop()


async def test_a_client_certificate_may_be_optional(
    reactor: Any, authority: Authority
) -> None:
    cert, key = authority.issue("chem")
    world = SourceWorld(reactor)
    source = serve(
        world,
        TlsConfig(
            enabled=True,
            cert=cert,
            key=key,
            client_ca=authority.ca,
            client_cert_required=False,
        ),
    )

    _, code = await s_client(reactor, port_of(source))

    assert code == 0
    await until(reactor, lambda: world.counters.connections_total == 1)
    await source.stop()


@pytest.mark.parametrize(
    "arguments",
    [
        ("-tls1",),
        ("-tls1_1",),
        ("-tls1_2", "-cipher", "AES128-SHA:AES256-SHA:AES128-GCM-SHA256"),
        ("-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-SHA256:@SECLEVEL=0"),
        ("-tls1_2", "-cipher", "NULL:RC4:3DES:EXPORT:@SECLEVEL=0"),
    ],
)
async def test_old_versions_and_weak_ciphers_are_refused(
    reactor: Any, authority: Authority, arguments: tuple[str, ...]
) -> None:
    cert, key = authority.issue("chem")
    world = SourceWorld(reactor)
    source = serve(world, TlsConfig(enabled=True, cert=cert, key=key))

    out, code = await s_client(reactor, port_of(source), *arguments)

    assert code != 0, out
    assert world.counters.connections_total == 0
    out, code = await s_client(reactor, port_of(source), "-tls1_2")
    assert code == 0
    assert "ECDHE" in out
    await source.stop()


async def test_a_client_that_offers_protocols_by_alpn_is_let_in_without(
    reactor: Any, authority: Authority
) -> None:
    """As browsers and curl do; where nothing is chosen they speak what the port is
    for (RFC 7301, 3.1)."""
    cert, key = authority.issue("chem")
    source = serve(SourceWorld(reactor), TlsConfig(enabled=True, cert=cert, key=key))
    said, code = await s_client(reactor, port_of(source), "-alpn", "h2,http/1.1")
    await source.stop()

    assert code == 0, said
    assert "No ALPN negotiated" in said


async def test_a_renewed_certificate_is_served_and_no_connection_is_dropped(
    reactor: Any, authority: Authority
) -> None:
    cert, key = authority.issue("chem")
    world = SourceWorld(reactor)
    source = serve(world, TlsConfig(enabled=True, cert=cert, key=key))
    client = Client(reactor, port_of(source), TlsConfig(enabled=True, ca=authority.ca))
    await until(reactor, lambda: client.ups)

    new_cert, new_key = authority.issue("renewed")
    os.replace(new_key, key)
    os.replace(new_cert, cert)
    await deferLater(reactor, 1.05)
    out, _ = await s_client(reactor, port_of(source))
    assert "CN = renewed" in out or "CN=renewed" in out

    Path(cert).write_bytes(b"not a certificate")
    source.listener.reload_certificates()
    out, _ = await s_client(reactor, port_of(source))
    assert "CN = renewed" in out or "CN=renewed" in out
    assert any("stays in use" in line for line in world.log)
    assert client.downs == []
    await client.dialer.stop()
    await source.stop()


async def test_what_is_not_tls_is_refused_and_logged_once(
    reactor: Any, authority: Authority
) -> None:
    cert, key = authority.issue("chem")
    world = SourceWorld(reactor)
    source = serve(world, TlsConfig(enabled=True, cert=cert, key=key))
    for _ in range(3):
        sender = await connect(reactor, port_of(source))
        sender.transport.write(b"GET / HTTP/1.1\r\n\r\n")
        await until(reactor, lambda sender=sender: sender.closed)

    assert world.counters.handshake_failures_total == 3
    assert world.log == ["warn: no TLS with 127.0.0.1: the peer speaks HTTP, not TLS"]
    await source.stop()


async def test_a_handshake_that_does_not_end_is_ended(
    reactor: Any, authority: Authority
) -> None:
    cert, key = authority.issue("chem")
    world = SourceWorld(reactor)
    source = serve(
        world, TlsConfig(enabled=True, cert=cert, key=key), handshake_timeout=0.3
    )
    sender = await connect(reactor, port_of(source))
    sender.transport.write(b"\x16")

    await until(reactor, lambda: sender.closed)

    assert world.log == [
        "warn: no TLS with 127.0.0.1: TLS handshake not done within 0.3 s"
    ]
    await source.stop()


async def test_a_handshake_is_not_held_up_by_a_paused_source(
    reactor: Any, authority: Authority
) -> None:
    cert, key = authority.issue("chem")
    world = SourceWorld(reactor)
    source = serve(world, TlsConfig(enabled=True, cert=cert, key=key))
    source.pause()

    client = Client(reactor, port_of(source), TlsConfig(enabled=True, ca=authority.ca))
    await until(reactor, lambda: client.ups and world.counters.connections)
    client.ups[0].transport.write(b"waits\n")
    await deferLater(reactor, 0.2)
    assert world.keeper.messages == []

    source.resume()
    await until(reactor, lambda: world.keeper.messages == [b"waits"])
    await client.dialer.stop()
    await source.stop()


async def test_a_stop_says_goodbye_without_waiting_for_its_time_limit(
    reactor: Any, authority: Authority
) -> None:
    cert, key = authority.issue("chem")
    world = SourceWorld(reactor)
    source = serve(world, TlsConfig(enabled=True, cert=cert, key=key))
    client = Client(reactor, port_of(source), TlsConfig(enabled=True, ca=authority.ca))
    await until(reactor, lambda: client.ups)
    client.ups[0].transport.write(HL7)
    await until(reactor, lambda: world.keeper.messages)
    begun = reactor.seconds()

    await source.stop()

    assert reactor.seconds() - begun < 2.0
    assert client.downs == [f"connection to {client.dialer.place} closed by the peer"]
    await client.dialer.stop()


async def test_a_client_source_speaks_tls_and_names_a_plain_server(
    reactor: Any, authority: Authority
) -> None:
    class Greeter(Protocol):
        def connectionMade(self) -> None:
            self.transport.write(b"220 plain text here\r\n")  # type: ignore[union-attr]

    factory = Factory.forProtocol(Greeter)
    factory.noisy = False
    plain = reactor.listenTCP(0, factory, interface="127.0.0.1")
    world = SourceWorld(reactor)
    config = TcpClientConfig(
        host="localhost",
        port=plain.getHost().port,
        framing=FRAMINGS["line"](),
        ack=NoAckConfig(),
        tls=TlsConfig(enabled=True, ca=authority.ca),
    )
    source = TcpClientSource(config, world.context)
    source.start()

    await until(reactor, lambda: world.state.word is Word.FAILED)

    assert "the peer does not speak TLS" in str(world.state.current)
    await source.stop()
    await plain.stopListening()


async def test_a_half_open_socket_costs_nothing_but_itself(reactor: Any) -> None:
    """A connection that is opened and never used does not hold up the stop."""
    world = SourceWorld(reactor)
    source = serve(world, TlsConfig())
    with socket.create_connection(("127.0.0.1", port_of(source))):
        await until(reactor, source.peers)
        await source.stop()

    assert world.counters.connections == 0
