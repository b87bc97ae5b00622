"""The `iobuffer` command against a gateway that runs: sent, looked at, held, let go."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from pathlib import Path

from ..torture.gateway import GatewayProcess, free_ports, wait_until
from .test_api_parked import Fussy

SECONDS = 20.0
IOBUFFER = str(Path(sys.executable).with_name("iobuffer"))
HL7 = "MSH|^~\\&|A|W|LIS|L|20261122||ORU^R01|CLI-1|P|2.5.1\nPID|1||4711\n"


def _run(*arguments: str, status: int = 0, stdin: str = "") -> str:
    """Standard output; of a command that fails as it should, standard error."""
    done = subprocess.run(
        [IOBUFFER, *arguments],
        input=stdin,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == status, done.stderr
    return done.stderr if status else done.stdout


def test_a_day_at_the_terminal(tmp_path: Path) -> None:
    port = free_ports(1)[0]
    sections = f"""
[source:chem-1]
type = tcp_server
host = 127.0.0.1
port = {port}

[destination:chem-1:file]
type = file
path = {tmp_path / "delivered"}
framing = netstring
"""
    with GatewayProcess(tmp_path / "gw", sections, ports=[port]) as gateway:
        where = str(gateway.config)
        assert "nothing runs on" in _run("status", where, status=69)
        gateway.start()

        with subprocess.Popen(
            [IOBUFFER, "tail", where, "chem-1", "--count=1"],
            stdout=subprocess.PIPE,
            text=True,
        ) as tail:
            assert tail.stdout is not None

            def arrived() -> bool:
                # Until the tail is connected, what is sent is not shown by it.
                said = _run("send", "--to", f":{port}", "--hl7", stdin=HL7)
                assert said.startswith("message 1: accepted (AA)")
                return tail.poll() is not None

            wait_until("the tail has shown one", arrived, SECONDS)
            assert "PID|1||4711" in tail.stdout.read()

        assert "channels: 1 running" in _run("status", where)
        assert "file (file): running" in _run("channels", where, "chem-1")
        found = _run("messages", where, "chem-1", "--contains", "CLI-1")
        assert "PID|1||4711" in found
        assert "message 1 of chem-1" in _run("show", where, "chem-1", "1")
        assert _run("show", where, "chem-1", "1", "--raw") == HL7

        assert "  PID-1  Set ID  1\n" in _run("show", where, "chem-1", "1", "--decoded")
        exported = _run("export", where, "chem-1", "--contains=CLI-1")
        assert json.loads(exported.splitlines()[0])["seq"] == 1

        assert "file: paused" in _run("pause", where, "chem-1", "file")
        assert "file: running" in _run("resume", where, "chem-1", "file")
        assert "source: stopped" in _run("stop", where, "chem-1", "source")
        refused = _run("send", "--to", f":{port}", "x", status=69)
        assert refused == f"iobuffer: nothing listens on 127.0.0.1:{port}\n"
        assert "source: running" in _run("start", where, "chem-1", "source")
        assert "source: running" in _run("restart", where, "chem-1", "source")
        assert "source: restarted by " in _run("log", where, "chem-1")
        assert _run("reload", where) == "read again; channels: 1\n"
        assert "There is no channel chem-2" in _run(
            "channels", where, "chem-2", status=1
        )
        gateway.configure(
            sections + "[destination:chem-1:lis]\ntype = carrier_pigeon\n"
        )
        assert "carrier_pigeon" in _run("reload", where, status=1)
        gateway.stop()
        gateway.audit()


def test_a_night_that_went_wrong_and_the_morning_after(tmp_path: Path) -> None:
    port = free_ports(1)[0]
    with contextlib.closing(Fussy()) as lis:
        sections = f"""
[source:chem-1]
type = tcp_server
host = 127.0.0.1
port = {port}
framing = line

[destination:chem-1:lis]
type = tcp_client
host = 127.0.0.1
port = {lis.port}
framing = line
ack = bytes
refused = park
attempts = 1
"""
        with GatewayProcess(tmp_path / "gw", sections, ports=[port]) as gateway:
            where = str(gateway.config)
            gateway.start()
            _run("send", "--to", f":{port}", "one", "two", "three", "four")

            def parked() -> list[dict[str, object]]:
                found = json.loads(_run("park", "list", where, "chem-1", "--json"))
                return list(found["parked"])

            wait_until("all are parked", lambda: len(parked()) == 4, SECONDS)
            shown = _run("park", "show", where, "chem-1", "lis", "3")
            assert shown.endswith("\n\nthree\n")
            refused = _run("park", "retry", where, "chem-1", "lis", "1", status=1)
            assert refused.startswith("message 1: ")
            lis.cross = False
            retried = _run("park", "retry", where, "chem-1", "lis", "1-2")
            assert retried == "delivered 2, refused again 0\n"
            dropped = _run(
                "park", "drop", where, "chem-1", "lis", "4", "--reason=test", "--yes"
            )
            assert dropped == "dropped 1\n"
            assert [each["seq"] for each in parked()] == [3]

            replay = ("replay", where, "chem-1", "lis")
            found = _run(*replay, "--since=1h ago", "--contains=o", "--dry-run")
            assert found == "3 messages of chem-1\n"
            sent = _run(*replay, "1", "4", stdin="y\n")
            assert sent == "replayed 2 of 2 messages of chem-1 to lis\n"
            assert lis.taken == [b"one\n", b"two\n", b"one\n", b"four\n"]

            queued = _run(
                "messages", where, "chem-1", "--state=parked", "--destination=lis"
            )
            assert queued.startswith("3  ")
            assert _run("messages", where, "chem-1", "--since=2999-01-01") == (
                "no message was found\n"
            )
            assert _run("alarms", where, "--json").startswith("{")
            assert _run("plan", where) == "nothing would change\n"
            gateway.configure(sections.replace("attempts = 1", "attempts = 2"))
            plan = _run("plan", where, "--detailed-exitcode", status=2)
            assert plan == ""
            assert "chem-1: changed" in _run("plan", where)
            gateway.stop()
            gateway.audit()
