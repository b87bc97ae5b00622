"""The API over real sockets: what was said, what the plots show, how the lines are."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest_twisted
from twisted.internet.protocol import Factory, Protocol

from tests.integration.api_site import ApiGateway, free_port

SECTIONS = """
[source:a]
type = tcp_server
host = 127.0.0.1
port = {port}
framing = {framing}

[destination:a:lis]
type = tcp_client
host = 127.0.0.1
port = {receiver}

[destination:a:out]
type = file
path = {folder}/out
framing = line

[source:u]
type = udp
host = 127.0.0.1
port = {udp}
"""


class Receiver:
    """Takes whatever is sent to its port."""

    def __init__(self, reactor: Any) -> None:
        self.all: list[Any] = []
        factory = Factory.forProtocol(self._build)
        self.port = reactor.listenTCP(0, factory, interface="127.0.0.1")

    def _build(self) -> Protocol:
        self.all.append(Protocol())
        made: Protocol = self.all[-1]
        return made

    @property
    def number(self) -> int:
        number: int = self.port.getHost().port
        return number


@pytest_twisted.async_yield_fixture
async def receiver(reactor: Any) -> AsyncIterator[Receiver]:
    made = Receiver(reactor)
    yield made
    for each in made.all:
        each.transport.abortConnection()
    await made.port.stopListening()


@pytest_twisted.async_yield_fixture
async def api(
    reactor: Any, tmp_path: Path, receiver: Receiver
) -> AsyncIterator[ApiGateway]:
    sections = SECTIONS.format(
        port=free_port(),
        udp=free_port(),
        receiver=receiver.number,
        folder=tmp_path,
        framing="auto",
    )
    made = ApiGateway(reactor, tmp_path, sections)
    made.start()
    yield made
    await made.stop()


def sender(api: ApiGateway, content: bytes) -> socket.socket:
    """A connection to channel a that has sent this."""
    source = api.gateway.settings.channels["a"].source
    assert source is not None
    connection = socket.create_connection(("127.0.0.1", source.config.port))
    connection.sendall(content)
    return connection


async def delivered(api: ApiGateway, last_seq: int) -> None:
    async def holds() -> bool:
        channel = api.gateway.pairs["a"].channel
        return set(channel.cursors.values()) == {last_seq}

    await api.until("delivered", holds)


async def said(api: ApiGateway, text: str) -> dict[str, Any]:
    """The newest line of channel a with this text in it, once there is one."""
    found: list[dict[str, Any]] = []

    async def there() -> bool:
        lines = (await api.ask("GET", "/api/channels/a/log", token="t-viewer")).json
        found[:] = [line for line in lines["log"] if text in line["text"]]
        return bool(found)

    await api.until(text, there)
    return found[0]


async def test_the_log_tells_who_came_who_went_and_who_stopped_what(
    api: ApiGateway,
) -> None:
    with sender(api, b"one\n") as connection:
        host, port = connection.getsockname()
        came = await said(api, f"{host}:{port} is connected")
        assert (came["level"], came["part"]) == ("info", "source")
        assert came["at"] > 1_700_000_000
    await said(api, f"{host}:{port} has gone: closed by the peer")
    assert (await api.ask("POST", "/api/channels/a/pause?part=lis")).status == 200
    line = await said(api, "paused by admin")
    assert line["part"] == "lis"
    newest = await api.ask("GET", "/api/channels/a/log?limit=1")
    assert [each["text"] for each in newest.json["log"]] == ["paused by admin"]
    assert (await api.ask("GET", "/api/channels/a/log?limit=201")).status == 400
    assert (await api.ask("GET", "/api/channels/nobody/log")).status == 404


async def test_what_a_receiver_said_is_for_those_who_may_see_payloads(
    api: ApiGateway,
) -> None:
    voice = api.gateway.pairs["a"].voice
    voice.say("lis", "warn", "message 2 is parked", "unknown patient Canary 4711")

    async def shown(token: str, **more: Any) -> str:
        answer = await api.ask("GET", "/api/channels/a/log", token=token, **more)
        texts = [str(line["text"]) for line in answer.json["log"]]
        (found,) = [text for text in texts if "message 2" in text]
        return found

    assert await shown("t-viewer") == "message 2 is parked"
    whole = "message 2 is parked: unknown patient Canary 4711"
    assert await shown("t-operator") == whole
    session = {"Cookie": "iobuffer=s-operator"}
    masked = await shown("", headers=session)
    assert masked.startswith("message 2 is parked: ")
    assert "Canary" not in masked
    assert "4711" not in masked


async def test_a_restart_makes_the_connections_anew_and_loses_nothing(
    api: ApiGateway, receiver: Receiver
) -> None:
    sender(api, b"one\n").close()
    await delivered(api, 1)
    answer = await api.ask("POST", "/api/channels/a/restart?part=lis")
    assert answer.status == 200, answer.body
    sender(api, b"two\n").close()
    await delivered(api, 2)
    assert len(receiver.all) == 2
    answer = await api.ask("POST", "/api/channels/a/restart", token="t-operator")
    assert answer.json["parts"]["source"]["state"]["word"] == "running"
    sender(api, b"three\n").close()
    await delivered(api, 3)
    await said(api, "restarted by operator")
    assert [line[1] for line in api.people.audit.lines] == ["restart", "restart"]


async def test_who_paused_over_the_unix_socket_is_on_this_machine(
    api: ApiGateway,
) -> None:
    answer = await api.ask("POST", "/api/channels/a/pause?part=out", local=True)
    reason = answer.json["parts"]["out"]["state"]["reason"]
    assert reason.startswith("paused by an operator of this machine at ")
    assert reason.endswith("; resume it to go on")


async def test_a_channel_shows_its_connections_and_how_good_they_are(
    api: ApiGateway, receiver: Receiver
) -> None:
    with sender(api, b"one\n") as connection:
        await delivered(api, 1)
        shown = (await api.ask("GET", "/api/channels/a")).json["parts"]
        (peer,) = shown["source"]["peers"]
        assert peer["peer"] == "{}:{}".format(*connection.getsockname())
        assert (peer["framing"], peer["messages"]) == ("line", 1)
        assert 0 < peer["round_trip_seconds"] < 1
        assert peer["unacknowledged_bytes"] == peer["retransmits"] == 0
        assert shown["source"]["line"] == {
            "framing": "auto",
            "framings_found": {"line": 1},
            "skipped_bytes": 0,
        }
        (peer,) = shown["lis"]["peers"]
        assert peer["peer"] == f"127.0.0.1:{receiver.number}"
        assert 0 < peer["round_trip_seconds"] < 1
        assert abs(peer["since"] - api.gateway.wall()) < 30
        assert shown["lis"]["line"] == {"framing": "line", "reconnects": 0}
        assert shown["out"]["peers"] == []
    receiver.all[0].transport.abortConnection()

    async def connected_again() -> bool:
        shown = (await api.ask("GET", "/api/channels/a")).json["parts"]["lis"]
        return bool(shown["line"]["reconnects"] == 1 and shown["peers"])

    await api.until("connected again", connected_again)


async def test_a_udp_source_shows_its_buffer_and_what_the_kernel_dropped(
    api: ApiGateway,
) -> None:
    shown = (await api.ask("GET", "/api/channels/u")).json["parts"]["source"]
    assert shown["line"].pop("receive_buffer_bytes") > 1000
    assert shown["line"] == {
        "framing": "datagram",
        "skipped_bytes": 0,
        "kernel_drops": 0,
    }


async def test_skipped_bytes_are_shown_to_those_who_may_see_payloads(
    api: ApiGateway,
) -> None:
    api.config.write_text(
        api.config.read_text().replace("framing = auto", "framing = mllp")
    )
    assert (await api.ask("POST", "/api/reload")).status == 200

    async def stored() -> bool:
        return api.gateway.pairs["a"].channel.last_seq == 1

    with sender(api, b"canary\x0bhello\x1c\r"):
        await api.until("stored", stored)
        line = (await api.ask("GET", "/api/channels/a")).json["parts"]["source"]["line"]
        assert line["skipped_bytes"] == len(b"canary")
        assert b"canary" in bytes.fromhex(line["skipped_sample"])
        for path in ("/api/channels/a", "/api/channels"):
            answer = await api.ask("GET", path, token="t-viewer")
            assert b"canary".hex().encode() not in answer.body
            assert b"canary" not in answer.body


async def test_the_plots_show_rates_and_queues(api: ApiGateway, reactor: Any) -> None:
    assert (await api.ask("POST", "/api/channels/a/stop?part=lis")).status == 200
    history, beat_at = api.gateway.history, reactor.seconds() + 100

    def look(seconds: float) -> None:
        looks = {name: pair.look() for name, pair in api.gateway.pairs.items()}
        history.take(beat_at + seconds, api.gateway.wall(), looks)

    look(0.0)
    sender(api, b"x\n" * 50).close()

    async def written() -> bool:
        return api.gateway.pairs["a"].channel.cursors["out"] == 50

    await api.until("written", written)
    look(5.0)
    shown = (await api.ask("GET", "/api/channels/a/history", token="t-viewer")).json
    assert (shown["span"], shown["step_seconds"]) == ("15m", 5.0)
    assert abs(shown["end_at"] - api.gateway.wall()) < 30
    series = shown["series"]
    assert len(series["in"]) == 180
    assert series["in"][-1] == series["out"]["out"][-1] == 10.0
    assert series["out"]["lis"][-1] == series["queued"]["out"][-1] == 0.0
    assert series["queued"]["lis"][-1] == 50.0
    assert series["in"][0] is None
    for span, values in (("1h", 120), ("24h", 720)):
        shown = (await api.ask("GET", f"/api/channels/a/history?span={span}")).json
        assert len(shown["series"]["in"]) == values
    overview = (await api.ask("GET", "/api/history?points=180")).json
    assert overview["channels"]["a"]["in"][-1] == 10.0
    assert overview["channels"]["u"]["in"][-1] == 0.0
    assert len((await api.ask("GET", "/api/history")).json["channels"]["u"]["in"]) == 30
    assert (await api.ask("GET", "/api/channels/a/history?span=2h")).status == 400
    assert (await api.ask("GET", "/api/history?points=7")).status == 400
    assert (await api.ask("GET", "/api/channels/nobody/history")).status == 404


async def test_what_is_not_known_yet_is_null(api: ApiGateway) -> None:
    shown = (await api.ask("GET", "/api/channels/u/history?span=1h")).json
    assert shown["series"] == {"in": [None] * 120, "out": {}, "queued": {}}
    assert abs(shown["end_at"] - api.gateway.wall()) < 30
