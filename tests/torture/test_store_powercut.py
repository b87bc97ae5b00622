"""The store, and the plug pulled: what `commit` has returned for is there.

The same with `synchronous=NORMAL` must lose, or this test would prove nothing.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from iobuffer.storage.audit import audit
from iobuffer.storage.base import Finding
from iobuffer.storage.sqlite import SqliteStore

from .judge import Verdict, judge
from .powercut import PowerCutDisk
from .store_writer import CHANNEL, MOST_MESSAGES, SOURCE

pytestmark = pytest.mark.torture

ROUNDS = int(os.environ.get("IOBUFFER_POWER_CUTS", "50"))
CALIBRATION_ROUNDS = 5
ROOT = Path(__file__).parent.parent.parent


class Writers:
    """Starts one writer after another."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.torture.store_writer"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            # Where the power is cut, the writer's last words are an I/O error.
            stderr=subprocess.DEVNULL,
        )

    def until_cut(
        self, disk: PowerCutDisk, synchronous: str, first: int, seconds: float
    ) -> int:
        """Write from message `first` on, cut the power; the last number that the
        writer was sure of."""
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        stdin.write(f"{disk.path / 'state'} {synchronous} {first}\n".encode())
        stdin.flush()
        # The clock starts with the first commit.
        word = stdout.readline()
        time.sleep(seconds)
        disk.cut()
        stdin.write(b"kill\n")
        stdin.flush()
        acked = first - 1
        while word != b"ended\n":
            acked = int(word)
            word = stdout.readline()
        assert acked >= first, "the writer could not even begin"
        return acked

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()


@pytest.fixture
def writers() -> Iterator[Writers]:
    started = Writers()
    yield started
    started.close()


def read_back(
    disk: PowerCutDisk, first: int, acked: int
) -> tuple[Verdict, list[Finding]]:
    """What is there behind message `first`, judged, and what the store says of it."""
    store = SqliteStore(disk.path / "state", min_free_bytes=0)
    try:
        delivered: list[bytes] = []
        if CHANNEL in store.channels():
            after = store.state(CHANNEL).first_seq - 1
            while (batch := store.read(CHANNEL, after, 10_000, 1 << 20)) is not None:
                delivered += batch.messages
                after = batch.last_seq
    finally:
        store.close()
    # One transaction beyond the last acknowledged one may have been under way.
    sent = {(SOURCE, number) for number in range(acked + 1 + MOST_MESSAGES)}
    numbers = [(SOURCE, number) for number in range(first, acked + 1)]
    return judge(sent, numbers, delivered), store.findings


def test_no_power_cut_takes_what_was_committed(
    tmp_path: Path, writers: Writers
) -> None:
    rng = random.Random(2026)
    with PowerCutDisk(tmp_path) as disk:
        first = 0
        for _ in range(ROUNDS):
            acked = writers.until_cut(disk, "FULL", first, rng.uniform(0.0, 0.1))
            disk.restore()
            verdict, findings = read_back(disk, first, acked)
            assert verdict.is_clean, str(verdict)
            assert verdict.duplicated == 0
            assert findings == []
            first = acked + 1 + MOST_MESSAGES
        assert audit(disk.path / "state").problems == ()


def test_without_the_sync_a_power_cut_takes_something(
    tmp_path: Path, writers: Writers
) -> None:
    rng = random.Random(2026)
    lost = 0
    for number in range(CALIBRATION_ROUNDS):
        folder = tmp_path / str(number)
        folder.mkdir()
        with PowerCutDisk(folder) as disk:
            acked = writers.until_cut(disk, "NORMAL", 0, rng.uniform(0.02, 0.1))
            disk.restore()
            verdict, _ = read_back(disk, 0, acked)
            lost += len(verdict.lost)
            assert not verdict.corrupt
            assert not verdict.phantom
    assert lost > 0
