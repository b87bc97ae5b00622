"""The gateway, and the plug pulled: what was acknowledged is delivered (S3)."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from .campaign import Campaign, Outcome
from .powercut import PowerCutDisk

pytestmark = pytest.mark.torture

ROUNDS = int(os.environ.get("IOBUFFER_POWER_CUTS", "50"))
BROKEN_ROUNDS = 4
SEED = 1122
#: The reserve is for real disks; this one is small on purpose.
OPTIONS = "min_free_bytes = 4 MiB"


def pull_the_plug(campaign: Campaign, disk: PowerCutDisk) -> None:
    disk.cut()
    campaign.gateway.kill()
    campaign.kills += 1
    disk.restore()
    campaign.gateway.start()


def assert_all_is_well(campaign: Campaign, outcomes: list[Outcome]) -> None:
    for outcome in outcomes:
        assert outcome.verdict.is_clean, str(outcome)
        assert outcome.holes == 0, str(outcome)
    assert "Traceback" not in campaign.gateway.log
    assert "missing" not in campaign.gateway.log
    campaign.gateway.audit()


def test_what_was_acknowledged_survives_fifty_power_cuts(tmp_path: Path) -> None:
    with (
        PowerCutDisk(tmp_path, size_mib=256) as disk,
        Campaign(
            tmp_path / "c", state_dir=disk.path / "state", options=OPTIONS, seed=SEED
        ) as campaign,
    ):
        campaign.begin()
        for _ in range(ROUNDS):
            campaign.disturb()
            time.sleep(campaign.draw.uniform(0.0, 0.3))
            pull_the_plug(campaign, disk)
        outcomes = campaign.finish()

        assert all(len(each.delivered) > 20 * ROUNDS for each in outcomes[:4])
        assert_all_is_well(campaign, outcomes)


def test_without_the_sync_a_power_cut_takes_what_was_acknowledged(
    tmp_path: Path,
) -> None:
    """The calibration: the same with synchronous=NORMAL must lose."""
    with (
        PowerCutDisk(tmp_path, size_mib=256) as disk,
        Campaign(
            tmp_path / "c",
            state_dir=disk.path / "state",
            options=OPTIONS,
            broken="unsynced",
            seed=SEED,
        ) as campaign,
    ):
        campaign.begin()
        for _ in range(BROKEN_ROUNDS):
            # What has been delivered cannot be lost any more.
            for sink in campaign.sinks:
                sink.down()
            time.sleep(campaign.draw.uniform(0.2, 0.6))
            pull_the_plug(campaign, disk)
        outcomes = campaign.finish(seconds=3)

        assert sum(len(outcome.verdict.lost) for outcome in outcomes) > 0
