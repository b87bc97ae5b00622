"""What can be done with a store while no gateway runs on it: verify and export.

`repair` has a room of its own. All of them refuse while the lock is held.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import apsw
import attrs

from ..errors import StorageError
from .audit import Told, prove
from .database import query
from .ledger import Channel
from .looking import committed_marks, parked_messages
from .repair import RepairReport, repair
from .rows import Row
from .stopped import BadRow, Stopped, scan, stopped

__all__ = [
    "Exported",
    "RepairReport",
    "VerifyReport",
    "export",
    "repair",
    "verify",
]

_PARKED_AT_A_TIME = 100


@attrs.frozen
class VerifyReport:
    """What was looked at, and every problem found, in words. `damaged_messages` are
    known, counted and set aside: no problem any more."""

    channels: int
    batches: int
    messages: int
    damaged_messages: int
    problems: tuple[str, ...]

    @property
    def is_sound(self) -> bool:
        return not self.problems


@attrs.frozen
class Exported:
    """A message, or the place of some that cannot be had: then `message` is None, and
    `damage` says why, for `seq` to `last_seq`. `parked_for` names the destination when
    only its parked copy is left."""

    channel: str
    seq: int
    last_seq: int
    received_at: float
    peer: str
    message: bytes | None
    damage: str = ""
    parked_for: str = ""


def verify(state_dir: str | Path) -> VerifyReport:
    """Read everything: SQLite's own check, every row's CRC and chain, the high-water
    mark, marks, parked messages, and the ledger.

    Raises:
        StorageLocked: a gateway runs on it.
        StorageError: there is no store, or it cannot be opened at all.
    """
    with stopped(state_dir) as store:
        problems: list[str] = []
        try:
            problems += [
                f"SQLite: {text}"
                for (text,) in query(store.connection, "PRAGMA integrity_check")
                if text != "ok"
            ]
        except apsw.Error as error:
            problems.append(f"SQLite: {error}")
        batches = messages = 0
        for channel in store.channels.values():
            found = _verify_channel(store, channel, problems)
            batches += found[0]
            messages += found[1]
        for finding in store.findings:
            name = f"{finding.channel}: " if finding.channel else ""
            problems.append(f"{name}{finding.text}")
        damaged = sum(each.damage.messages for each in store.channels.values())
        return VerifyReport(
            len(store.channels), batches, messages, damaged, tuple(problems)
        )


def _verify_channel(
    store: Stopped, channel: Channel, problems: list[str]
) -> tuple[int, int]:
    """Rows and messages of a channel that are good."""
    batches = messages = 0
    before: Row | None = None
    try:
        for row in scan(store.connection, channel):
            if isinstance(row, BadRow):
                if not row.is_known:
                    problems.append(
                        f"{channel.name}: messages {row.first_seq} to {row.last_seq}: "
                        f"{row.reason}"
                    )
                before = None
                continue
            if before is not None and row.prev_crc != before.crc:
                problems.append(
                    f"{channel.name}: the chain is broken before message "
                    f"{row.first_seq}"
                )
            before = row
            batches += 1
            messages += row.count
        committed_marks(store.connection, channel, store.findings)
        for destination in channel.destinations.values():
            after = 0
            while parked := parked_messages(
                store.connection,
                channel,
                destination,
                after,
                _PARKED_AT_A_TIME,
                store.findings,
            ):
                after = parked[-1].seq
        prove(store.connection, channel, Told(), problems)
    except (apsw.Error, StorageError) as error:
        problems.append(f"{channel.name}: cannot be read on: {error}")
    return batches, messages


def export(
    state_dir: str | Path, channel: str | None = None, after: int = 0
) -> Iterator[Exported]:
    """Every message that is kept, in order, channel by channel; what is bad by name.

    A generator: the store is held until it ends or is closed. `after` leaves out the
    messages up to that number.

    Raises:
        StorageLocked: a gateway runs on it.
        StorageError: there is no store, or no such channel.
    """
    with stopped(state_dir) as store:
        if channel is not None and channel not in store.channels:
            known = ", ".join(store.channels) or "none"
            raise StorageError(f"no channel {channel} in the store; there is: {known}")
        for name, each in store.channels.items():
            if channel in (None, name):
                yield from _export_parked(store, each, after)
                yield from _export_rows(store, each, after)


def _export_rows(store: Stopped, channel: Channel, after: int) -> Iterator[Exported]:
    for row in scan(store.connection, channel, after):
        if isinstance(row, BadRow):
            yield Exported(
                channel.name, row.first_seq, row.last_seq, 0.0, "", None, row.reason
            )
            continue
        batch = row.batch(after, row.count, row.size)
        seq = batch.first_seq
        peers = [peer for peer, count in batch.peers for _ in range(count)]
        for peer, message in zip(peers, batch.messages, strict=True):
            yield Exported(channel.name, seq, seq, batch.received_at, peer, message)
            seq += 1


def _export_parked(store: Stopped, channel: Channel, after: int) -> Iterator[Exported]:
    """Parked messages whose rows have gone: the copy is all there is."""
    for destination in channel.destinations.values():
        while parked := parked_messages(
            store.connection,
            channel,
            destination,
            after,
            _PARKED_AT_A_TIME,
            store.findings,
        ):
            for each in parked:
                if each.seq < channel.first_seq:
                    yield Exported(
                        channel.name,
                        each.seq,
                        each.seq,
                        each.received_at,
                        each.peer,
                        each.message,
                        parked_for=destination.name,
                    )
            after = parked[-1].seq
