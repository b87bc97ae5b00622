"""What the demo talks to the gateway with: an analyser and a serial line.

They stand for devices, outside the product: plain sockets and ptys in threads.
"""

from __future__ import annotations

import os
import pty
import select
import socket
import threading
import time
import tty
from collections.abc import Callable
from pathlib import Path

__all__ = ["Analyser", "SerialLine"]

_EVERY_SECONDS = 1.0
_ANSWER_SECONDS = 10.0

_RESULT = (
    "MSH|^~\\&|ANALYSER|WARD3|LIS|LAB|{at}||ORU^R01|SIM{number:08d}|P|2.5.1\r"
    "PID|1||{patient:06d}\r"
    "OBR|1|||GLU^Glucose\r"
    "OBX|1|NM|GLU^Glucose||{value:.1f}|mmol/L|||||F\r"
)


class Analyser:
    """Sends an HL7 result every second and waits for each acknowledgement.

    `say` is told when the connection comes and goes, and of an answer other than AA.
    """

    def __init__(self, host: str, port: int, say: Callable[[str], None]) -> None:
        self._place = (host, port)
        self._say = say
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._number = int(time.time()) % 100_000_000

    def start(self) -> None:
        """Begin to send, in a thread."""
        self._thread.start()

    def stop(self) -> None:
        """Send no more."""
        self._ended.set()
        self._thread.join(_ANSWER_SECONDS)

    def _run(self) -> None:
        told = False
        while not self._ended.is_set():
            try:
                with socket.create_connection(self._place, timeout=5.0) as line:
                    line.settimeout(_ANSWER_SECONDS)
                    self._say("analyser: connected")
                    told = False
                    self._talk(line)
            except OSError as error:
                if not told and not self._ended.is_set():
                    self._say(f"analyser: no connection yet ({error}); trying on")
                    told = True
            self._ended.wait(_EVERY_SECONDS)

    def _talk(self, line: socket.socket) -> None:
        while not self._ended.wait(_EVERY_SECONDS):
            self._number += 1
            result = _RESULT.format(
                at=time.strftime("%Y%m%d%H%M%S"),
                number=self._number,
                patient=self._number % 1000,
                value=4 + self._number % 30 / 10,
            )
            line.sendall(b"\x0b" + result.encode() + b"\x1c\r")
            answer = b""
            while not answer.endswith(b"\x1c\r"):
                piece = line.recv(4096)
                if not piece:
                    raise ConnectionError("the gateway closed the connection")
                answer += piece
            if f"MSA|AA|SIM{self._number:08d}".encode() not in answer:
                self._say(f"analyser: unexpected answer {answer!r}")


class SerialLine:
    """Two pseudo-terminals joined like a null-modem cable.

    Each end is a symbolic link to a device, as udev would make it by-id.
    """

    def __init__(self, *, gateway_end: Path, far_end: Path) -> None:
        self._links = (gateway_end, far_end)
        self._ends: list[int] = []
        # The other side of each pty is kept open here too, so that an end that nobody
        # has open yet does not read as a hang-up.
        self._kept: list[int] = []
        for link in self._links:
            end, device = pty.openpty()
            tty.setraw(device)
            self._ends.append(end)
            self._kept.append(device)
            link.unlink(missing_ok=True)
            link.symlink_to(os.ttyname(device))
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._pump, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Take the line away."""
        self._closed.set()
        self._thread.join(2.0)
        for descriptor in (*self._ends, *self._kept):
            os.close(descriptor)
        for link in self._links:
            link.unlink(missing_ok=True)

    def _pump(self) -> None:
        left, right = self._ends
        while not self._closed.is_set():
            for end in select.select(self._ends, [], [], 0.2)[0]:
                os.write(right if end is left else left, os.read(end, 4096))
