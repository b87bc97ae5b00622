"""kill -9, again and again, under load: what was acknowledged is delivered (S1)."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from .campaign import Campaign, Outcome

ROUNDS = int(os.environ.get("IOBUFFER_KILLS", "50"))
#: Mostly enough to show what a broken build loses; where a kill happened to hit nothing
#: in between, it is tried again.
BROKEN_ROUNDS = 4
BROKEN_CAMPAIGNS = 6
SEED = 20261122


def kill_again_and_again(campaign: Campaign, rounds: int) -> list[Outcome]:
    campaign.begin()
    for _ in range(rounds):
        campaign.disturb()
        time.sleep(campaign.draw.uniform(0.0, 0.4))
        campaign.gateway.kill()
        campaign.kills += 1
        campaign.gateway.start()
    return campaign.finish()


def test_what_was_acknowledged_survives_fifty_kills_in_order(tmp_path: Path) -> None:
    with Campaign(tmp_path, seed=SEED) as campaign:
        outcomes = kill_again_and_again(campaign, ROUNDS)

        gateway = campaign.gateway
        print(f"slowest start of {gateway.starts}: {gateway.slowest_start_seconds:.2f}")
        for outcome in outcomes:
            assert len(outcome.delivered) > 20 * ROUNDS, str(outcome)
            assert outcome.verdict.is_clean, str(outcome)
            assert outcome.holes == 0, str(outcome)
            bound = campaign.bound_of_duplicates(outcome.place)
            assert outcome.verdict.duplicated <= bound, f"{outcome}; allowed: {bound}"
        assert not campaign.hl7.strange
        assert "Traceback" not in gateway.log
        assert "missing" not in gateway.log
        assert gateway.slowest_start_seconds < 10
        gateway.audit()


@pytest.mark.parametrize("broken", ["acknowledged-early", "cursor-early"])
def test_a_gateway_that_promises_too_early_is_found_out(
    tmp_path: Path, broken: str
) -> None:
    """The calibration: acknowledged before the commit, or a cursor moved before the
    destination confirmed. Rounds like those above must lose."""
    assert any(
        lost_by(broken, tmp_path / str(number), SEED + number)
        for number in range(BROKEN_CAMPAIGNS)
    )


def lost_by(broken: str, folder: Path, seed: int) -> int:
    folder.mkdir()
    with Campaign(folder, seed=seed, broken=broken) as campaign:
        campaign.begin()
        for _ in range(BROKEN_ROUNDS):
            campaign.answering.reset()
            time.sleep(0.3)
            campaign.answering.up()
            time.sleep(0.3)
            campaign.gateway.kill()
            campaign.kills += 1
            campaign.gateway.start()
        outcomes = campaign.finish(seconds=5)
        return sum(len(outcome.verdict.lost) for outcome in outcomes)
