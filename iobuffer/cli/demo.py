"""`iobuffer demo`: the gateway, a simulated device, and what to type to try it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import click

from ._simulated import Analyser, SerialLine

__all__ = ["command"]

_HL7 = ("127.0.0.1", 2575)
_START_SECONDS = 20.0

_TRY = """
iobuffer is running on {config}. Its page is http://127.0.0.1:8080; the link above, good
once, makes you its administrator. Try it, from this folder, in another terminal:

  HL7 over MLLP, port 2575    {bin}/iobuffer send --to :2575 --hl7 \
-f etc/demo/example.hl7
                        or    {bin}/mllp_send --loose -p 2575 -f etc/demo/example.hl7 \
127.0.0.1
  syslog over UDP, port 5514  logger -n 127.0.0.1 -P 5514 -d 'hello over UDP'
  syslog over TCP, port 5514  logger -n 127.0.0.1 -P 5514 -T 'hello over TCP'
  lines over TCP, port 5000   {bin}/iobuffer send --to :5000 one two
  a barcode, serial           printf '4006381333931\\r' > var/scanner

What was delivered is under ./var: hl7/ syslog/ lines/ scanner-codes.txt
What was kept:                     {bin}/iobuffer audit {config}  (once it is stopped)
A simulated analyser sends an HL7 result every second. Ctrl-C ends all of it.
"""


@click.command(name="demo")
@click.argument("config", type=click.Path(exists=True), default="etc/demo.ini")
@click.option(
    "--seconds", type=float, default=None, help="End by itself after so many seconds."
)
def command(config: str, seconds: float | None) -> None:
    """Run the gateway with simulated devices, to try it.

    Runs on CONFIG in the foreground; Ctrl-C ends the gateway and the devices.

    Exit status: 0 ended in good order; otherwise that of the gateway.
    """
    Path("var").mkdir(exist_ok=True)
    line = SerialLine(gateway_end=Path("var/gateway-tty"), far_end=Path("var/scanner"))
    binaries = Path(sys.executable).parent
    arguments = ["-n", "--pidfile=", "iobuffer", "--config", config]
    gateway = subprocess.Popen([binaries / "twistd", *arguments])
    shown = os.path.relpath(binaries) if binaries.is_absolute() else str(binaries)
    if _is_up(gateway):
        print(_TRY.format(config=config, bin=shown), flush=True)
    analyser = Analyser(*_HL7, say=lambda text: print(text, flush=True))
    analyser.start()
    # The terminal sends Ctrl-C to the gateway as well; here it only ends the waiting.
    signal.signal(signal.SIGINT, lambda *_: None)
    signal.signal(signal.SIGTERM, lambda *_: gateway.terminate())
    timer = threading.Timer(seconds, gateway.terminate) if seconds else None
    if timer is not None:
        timer.daemon = True
        timer.start()
    status = gateway.wait()
    analyser.stop()
    line.close()
    sys.exit(status)


def _is_up(gateway: subprocess.Popen[bytes]) -> bool:
    """Wait until the gateway listens; False when it ends, or takes too long."""
    deadline = time.monotonic() + _START_SECONDS
    while gateway.poll() is None and time.monotonic() < deadline:
        try:
            socket.create_connection(_HL7, timeout=1.0).close()
            return True
        except OSError:
            # It loads for a moment before it listens.
            time.sleep(0.1)
    return False
