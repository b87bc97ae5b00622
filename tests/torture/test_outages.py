"""A destination that is away for long (S11, S12), a second gateway (S13), and SIGTERM
under load (S15)."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from iobuffer.errors import ExitStatus

from .campaign import Campaign, outcome
from .gateway import GatewayProcess, free_ports, resident_bytes, wait_until
from .producer import LineSender
from .sink import Sink

BACKLOG_BYTES = 100 << 20
MESSAGE_BYTES = 1500
#: Far more than what is kept in memory by design, far less than the backlog.
MORE_RESIDENT_BYTES = 40 << 20


def test_a_destination_comes_back_to_all_of_it_in_order(tmp_path: Path) -> None:
    """The backlog is on the disk, not in memory."""
    port = free_ports(1)[0]
    sender = LineSender(1, port, size_bytes=MESSAGE_BYTES)
    with (
        Sink() as sink,
        GatewayProcess(
            tmp_path,
            f"""
[source:lines]
type = tcp_server
host = 127.0.0.1
port = {port}
framing = line

[destination:lines:away]
type = tcp_client
host = 127.0.0.1
port = {sink.port}
retry_max = 1s
""",
            ports=[port],
        ) as gateway,
    ):
        gateway.start()
        sender.start()
        # What it takes at full rate, with a destination that keeps up.
        wait_until("some deliveries", lambda: len(sink.delivered) > 5000, 30)
        before = resident_bytes(gateway.pid)
        sink.down()
        wait_until(
            "a backlog", lambda: sender.sent * MESSAGE_BYTES > BACKLOG_BYTES, 120
        )
        sender.stop()
        with_backlog = resident_bytes(gateway.pid)
        sink.up()
        sent = {(1, number) for number in range(1, sender.sent + 1)}
        wait_until("all of it", lambda: len(sink.names) == len(sent), 120, every=0.1)
        after = resident_bytes(gateway.pid)
        gateway.stop()

        judged = outcome("away", sink.delivered, sender)
        print(judged)
        print(f"resident: {before >> 20}, {with_backlog >> 20}, {after >> 20} MiB")
        assert judged.verdict.is_clean
        assert sink.names == sent
        assert with_backlog - before < MORE_RESIDENT_BYTES
        assert after - before < MORE_RESIDENT_BYTES
        gateway.audit()


@pytest.fixture
def loaded(tmp_path: Path) -> Iterator[Campaign]:
    with Campaign(tmp_path, load=0.5) as campaign:
        campaign.begin()
        yield campaign


def test_a_second_gateway_on_the_same_state_is_turned_away(
    loaded: Campaign, tmp_path: Path
) -> None:
    port = free_ports(1)[0]
    sections = f"[source:other]\ntype = tcp_server\nport = {port}\n"
    with GatewayProcess(
        tmp_path / "second", sections, ports=[port], state_dir=loaded.gateway.state_dir
    ) as second:
        second.launch()
        status = second.wait(20)

        assert status == ExitStatus.UNAVAILABLE, second.log
        assert str(loaded.gateway.state_dir) in second.log
        assert str(loaded.gateway.pid) in second.log
        assert "Traceback" not in second.log
    # Load on the first one after the second has gone: the time itself is the test.
    time.sleep(0.3)
    for each in loaded.finish():
        assert each.verdict.is_clean, str(each)


def test_a_stop_under_load_with_a_hung_destination_is_quick_and_loses_nothing(
    loaded: Campaign,
) -> None:
    wait_until("acknowledgements", lambda: len(loaded.hl7.acked) > 50, 20)
    for sink in loaded.sinks:
        sink.hang()
    # So that something waits behind the hung ones; a sink that hangs tells of nothing.
    time.sleep(1.0)

    status, seconds = loaded.gateway.stop(20)

    print(f"ended after {seconds:.2f} s")
    assert seconds < 10
    # twistd ends by the signal that stopped it; a supervisor takes that for a success.
    assert status in (0, -signal.SIGTERM)
    loaded.gateway.start()
    time.sleep(0.5)
    for each in loaded.finish():
        assert each.verdict.is_clean, str(each)
        assert each.holes == 0, str(each)
    loaded.gateway.audit()
