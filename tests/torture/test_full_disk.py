"""A disk without room (S6): no yes while it is full, and on by itself afterwards."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from .campaign import outcome
from .gateway import GatewayProcess, free_ports, wait_until
from .producer import LineSender, MllpSender
from .sink import Sink

pytestmark = pytest.mark.torture

MESSAGE_BYTES = 3000
#: More than what a source that was told to wait may have in hand (max_pending_bytes).
BALLAST_BYTES = 7 << 19
HOLD_SECONDS = 1.0
RESUME_SECONDS = 5.0


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """8 MiB, in memory."""
    place = tmp_path / "small"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=8m", "iobuffer-test", place],
        capture_output=True,
        text=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip(f"no small disk: {mounted.stderr.strip()}")
    yield place
    subprocess.run(["umount", "-l", place], check=True)


@pytest.mark.parametrize("reserve", ["0", "1 MiB"])
def test_a_full_disk_takes_no_promise_and_costs_nothing_that_was_promised(
    small_disk: Path, tmp_path: Path, reserve: str
) -> None:
    hl7_port, line_port = ports = free_ports(2)
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(BALLAST_BYTES))
    hl7 = MllpSender(1, hl7_port, size_bytes=MESSAGE_BYTES)
    lines = LineSender(2, line_port, size_bytes=MESSAGE_BYTES)
    with (
        Sink(answers=True) as answering,
        Sink() as plain,
        GatewayProcess(
            tmp_path / "gateway",
            f"""
[source:hl7]
type = tcp_server
host = 127.0.0.1
port = {hl7_port}
framing = mllp

[destination:hl7:answering]
type = tcp_client
host = 127.0.0.1
port = {answering.port}
retry_max = 1s

[source:lines]
type = tcp_server
host = 127.0.0.1
port = {line_port}
framing = line

[destination:lines:plain]
type = tcp_client
host = 127.0.0.1
port = {plain.port}
retry_max = 1s

[channel:hl7]
keep = 1s

[channel:lines]
keep = 1s
""",
            ports=ports,
            state_dir=small_disk / "state",
            options=f"min_free_bytes = {reserve}",
        ) as gateway,
    ):

        def wait_until_full() -> None:
            refused = len(hl7.refused)
            wait_until("refused", lambda: len(hl7.refused) > refused, 30)
            wait_until("nothing taken any more", nothing_was_taken, 30)

        def nothing_was_taken() -> bool:
            refused, acked, sent = len(hl7.refused), len(hl7.acked), lines.sent
            # That nothing is taken is no event: it is watched for a while.
            time.sleep(HOLD_SECONDS)
            # Answered no, never yes, and never not at all; and the lines paused.
            return (
                len(hl7.refused) > refused
                and len(hl7.acked) == acked
                and lines.sent == sent
            )

        def wait_until_taken_again() -> None:
            acked, sent = len(hl7.acked), lines.sent
            wait_until("AA again", lambda: len(hl7.acked) > acked, RESUME_SECONDS)
            wait_until("lines again", lambda: lines.sent > sent, RESUME_SECONDS)

        for sink in (answering, plain):
            sink.down()
        gateway.start()
        for sender in (hl7, lines):
            sender.start()
        try:
            wait_until_full()
            # Delivery goes on although the disk is full.
            for sink in (answering, plain):
                sink.up()
                wait_until("delivered", lambda sink=sink: sink.delivered, 10)
            if reserve != "0":
                # What was delivered goes, and so makes room by itself.
                wait_until_taken_again()
                for sink in (answering, plain):
                    sink.down()
                wait_until_full()
            # Somebody makes room.
            ballast.unlink()
            wait_until_taken_again()
            for sink in (answering, plain):
                sink.up()
            if reserve != "0":
                # Without a reserve so small a disk is full now and then for good.
                again = "the store has room again"
                lines.quiet.set()
                wait_until(again, lambda: again in gateway.log, 20)
        finally:
            for sender in (hl7, lines):
                sender.stop()
        acked = {(1, number) for number in hl7.acked}
        wait_until("delivered", lambda: acked <= answering.names, 30)
        wait_until("all lines", lambda: gateway.has_delivered("lines", "plain"), 30)
        gateway.stop()

        outcomes = [
            outcome("answering", answering.delivered, hl7),
            outcome("plain", plain.delivered, lines),
        ]
        print(*outcomes, f"refused {len(hl7.refused)}", sep="\n")
        for each in outcomes:
            assert each.verdict.is_clean, str(each)
        # Lines that have no answer wait; they are not refused.
        assert outcomes[1].holes == 0, str(outcomes[1])
        assert not hl7.strange
        assert not answering.names & {(1, number) for number in hl7.refused}
        assert gateway.starts == 1
        assert "nothing more is taken, for want of room" in gateway.log
        assert "Traceback" not in gateway.log
        gateway.audit()


def test_a_start_on_a_full_disk_delivers_what_is_stored(
    small_disk: Path, tmp_path: Path
) -> None:
    """It cannot take anything, but what it has it has promised."""
    port = free_ports(1)[0]
    hl7 = MllpSender(1, port, rate=300)
    with (
        Sink(answers=True) as sink,
        GatewayProcess(
            tmp_path / "gateway",
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
            state_dir=small_disk / "state",
            options="min_free_bytes = 64 KiB",
        ) as gateway,
    ):
        sink.down()
        gateway.start()
        hl7.start()
        try:
            wait_until("a backlog", lambda: len(hl7.acked) > 100, 20)
            gateway.kill()
            acked = set(hl7.acked)
            fill_to_the_last_byte(small_disk)
            gateway.start()
            sink.up()
            wait_until("delivered", lambda: {(1, n) for n in acked} <= sink.names, 20)
            wait_until("refused", lambda: hl7.refused, 20)
            (small_disk / "ballast").unlink()
            answered = len(hl7.acked)
            wait_until("AA again", lambda: len(hl7.acked) > answered, RESUME_SECONDS)
        finally:
            hl7.stop()
        wait_until("all", lambda: {(1, n) for n in hl7.acked} <= sink.names, 20)
        gateway.stop()

        judged = outcome("answering", sink.delivered, hl7)
        assert judged.verdict.is_clean, str(judged)
        assert "Traceback" not in gateway.log
        gateway.audit()


def fill_to_the_last_byte(place: Path) -> None:
    with (place / "ballast").open("wb", buffering=0) as ballast:
        try:
            while True:
                ballast.write(bytes(1024))
        except OSError:
            pass  # no room for another
    assert shutil.disk_usage(place).free == 0
