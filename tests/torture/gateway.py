"""A real `twistd iobuffer` in a process that a test may kill, starve, start again."""

from __future__ import annotations

import http.client
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType

__all__ = ["GatewayProcess", "free_ports", "resident_bytes", "wait_until"]

_BIN = Path(sys.executable).parent
_BROKEN = Path(__file__).with_name("broken_tap.py")
_LISTEN = "0A"

#: Below what Linux hands out to connections (from 32768 on): while a gateway is down no
#: stray connection can sit on its port.
_PORTS = range(20_000, 32_000)


def free_ports(count: int) -> list[int]:
    """Ports of loopback that nobody has, neither over TCP nor over UDP."""
    found: list[int] = []
    draw = random.Random(os.urandom(8))
    while len(found) < count:
        port = draw.choice(_PORTS)
        with (
            socket.socket(socket.AF_INET, socket.SOCK_STREAM) as stream,
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams,
        ):
            try:
                stream.bind(("127.0.0.1", port))
                datagrams.bind(("127.0.0.1", port))
            except OSError:
                continue
        if port not in found:
            found.append(port)
    return found


def wait_until(
    what: str, holds: Callable[[], object], seconds: float, every: float = 0.02
) -> float:
    """Return once `holds()` is true, with how long that took; else TimeoutError."""
    begun = time.monotonic()
    while not holds():
        if time.monotonic() - begun > seconds:
            raise TimeoutError(f"not within {seconds:g} s: {what}")
        time.sleep(every)
    return time.monotonic() - begun


def resident_bytes(pid: int) -> int:
    """What the process has in memory now."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise KeyError("VmRSS")


def _listening(ports: Sequence[int]) -> bool:
    # The kernel's table instead of a connection: a probe would be a sender too.
    open_ports = set()
    for table in ("tcp", "tcp6", "udp", "udp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            fields = line.split(None, 4)
            if fields[3] == _LISTEN or table.startswith("udp"):
                open_ports.add(int(fields[1].rsplit(":", 1)[1], 16))
    return open_ports.issuperset(ports)


class GatewayProcess:
    """One gateway, started as often as the test likes, on one configuration.

    A context manager: leaving it ends the process, however the test went.

    Args:
        folder: takes the configuration and the log; never on the disk under test.
        sections: the INI text behind `[gateway]`.
        ports: what must listen before `start` returns.
        state_dir: `folder/state` unless given.
        options: further lines of `[gateway]`.
        broken: the name of a build that is broken on purpose, see broken_tap.
        prefix: a command to run it under, such as strace.
        environment: added to the environment.
    """

    def __init__(
        self,
        folder: Path,
        sections: str,
        *,
        ports: Sequence[int],
        state_dir: Path | None = None,
        options: str = "",
        broken: str = "",
        prefix: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.state_dir = state_dir or folder / "state"
        self.config = folder / "gateway.ini"
        self.prefix = list(prefix)
        self.broken = broken
        #: Starts so far, and how long the slowest took until every port listened.
        self.starts = 0
        self.slowest_start_seconds = 0.0
        self._ports = list(ports)
        self._log_path = folder / "gateway.log"
        self._environment = dict(environment or {})
        self._process: subprocess.Popen[bytes] | None = None
        self.configure(sections, options)

    def __enter__(self) -> GatewayProcess:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.kill()
        if error is not None:
            print(f"--- {self._log_path}\n{self.log[-8000:]}")

    def configure(self, sections: str, options: str = "") -> None:
        """Write the configuration that the next start reads."""
        self.config.write_text(
            f"[gateway]\nstate_dir = {self.state_dir}\n{options}\n{sections}"
        )

    # -- life --------------------------------------------------------------------------

    def start(self, seconds: float = 20.0) -> float:
        """Start, wait until every port listens; how long that took."""
        begun = time.monotonic()
        self.launch()
        process = self._process
        assert process is not None

        def ready() -> bool:
            if process.poll() is not None:
                raise RuntimeError(
                    f"it ended with {process.returncode}:\n{self.log[-4000:]}"
                )
            return _listening(self._ports)

        wait_until(f"listening on {self._ports}", ready, seconds)
        took = time.monotonic() - begun
        self.slowest_start_seconds = max(self.slowest_start_seconds, took)
        return took

    def launch(self) -> None:
        """Start without waiting for anything."""
        assert not self.running, "it runs already"
        environment = dict(os.environ, PYTHONUNBUFFERED="1", **self._environment)
        # As installed: an interpreter that compiles everything anew starts late.
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        command = [str(_BIN / "twistd"), "-n", "--pidfile="]
        if self.broken:
            environment["IOBUFFER_BROKEN"] = self.broken
            environment["IOBUFFER_CONFIG"] = str(self.config)
            command += ["--logger=iobuffer.logs.no_observer", "-y", str(_BROKEN)]
        else:
            command += ["iobuffer", "-c", str(self.config)]
        # Should this process be killed, the gateway goes with it.
        guard = ["setpriv", "--pdeathsig", "KILL"] if shutil.which("setpriv") else []
        self.starts += 1
        with self._log_path.open("ab") as log:
            self._process = subprocess.Popen(
                [*guard, *self.prefix, *command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.config.parent,
                env=environment,
                start_new_session=True,
            )

    def kill(self) -> None:
        """SIGKILL, also to what it runs under. Nothing happens if it is gone."""
        process = self._process
        if process is None:
            return
        if process.poll() is None:
            # Its own session, so this is the gateway and what it was started under.
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(10)
        self._process = None

    def stop(self, seconds: float = 15.0) -> tuple[int, float]:
        """SIGTERM; the exit status, and how long it took to end."""
        begun = time.monotonic()
        os.kill(self.pid, signal.SIGTERM)
        status = self.wait(seconds)
        return status, time.monotonic() - begun

    def wait(self, seconds: float) -> int:
        """Wait for it to end by itself; the exit status."""
        assert self._process is not None
        status = self._process.wait(seconds)
        self._process = None
        return status

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """Of the gateway itself, also when it runs under something else."""
        assert self._process is not None
        pid = self._process.pid
        if self.prefix:
            children = Path(f"/proc/{pid}/task/{pid}/children")
            wait_until("the child", lambda: children.read_text().strip(), 5.0)
            pid = int(children.read_text().split()[0])
        return pid

    # -- looking -----------------------------------------------------------------------

    @property
    def log(self) -> str:
        """What it has written to its output, over all its starts."""
        if not self._log_path.exists():
            return ""
        return self._log_path.read_text(errors="replace")

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """`iobuffer ...`, such as `audit` with the configuration."""
        return subprocess.run(
            [_BIN / "iobuffer", *arguments],
            capture_output=True,
            text=True,
            timeout=60,
            cwd=self.config.parent,
            check=False,
        )

    def has_delivered(self, channel: str, destination: str) -> bool:
        """Whether nothing is queued for it, by the gateway's own word."""
        line = http.client.HTTPConnection("local", timeout=10)
        line.sock = socket.socket(socket.AF_UNIX)
        line.sock.settimeout(10)
        try:
            line.sock.connect(str(self.state_dir / "api.sock"))
            line.request("GET", f"/api/channels/{channel}")
            answer = line.getresponse()
            assert answer.status == 200, answer.read()
            parts = json.load(answer)["parts"]
        except FileNotFoundError:
            # It is not there yet.
            return False
        finally:
            line.close()
        return not parts[destination]["queued"]

    def audit(self) -> None:
        """The ledger of the stopped gateway adds up."""
        audited = self.command("audit", str(self.config))
        assert audited.returncode == 0, audited.stdout + audited.stderr
