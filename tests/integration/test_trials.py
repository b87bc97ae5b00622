"""Trials over real sockets: what comes is seen, nothing is kept, ports are freed."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.threads import deferToThread

from tests.integration.api_site import ApiGateway, free_port

HL7 = b"\x0bMSH|^~\\&|A|B|C|D|20260101||ORU^R01|4711|P|2.5\rPID|1||77\r\x1c\r"

SECTIONS = """
[source:a]
type = tcp_server
host = 127.0.0.1
port = {port}

[destination:a:out]
type = file
path = {folder}/out
"""


@pytest_twisted.async_yield_fixture
async def api(reactor: Any, tmp_path: Path) -> AsyncIterator[ApiGateway]:
    port = free_port()
    made = ApiGateway(reactor, tmp_path, SECTIONS.format(port=port, folder=tmp_path))
    made.start()
    yield made
    await made.stop()


class Listening:
    """A browser's EventSource, by hand, in threads; keeps all that it has heard."""

    def __init__(self, api: ApiGateway, trial: str, token: str = "t-admin") -> None:
        self.heard: list[tuple[str, dict[str, Any]]] = []
        self._connection = socket.create_connection(("127.0.0.1", api.port), 10)
        self._connection.sendall(
            f"GET /api/trials/{trial}/events HTTP/1.1\r\nHost: h\r\n"
            f"Authorization: Bearer {token}\r\n\r\n".encode()
        )
        self._file = self._connection.makefile("rb")

    async def until(self, event: str, **members: Any) -> dict[str, Any]:
        """The next event of this name with these members."""

        def read() -> dict[str, Any]:
            name = ""
            for line in self._file:
                if line.startswith(b"event: "):
                    name = line[7:].strip().decode()
                elif line.startswith(b"data: "):
                    value = json.loads(line[6:])
                    self.heard.append((name, value))
                    if name == event and members.items() <= value.items():
                        return value
            raise EOFError(f"no {event} {members} in {self.heard}")

        found: dict[str, Any] = await deferToThread(read)
        return found

    async def rest(self) -> None:
        await deferToThread(self._file.read)

    def of(self, event: str) -> list[dict[str, Any]]:
        return [value for name, value in self.heard if name == event]

    def close(self) -> None:
        self._file.close()
        self._connection.close()


@contextmanager
def listening(api: ApiGateway, trial: str) -> Iterator[Listening]:
    made = Listening(api, trial)
    try:
        yield made
    finally:
        made.close()


def server(port: int, **more: Any) -> dict[str, Any]:
    return {"source": {"type": "tcp_server", "host": "127.0.0.1", "port": port} | more}


async def begin(api: ApiGateway, asked: dict[str, Any]) -> str:
    answer = await api.ask("POST", "/api/trials", body=asked)
    assert answer.status == 200, answer.body
    found: str = answer.json["id"]
    return found


def is_free(port: int) -> bool:
    with socket.socket() as found:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            found.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


@pytest.mark.parametrize("way", ["whole", "in pieces"])
async def test_mllp_is_seen_found_and_cut_and_is_not_acknowledged(
    api: ApiGateway, way: str
) -> None:
    port = free_port()
    trial = await begin(api, server(port))
    with listening(api, trial) as heard:
        state = await heard.until("state", word="running")
        assert str(port) in state["reason"]
        with socket.create_connection(("127.0.0.1", port), 10) as sender:
            sender.settimeout(0.2)
            pieces = [HL7] if way == "whole" else [HL7[:9], HL7[9:20], HL7[20:]]
            for piece in pieces:
                sender.sendall(piece)
                await heard.until("chunk", size_bytes=len(piece))
            message = await heard.until("message")
            assert bytes.fromhex(message["hex"]) == HL7[1:-2]
            assert message["text"].startswith("MSH|")
            assert message["peer"].startswith("127.0.0.1:")
            framing = await heard.until("framing", found="mllp", sure=True)
            assert framing["title"] == "MLLP (HL7)"
            assert (framing["skipped_bytes"], framing["suggested"]) == (0, "")
            framings = await heard.until("framings")
            best = [each["name"] for each in framings["candidates"] if each["best"]]
            assert best == ["mllp"]
            with pytest.raises(TimeoutError):
                sender.recv(100)
            ended = await api.ask("DELETE", f"/api/trials/{trial}")
            assert ended.status == 204
            sender.settimeout(10)
            assert sender.recv(100) == b"", "hung up on, without a word"
        end = await heard.until("end")
        assert end["reason"] == "Ended by admin."
        assert end["ok"]
        await heard.rest()
    assert is_free(port)
    assert list(api.gateway.pairs) == ["a"]
    status = (await api.ask("GET", "/api/channels/a")).json
    assert status["store"]["stored_messages"] == 0
    assert ("admin", "try") in [each[:2] for each in api.people.audit.lines]


async def test_two_listeners_hear_the_same_and_the_later_one_from_the_start(
    api: ApiGateway,
) -> None:
    port = free_port()
    trial = await begin(api, server(port))
    with listening(api, trial) as first:
        await first.until("state", word="running")
        with socket.create_connection(("127.0.0.1", port), 10) as sender:
            sender.sendall(b"one\ntwo\n")
            await first.until("message", text="two")
            with listening(api, trial) as second:
                await second.until("message", text="two")
                sender.sendall(b"three\n")
                for each in (first, second):
                    await each.until("message", text="three")
                await api.ask("DELETE", f"/api/trials/{trial}")
                for each in (first, second):
                    await each.until("end")
                    texts = [found["text"] for found in each.of("message")]
                    assert texts == ["one", "two", "three"]


async def test_there_are_four_trials_and_no_more(api: ApiGateway) -> None:
    ports = [free_port() for _ in range(5)]
    trials = [await begin(api, server(port)) for port in ports[:4]]
    refused = await api.ask("POST", "/api/trials", body=server(ports[4]))
    assert refused.status == 429
    assert refused.header("Retry-After")
    await api.ask("DELETE", f"/api/trials/{trials[0]}")
    await begin(api, server(ports[4]))


async def test_a_port_of_a_running_channel_is_offered_as_what_that_channel_receives(
    api: ApiGateway,
) -> None:
    source = api.gateway.settings.channels["a"].source
    assert source is not None
    port = source.config.port
    held = await api.ask("POST", "/api/trials", body=server(port))
    assert held.status == 409
    assert held.json["title"] == f"TCP port {port} is held by channel a (its source)"
    assert held.json["tail"] == "/api/channels/a/tail"
    await api.ask("POST", "/api/channels/a/stop?part=source")
    await begin(api, server(port))
    again = await api.ask("POST", "/api/trials", body=server(port))
    assert again.status == 409
    assert again.json["title"] == f"Another trial has TCP port {port}"


async def test_a_port_of_another_program_is_a_state_with_the_reason(
    api: ApiGateway,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        trial = await begin(api, server(other.getsockname()[1]))
        with listening(api, trial) as heard:
            state = await heard.until("state", word="failed")
            assert "in use" in state["reason"]


async def test_a_trial_ends_with_its_time(api: ApiGateway) -> None:
    port = free_port()
    trial = await begin(api, server(port) | {"seconds": 1})
    with listening(api, trial) as heard:
        end = await heard.until("end")
        assert end["reason"] == "Its 1 s are over."
        assert end["ok"] is None
        await heard.rest()
    assert is_free(port)

    async def gone() -> bool:
        answer = await api.ask("GET", f"/api/trials/{trial}/events")
        return answer.status == 404

    await api.until("the trial is forgotten, for somebody has heard its end", gone)


async def test_a_reload_ends_every_trial(api: ApiGateway) -> None:
    port = free_port()
    trial = await begin(api, server(port))
    with listening(api, trial) as heard:
        await heard.until("state", word="running")
        await api.ask("POST", "/api/reload")
        end = await heard.until("end")
        assert end["reason"] == "The configuration was read again."
    assert is_free(port)


async def test_what_is_saved_after_its_trial_gets_the_port(
    api: ApiGateway, tmp_path: Path
) -> None:
    port = free_port()
    await begin(api, server(port))
    wanted = {
        **server(port),
        "destinations": {"out": {"type": "file", "path": str(tmp_path / "b")}},
    }
    assert (await api.ask("PUT", "/api/channels/b", body=wanted)).status == 200

    async def listens() -> bool:
        found = (await api.ask("GET", "/api/channels/b")).json
        word: str = found["parts"]["source"]["state"]["word"]
        return word == "running"

    await api.until("channel b listens", listens)


async def test_more_than_is_kept_is_not_read(api: ApiGateway) -> None:
    port = free_port()
    trial = await begin(api, server(port, framing="line"))
    with listening(api, trial) as heard:
        await heard.until("state", word="running")
        with socket.create_connection(("127.0.0.1", port), 10) as sender:
            sender.setblocking(False)
            sent = 0
            try:
                while sent < 64 * 1024 * 1024:
                    sent += sender.send(b"x" * 99 + b"\n" + b"y" * 9900)
            except BlockingIOError:
                pass
            paused = await heard.until("state", word="paused")
            assert "nothing more is read" in paused["reason"]
            framing = await heard.until("framing")
            assert framing["size_bytes"] < 1024 * 1024
        await api.ask("DELETE", f"/api/trials/{trial}")
        await heard.until("end")
    assert len(heard.of("message")) <= 500


async def test_the_end_of_a_connection_ends_the_message_in_every_framing(
    api: ApiGateway,
) -> None:
    port = free_port()
    trial = await begin(api, server(port))
    with listening(api, trial) as heard:
        await heard.until("state", word="running")
        with socket.create_connection(("127.0.0.1", port), 10) as sender:
            await heard.until("connections", open=1, total=1)
            sender.sendall(b"one\ntwo")
            await heard.until("message", text="one")
        await heard.until("message", text="two")
        framing = await heard.until("framing", messages=2)
        assert (framing["found"], framing["sure"]) == ("line", True)
        framings = await heard.until("framings")
        lines = [each for each in framings["candidates"] if each["name"] == "line"]
        assert [each["messages"] for each in lines] == [2]


async def test_a_sender_that_does_not_wait_for_its_answers_is_read_on(
    api: ApiGateway,
) -> None:
    port = free_port()
    trial = await begin(api, server(port, max_unanswered=1))
    with listening(api, trial) as heard:
        await heard.until("state", word="running")
        with socket.create_connection(("127.0.0.1", port), 10) as sender:
            for _ in range(4):
                sender.sendall(HL7)
                await heard.until("message")


async def test_bytes_that_do_not_fit_get_a_word_of_advice(api: ApiGateway) -> None:
    port = free_port()
    trial = await begin(api, server(port, framing="stx_etx"))
    with listening(api, trial) as heard:
        await heard.until("state", word="running")
        with socket.create_connection(("127.0.0.1", port), 10) as sender:
            sender.sendall(HL7 * 2)
            framing = await heard.until("framing", suggested="mllp")
            assert framing["advice"] == "this looks like MLLP (HL7): set framing = mllp"
            assert framing["skipped_bytes"] == 2 * len(HL7)
            assert not framing["sure"]


async def test_tls_to_a_source_without_it_is_told(api: ApiGateway) -> None:
    port = free_port()
    trial = await begin(api, server(port))
    with listening(api, trial) as heard:
        await heard.until("state", word="running")
        with socket.create_connection(("127.0.0.1", port), 10) as sender:
            sender.sendall(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(90))
            log = await heard.until("log", level="warn")
            assert "set tls.enabled = yes" in log["text"]
            framing = await heard.until("framing", found="")
            assert framing["advice"].startswith("none of it is taken for a message")


async def test_datagrams_are_seen_each_for_itself(api: ApiGateway) -> None:
    port = free_port()
    source = {"type": "udp", "host": "127.0.0.1", "port": port}
    trial = await begin(api, {"source": source})
    with listening(api, trial) as heard:
        await heard.until("state", word="running")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            for text in (b"<13>one", b"<13>two"):
                sender.sendto(text, ("127.0.0.1", port))
        await heard.until("message", text="<13>two")
        framing = await heard.until("framing", found="datagram")
        assert framing["title"] == "One message per datagram"
        assert [each["text"] for each in heard.of("chunk")] == ["<13>one", "<13>two"]


async def test_a_serial_line_is_tried_over_a_pty(api: ApiGateway) -> None:
    ours, theirs = os.openpty()
    try:
        source = {"type": "serial", "port": os.ttyname(theirs)}
        trial = await begin(api, {"source": source})
        with listening(api, trial) as heard:
            await heard.until("state", word="running")
            os.write(ours, b"\x02A1\x03\x02A2\x03")
            await heard.until("message", text="A2")
            framing = await heard.until("framing", found="stx_etx")
            assert framing["sure"]
            held = await api.ask("POST", "/api/trials", body={"source": source})
            assert held.status == 409
            await api.ask("DELETE", f"/api/trials/{trial}")
            await heard.until("end")
    finally:
        os.close(ours)
        os.close(theirs)


async def test_a_trial_needs_an_admin_and_a_source_that_the_loader_takes(
    api: ApiGateway,
) -> None:
    trial = await begin(api, server(free_port()))
    for token in ("t-viewer", "t-operator", "t-relay"):
        asked = await api.ask(
            "POST", "/api/trials", token=token, body=server(free_port())
        )
        looked = await api.ask("GET", f"/api/trials/{trial}/events", token=token)
        assert (asked.status, looked.status) == (403, 403)
    wrong = await api.ask("POST", "/api/trials", body=server(free_port(), prot=1))
    assert wrong.status == 422
    assert "port" in wrong.json["errors"][0]
    both = await api.ask("POST", "/api/trials", body={"seconds": 5})
    assert both.status == 400


# -- destinations ----------------------------------------------------------------------


class _Silent(Protocol):
    """A server that reads, and remembers."""

    def connectionMade(self) -> None:
        self.factory.came += 1  # type: ignore[union-attr]

    def dataReceived(self, data: bytes) -> None:
        self.factory.got += data  # type: ignore[union-attr]


async def test_a_destination_is_dialled_and_sent_nothing(
    api: ApiGateway, reactor: Any
) -> None:
    factory: Any = Factory.forProtocol(_Silent)
    factory.noisy, factory.came, factory.got = False, 0, b""
    port = reactor.listenTCP(0, factory, interface="127.0.0.1")
    try:
        number = port.getHost().port
        destination = {"type": "tcp_client", "host": "127.0.0.1", "port": number}
        trial = await begin(api, {"destination": destination})
        with listening(api, trial) as heard:
            report = await heard.until("report", ok=True)
            assert str(number) in report["text"]
            end = await heard.until("end")
            assert end["ok"]
        assert (factory.came, factory.got) == (1, b"")
    finally:
        await port.stopListening()


async def test_a_destination_that_is_not_there_is_told_in_a_sentence(
    api: ApiGateway,
) -> None:
    destination = {"type": "tcp_client", "host": "127.0.0.1", "port": free_port()}
    trial = await begin(api, {"destination": destination, "seconds": 1})
    with listening(api, trial) as heard:
        report = await heard.until("report", ok=False)
        place = f"127.0.0.1:{destination['port']}"
        assert report["text"] == (
            f"Connection refused by {place}: nothing listens there."
        )
        end = await heard.until("end")
        assert (end["ok"], end["reason"]) == (False, "Its 1 s are over.")


async def test_a_port_to_listen_on_for_clients_is_tried(api: ApiGateway) -> None:
    port = free_port()
    destination = {"type": "tcp_server", "host": "127.0.0.1", "port": port}
    trial = await begin(api, {"destination": destination, "seconds": 1})
    with listening(api, trial) as heard:
        report = await heard.until("report", ok=True)
        assert str(port) in report["text"]
        assert (await heard.until("end"))["ok"]
    assert is_free(port)


async def test_a_file_is_looked_at_and_not_made(
    api: ApiGateway, tmp_path: Path
) -> None:
    path = tmp_path / "in" / "{channel}.txt"
    destination = {"type": "file", "path": str(path)}
    trial = await begin(api, {"destination": destination, "channel": "chem"})
    with listening(api, trial) as heard:
        end = await heard.until("end")
        assert end["reason"] == f"{tmp_path}/in/chem.txt can be written."
        assert end["ok"]
    assert not (tmp_path / "in").exists()


async def test_a_web_server_is_asked_and_nothing_is_posted(api: ApiGateway) -> None:
    url = f"http://127.0.0.1:{api.port}/healthz"
    trial = await begin(api, {"destination": {"type": "http", "url": url}})
    with listening(api, trial) as heard:
        end = await heard.until("end")
        assert end["ok"], heard.heard
        assert "nothing was posted" in end["reason"]
    lost = {"type": "http", "url": f"http://127.0.0.1:{free_port()}/"}
    with listening(api, await begin(api, {"destination": lost})) as heard:
        end = await heard.until("end")
        assert end["ok"] is False
        assert "nobody listens there" in end["reason"]


@pytest.mark.parametrize(
    ("user", "channel", "ok", "words"),
    [
        ("relay", "a", True, "The account relay is a relay of the channel a"),
        ("relay", "b", False, "is not bound to the channel b there"),
        ("admin", "a", False, "takes the role relay"),
        ("nobody", "a", False, "does not let us in"),
    ],
)
async def test_another_instance_is_asked_who_we_are_and_gets_no_cursor(
    api: ApiGateway, user: str, channel: str, ok: bool, words: str
) -> None:
    source = {
        "type": "remote_icombuffer",
        "url": f"http://127.0.0.1:{api.port}",
        "channel_id": channel,
        "auth": {"username": user, "password": "secret"},
    }
    with listening(api, await begin(api, {"source": source})) as heard:
        end = await heard.until("end")
        assert (end["ok"], words in end["reason"]) == (ok, True), end
    assert set(api.gateway.pairs["a"].channel.cursors) == {"out"}


async def test_a_masked_secret_is_that_of_the_channel(
    api: ApiGateway, tmp_path: Path
) -> None:
    source = {
        "type": "remote_icombuffer",
        "url": f"http://127.0.0.1:{api.port}",
        "channel_id": "a",
        "auth": {"username": "relay", "password": "secret"},
    }
    wanted = {"source": source, "enabled": False}
    assert (await api.ask("PUT", "/api/channels/c", body=wanted)).status == 200
    masked = source | {"auth": {"username": "relay", "password": "********"}}
    asked = {"source": masked, "channel": "c"}
    with listening(api, await begin(api, asked)) as heard:
        assert (await heard.until("end"))["ok"]
    assert (await api.ask("POST", "/api/trials", body={"source": masked})).status == 422
