"""The audit log: what people did, in lines that hold each other.

`audit.log` under the state directory, mode 0600, is JSON lines that are only ever
appended. A line::

    {"n":7,"at":"2026-11-22T10:04:02.123Z","who":"anna","what":"sign in",
     "detail":"from 10.0.0.7","prev":"<hash of line 6>","hash":"<hash of this line>"}

`hash` is the SHA-256 of the line's bytes up to `,"hash":`; `prev` of line 1 is 64
zeros. When the file has grown to `max_file_bytes` it is renamed to `audit.log.N`, N
the number of its first line, and the chain goes on in a new one. Nothing here deletes
a file; whoever moves old ones away begins with the oldest.

`audit.head` says what the last line was and with which number the current file begins,
so that lines cut off at the end are missed. A chain shows what was altered by somebody
who could not make it anew; against one who can write all of these files, note the last
hash elsewhere from time to time, and give it to `iobuffer audit-log verify --holds`.

A line is on the disk when `append` returns. What a crash left unfinished at the end was
never promised to anybody, and the next append takes it off.
"""

from __future__ import annotations

import contextlib
import datetime
import errno
import hashlib
import json
import os
import re
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import attrs

from .errors import AuditError, StateFileError
from .state_file import LOCK, check_private, locked

__all__ = ["AuditLog", "Verdict", "audit_files", "read_back", "verify"]

_NAME = "audit.log"
_HEAD = "audit.head"
_ZERO = "0" * 64
_MARK = b',"hash":"'
#: The end of a line: the mark, the hash, and `"}`.
_END_BYTES = len(_MARK) + 64 + 2
_MAX_WORDS = 4000
_MAX_LINE_BYTES = 64 * 1024
_ARCHIVE = re.compile(r"audit\.log\.(\d+)")


@attrs.frozen
class _Tail:
    """The last line, and of which file: by it we see that another process wrote."""

    inode: int
    size_bytes: int
    number: int
    hash: str


_SAID = ("who", "what", "detail")


class AuditLog:
    """Appends; safe from any thread and beside the command line.

    Args:
        wall: epoch seconds, the label of a line.
        max_file_bytes: when to begin a new file.
    """

    def __init__(
        self,
        state_dir: Path,
        *,
        wall: Callable[[], float],
        max_file_bytes: int = 16 << 20,
    ) -> None:
        self.path = state_dir / _NAME
        self._state_dir = state_dir
        self._wall = wall
        self._max_file_bytes = max_file_bytes
        self._tail: _Tail | None = None
        #: Lines of note() that could not be written since the last that could.
        self.missed = 0
        self._counting = threading.Lock()

    def append(self, who: str, what: str, detail: str = "") -> None:
        """Write one line; blocks for a sync. Call it before what it tells of is done.

        Raises:
            AuditError: it is not on disk, so what it tells of must not be done.
        """
        try:
            with locked(self._state_dir):
                self._make_good()
                self._append(who, what, detail)
        except OSError as error:
            self._tail = None
            raise AuditError(
                f"{self.path} cannot be written: {error.strerror}; nothing was done. "
                "Messages go on; this needs room on the disk first"
            ) from error
        except StateFileError as error:
            raise AuditError(f"{error}; nothing was done") from error

    def note(self, who: str, what: str, detail: str = "") -> None:
        """As append, for what is done all the same, such as a relay's sign-in: the
        messages go on when the disk is full. How many lines could not be written is
        said by the next one that can."""
        try:
            self.append(who, what, detail)
        except AuditError:
            with self._counting:
                self.missed += 1

    def _make_good(self) -> None:
        with self._counting:
            missed = self.missed
        if missed:
            self._append("iobuffer", "audit log", f"{missed} lines are missing here")
            with self._counting:
                self.missed -= missed

    def _append(self, who: str, what: str, detail: str) -> None:
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
        fd = os.open(self.path, flags, 0o600)
        try:
            tail = self._current(fd)
            if tail.size_bytes >= self._max_file_bytes:
                self._put_aside(fd)
                fresh = os.open(self.path, flags | os.O_EXCL, 0o600)
                os.close(fd)
                fd = fresh
                tail = _Tail(os.fstat(fd).st_ino, 0, tail.number, tail.hash)
            line, hash = _line(
                tail.number + 1, self._wall(), who, what, detail, tail.hash
            )
            try:
                if os.write(fd, line) != len(line):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                os.fsync(fd)
            except OSError:
                # Not a byte of it may stay, or the next line would begin in its midst.
                os.ftruncate(fd, tail.size_bytes)
                raise
            if tail.size_bytes == 0:
                _sync_directory(self._state_dir)
            size_bytes = tail.size_bytes + len(line)
            self._tail = _Tail(tail.inode, size_bytes, tail.number + 1, hash)
            self._write_head(fd, tail.size_bytes == 0)
        finally:
            os.close(fd)

    def _put_aside(self, fd: int) -> None:
        """Give the full file the name of its first line, which no other may have."""
        number = self._first_number(fd)
        path = f"{self.path}.{number}"
        if not number or os.path.lexists(path):
            raise AuditError(
                f"{self.path} is full, and its first line is damaged or not the one "
                "that belongs there; nothing was done. Move the file aside and keep "
                "it; `iobuffer audit-log verify` says more"
            )
        os.rename(self.path, path)

    def _current(self, fd: int) -> _Tail:
        """The last line of the open file; of the file before it, if it has none."""
        found = check_private(self.path, fd)
        known = self._tail
        if known and (known.inode, known.size_bytes) == (found.st_ino, found.st_size):
            return known
        start = max(0, found.st_size - _MAX_LINE_BYTES)
        image = os.pread(fd, found.st_size - start, start)
        whole = image.rfind(b"\n") + 1
        if whole < len(image):
            # Never synced, so never promised: a crash in the midst of an append.
            os.ftruncate(fd, start + whole)
        if not whole:
            number, hash = self._end_of_archive() if start == 0 else (0, "")
        else:
            number, hash = _numbers(image[image.rfind(b"\n", 0, whole - 1) + 1 : whole])
        if not hash:
            raise AuditError(
                f"the last line of {self.path} is damaged; nothing was done. Move the "
                f"file aside and keep it; `iobuffer audit-log verify` says more"
            )
        return _Tail(found.st_ino, start + whole, number, hash)

    def _end_of_archive(self) -> tuple[int, str]:
        archives = audit_files(self._state_dir)
        last = [path for path in archives if path.name != _NAME][-1:]
        if not last:
            return 0, _ZERO
        with open(last[0], "rb") as file:
            file.seek(max(0, last[0].stat().st_size - _MAX_LINE_BYTES))
            return _numbers(file.read().rpartition(b"\n")[0].rpartition(b"\n")[2])

    def _first_number(self, fd: int) -> int:
        """Of the first line of the open file; 0 if it is damaged."""
        return _numbers(os.pread(fd, _MAX_LINE_BYTES, 0).partition(b"\n")[0])[0]

    def _write_head(self, fd: int, is_new: bool) -> None:
        assert self._tail is not None
        path = self._state_dir / _HEAD
        begins = self._tail.number if is_new else self._first_number(fd) or 1
        head = {"begins": begins, "n": self._tail.number, "hash": self._tail.hash}
        fresh = path.with_suffix(".head.new")
        try:
            # Not synced: after a power cut it may be of a line before, which is well.
            fresh.write_text(json.dumps(head))
            fresh.chmod(0o600)
            fresh.rename(path)
        except OSError:
            # The line itself is safe; the head follows with the next one.
            fresh.unlink(missing_ok=True)


@attrs.frozen
class Verdict:
    """What `verify` found. `bad` names the first bad line, empty if there is none;
    `notes` are no faults; `last_hash` is what to keep elsewhere."""

    lines: int
    bad: str
    notes: tuple[str, ...]
    last_hash: str


def audit_files(state_dir: Path) -> list[Path]:
    """The files of the log, the oldest first; the current one last."""
    found = [
        (int(match[1]), path)
        for path in (state_dir.iterdir() if state_dir.is_dir() else ())
        if (match := _ARCHIVE.fullmatch(path.name))
    ]
    current = state_dir / _NAME
    return [path for _, path in sorted(found)] + ([current] if current.exists() else [])


def verify(state_dir: Path, *, holds: str = "") -> Verdict:
    """Follow the chain from its first line to its last. Changes nothing.

    Args:
        holds: a hash that was noted elsewhere, and must be found in it.

    Raises:
        OSError, StateFileError: a file cannot be read.
    """
    # So that no append or new file comes between the looks; reading goes without it.
    taken = (state_dir / LOCK).exists()
    with locked(state_dir) if taken else contextlib.nullcontext():
        files = [(path, path.stat().st_size) for path in audit_files(state_dir)]
        head = _head(state_dir)
        current = (
            (state_dir / _NAME).open("rb") if (state_dir / _NAME).exists() else None
        )
    with current or contextlib.nullcontext():
        return _follow(files, current, head, holds)


def _follow(
    files: list[tuple[Path, int]],
    current: BinaryIO | None,
    head: dict[str, Any] | None,
    holds: str,
) -> Verdict:
    notes: list[str] = []
    hashes: dict[int, str] = {}
    number, prev, found_at = 0, _ZERO, 0
    wanted = holds.strip().lower()

    def bad(place: str) -> Verdict:
        return Verdict(number, place, tuple(notes), prev)

    for index, (path, size_bytes) in enumerate(files):
        if index == 0:
            number, note = _begin(path, head)
            if note:
                notes.append(note)
                prev = ""
        elif path.name != _NAME and path.name != f"{_NAME}.{number + 1}":
            return bad(f"{path.name}: expected it to begin with line {number + 1}")
        with current if current and path.name == _NAME else open(path, "rb") as file:
            for at, line in enumerate(_lines(file, size_bytes), 1):
                place = f"{path.name}:{at}"
                if why := _fault(line, number + 1, prev):
                    return bad(f"{place}: {why}")
                number, prev = _numbers(line)
                if head and number == head["n"]:
                    hashes[number] = prev
                if wanted and prev == wanted:
                    found_at = number
    if head and head["n"] > number:
        return bad(
            f"the log ends with line {number}, but there was a line {head['n']}: "
            "what was at its end is missing"
        )
    if head and hashes.get(head["n"], head["hash"]) != head["hash"]:
        return bad(f"line {head['n']} is not the one that was written")
    if not head and files:
        notes.append(f"{_HEAD} is not here: lines missing at the end would go unseen")
    if wanted and not found_at:
        moved = ", or it is in a file that is no longer here" if notes else ""
        return bad(f"no line has the hash that was noted: the log was made anew{moved}")
    return Verdict(number, "", tuple(notes), prev if number else "")


def read_back(
    state_dir: Path, *, before: int, limit: int, contains: str = ""
) -> list[dict[str, Any]]:
    """The `limit` lines before line number `before` (0: the last ones), newest first.

    Reads no more files than it needs; what is damaged is left out, `verify` names it.

    Args:
        contains: only lines whose who, what or detail holds this, whatever its case.
    """
    found: list[dict[str, Any]] = []
    wanted = contains.casefold()
    for path in reversed(audit_files(state_dir)):
        match = _ARCHIVE.fullmatch(path.name)
        if before and match and int(match[1]) >= before:
            continue
        for line in _lines_back(path):
            entry = _entry(line)
            if entry is None or (before and entry["n"] >= before):
                continue
            said = " ".join(str(entry.get(key, "")) for key in _SAID)
            if wanted and wanted not in said.casefold():
                continue
            found.append({key: entry.get(key) for key in ("n", "at", *_SAID)})
            if len(found) >= limit:
                return found
    return found


def _lines(file: BinaryIO, size_bytes: int) -> Iterator[bytes]:
    """The lines of the first so many bytes: what is appended meanwhile is not ours."""
    while size_bytes > 0 and (line := file.readline(size_bytes)):
        size_bytes -= len(line)
        yield line


def _begin(path: Path, head: dict[str, Any] | None) -> tuple[int, str]:
    """The number before the first line of the oldest file, and a note if it is not
    zero because older files were moved away."""
    match = _ARCHIVE.fullmatch(path.name)
    first = int(match[1]) if match else (int(head["begins"]) if head else 1)
    if first <= 1:
        return 0, ""
    return first - 1, f"lines 1 to {first - 1} are in files that are no longer here"


def _head(state_dir: Path) -> dict[str, Any] | None:
    try:
        found = json.loads((state_dir / _HEAD).read_bytes())
        return {
            "begins": int(found["begins"]),
            "n": int(found["n"]),
            "hash": str(found["hash"]),
        }
    except (OSError, ValueError, KeyError, TypeError):
        # Verify notes that there is none.
        return None


def _line(
    number: int, at: float, who: str, what: str, detail: str, prev: str
) -> tuple[bytes, str]:
    moment = datetime.datetime.fromtimestamp(at, datetime.UTC)
    entry = {
        "n": number,
        "at": moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "who": who[:_MAX_WORDS],
        "what": what[:_MAX_WORDS],
        "detail": detail[:_MAX_WORDS],
        "prev": prev,
    }
    # ASCII only: no line break or control character of a name gets into a terminal.
    body = json.dumps(entry, separators=(",", ":")).encode()[:-1]
    hash = hashlib.sha256(body).hexdigest()
    return body + _MARK + hash.encode() + b'"}\n', hash


def _entry(line: bytes) -> dict[str, Any] | None:
    try:
        entry = json.loads(line)
        return entry if isinstance(entry["n"], int) else None
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


def _numbers(line: bytes) -> tuple[int, str]:
    """Number and hash of a line; (0, "") if it is none."""
    entry = _entry(line)
    if entry is None or not isinstance(entry.get("hash"), str):
        return 0, ""
    return entry["n"], entry["hash"]


def _fault(line: bytes, number: int, prev: str) -> str:
    """What is wrong with this line; `prev` empty when it cannot be known."""
    if not line.endswith(b"\n"):
        return "the line is not whole; the next append takes it off"
    body, mark, end = line[: -_END_BYTES - 1], *_split(line)
    entry = _entry(line)
    if entry is None or mark != _MARK:
        return f"this is no line of the log; expected line {number}"
    if hashlib.sha256(body).hexdigest() != end:
        return f"line {number} was altered"
    if entry["n"] != number:
        return f"expected line {number}, found {entry['n']}"
    if prev and entry["prev"] != prev:
        return f"line {number} does not follow from the line before it"
    return ""


def _split(line: bytes) -> tuple[bytes, str]:
    tail = line[-_END_BYTES - 1 : -3]
    return tail[: len(_MARK)], tail[len(_MARK) :].decode("ascii", "replace")


def _lines_back(path: Path) -> Iterator[bytes]:
    """The lines of a file, the last one first, without reading it whole."""
    with open(path, "rb") as file:
        end = file.seek(0, os.SEEK_END)
        rest = b""
        while end > 0:
            start = max(0, end - _MAX_LINE_BYTES)
            file.seek(start)
            lines = (file.read(end - start) + rest).split(b"\n")
            rest = lines.pop(0)
            yield from reversed(lines)
            end = start
        yield rest


def _sync_directory(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
