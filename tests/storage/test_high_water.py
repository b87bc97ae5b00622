"""The two-slot mark: small, torn at will, and never wrong."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from iobuffer.storage.high_water import HighWaterFile, Mark, read_mark

EPOCH = "00112233445566778899aabbccddeeff"
RAW = bytes.fromhex(EPOCH)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "high-water"


def begin(path: Path) -> HighWaterFile:
    file = HighWaterFile(path)
    file.begin(Mark(EPOCH, 1, 0, (0,)))
    return file


def test_what_was_marked_is_read(path: Path) -> None:
    file = begin(path)
    file.set(1, 100)
    file.set(3, 7)
    file.mark(RAW, 2, 107, 1.0)
    mark = read_mark(path)
    assert mark == Mark(EPOCH, 2, 107, (0, 100, 0, 7))
    assert [mark.last_seq(number) for number in (1, 2, 9)] == [100, 0, 0]
    file.close()


def test_a_write_torn_anywhere_leaves_the_mark_before_it(path: Path) -> None:
    file = begin(path)
    file.set(1, 10)
    file.mark(RAW, 2, 10, 1.0)
    before = path.read_bytes()
    file.set(1, 20)
    file.mark(RAW, 3, 20, 2.0)
    after = path.read_bytes()
    file.close()
    start = len(before) // 2
    for length in range(1, 80):
        torn = before[:start] + after[start : start + length] + before[start + length :]
        path.write_bytes(torn)
        mark = read_mark(path)
        assert mark is not None
        assert mark.commits == (3 if torn == after else 2)


def test_no_file_and_no_whole_slot_are_no_mark(path: Path) -> None:
    assert read_mark(path) is None
    for content in (b"", b"x", bytes(8192), os.urandom(8192)):
        path.write_bytes(content)
        assert read_mark(path) is None


def test_it_grows_with_the_channels(path: Path) -> None:
    file = begin(path)
    for number in range(1, 2000):
        file.set(number, number * 3)
    file.mark(RAW, 2, 1, 1.0)
    file.mark(RAW, 3, 1, 1.0)
    mark = read_mark(path)
    assert mark is not None
    assert mark.commits == 3
    assert mark.last_seq(1999) == 5997
    file.close()


def test_a_mark_is_one_small_write_to_alternating_slots(path: Path) -> None:
    file = begin(path)
    halves = []
    for commits in (2, 3, 4, 5):
        before = path.read_bytes()
        file.mark(RAW, commits, 0, 1.0)
        after = path.read_bytes()
        half = len(after) // 2
        halves.append([before[:half] != after[:half], before[half:] != after[half:]])
    assert halves == [[True, False], [False, True]] * 2
    file.close()
