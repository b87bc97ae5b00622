"""The `iobuffer` command against a gateway that runs: sent, looked at, held, let go."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from ..torture.gateway import GatewayProcess, free_ports, wait_until

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
        assert _run("show", where, "chem-1", "1", "--form=raw") == HL7

        assert "file: paused" in _run("pause", where, "chem-1", "file")
        assert "file: running" in _run("resume", where, "chem-1", "file")
        assert "source: stopped" in _run("stop", where, "chem-1", "source")
        refused = _run("send", "--to", f":{port}", "x", status=69)
        assert refused == f"iobuffer: nothing listens on 127.0.0.1:{port}\n"
        assert "source: running" in _run("start", where, "chem-1", "source")
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
