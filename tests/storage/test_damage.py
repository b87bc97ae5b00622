"""Bits flipped and files cut off: nothing wrong is delivered, no loss is silent."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import attrs
import pytest

from iobuffer.storage.base import Confidence
from iobuffer.storage.sqlite import SqliteStore

from .samples import CHANNELS, KEEP, Contents, Reading, fill, flip, leave_as_it_is

FLIPS_IN_DATABASE = 60
FLIPS_IN_LOG = 40
CUTS = 40

DATABASE = "store.sqlite3"
LOG = "store.sqlite3-wal"


@attrs.frozen
class Template:
    """Stores to be copied: all in the log, and all in the file."""

    in_log: Path
    in_file: Path
    contents: Contents


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Template:
    folder = tmp_path_factory.mktemp("template")
    store = SqliteStore(folder / "state", min_free_bytes=0)
    contents = fill(store, 1)
    leave_as_it_is(store, folder / "state", folder / "in_log")
    return Template(folder / "in_log", folder / "state", contents)


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state"


def test_an_undamaged_copy_has_everything(template: Template, state: Path) -> None:
    for original in (template.in_log, template.in_file):
        shutil.copytree(original, state)
        reading = Reading(state)
        assert reading.contents == template.contents
        assert reading.findings == []
        shutil.rmtree(state)


def test_no_flipped_bit_in_the_database_passes_in_silence(
    template: Template, state: Path
) -> None:
    size = (template.in_file / DATABASE).stat().st_size
    delivered = 0
    for seed in range(FLIPS_IN_DATABASE):
        shutil.copytree(template.in_file, state)
        flip(state / DATABASE, random.Random(seed).randrange(size * 8))
        reading = Reading(state)
        assert reading.judge(template.contents) == (0, 0), f"seed {seed}"
        delivered += len(reading.contents)
        shutil.rmtree(state)
    # Each flip may cost its own row, not the store.
    assert delivered > 0.9 * FLIPS_IN_DATABASE * len(template.contents)


def test_no_flipped_bit_in_the_log_passes_in_silence(
    template: Template, state: Path
) -> None:
    size = (template.in_log / LOG).stat().st_size
    found = 0
    for seed in range(FLIPS_IN_LOG):
        shutil.copytree(template.in_log, state)
        flip(state / LOG, random.Random(seed).randrange(size * 8))
        reading = Reading(state)
        assert reading.judge(template.contents) == (0, 0), f"seed {seed}"
        found += bool(reading.findings)
        shutil.rmtree(state)
    # SQLite alone says nothing about any of them.
    assert found > FLIPS_IN_LOG // 2


def test_a_log_cut_off_anywhere_is_told_to_the_message(
    template: Template, state: Path
) -> None:
    size = (template.in_log / LOG).stat().st_size
    rng = random.Random(3)
    for length in [0, 1, 31, 32, size - 1, *(rng.randrange(size) for _ in range(CUTS))]:
        shutil.copytree(template.in_log, state)
        with (state / LOG).open("r+b") as log:
            log.truncate(length)
        reading = Reading(state)
        assert reading.judge(template.contents) == (0, 0), f"at {length}"
        missing = len(template.contents) - len(reading.contents)
        named = [each for each in reading.findings if each.channel in CHANNELS]
        if len(named) == len(CHANNELS):
            assert sum(each.lost_messages for each in named) == missing
        shutil.rmtree(state)


def test_a_bad_row_is_set_aside_and_the_rest_is_served(
    template: Template, state: Path
) -> None:
    shutil.copytree(template.in_file, state)
    seq, message = next(
        (key[1], message)
        for key, message in template.contents.items()
        if key[0] == "a" and key[1] > 20 and len(message) == 3000
    )
    image = (state / DATABASE).read_bytes()
    flip(state / DATABASE, (image.index(message[:40]) + 5) * 8)
    store = SqliteStore(state)
    store.open_channel("a", KEEP, ["d"])
    batch = store.read("a", seq - 1, 10, 10_000)
    assert batch is not None
    assert batch.first_seq > seq
    (finding,) = store.findings
    assert finding.channel == "a"
    assert finding.lost_messages == store.state("a").damaged_messages > 0
    assert "CRC" in finding.text
    store.drop("a", "d", batch.first_seq - 1, "damaged")
    store.advance("a", "d", store.state("a").last_seq, Confidence.SENT)
    store.commit(1.0)
    assert store.state("a").destinations["d"].balance == 0
    damaged = store.state("a").damaged_messages
    store.close()

    again = SqliteStore(state)
    assert again.findings == []
    assert again.state("a").damaged_messages == damaged
    again.close()


def test_a_damaged_cursor_is_reported_and_leaves_nothing_out(
    template: Template, state: Path
) -> None:
    shutil.copytree(template.in_file, state)
    connection = open_raw(state)
    connection.execute("UPDATE destination SET cursor = cursor + 5 WHERE id = 1")
    connection.close()
    store = SqliteStore(state)
    (finding, copied) = store.findings
    assert "cursor of destination d was damaged" in finding.text
    assert "quarantine" in copied.text
    ledger = store.state("a").destinations["d"]
    assert ledger.cursor == store.state("a").first_seq - 1 == 0
    assert ledger.balance == 0
    store.close()


def test_a_damaged_channel_row_is_counted_anew(template: Template, state: Path) -> None:
    shutil.copytree(template.in_file, state)
    before = Reading(state)
    connection = open_raw(state)
    connection.execute("UPDATE channel SET last_seq = last_seq - 9 WHERE id = 1")
    connection.close()
    reading = Reading(state)
    assert "own row was damaged" in reading.findings[0].text
    assert reading.contents == before.contents


def test_vanished_rows_become_a_gap(template: Template, state: Path) -> None:
    shutil.copytree(template.in_file, state)
    connection = open_raw(state)
    gone = [
        (first, count)
        for first, count in connection.execute(
            "DELETE FROM batch WHERE channel = 1 AND id % 10 = 1 "
            "RETURNING first_seq, count"
        )
    ]
    connection.close()
    reading = Reading(state)
    missing = {("a", first + at) for first, count in gone for at in range(count)}
    assert set(template.contents) - set(reading.contents) == missing
    assert sum(each.lost_messages for each in reading.findings) == len(missing)


def test_an_exchanged_row_breaks_the_chain(template: Template, state: Path) -> None:
    shutil.copytree(template.in_file, state)
    connection = open_raw(state)
    from iobuffer.storage.rows import row_crc

    row = connection.execute(
        "SELECT id, channel, first_seq, count, received_at, peers, prev_crc, body "
        "FROM batch WHERE channel = 1 ORDER BY first_seq LIMIT 1 OFFSET 5"
    ).fetchone()
    # Another row in its place, whole in itself: only the next one can tell.
    row_id, *covered, body = row
    other = body[:-1] + bytes([body[-1] ^ 255])
    crc = row_crc(*covered, other)
    connection.execute(
        "UPDATE batch SET body = ?, crc = ? WHERE id = ?", (other, crc, row_id)
    )
    connection.close()
    reading = Reading(state)
    assert "chain is broken" in reading.findings[0].text


def open_raw(state: Path):  # type: ignore[no-untyped-def]
    """The file as any SQLite program would see it."""
    import apsw

    connection = apsw.Connection(str(state / DATABASE))
    connection.execute("PRAGMA locking_mode=EXCLUSIVE").fetchall()
    return connection
