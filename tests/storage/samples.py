"""Stores made for a test: filled, copied, damaged on purpose."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

from iobuffer.batch import single_peer
from iobuffer.errors import StorageCorrupt, StorageFailed
from iobuffer.storage.base import Confidence, Finding, Limits
from iobuffer.storage.sqlite import SqliteStore

KEEP = Limits(keep_seconds=1e12)
CHANNELS = ("a", "b")

#: (channel, seq) to message
Contents = dict[tuple[str, int], bytes]


def fill(store: SqliteStore, seed: int, rows: int = 40) -> Contents:
    """Batches of both channels, small and large, some delivered, one parked."""
    rng = random.Random(seed)
    contents: Contents = {}
    for name in CHANNELS:
        store.open_channel(name, KEEP, ["d"])
    for now in range(rows):
        for name in CHANNELS:
            count = rng.choice((1, 3, 20))
            size = rng.choice((10, 200, 3000))
            messages = [rng.randbytes(size) for _ in range(count)]
            batch = single_peer(messages, float(now), "10.0.0.1:514")
            first = store.append(name, batch, {"seen": messages[0][:9]})
            contents.update(
                {(name, first + at): message for at, message in enumerate(messages)}
            )
        store.commit(float(now))
    for name in CHANNELS:
        store.advance(name, "d", 10, Confidence.RECEIVED)
        store.park(name, "d", 11, "refused", 3)
        store.drop(name, "d", 12, "operator")
    store.commit(float(rows))
    return contents


def leave_as_it_is(store: SqliteStore, state_dir: Path, copy: Path) -> None:
    """A copy of the files as a killed process would leave them: log and all."""
    shutil.copytree(state_dir, copy)
    store.close()


def flip(path: Path, bit: int) -> None:
    with path.open("r+b") as file:
        file.seek(bit // 8)
        byte = file.read(1)[0]
        file.seek(bit // 8)
        file.write(bytes([byte ^ 1 << bit % 8]))


class Reading:
    """Everything that a damaged store still gives, as a gateway would take it."""

    def __init__(self, state_dir: Path) -> None:
        self.contents: Contents = {}
        self.findings: list[Finding] = []
        self.refusal = ""
        self.redelivered = False
        try:
            store = SqliteStore(state_dir, min_free_bytes=0)
        except StorageCorrupt as error:
            self.refusal = str(error)
            return
        try:
            self._read(store)
        except (StorageCorrupt, StorageFailed) as error:
            # Said loudly, and nothing delivered that is not right.
            self.refusal = str(error)
        finally:
            self.findings = store.findings
            store.close()

    def _read(self, store: SqliteStore) -> None:
        for name in CHANNELS:
            if name not in store.channels():
                continue
            store.open_channel(name, KEEP, ["d"])
            after, steps = 0, 0
            while (batch := store.read(name, after, 7, 1 << 20)) is not None:
                for at, message in enumerate(batch.messages):
                    self.contents[name, batch.first_seq + at] = message
                assert batch.last_seq > after or not batch.messages
                after = batch.last_seq
                steps += 1
                assert steps < 10_000, "reading must come to an end"

    def judge(self, expected: Contents) -> tuple[int, int]:
        """(corrupt, lost in silence): both must be 0."""
        corrupt = sum(
            expected.get(key) != message for key, message in self.contents.items()
        )
        missing = len(expected) - len(self.contents.keys() & expected.keys())
        told = sum(finding.lost_messages for finding in self.findings)
        silent = 0 if self.refusal else max(0, missing - told)
        return corrupt, silent
