"""A store that no gateway runs on, opened to be looked at: nothing is written."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import apsw
import attrs

from ..errors import StorageCorrupt, StorageError
from .base import Finding
from .database import DATABASE, HIGH_WATER, Lock, connect, query, ready
from .high_water import read_mark
from .ledger import Channel
from .recovery import Recovery
from .rows import Row

__all__ = ["BadRow", "Stopped", "scan", "stopped"]

_KEY_BEHIND = (
    "SELECT first_seq FROM batch WHERE channel=? AND first_seq>? "
    "ORDER BY first_seq LIMIT 1"
)
_ROW = (
    "SELECT id, first_seq, count, received_at, peers, crc, prev_crc, size, body "
    "FROM batch WHERE channel=? AND first_seq=?"
)


@attrs.frozen
class Stopped:
    """The store as its tables stand, checked like at a start. `findings` are what a
    start would say."""

    state_dir: Path
    connection: apsw.Connection
    channels: dict[str, Channel]
    findings: list[Finding]


@attrs.frozen
class BadRow:
    """Messages `first_seq` to `last_seq` cannot be had, and why. `is_known`: it was
    found and counted before."""

    first_seq: int
    last_seq: int
    reason: str
    is_known: bool = False


@contextlib.contextmanager
def stopped(state_dir: str | Path) -> Iterator[Stopped]:
    """The store in `state_dir`, held until the block ends.

    Raises:
        StorageLocked: a gateway runs on it.
        StorageError: there is none, or it cannot be opened.
    """
    place = Path(state_dir)
    if not place.is_dir() or not ready(place):
        raise StorageError(f"{place}: there is no store")
    lock = Lock(place)
    try:
        connection = connect(place / DATABASE)
        try:
            findings: list[Finding] = []
            mark = read_mark(place / HIGH_WATER)
            recovery = Recovery(connection, place, mark, findings)
            recovery.load(write=False)
            yield Stopped(place, connection, recovery.channels, findings)
        finally:
            connection.close()
    finally:
        lock.release()


def scan(
    connection: apsw.Connection, channel: Channel, after: int = 0
) -> Iterator[Row | BadRow]:
    """Every row of a channel in order; what is bad or missing as a BadRow. Damage that
    was reported before is a BadRow as well."""
    expected = max(channel.first_seq, after + 1)
    key: int | None = None
    first_key = query(
        connection,
        "SELECT max(first_seq) FROM batch WHERE channel=? AND first_seq<=?",
        (channel.channel_id, expected),
    )[0][0]
    behind = expected - 1 if first_key is None else first_key - 1
    while True:
        try:
            keys = query(connection, _KEY_BEHIND, (channel.channel_id, behind))
        except apsw.Error as error:
            yield BadRow(expected, channel.last_seq, f"the index is damaged: {error}")
            return
        if not keys:
            yield from _hole(channel, expected, channel.last_seq)
            return
        key = keys[0][0]
        if type(key) is not int:
            raise StorageCorrupt("the index of batches is damaged: repair the store")
        if key > expected:
            yield from _hole(channel, expected, key - 1)
            expected = key
        row, fault = _read(connection, channel.channel_id, key)
        behind = key
        if row is not None and not fault:
            if row.last_seq >= expected:
                yield row
            expected = max(expected, row.last_seq + 1)
            continue
        following = query(connection, _KEY_BEHIND, (channel.channel_id, key))
        last_seq = following[0][0] - 1 if following else channel.last_seq
        if last_seq >= expected:
            yield BadRow(expected, last_seq, fault)
            expected = last_seq + 1


def _hole(channel: Channel, first_seq: int, last_seq: int) -> Iterator[BadRow]:
    """Known damage apart from what is new."""
    for known_first, known_last in channel.damage.gaps:
        if known_last < first_seq or known_first > last_seq:
            continue
        if known_first > first_seq:
            yield BadRow(first_seq, known_first - 1, "the rows are gone")
        known_first, known_last = max(known_first, first_seq), min(known_last, last_seq)
        yield BadRow(known_first, known_last, "damaged, as reported before", True)
        first_seq = known_last + 1
    if first_seq <= last_seq:
        yield BadRow(first_seq, last_seq, "the rows are gone")


def _read(
    connection: apsw.Connection, channel_id: int, key: int
) -> tuple[Row | None, str]:
    try:
        found = query(connection, _ROW, (channel_id, key))
    except (apsw.Error, UnicodeDecodeError) as error:
        return None, f"unreadable: {error}"
    if not found:
        return None, "the index names a row that is not there"
    row = Row(*found[0])
    return row, row.fault(channel_id)
