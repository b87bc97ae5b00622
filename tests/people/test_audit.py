"""TORTURE A15: what was done is written down, and what is altered is named."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import resource
import stat
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from iobuffer.people.audit import AuditLog, audit_files, read_back, verify
from iobuffer.people.errors import AuditError

WALL = 1_700_000_000.123


def _log(state_dir: Path, **more: int) -> AuditLog:
    return AuditLog(state_dir, wall=lambda: WALL, **more)


def _write(state_dir: Path, count: int, **more: int) -> None:
    log = _log(state_dir, **more)
    for number in range(1, count + 1):
        log.append("anna", "replay", f"message {number}")


@pytest.fixture
def state_dir(tmp_path: Path) -> Path:
    _write(tmp_path, 6)
    return tmp_path


def test_a_line_says_who_did_what_and_when_in_utc(state_dir: Path) -> None:
    first = json.loads((state_dir / "audit.log").read_text().splitlines()[0])

    assert list(first) == ["n", "at", "who", "what", "detail", "prev", "hash"]
    assert first["n"] == 1
    assert first["at"] == "2023-11-14T22:13:20.123Z"
    assert (first["who"], first["what"]) == ("anna", "replay")
    assert first["prev"] == "0" * 64
    for name in ("audit.log", "audit.head"):
        assert stat.S_IMODE((state_dir / name).stat().st_mode) == 0o600


def test_a_log_as_it_was_written_holds(state_dir: Path) -> None:
    last = json.loads((state_dir / "audit.log").read_text().splitlines()[-1])

    verdict = verify(state_dir)

    assert (verdict.lines, verdict.bad, verdict.notes) == (6, "", ())
    assert verdict.last_hash == last["hash"]
    assert verify(state_dir, holds=last["prev"]).bad == ""
    assert verify(state_dir, holds="ab" * 32).bad.startswith("no line has the hash")


def test_no_log_at_all_is_no_fault(tmp_path: Path) -> None:
    assert verify(tmp_path / "none").bad == ""
    assert read_back(tmp_path, before=0, limit=10) == []


def _swap(lines: list[bytes]) -> list[bytes]:
    return [lines[0], lines[2], lines[1], *lines[3:]]


def _made_anew(line: bytes) -> bytes:
    """An altered line with a hash that fits it."""
    body = line.replace(b"message 3", b"message 9").rpartition(b',"hash":')[0]
    return body + b',"hash":"' + hashlib.sha256(body).hexdigest().encode() + b'"}\n'


DAMAGES: dict[str, tuple[Callable[[list[bytes]], list[bytes]], str]] = {
    "a word altered": (
        lambda lines: [*lines[:2], lines[2].replace(b"anna", b"anne"), *lines[3:]],
        "audit.log:3: line 3 was altered",
    ),
    "the time altered": (
        lambda lines: [lines[0].replace(b"2023", b"2022"), *lines[1:]],
        "audit.log:1: line 1 was altered",
    ),
    "a hash altered": (
        lambda lines: [
            *lines[:5],
            lines[5][:-4] + bytes([lines[5][-4] ^ 1]) + lines[5][-3:],
        ],
        "audit.log:6: line 6 was altered",
    ),
    "altered, with a hash that fits": (
        lambda lines: [*lines[:2], _made_anew(lines[2]), *lines[3:]],
        "audit.log:4: line 4 does not follow from the line before it",
    ),
    "the first line gone": (
        lambda lines: lines[1:],
        "audit.log:1: expected line 1, found 2",
    ),
    "a line in the midst gone": (
        lambda lines: [*lines[:3], *lines[4:]],
        "audit.log:4: expected line 4, found 5",
    ),
    "the last line gone": (
        lambda lines: lines[:5],
        "the log ends with line 5, but there was a line 6: what was at its end is "
        "missing",
    ),
    "everything gone": (
        lambda lines: [],
        "the log ends with line 0, but there was a line 6: what was at its end is "
        "missing",
    ),
    "two lines exchanged": (_swap, "audit.log:2: expected line 2, found 3"),
    "a line twice": (
        lambda lines: [lines[0], *lines],
        "audit.log:2: expected line 2, found 1",
    ),
    "a line that is none": (
        lambda lines: [*lines[:2], b"hello\n", *lines[2:]],
        "audit.log:3: this is no line of the log; expected line 3",
    ),
    "bytes that are no text": (
        lambda lines: [*lines[:2], b"\xff\x00" * 100 + b"\n", *lines[2:]],
        "audit.log:3: this is no line of the log; expected line 3",
    ),
    "the last line torn": (
        lambda lines: [*lines[:5], lines[5][:40]],
        "audit.log:6: the line is not whole; the next append takes it off",
    ),
}


@pytest.mark.parametrize(("damage", "bad"), DAMAGES.values(), ids=DAMAGES)
def test_the_first_bad_line_is_named(
    state_dir: Path, damage: Callable[[list[bytes]], list[bytes]], bad: str
) -> None:
    path = state_dir / "audit.log"
    path.write_bytes(b"".join(damage(path.read_bytes().splitlines(keepends=True))))

    assert verify(state_dir).bad == bad


def test_every_flipped_bit_is_seen(tmp_path: Path) -> None:
    _write(tmp_path, 2)
    path = tmp_path / "audit.log"
    image = path.read_bytes()

    for at in range(len(image)):
        path.write_bytes(image[:at] + bytes([image[at] ^ 4]) + image[at + 1 :])
        assert verify(tmp_path).bad, at


def test_without_its_head_a_log_holds_with_a_note(state_dir: Path) -> None:
    (state_dir / "audit.head").write_text("{")

    verdict = verify(state_dir)

    assert verdict.bad == ""
    assert "audit.head is not here" in verdict.notes[0]


def test_the_chain_goes_on_over_files_restarts_and_processes(tmp_path: Path) -> None:
    gateway = _log(tmp_path, max_file_bytes=800)
    for number in range(10):
        gateway.append("anna", "replay", str(number))
        # The command line, or the gateway after a restart.
        _log(tmp_path, max_file_bytes=800).append("local:root", "passwd", "ben")

    files = audit_files(tmp_path)
    assert len(files) > 3
    assert files[-1].name == "audit.log"
    for path in files[:-1]:
        first = json.loads(path.read_text().splitlines()[0])
        assert path.name == f"audit.log.{first['n']}"
    assert (verify(tmp_path).lines, verify(tmp_path).bad) == (20, "")


def test_lines_missing_between_two_files_are_named(tmp_path: Path) -> None:
    _write(tmp_path, 16, max_file_bytes=800)
    first, second, third = audit_files(tmp_path)[:3]
    begin = int(second.name.rpartition(".")[2])
    second.unlink()

    assert verify(tmp_path).bad == (
        f"{third.name}: expected it to begin with line {begin}"
    )

    first.unlink()
    verdict = verify(tmp_path)
    assert verdict.bad == ""
    assert "are in files that are no longer here" in verdict.notes[0]


def test_all_old_files_may_be_moved_away_and_the_rest_still_holds(
    tmp_path: Path,
) -> None:
    _write(tmp_path, 12, max_file_bytes=800)
    for path in audit_files(tmp_path)[:-1]:
        path.unlink()

    verdict = verify(tmp_path)
    assert (verdict.bad, verdict.lines, len(verdict.notes)) == ("", 12, 1)

    _log(tmp_path).append("anna", "replay")
    assert verify(tmp_path).lines == 13


def test_what_a_crash_left_unfinished_is_taken_off(state_dir: Path) -> None:
    path = state_dir / "audit.log"
    image = path.read_bytes()
    for cut in (1, 50, len(image.splitlines()[-1])):
        path.write_bytes(image + image[:cut])

        _log(state_dir).append("anna", "after the crash")

        assert (verify(state_dir).lines, verify(state_dir).bad) == (7, "")
        path.write_bytes(image)


def test_nothing_is_written_behind_a_damaged_last_line(state_dir: Path) -> None:
    path = state_dir / "audit.log"
    path.write_bytes(path.read_bytes() + b"hello\n")

    with pytest.raises(AuditError, match=r"last line of .* is damaged; nothing was"):
        _log(state_dir).append("anna", "replay")

    assert path.read_bytes().endswith(b"hello\n")


@pytest.fixture
def small_disk() -> Iterator[Callable[[int], None]]:
    """No file grows beyond so many bytes: the system says no in the midst of one."""
    import signal

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    signal_before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)

    def limit(size_bytes: int) -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, before[1]))

    yield limit
    resource.setrlimit(resource.RLIMIT_FSIZE, before)
    signal.signal(signal.SIGXFSZ, signal_before)


def test_on_a_full_disk_it_refuses_and_resumes_by_itself(
    state_dir: Path, small_disk: Callable[[int], None]
) -> None:
    path = state_dir / "audit.log"
    log = _log(state_dir)
    log.append("anna", "replay", "message 7")
    image = path.read_bytes()

    for room in (0, 1, 100):
        small_disk(len(image) + room)
        with pytest.raises(AuditError, match=r"nothing was done\. Messages go on"):
            log.append("anna", "replay", "message 8")
        small_disk(resource.RLIM_INFINITY)
        assert path.read_bytes() == image

    log.append("anna", "replay", "message 8")
    assert (verify(state_dir).lines, verify(state_dir).bad) == (8, "")


def test_a_sync_that_fails_is_a_refusal(
    state_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fsync(fd: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    log = _log(state_dir)
    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", fsync)
        with pytest.raises(AuditError, match="Input/output error; nothing was done"):
            log.append("anna", "replay", "message 7")

    assert (verify(state_dir).lines, verify(state_dir).bad) == (6, "")


def test_a_log_that_others_can_write_is_refused(state_dir: Path) -> None:
    (state_dir / "audit.log").chmod(0o666)

    with pytest.raises(AuditError, match="chmod 600"):
        _log(state_dir).append("anna", "replay")


def test_threads_do_not_mix_their_lines(tmp_path: Path) -> None:
    log = _log(tmp_path, max_file_bytes=2000)
    threads = [
        threading.Thread(target=lambda: [log.append("t", "w") for _ in range(10)])
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert (verify(tmp_path).lines, verify(tmp_path).bad) == (40, "")


def test_words_of_strangers_stay_on_their_line_and_in_bounds(tmp_path: Path) -> None:
    _log(tmp_path).append("eve\n{}", "x" * 100_000, "\x1b[2J\u202e\udcff\r\n" * 5000)

    image = (tmp_path / "audit.log").read_bytes()
    assert image.count(b"\n") == 1
    assert image.isascii()
    assert len(image) < 64 * 1024
    assert verify(tmp_path).bad == ""
    _log(tmp_path).append("anna", "sign in")
    assert verify(tmp_path).lines == 2


def test_the_log_is_read_back_newest_first_page_by_page(tmp_path: Path) -> None:
    _write(tmp_path, 25, max_file_bytes=1500)
    assert len(audit_files(tmp_path)) > 3

    seen, before = [], 0
    while page := read_back(tmp_path, before=before, limit=7):
        seen += [entry["n"] for entry in page]
        before = page[-1]["n"]

    assert seen == list(range(25, 0, -1))
    assert set(read_back(tmp_path, before=2, limit=7)[0]) == {
        "n",
        "at",
        "who",
        "what",
        "detail",
    }


def test_reading_back_finds_the_lines_that_hold_a_text(tmp_path: Path) -> None:
    log = _log(tmp_path)
    for number in range(6):
        log.append("anna", "replay", f"chem-{number % 2}")
    log.append("Otto", "sign in")

    def found(contains: str, limit: int = 10) -> list[int]:
        lines = read_back(tmp_path, before=0, limit=limit, contains=contains)
        return [line["n"] for line in lines]

    assert found("chem-1") == [6, 4, 2]
    assert found("CHEM-1", limit=2) == [6, 4]
    assert found("otto") == [7]
    assert found("anna replay chem-0") == [5, 3, 1]
    assert found("nobody") == []


def test_a_damaged_line_does_not_hide_the_others(state_dir: Path) -> None:
    path = state_dir / "audit.log"
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*lines[:2], b"hello\n", *lines[2:]]))

    found = read_back(state_dir, before=0, limit=100)

    assert [entry["n"] for entry in found] == [6, 5, 4, 3, 2, 1]


def test_no_file_is_given_the_name_of_another(tmp_path: Path) -> None:
    _write(tmp_path, 6, max_file_bytes=600)
    kept = {path: path.read_bytes() for path in audit_files(tmp_path)[:-1]}
    assert kept
    current = tmp_path / "audit.log"
    number = int(json.loads(current.read_text().splitlines()[0])["n"])
    current.write_text(current.read_text().replace(f'"n":{number}', '"n":1', 1))

    with pytest.raises(AuditError, match="Move the file aside"):
        _write(tmp_path, 20, max_file_bytes=600)

    assert (
        kept.items()
        <= {path: path.read_bytes() for path in audit_files(tmp_path)}.items()
    )


def test_a_new_file_that_cannot_be_made_closes_nothing_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    really_open = os.open

    def no_new_file(path: Path, flags: int, mode: int = 0o777) -> int:
        if flags & os.O_EXCL:
            raise OSError(errno.ENFILE, os.strerror(errno.ENFILE))
        return really_open(path, flags, mode)

    monkeypatch.setattr(os, "open", no_new_file)
    # A number that is closed twice may be another thread's by then.
    with pytest.raises(AuditError, match="Too many open files in system"):
        _write(tmp_path, 6, max_file_bytes=600)
    monkeypatch.undo()

    _write(tmp_path, 1)
    assert verify(tmp_path).bad == ""
