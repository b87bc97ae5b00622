"""A power cut: everything that was not synced is gone.

An ext4 file system in a file, mounted through a loop device, and the kernel's own
shutdown of it (EXT4_IOC_SHUTDOWN with NOLOGFLUSH): from that moment nothing reaches
the image any more, and what was only in the page cache is lost with the mount. Takes
about 40 ms, needs root and a loop device, and no device mapper.

    with PowerCutDisk(tmp_path) as disk:
        process = start_something_on(disk.path)
        ...
        disk.cut()          # the power is gone; writes fail from here on
        process.kill()
        disk.restore()      # unmounted, mounted again: what was durable is there

What it does not model: torn or reordered writes of what was not synced, a missing sync
of a directory (ext4 forgives it), and a disk that lies about its own cache.
"""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import struct
import subprocess
import time
from pathlib import Path
from types import TracebackType

import pytest

__all__ = ["PowerCutDisk", "why_not"]

_EXT4_IOC_SHUTDOWN = 0x8004587D
_NOLOGFLUSH = 2
_UNMOUNT_SECONDS = 10.0


def why_not() -> str:
    """Why there can be no power cut on this machine; empty if there can."""
    if os.geteuid() != 0:
        return "needs root to mount a file system"
    missing = [
        tool for tool in ("mkfs.ext4", "mount", "umount") if shutil.which(tool) is None
    ]
    if missing:
        return f"needs {', '.join(missing)}"
    if not Path("/dev/loop-control").exists():
        return "needs loop devices"
    return ""


def _run(*command: str | Path) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise OSError(f"{command[0]}: {done.stderr.strip()}")


class PowerCutDisk:
    """A mounted file system of its own whose power can be cut. `path` is its root.

    Entering skips the test, with the reason, where there can be none. Leaving always
    unmounts; the loop device goes with it.
    """

    def __init__(self, folder: Path, size_mib: int = 64) -> None:
        self._image = folder / "disk.img"
        self._size_bytes = size_mib << 20
        self._is_mounted = False
        self.path = folder / "disk"

    def __enter__(self) -> PowerCutDisk:
        reason = why_not()
        if reason:
            pytest.skip(f"no power cut: {reason}")
        self.path.mkdir()
        with self._image.open("wb") as image:
            image.truncate(self._size_bytes)
        # No reserved blocks and no lazy work behind our back.
        _run("mkfs.ext4", "-qF", "-m0", "-E", "lazy_itable_init=0", self._image)
        try:
            self._mount()
        except OSError as error:
            pytest.skip(f"no power cut: {error}")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._unmount()
        self._image.unlink()

    def cut(self) -> None:
        """The power is gone: what was not synced never happened."""
        fd = os.open(self.path, os.O_RDONLY)
        try:
            fcntl.ioctl(fd, _EXT4_IOC_SHUTDOWN, struct.pack("I", _NOLOGFLUSH))
        finally:
            os.close(fd)

    def restore(self) -> None:
        """The power is back. Whoever had files open must have ended."""
        self._unmount()
        self._mount()

    def _mount(self) -> None:
        _run("mount", "-o", "loop", self._image, self.path)
        self._is_mounted = True

    def _unmount(self) -> None:
        if not self._is_mounted:
            return
        deadline = time.monotonic() + _UNMOUNT_SECONDS
        while True:
            try:
                _run("umount", self.path)
            except OSError as error:
                # A process that was just killed may hold its files a moment longer.
                if "busy" not in str(error) or time.monotonic() > deadline:
                    _run("umount", "-l", self.path)
                    raise OSError(
                        errno.EBUSY, f"left to the kernel: {error}"
                    ) from error
                time.sleep(0.01)
            else:
                break
        self._is_mounted = False
