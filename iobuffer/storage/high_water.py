"""The high-water file: what was committed, told by someone other than the database.

SQLite's log ends silently at a flipped bit: a hundred committed rows become forty-nine,
and `integrity_check` says ok (measured). So after each commit a small mark goes into a
file of its own: how many commits there were, and every channel's last sequence number.
The next start compares, and can say "N acknowledged messages are missing".

The file `high-water` is two slots of equal size (half the file each), written in turn,
so that a torn write leaves the other one. A slot, little-endian::

    0   8s   magic "IOBFHW1\\n"
    8   16s  epoch
    24  u64  commits
    32  u64  messages stored, all channels
    40  u32  n, how many sequence numbers follow
    44  16s  zero
    60  u32  CRC-32 of the slot's first 60 bytes and of the numbers
    64  u64  last_seq of channel number 0 (there is none), 1, 2, ... n-1

A mark is one pwrite; the kernel is asked to make it durable at most once a second. That
is enough: what the file guards against is a database that has lost its tail, not a
power cut, after which the database is the one that knows more.
"""

from __future__ import annotations

import errno
import os
import struct
from array import array
from pathlib import Path
from zlib import crc32

import attrs

__all__ = ["HighWaterFile", "Mark", "read_mark", "sync_directory"]

_SLOT = struct.Struct("<8s16sQQI16s")
_CRC = struct.Struct("<I")
_HEAD_BYTES = _SLOT.size + _CRC.size
_MAGIC = b"IOBFHW1\n"
_SLOT_ROUND_BYTES = 4096
_SYNC_EVERY_SECONDS = 1.0
_NUMBER_BYTES = 8


@attrs.frozen
class Mark:
    """What was known to be committed. `last_seqs[channel number]`."""

    epoch: str
    commits: int
    messages: int
    last_seqs: tuple[int, ...]

    def last_seq(self, channel_id: int) -> int:
        return self.last_seqs[channel_id] if channel_id < len(self.last_seqs) else 0


def _parse(slot: bytes) -> Mark | None:
    if len(slot) < _HEAD_BYTES:
        return None
    magic, epoch, commits, messages, count, _ = _SLOT.unpack_from(slot)
    numbers = slot[_HEAD_BYTES : _HEAD_BYTES + count * _NUMBER_BYTES]
    if magic != _MAGIC or len(numbers) != count * _NUMBER_BYTES:
        return None
    (crc,) = _CRC.unpack_from(slot, _SLOT.size)
    if crc32(numbers, crc32(slot[: _SLOT.size])) != crc:
        return None
    last_seqs = struct.unpack(f"<{count}Q", numbers)
    return Mark(epoch.hex(), commits, messages, last_seqs)


def _newest(image: bytes) -> tuple[Mark | None, int]:
    half = len(image) // 2
    marks = [_parse(image[:half]), _parse(image[half:])]
    found = [(mark.commits, slot) for slot, mark in enumerate(marks) if mark]
    if not found:
        return None, 0
    slot = max(found)[1]
    return marks[slot], slot


def read_mark(path: Path) -> Mark | None:
    """The newest whole mark; None when there is no file or no slot is whole."""
    try:
        return _newest(path.read_bytes())[0]
    except FileNotFoundError:
        return None


class HighWaterFile:
    """The file, open for marking. Errors are the kernel's own OSError."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._fd = -1
        self._slot_bytes = 0
        self._synced_at = 0.0
        self._next_slot = 0
        self._last_seqs = array("Q", [0])

    def begin(self, mark: Mark) -> None:
        """Make the file anew, holding `mark` durably in both slots.

        On a full disk the old file is written over instead: what is stored must be
        delivered all the same.
        """
        self.close()
        self._last_seqs = array("Q", mark.last_seqs or (0,))
        epoch = bytes.fromhex(mark.epoch)
        try:
            self._rewrite(epoch, mark.commits, mark.messages)
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            if not self._write_over(self._image(epoch, mark.commits, mark.messages)):
                raise

    def set(self, channel_id: int, last_seq: int) -> None:
        """Remember a channel's last sequence number for the next mark."""
        numbers = self._last_seqs
        if channel_id >= len(numbers):
            numbers.extend([0] * (channel_id + 1 - len(numbers)))
        numbers[channel_id] = last_seq

    def mark(self, epoch: bytes, commits: int, messages: int, now: float) -> None:
        """Write the slot whose turn it is; once a second, make it durable."""
        if _HEAD_BYTES + len(self._last_seqs) * _NUMBER_BYTES > self._slot_bytes:
            self._rewrite(epoch, commits, messages)
            return
        slot = self._next_slot
        self._next_slot = 1 - slot
        image = self._image(epoch, commits, messages)
        os.pwrite(self._fd, image, slot * self._slot_bytes)
        # The clock may have been set back: any distance of a second will do.
        if abs(now - self._synced_at) >= _SYNC_EVERY_SECONDS:
            self._synced_at = now
            os.fdatasync(self._fd)

    def close(self) -> None:
        """Let go of the file, without a sync."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _image(self, epoch: bytes, commits: int, messages: int) -> bytes:
        count = len(self._last_seqs)
        head = _SLOT.pack(_MAGIC, epoch, commits, messages, count, b"")
        numbers = struct.pack(f"<{count}Q", *self._last_seqs)
        return head + _CRC.pack(crc32(numbers, crc32(head))) + numbers

    def _rewrite(self, epoch: bytes, commits: int, messages: int) -> None:
        """A larger file takes the place of the smaller one, whole or not at all."""
        image = self._image(epoch, commits, messages)
        # Room for as many channels again, so that growing stays rare.
        wanted = len(image) + len(self._last_seqs) * _NUMBER_BYTES
        slot_bytes = -(-wanted // _SLOT_ROUND_BYTES) * _SLOT_ROUND_BYTES
        self.close()
        fresh = self._path.with_name(self._path.name + ".new")
        fd = os.open(fresh, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            os.pwrite(fd, image.ljust(slot_bytes, b"\0") * 2, 0)
            os.fsync(fd)
            os.rename(fresh, self._path)
            sync_directory(self._path.parent)
        except BaseException:
            os.close(fd)
            fresh.unlink(missing_ok=True)
            raise
        self._fd = fd
        self._slot_bytes = slot_bytes
        self._next_slot = 0

    def _write_over(self, image: bytes) -> bool:
        """Both slots of the file that is there, if they are large enough. The newest
        one goes last, so that one of the two is whole at every moment."""
        try:
            fd = os.open(self._path, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        found = os.pread(fd, os.fstat(fd).st_size, 0)
        slot_bytes = len(found) // 2
        if len(image) > slot_bytes:
            os.close(fd)
            return False
        newest = _newest(found)[1]
        try:
            for slot in (1 - newest, newest):
                os.pwrite(fd, image, slot * slot_bytes)
                os.fdatasync(fd)
        except BaseException:
            os.close(fd)
            raise
        self._fd = fd
        self._slot_bytes = slot_bytes
        self._next_slot = 0
        return True


def sync_directory(path: Path) -> None:
    """Make the names in a directory durable."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
