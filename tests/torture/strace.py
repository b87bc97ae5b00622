"""strace as a saboteur: it kills at a system call, or makes one fail.

strace counts the calls of each thread by itself. The store's thread makes most of them;
the first few belong to the opening of the store.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import attrs

__all__ = ["Sync", "command", "syncs_of", "why_not"]

_CALL = re.compile(
    r"^(?P<thread>\d+) +(?P<at>[\d.]+) (?:<\.\.\. )?(?:fsync|fdatasync)"
    r"(?:\((?P<fd>\d+)\)| resumed>\)) += -?\d+(?P<rest>.*)$"
)
_UNFINISHED = re.compile(
    r"^(?P<thread>\d+) +[\d.]+ (?:fsync|fdatasync)\((?P<fd>\d+) <unfinished"
)


def why_not() -> str:
    """Why strace cannot be used here; empty if it can."""
    if shutil.which("strace") is None:
        return "needs strace"
    tried = subprocess.run(
        ["strace", "-f", "-o", "/dev/null", "-e", "trace=fsync", "true"],
        capture_output=True,
        text=True,
        check=False,
    )
    return f"strace: {tried.stderr.strip()}" if tried.returncode else ""


def command(log: Path, calls: str, fault: str, *only: Path) -> list[str]:
    """What to run a gateway under: `fault` is inject's, such as error=EIO:when=7.
    `only`: calls on these files, and no others."""
    traced = f"trace={calls},fsync,fdatasync"
    inject = f"inject={calls}:{fault}"
    # Not with --seccomp-bpf: strace 6.1 then injects nothing into the first thread.
    start = ["strace", "-f", "-qq", "-ttt", "-o", str(log)]
    paths = [word for path in only for word in ("-P", str(path))]
    return [*start, "-e", traced, "-e", inject, *paths]


@attrs.frozen
class Sync:
    """An fsync or fdatasync of the log: when, of what, and whether it was made fail."""

    at: float
    descriptor: int
    injected: bool


def syncs_of(log: Path) -> list[Sync]:
    """Every sync that the gateway asked for, in order."""
    found = []
    open_calls: dict[str, int] = {}
    for text in log.read_text(errors="replace").splitlines():
        if begun := _UNFINISHED.match(text):
            open_calls[begun["thread"]] = int(begun["fd"])
        elif call := _CALL.match(text):
            fd = call["fd"]
            descriptor = int(fd) if fd else open_calls.pop(call["thread"])
            found.append(
                Sync(float(call["at"]), descriptor, "INJECTED" in call["rest"])
            )
    return found
