"""The audit believes rows, not sums: each kind of lie is found, and named."""

from __future__ import annotations

from pathlib import Path

import apsw
import pytest

from iobuffer.storage.audit import audit
from iobuffer.storage.ledger import CHANNEL_COLUMNS, DESTINATION_COLUMNS
from iobuffer.storage.rows import text_crc
from iobuffer.storage.sqlite import SqliteStore

from .samples import fill


@pytest.fixture
def state(tmp_path: Path) -> Path:
    store = SqliteStore(tmp_path / "state")
    fill(store, 2, rows=12)
    store.close()
    return tmp_path / "state"


def tamper(state: Path, statement: str) -> None:
    """Change a row, and its CRC with it, as a mistake of our own would."""
    connection = apsw.Connection(str(state / "store.sqlite3"))
    connection.execute("PRAGMA locking_mode=EXCLUSIVE").fetchall()
    connection.execute(statement)
    for table, columns in (
        ("channel", CHANNEL_COLUMNS),
        ("destination", DESTINATION_COLUMNS),
    ):
        for row in connection.execute(
            f"SELECT id, {', '.join(columns)} FROM {table}"
        ).fetchall():
            connection.execute(
                f"UPDATE {table} SET crc=? WHERE id=?", (text_crc(*row), row[0])
            )
    connection.close()


def test_a_good_store_adds_up_in_words(state: Path) -> None:
    report = audit(state)
    assert report.adds_up
    assert report.problems == ()
    assert any(
        line.startswith("a -> d: received ") and "delivered 10" in line
        for line in report.lines
    )


def test_bytes_that_came_in_are_framed_or_skipped(state: Path) -> None:
    tamper(
        state,
        'UPDATE channel SET tallies = \'{"bytes_in": 9, "bytes_framed": 7, '
        '"bytes_skipped": 2}\'',
    )
    report = audit(state)
    assert report.adds_up
    assert "a: bytes in 9 = framed 7 + skipped 2" in report.lines


def test_what_was_dropped_is_told_by_reason(state: Path) -> None:
    dropped = [line for line in audit(state).lines if "dropped" in line]
    assert any(line.endswith(")") for line in dropped), dropped


@pytest.mark.parametrize(
    ("statement", "problem"),
    [
        ("UPDATE destination SET received = received + 1", "counted twice"),
        ("UPDATE destination SET received = received - 1", "unaccounted for"),
        ("UPDATE destination SET cursor = cursor + 3", "have no outcome"),
        ("UPDATE destination SET cursor = cursor - 1", "has an outcome"),
        (
            "UPDATE destination SET received = received - 1, sent = sent + 1",
            "outcomes show",
        ),
        (
            "UPDATE destination SET dropped = '{\"x\": 2}', received = received - 1",
            "messages dropped",
        ),
        ("UPDATE outcome SET last_seq = last_seq + 1", "two outcomes"),
        ("DELETE FROM outcome WHERE confidence = 0", "messages dropped"),
        ("DELETE FROM parked", "messages are parked"),
        (
            'UPDATE channel SET tallies = \'{"bytes_in": 9, "bytes_framed": 8}\'',
            "9 bytes came in, 8 were framed or skipped",
        ),
        ("UPDATE channel SET messages = messages + 1", "messages in rows"),
        ("UPDATE channel SET bytes = bytes + 1", "bytes in rows"),
        ("UPDATE channel SET parked_bytes = 0", "bytes are parked"),
        ("UPDATE channel SET first_seq = 0", "not accounted for"),
        ("DELETE FROM batch WHERE id = 7", "not accounted for"),
        (
            "DELETE FROM batch WHERE id = (SELECT max(id) FROM batch)",
            "the rows end at",
        ),
        ("UPDATE channel SET last_seq = last_seq + 1", "the rows end at"),
    ],
)
def test_a_lie_is_found(state: Path, statement: str, problem: str) -> None:
    tamper(state, statement)
    report = audit(state)
    assert not report.adds_up
    assert any(problem in each for each in report.problems), report.problems
