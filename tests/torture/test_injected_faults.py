"""Killed at the very system call (S2); and a sync that fails (S7)."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

import pytest

from iobuffer.errors import ExitStatus

from . import strace
from .campaign import Campaign
from .gateway import wait_until

pytestmark = pytest.mark.torture

#: Which sync, and which write, it dies at.
SYNCS = (1, 2, 3, 4, 6, 9, 14, 21, 33, 50)
WRITES = (1, 2, 3, 5, 8, 13, 21, 34, 60, 110)
#: Which sync fails; those before are the opening of the store.
FAILING = (9, 14, 23)
#: From which read on all of them fail.
READS = (1, 4, 9, 16, 30, 45)
ENDS_WITHIN_SECONDS = 10.0


@pytest.fixture(autouse=True)
def _needs_strace() -> None:
    reason = strace.why_not()
    if reason:
        pytest.skip(f"no injected faults: {reason}")


def run_until_it_ends(campaign: Campaign, prefix: list[str]) -> int:
    """Start it under strace, with the senders sending; its exit status."""
    campaign.gateway.prefix = prefix
    campaign.gateway.launch()
    return campaign.gateway.wait(ENDS_WITHIN_SECONDS)


def test_whatever_call_it_is_killed_at_nothing_acknowledged_is_lost(
    tmp_path: Path,
) -> None:
    points = [("fdatasync,fsync", n) for n in SYNCS]
    points += [("pwrite64", n) for n in WRITES]
    with Campaign(tmp_path, load=0.3) as campaign:
        campaign.start_senders()
        for calls, number in points:
            log = tmp_path / "strace.log"
            prefix = strace.command(log, calls, f"signal=KILL:when={number}")
            status = run_until_it_ends(campaign, prefix)
            assert status == -9, f"{calls} {number}: status {status}"
            campaign.kills += 1
        campaign.gateway.prefix = []
        campaign.gateway.start()
        time.sleep(0.5)
        outcomes = campaign.finish()

        for outcome in outcomes:
            assert outcome.verdict.is_clean, str(outcome)
            assert outcome.holes == 0, str(outcome)
        assert "missing" not in campaign.gateway.log
        campaign.gateway.audit()


def fail_a_sync(campaign: Campaign, log: Path, number: int) -> str:
    """What was wrong with how the gateway took it; empty if nothing."""
    prefix = strace.command(log, "fdatasync,fsync", f"error=EIO:when={number}")
    try:
        status = run_until_it_ends(campaign, prefix)
    except subprocess.TimeoutExpired:
        return "it went on"
    ended_at = time.time()
    syncs = strace.syncs_of(log)
    failed = [at for at, sync in enumerate(syncs) if sync.injected]
    if status != ExitStatus.IO_ERROR:
        return f"it ended with {status}"
    if not failed:
        return "no sync failed"
    first = syncs[failed[0]]
    later = syncs[failed[0] + 1 :]
    if any(sync.descriptor == first.descriptor for sync in later):
        return "the same file was synced again"
    if ended_at - first.at > 3.0:
        return f"it took {ended_at - first.at:.1f} s to end"
    return ""


def test_after_a_failed_sync_it_ends_at_once_and_never_syncs_that_file_again(
    tmp_path: Path,
) -> None:
    with Campaign(tmp_path, load=0.3) as campaign:
        campaign.begin()
        campaign.gateway.stop()
        for number in FAILING:
            assert fail_a_sync(campaign, tmp_path / f"{number}.log", number) == ""
            # Whoever is answered yes after that was answered by nobody.
            answered = len(campaign.hl7.acked)
            time.sleep(0.1)
            assert len(campaign.hl7.acked) == answered
        campaign.gateway.prefix = []
        campaign.gateway.start()
        time.sleep(0.5)
        outcomes = campaign.finish()

        for outcome in outcomes:
            assert outcome.verdict.is_clean, str(outcome)
            assert outcome.holes == 0, str(outcome)
        campaign.gateway.audit()


@pytest.mark.parametrize(
    ("call", "number"), [("fdatasync", 1), ("fdatasync", 9), ("fsync", 1), ("fsync", 4)]
)
def test_a_disk_that_fails_while_the_store_is_made_is_one_clear_line(
    tmp_path: Path, call: str, number: int
) -> None:
    with Campaign(tmp_path) as campaign:
        fault = f"error=EIO:when={number}"
        prefix = strace.command(tmp_path / "strace.log", call, fault)

        assert run_until_it_ends(campaign, prefix) == ExitStatus.IO_ERROR
        assert "cannot be opened" in campaign.gateway.log
        assert "Traceback" not in campaign.gateway.log


def test_a_disk_that_cannot_be_read_costs_nothing_and_is_no_fault_of_ours(
    tmp_path: Path,
) -> None:
    """S7b. It ends and says why, or says that it cannot read, and tries again."""
    with Campaign(tmp_path, load=0.3) as campaign:
        campaign.begin()
        for sink in campaign.sinks:
            sink.down()
        wait_until("a backlog", lambda: len(campaign.hl7.acked) > 100, 20)
        campaign.gateway.kill()
        for sink in campaign.sinks:
            sink.up()
        for number in READS:
            fault = f"error=EIO:when={number}+"
            log = tmp_path / "strace.log"
            store = campaign.gateway.state_dir / "store.sqlite3"
            files = (store, store.with_name(store.name + "-wal"))
            campaign.gateway.prefix = strace.command(log, "pread64", fault, *files)
            campaign.gateway.launch()
            try:
                # What SQLite cannot read it may also take for damaged.
                ends = (ExitStatus.IO_ERROR, ExitStatus.UNAVAILABLE)
                assert campaign.gateway.wait(2.5) in ends
            except subprocess.TimeoutExpired:
                campaign.gateway.kill()
        campaign.gateway.prefix = []
        campaign.gateway.start()
        outcomes = campaign.finish()

        for outcome in outcomes:
            assert outcome.verdict.is_clean, str(outcome)
        assert "Traceback" not in campaign.gateway.log
        campaign.gateway.audit()


def test_a_gateway_that_is_deaf_to_a_failed_sync_is_found_out(tmp_path: Path) -> None:
    """The calibration: a build that takes the failed commit for a good one."""
    with Campaign(tmp_path, broken="deaf", load=0.3) as campaign:
        campaign.begin()
        campaign.gateway.stop()

        assert fail_a_sync(campaign, tmp_path / "deaf.log", FAILING[0]) != ""
