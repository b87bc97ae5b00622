"""The file itself, without a reactor and without a thread."""

from __future__ import annotations

import errno
import os
import stat
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest

from iobuffer.destinations._appended import Appended, Piece, Sync, fill_fields
from iobuffer.destinations._file_tail import end_mark, torn_bytes
from iobuffer.framing import FRAMINGS
from tests.destinations.fakes import TroubledDisk

NOW = 1_800_000_000.0
DAY = 86_400.0


def appended(path: Path | str, **options: Any) -> Appended:
    options = {
        "mark": b"\n",
        "mode": 0o640,
        "sync": Sync.BATCH,
        "rotate_bytes": 0,
        "rotate_every_seconds": 0.0,
        **options,
    }
    return Appended(str(path), **options)


def piece(data: bytes, at: float = NOW, now: float | None = None) -> Piece:
    return Piece(data, at, at if now is None else now)


def failing(number: int) -> Any:
    def fail(*args: Any) -> Any:
        raise OSError(number, os.strerror(number))

    return fail


@pytest.fixture
def disk() -> TroubledDisk:
    return TroubledDisk()


# -- names -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("ward-3", "/out/ward-3/x"),
        ("../../etc", "/out/.._.._etc/x"),
        ("..", "/out/__/x"),
        (".", "/out/_/x"),
        ("", "/out/_/x"),
        ("a/b", "/out/a_b/x"),
        ("a\0b", "/out/a_b/x"),
        ("100%Y", "/out/100%%Y/x"),
    ],
)
def test_a_name_cannot_lead_to_another_folder(name: str, path: str) -> None:
    assert fill_fields("/out/{channel}/x", {"channel": name}) == path


def test_the_time_received_chooses_the_file(tmp_path: Path) -> None:
    file = appended(tmp_path / "%Y-%m-%d.txt")
    pieces = [piece(b"a\n"), piece(b"b\n", NOW + DAY), piece(b"c\n", NOW)]
    assert file.append(pieces) == (3, None)
    file.close()
    day, after = (
        time.strftime("%Y-%m-%d.txt", time.localtime(at)) for at in (NOW, NOW + DAY)
    )
    assert (tmp_path / day).read_bytes() == b"a\nc\n"
    assert (tmp_path / after).read_bytes() == b"b\n"


def test_folders_are_made_for_the_service_and_its_group_only(tmp_path: Path) -> None:
    file = appended(tmp_path / "a" / "b" / "c.txt", mode=0o600)
    file.append([piece(b"x\n")])
    file.close()
    for folder in (tmp_path / "a", tmp_path / "a" / "b"):
        assert stat.S_IMODE(folder.stat().st_mode) & 0o027 == 0
    assert stat.S_IMODE((tmp_path / "a/b/c.txt").stat().st_mode) == 0o600


# -- rotation --------------------------------------------------------------------------


def test_a_file_that_would_grow_too_large_is_set_aside(tmp_path: Path) -> None:
    path = tmp_path / "f"
    file = appended(path, rotate_bytes=6)
    assert file.append([piece(b"aa\n"), piece(b"bb\n"), piece(b"cc\n")]) == (3, None)
    assert file.append([piece(b"dddddddd\n")]) == (1, None)
    assert file.append([piece(b"e\n")]) == (1, None)
    file.close()
    assert (tmp_path / "f.1").read_bytes() == b"aa\nbb\n"
    assert (tmp_path / "f.2").read_bytes() == b"cc\n"
    assert (tmp_path / "f.3").read_bytes() == b"dddddddd\n"
    assert path.read_bytes() == b"e\n"


def test_files_set_aside_before_are_never_written_over(tmp_path: Path) -> None:
    (tmp_path / "f.7").write_bytes(b"old\n")
    (tmp_path / "f").write_bytes(b"full\n")
    file = appended(tmp_path / "f", rotate_bytes=5)
    file.append([piece(b"x\n")])
    file.close()
    assert (tmp_path / "f.7").read_bytes() == b"old\n"
    assert (tmp_path / "f.8").read_bytes() == b"full\n"
    assert (tmp_path / "f").read_bytes() == b"x\n"


def test_rotation_by_time_goes_by_local_midnight_and_over_a_restart(
    tmp_path: Path,
) -> None:
    path = tmp_path / "f"
    file = appended(path, rotate_every_seconds=DAY)
    file.append([piece(b"a\n"), piece(b"b\n", now=NOW + 1)])
    assert not (tmp_path / "f.1").exists()
    file.append([piece(b"c\n", now=NOW + DAY)])
    file.close()
    assert (tmp_path / "f.1").read_bytes() == b"a\nb\n"
    os.utime(path, (NOW + DAY, NOW + DAY))
    again = appended(path, rotate_every_seconds=DAY)
    again.append([piece(b"d\n", now=NOW + 2 * DAY)])
    again.close()
    assert (tmp_path / "f.2").read_bytes() == b"c\n"
    assert path.read_bytes() == b"d\n"


def test_a_file_that_was_moved_away_is_begun_anew(tmp_path: Path) -> None:
    path = tmp_path / "f"
    file = appended(path)
    file.append([piece(b"a\n")])
    path.rename(tmp_path / "moved")
    file.append([piece(b"b\n")])
    file.close()
    assert (tmp_path / "moved").read_bytes() == b"a\n"
    assert path.read_bytes() == b"b\n"


# -- what goes wrong -------------------------------------------------------------------


def test_a_full_disk_takes_back_the_half_written_batch(
    tmp_path: Path, disk: TroubledDisk
) -> None:
    path = tmp_path / "f"
    file = appended(path, disk=disk)
    file.append([piece(b"safe\n")])
    room = [4]

    def write(fd: int, data: Any) -> int:
        if not room[0]:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        count = os.write(fd, data[: room[0]])
        room[0] -= count
        return count

    disk.broken = {"write": write}
    settled, failure = file.append([piece(b"a\n"), piece(b"lost\n"), piece(b"b\n")])
    assert settled == 1
    assert failure is not None
    assert (failure.errno, failure.filename) == (errno.ENOSPC, str(path))
    assert path.read_bytes() == b"safe\na\n"
    disk.broken = {}
    assert file.append([piece(b"lost\n"), piece(b"b\n")]) == (2, None)
    file.close()
    assert path.read_bytes() == b"safe\na\nlost\nb\n"


def test_what_cannot_be_taken_back_now_is_before_the_next_write(
    tmp_path: Path, disk: TroubledDisk
) -> None:
    path = tmp_path / "f"
    file = appended(path, disk=disk, mark=b"")
    file.append([piece(b"safe\n")])

    def write(fd: int, data: Any) -> int:
        os.write(fd, data[:2])
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    disk.broken = {"write": write, "ftruncate": failing(errno.EIO)}
    assert file.append([piece(b"lost\n")])[0] == 0
    assert path.read_bytes() == b"safe\nlo"
    disk.broken = {}
    assert file.append([piece(b"lost\n")]) == (1, None)
    file.close()
    assert path.read_bytes() == b"safe\nlost\n"


def test_a_sync_that_failed_settles_nothing_and_is_not_asked_again(
    tmp_path: Path, disk: TroubledDisk
) -> None:
    """The kernel may call the next sync of the same bytes good although they are gone:
    they are cut off, and written anew."""
    path = tmp_path / "f"
    file = appended(path, disk=disk)
    file.append([piece(b"safe\n")])
    disk.broken = {"fdatasync": failing(errno.EIO)}
    settled, failure = file.append([piece(b"a\n"), piece(b"b\n")])
    assert settled == 0
    assert failure is not None
    assert path.read_bytes() == b"safe\n"
    disk.broken = {}
    assert file.append([piece(b"a\n"), piece(b"b\n")]) == (2, None)
    file.close()
    assert path.read_bytes() == b"safe\na\nb\n"


def test_without_sync_what_was_written_is_settled(
    tmp_path: Path, disk: TroubledDisk
) -> None:
    disk.broken = {"fdatasync": failing(errno.EIO), "fsync": failing(errno.EIO)}
    file = appended(tmp_path / "f", sync=Sync.NEVER, disk=disk)
    assert file.append([piece(b"a\n")]) == (1, None)
    file.close()


def test_a_second_writer_is_refused(tmp_path: Path) -> None:
    file = appended(tmp_path / "f")
    file.append([piece(b"a\n")])
    settled, failure = appended(tmp_path / "f").append([piece(b"b\n")])
    assert settled == 0
    assert isinstance(failure, BlockingIOError)
    file.close()


@pytest.mark.parametrize("kind", ["folder", "fifo"])
def test_what_is_no_file_is_refused_and_does_not_hang(
    tmp_path: Path, kind: str
) -> None:
    path = tmp_path / "f"
    if kind == "folder":
        path.mkdir()
    else:
        os.mkfifo(path)
    settled, failure = appended(path).append([piece(b"a\n")])
    assert settled == 0
    assert failure is not None
    assert failure.filename == str(path)


# -- the tail --------------------------------------------------------------------------


def test_a_message_cut_off_by_a_crash_is_put_aside(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"one\ntwo\nthr")
    file = appended(path)
    file.append([piece(b"three\n")])
    file.close()
    assert path.read_bytes() == b"one\ntwo\nthree\n"
    assert (tmp_path / "f.torn").read_bytes() == b"thr"
    assert "ended inside a message" in file.notices[0]


def test_a_file_of_another_kind_is_set_aside_whole(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"\x0bmllp\x1c\r")
    file = appended(path)
    file.append([piece(b"line\n")])
    file.close()
    assert path.read_bytes() == b"line\n"
    assert (tmp_path / "f.1").read_bytes() == b"\x0bmllp\x1c\r"


def test_every_cut_of_a_file_goes_on_with_whole_messages(tmp_path: Path) -> None:
    whole = b"\x0bone\x1c\r\x0btwo\x1c\r"
    for size in range(1, len(whole) + 1):
        path = tmp_path / f"f{size}"
        path.write_bytes(whole[:size])
        file = appended(path, mark=b"\x1c\r")
        file.append([piece(b"\x0bnew\x1c\r")])
        file.close()
        framer = FRAMINGS["mllp"]().framer()
        messages = framer.feed(path.read_bytes()) + framer.finish()
        complete = whole[:size].count(b"\x1c\r")
        assert messages == [*[b"one", b"two"][:complete], b"new"]
        assert framer.skipped_bytes == 0


def test_the_tail_is_found_across_blocks(tmp_path: Path) -> None:
    path = tmp_path / "f"
    for tail in (0, 1, 65_534, 65_535, 65_536, 65_537, 200_000):
        path.write_bytes(b"a\r\n" + b"x" * tail)
        with path.open("rb") as opened:
            size = path.stat().st_size
            assert torn_bytes(opened.fileno(), size, b"\r\n") == tail
            assert torn_bytes(opened.fileno(), size, b"\r\r") is None


@pytest.mark.parametrize(
    ("framing", "mark"),
    [
        ("line", b"\n"),
        ("mllp", b"\x1c\r"),
        ("netstring", b""),
        ("length_prefix", b""),
        ("raw", b""),
        ("syslog", b""),
    ],
)
def test_the_end_mark_is_what_no_message_can_hold(framing: str, mark: bytes) -> None:
    config: Any = (
        FRAMINGS[framing](width=4)
        if framing == "length_prefix"
        else FRAMINGS[framing]()
    )
    assert end_mark(config.encoder()) == mark


def test_destinations_that_make_one_folder_at_once_all_have_it(tmp_path: Path) -> None:
    """Each has a thread of its own, and all of them start together."""
    rounds, files = 40, 4
    together = Barrier(files)

    def write(number: int) -> list[OSError | None]:
        found = []
        for turn in range(rounds):
            file = appended(tmp_path / str(turn) / "a" / "b" / str(number))
            together.wait(10)
            found.append(file.append([piece(b"one\n")])[1])
            file.close()
        return found

    with ThreadPoolExecutor(files) as threads:
        for found in threads.map(write, range(files)):
            assert found == [None] * rounds
