"""The wall clock is stepped (S9): retries and deliveries go on."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from .campaign import outcome
from .gateway import GatewayProcess, free_ports, wait_until
from .producer import MllpSender
from .sink import Sink

_LIBRARIES = (
    "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1",
    "/usr/lib/aarch64-linux-gnu/faketime/libfaketimeMT.so.1",
    "/usr/lib/faketime/libfaketimeMT.so.1",
)
HOUR, DAY = 3600, 86400
#: Longer than the longest retry (1 s), shorter than any step.
SECONDS = 5.0


class Clock:
    """The wall clock that a process under libfaketime sees."""

    def __init__(self, folder: Path) -> None:
        library = next((path for path in _LIBRARIES if Path(path).exists()), None)
        if library is None:
            pytest.skip("no steps of the clock: needs libfaketime (apt: libfaketime)")
        self._file = folder / "faketime"
        self.step(0)
        self.environment = {
            "LD_PRELOAD": library,
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "FAKETIME_NO_CACHE": "1",
        }

    def step(self, seconds: int) -> None:
        """Off from the true time by so much from now on."""
        fresh = self._file.with_suffix(".new")
        fresh.write_text(f"{seconds:+d}\n")
        os.replace(fresh, self._file)


def still_delivers(tmp_path: Path, steps: list[int], broken: str = "") -> bool:
    """Whether each outage is over in time although the clock was stepped within it."""
    clock = Clock(tmp_path)
    port = free_ports(1)[0]
    sender = MllpSender(1, port, rate=50)
    with (
        Sink(answers=True) as sink,
        GatewayProcess(
            tmp_path,
            f"""
[source:hl7]
type = tcp_server
host = 127.0.0.1
port = {port}
framing = mllp

[destination:hl7:answering]
type = tcp_client
host = 127.0.0.1
port = {sink.port}
retry_max = 1s
""",
            ports=[port],
            broken=broken,
            environment=clock.environment,
        ) as gateway,
    ):
        gateway.start()
        sender.start()
        try:
            for step in steps:
                wait_for_more(sink)
                sink.reset()
                time.sleep(0.3)
                clock.step(step)
                time.sleep(0.3)
                sink.up()
                try:
                    wait_for_more(sink)
                except TimeoutError:
                    return False
        finally:
            sender.stop()
        acked = {(1, number) for number in sender.acked}
        wait_until("all delivered", lambda: acked <= sink.names, 20)
        gateway.stop()
        judged = outcome("answering", sink.delivered, sender)
        assert judged.verdict.is_clean, str(judged)
        gateway.audit()
    return True


def wait_for_more(sink: Sink) -> None:
    had = len(sink.delivered)
    wait_until("a delivery", lambda: len(sink.delivered) > had, SECONDS)


def test_no_step_of_the_wall_clock_holds_up_a_delivery(tmp_path: Path) -> None:
    assert still_delivers(tmp_path, [-HOUR, DAY, -30 * DAY])


def test_timers_on_the_wall_clock_are_found_out(tmp_path: Path) -> None:
    """The calibration: Twisted as it comes, whose timers follow the wall clock."""
    assert not still_delivers(tmp_path, [-HOUR], broken="wall-clock")
