"""The gateway as it is run: `twistd iobuffer` in a process of its own, and signals."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.torture.gateway import GatewayProcess, free_ports, wait_until

SECONDS = 20.0

#: twistd stops in good order and then ends by the signal, as a shell expects.
ENDED = -signal.SIGTERM
TWISTD = str(Path(sys.executable).with_name("twistd"))


def lines_in(port: int, name: str) -> str:
    return f"""
[source:{name}]
type = tcp_server
host = 127.0.0.1
port = {port}
framing = line
"""


def file_out(path: Path, name: str, destination: str = "out") -> str:
    return f"""
[destination:{name}:{destination}]
type = file
path = {path}
framing = line
"""


def connected(port: int) -> socket.socket:
    made = socket.create_connection(("127.0.0.1", port), SECONDS)
    made.settimeout(SECONDS)
    return made


def is_open(connection: socket.socket) -> bool:
    """Whether the other end has not closed."""
    connection.setblocking(False)
    try:
        return connection.recv(1, socket.MSG_PEEK) != b""
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        connection.settimeout(SECONDS)


def shows(gateway: GatewayProcess, text: str) -> None:
    """Wait until the status that SIGUSR2 brings into the log has that text."""

    def shown() -> bool:
        os.kill(gateway.pid, signal.SIGUSR2)
        return text in gateway.log

    wait_until(f"status with {text}", shown, SECONDS, every=0.1)


def refuses(port: int) -> bool:
    try:
        connected(port).close()
    except ConnectionRefusedError:
        return True
    return False


class Place:
    """A folder, some ports, and the gateway that a test runs there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ports = free_ports(3)
        self.gateway: GatewayProcess | None = None

    def run(self, sections: str, ports: list[int]) -> GatewayProcess:
        self.gateway = GatewayProcess(self.folder / "gw", sections, ports=ports)
        self.gateway.start()
        return self.gateway

    def reload(self, sections: str, expected: str) -> None:
        """Write the configuration, SIGHUP, and wait for the line that ends it."""
        gateway = self.gateway
        assert gateway is not None
        before = len(gateway.log)
        gateway.configure(sections)
        os.kill(gateway.pid, signal.SIGHUP)
        wait_until(expected, lambda: expected in gateway.log[before:], SECONDS)

    def arrives(self, name: str, *lines: bytes) -> None:
        """These lines, all of them and no others, are in that file."""
        path = self.folder / name
        expected = b"".join(line + b"\n" for line in lines)
        wait_until(
            f"{lines} in {name}",
            lambda: path.exists() and path.read_bytes() == expected,
            SECONDS,
        )


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    made = Place(tmp_path)
    yield made
    if made.gateway is not None:
        made.gateway.kill()


# -- start and stop --------------------------------------------------------------------


def test_what_comes_in_goes_out_and_a_stop_is_clean(place: Place) -> None:
    port = place.ports[0]
    gateway = place.run(lines_in(port, "a") + file_out(place.folder / "a", "a"), [port])
    with connected(port) as sender:
        sender.sendall(b"one\ntwo\n")
        place.arrives("a", b"one", b"two")
    status, _ = gateway.stop()
    assert status == ENDED
    assert "stopped" in gateway.log
    assert "Traceback" not in gateway.log
    gateway.audit()


def test_a_restart_delivers_what_waited_and_nothing_twice(place: Place) -> None:
    source, sink = place.ports[:2]
    sections = f"""{lines_in(source, "a")}
[destination:a:lis]
type = tcp_client
host = 127.0.0.1
port = {sink}
framing = line
retry_max = 500ms
"""
    gateway = place.run(sections, [source])
    with connected(source) as sender:
        sender.sendall(b"1\n2\n3\n")
        shows(gateway, "3 queued")
    assert gateway.stop()[0] == ENDED

    with socket.create_server(("127.0.0.1", sink)) as server:
        gateway.start()
        server.settimeout(SECONDS)
        peer, _ = server.accept()
        peer.settimeout(SECONDS)
        got = b""
        while got != b"1\n2\n3\n":
            chunk = peer.recv(100)
            assert chunk
            got += chunk
        shows(gateway, "3 messages out, 0 queued")
        assert gateway.stop()[0] == ENDED
        peer.close()
    gateway.audit()


def test_sigusr2_writes_the_state_of_every_part_into_the_log(place: Place) -> None:
    port = place.ports[0]
    gateway = place.run(lines_in(port, "a") + file_out(place.folder / "a", "a"), [port])
    with connected(port) as sender:
        sender.sendall(b"one\n")
        place.arrives("a", b"one")
        shows(gateway, "1 message in")
        shows(gateway, "1 message out, 0 queued")
    assert re.search(r"a: running", gateway.log)
    assert re.search(r"source: running", gateway.log)
    assert re.search(r"out: running.*1 message out", gateway.log)


def test_sigusr2_tells_what_was_dropped_as_the_audit_does(place: Place) -> None:
    port, nobody = place.ports[:2]
    sections = f"""{lines_in(port, "a")}
[destination:a:lis]
type = tcp_client
host = 127.0.0.1
port = {nobody}
[channel:a]
max_messages = 2
when_full = drop_oldest
"""
    gateway = place.run(sections, [port])
    for number in range(5):
        with connected(port) as sender:
            sender.sendall(b"%d\n" % number)
            shows(gateway, f"{number + 1} message")
    shows(gateway, "0 messages out, 2 queued, dropped: 3 full")
    assert gateway.stop()[0] == ENDED


def test_a_stop_under_load_loses_nothing_that_was_acknowledged(place: Place) -> None:
    port = place.ports[0]
    sections = f"""
[source:a]
type = tcp_server
host = 127.0.0.1
port = {port}
framing = mllp
ack = hl7
{file_out(place.folder / "a", "a").replace("framing = line", "framing = mllp")}"""
    gateway = place.run(sections, [port])
    acknowledged: list[set[bytes]] = [set() for _ in range(4)]

    def send(number: int) -> None:
        with connected(port) as sender:
            heard = b""
            for at in range(100_000):
                control = b"%d-%d" % (number, at)
                text = (
                    b"MSH|^~\\&|A|B|C|D|20260101||ADT^A01|" + control + b"|P|2.3\r"
                    b"PID|1||" + b"x" * 200
                )
                try:
                    sender.sendall(b"\x0b" + text + b"\r\x1c\r")
                    while b"\x1c\r" not in heard:
                        chunk = sender.recv(65536)
                        if not chunk:
                            return
                        heard += chunk
                except OSError:
                    return
                answer, _, heard = heard.partition(b"\x1c\r")
                if b"MSA|AA|" + control in answer:
                    acknowledged[number].add(control)

    threads = [threading.Thread(target=send, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    wait_until("load", lambda: all(len(each) > 50 for each in acknowledged), SECONDS)
    assert gateway.stop()[0] == ENDED
    for thread in threads:
        thread.join(SECONDS)
    gateway.start()
    everything = set().union(*acknowledged)

    def delivered() -> set[bytes]:
        found = (place.folder / "a").read_bytes()
        return set(re.findall(rb"ADT\^A01\|(\d-\d+)\|", found))

    wait_until("delivery", lambda: everything <= delivered(), SECONDS)
    assert gateway.stop()[0] == ENDED
    assert "Traceback" not in gateway.log
    gateway.audit()


# -- reload ----------------------------------------------------------------------------


def test_a_reload_that_changes_nothing_keeps_every_connection(place: Place) -> None:
    port = place.ports[0]
    sections = lines_in(port, "a") + file_out(place.folder / "a", "a")
    place.run(sections, [port])
    with connected(port) as sender:
        sender.sendall(b"one\n")
        place.arrives("a", b"one")
        place.reload(sections, "0 channels added, 0 changed, 0 removed, 1 as before")
        sender.sendall(b"two\n")
        place.arrives("a", b"one", b"two")


def test_what_takes_a_restart_is_said_at_each_reload_until_there_was_one(
    place: Place,
) -> None:
    port, page, other = place.ports
    sections = lines_in(port, "a") + file_out(place.folder / "a", "a")
    http = "\n[http]\nport = {}\n"
    gateway = place.run(sections + http.format(page), [port])
    for times in (1, 2):
        place.reload(
            sections + http.format(other),
            "0 channels added, 0 changed, 0 removed, 1 as before",
        )
        assert gateway.log.count("reload: a change in [http] takes a restart") == times


def test_a_reload_adds_and_removes_and_leaves_the_others_alone(place: Place) -> None:
    first, second, third = place.ports
    kept = lines_in(first, "kept") + file_out(place.folder / "kept", "kept")
    old = lines_in(second, "old") + file_out(place.folder / "old", "old")
    new = lines_in(third, "new") + file_out(place.folder / "new", "new")
    place.run(kept + old, [first, second])
    with connected(first) as sender, connected(second) as leaving:
        sender.sendall(b"1\n")
        leaving.sendall(b"x\n")
        place.arrives("kept", b"1")
        place.arrives("old", b"x")
        place.reload(kept + new, "1 channel added, 0 changed, 1 removed, 1 as before")
        assert is_open(sender)
        assert not is_open(leaving)
        assert refuses(second)
        sender.sendall(b"2\n")
        place.arrives("kept", b"1", b"2")
        wait_until("the new port", lambda: not refuses(third), SECONDS)
        with connected(third) as added:
            added.sendall(b"n\n")
            place.arrives("new", b"n")


def test_a_changed_destination_leaves_the_senders_connected(place: Place) -> None:
    port = place.ports[0]
    source = lines_in(port, "a")
    same = file_out(place.folder / "same", "a", "same")
    place.run(source + same + file_out(place.folder / "old", "a"), [port])
    with connected(port) as sender:
        sender.sendall(b"1\n")
        place.arrives("same", b"1")
        place.arrives("old", b"1")
        place.reload(
            source + same + file_out(place.folder / "new", "a"),
            "0 channels added, 1 changed, 0 removed, 0 as before",
        )
        assert is_open(sender)
        sender.sendall(b"2\n")
        place.arrives("same", b"1", b"2")
        place.arrives("old", b"1")
        place.arrives("new", b"2")


def test_a_destination_that_comes_back_goes_on_where_it_was(place: Place) -> None:
    port = place.ports[0]
    source = lines_in(port, "a")
    one = file_out(place.folder / "one", "a", "one")
    two = file_out(place.folder / "two", "a", "two")
    gateway = place.run(source + one + two, [port])
    with connected(port) as sender:
        sender.sendall(b"1\n")
        place.arrives("one", b"1")
        place.arrives("two", b"1")
        place.reload(source + one, "1 changed")
        sender.sendall(b"2\n")
        place.arrives("one", b"1", b"2")
        place.arrives("two", b"1")
        place.reload(source + one + two, "1 changed")
        sender.sendall(b"3\n")
        place.arrives("one", b"1", b"2", b"3")
        place.arrives("two", b"1", b"2", b"3")
    assert gateway.stop()[0] == ENDED
    gateway.audit()


def test_a_changed_source_takes_its_new_port_and_the_queue_stays(place: Place) -> None:
    first, second = place.ports[:2]
    out = file_out(place.folder / "a", "a")
    place.run(lines_in(first, "a") + out, [first])
    with connected(first) as sender:
        sender.sendall(b"1\n")
        place.arrives("a", b"1")
        place.reload(lines_in(second, "a") + out, "1 changed")
        assert not is_open(sender)
    wait_until("the new port", lambda: not refuses(second), SECONDS)
    with connected(second) as sender:
        sender.sendall(b"2\n")
        place.arrives("a", b"1", b"2")


def test_a_bad_file_changes_nothing_and_says_all_that_is_wrong(place: Place) -> None:
    port, other = place.ports[:2]
    good = lines_in(port, "a") + file_out(place.folder / "a", "a")
    gateway = place.run(good, [port])
    with connected(port) as sender:
        bad = lines_in(other, "a").replace("framing", "framin") + "[nonsense]\n"
        place.reload(bad, "nothing was changed")
        assert "framin" in gateway.log
        assert "nonsense" in gateway.log
        assert is_open(sender)
        assert refuses(other)
        sender.sendall(b"1\n")
        place.arrives("a", b"1")
        place.reload(good, "1 as before")
        assert is_open(sender)


# -- what is refused -------------------------------------------------------------------


def run_twistd(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [TWISTD, "-n", "--pidfile=", "iobuffer", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_second_gateway_on_one_state_directory_ends_with_one_clear_line(
    place: Place,
) -> None:
    port, other = place.ports[:2]
    gateway = place.run(lines_in(port, "a") + file_out(place.folder / "a", "a"), [port])
    second = place.folder / "second.ini"
    second.write_text(
        f"[gateway]\nstate_dir = {gateway.state_dir}\n"
        + lines_in(other, "b")
        + file_out(place.folder / "b", "b")
    )
    ended = run_twistd("-c", str(second))
    assert ended.returncode == 69
    said = [line for line in ended.stderr.splitlines() if line.strip()]
    assert len(said) == 1, ended.stderr
    assert said[0].startswith("iobuffer: ")
    assert str(gateway.state_dir) in said[0]
    assert "Traceback" not in ended.stdout + ended.stderr
    with connected(port) as sender:
        sender.sendall(b"still here\n")
        place.arrives("a", b"still here")


def test_a_daemon_that_cannot_start_says_why_in_one_line_of_its_log(
    place: Place,
) -> None:
    port, other = place.ports[:2]
    gateway = place.run(lines_in(port, "a") + file_out(place.folder / "a", "a"), [port])
    config = place.folder / "second.ini"
    config.write_text(
        f"[gateway]\nstate_dir = {gateway.state_dir}\n"
        + lines_in(other, "b")
        + file_out(place.folder / "b", "b")
    )
    log, pid = place.folder / "second.log", place.folder / "second.pid"
    ended = subprocess.run(
        [TWISTD, f"--logfile={log}", f"--pidfile={pid}", "iobuffer", "-c", config],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    # What twistd itself has for a daemon that did not start.
    assert ended.returncode == 1
    assert "NotStarted: " in ended.stderr
    said = log.read_text().splitlines()
    assert len(said) == 1, said
    assert " critical not started: " in said[0]
    assert str(gateway.state_dir) in said[0]
    assert not pid.exists()


def test_a_bad_configuration_ends_with_78_and_every_error(tmp_path: Path) -> None:
    bad = tmp_path / "bad.ini"
    bad.write_text(
        f"[gateway]\nstate_dir = {tmp_path}/state\nlog_leve = info\n"
        + lines_in(99999, "a")
        + file_out(tmp_path / "a", "a").replace("type = file", "type = fil")
    )
    for arguments in (["-c", str(bad)], ["--check", "-c", str(bad)]):
        ended = run_twistd(*arguments)
        said = ended.stderr + ended.stdout
        assert ended.returncode == 78
        for expected in ("log_leve", "99999", "fil"):
            assert expected in said
        assert "Traceback" not in said
    assert not (tmp_path / "state").exists()


def test_check_of_a_good_configuration_starts_nothing(tmp_path: Path) -> None:
    good = tmp_path / "good.ini"
    port = free_ports(1)[0]
    good.write_text(
        f"[gateway]\nstate_dir = {tmp_path}/state\n"
        + lines_in(port, "a")
        + file_out(tmp_path / "a", "a")
    )
    ended = run_twistd("--check", "-c", str(good))
    assert ended.returncode == 0, ended.stderr
    assert "OK" in ended.stdout
    assert not (tmp_path / "state").exists()


def test_a_port_in_use_fails_that_channel_alone_until_it_is_free(place: Place) -> None:
    taken, free = place.ports[:2]
    sections = (
        lines_in(taken, "taken")
        + file_out(place.folder / "taken", "taken")
        + lines_in(free, "free")
        + file_out(place.folder / "free", "free")
    )
    with socket.create_server(("127.0.0.1", taken)):
        gateway = place.run(sections, [free])
        wait_until("it failed", lambda: "failed: " in gateway.log, SECONDS)
        failed = [line for line in gateway.log.splitlines() if "failed: " in line]
        assert "taken/source" in failed[0]
        assert str(taken) in failed[0]
        with connected(free) as sender:
            sender.sendall(b"1\n")
            place.arrives("free", b"1")

    def take() -> bool:
        return not refuses(taken)

    wait_until("the port is taken up", take, SECONDS)
    with connected(taken) as sender:
        sender.sendall(b"2\n")
        place.arrives("taken", b"2")
    assert len([line for line in gateway.log.splitlines() if "failed: " in line]) == 1


def test_sighup_opens_the_log_anew(place: Place) -> None:
    port = place.ports[0]
    config = place.folder / "gateway.ini"
    log = place.folder / "iobuffer.log"
    config.write_text(
        f"[gateway]\nstate_dir = {place.folder}/state\n"
        + lines_in(port, "a")
        + file_out(place.folder / "a", "a")
    )
    process = subprocess.Popen(
        [TWISTD, "-n", "--pidfile=", f"--logfile={log}", "iobuffer", "-c", str(config)],
        cwd=place.folder,
    )
    try:
        wait_until("started", lambda: log.exists() and "started" in log.read_text(), 20)
        old = log.rename(place.folder / "iobuffer.log.1")
        process.send_signal(signal.SIGHUP)
        wait_until(
            "a new log", lambda: log.exists() and "reloaded" in log.read_text(), 20
        )
        assert "reloaded" not in old.read_text()
    finally:
        process.terminate()
        assert process.wait(20) == ENDED
