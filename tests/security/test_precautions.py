"""TORTURE A13, A14: what a process keeps from other programs of the same user."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import ctypes, os
from iobuffer.precautions import take_precautions
os.umask({umask})
take_precautions(print)
print(ctypes.CDLL(None).prctl(3, 0, 0, 0, 0), oct(os.umask(0)))
"""


def said_with(umask: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(umask=umask)],
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    return done.stdout.split()


def test_its_memory_is_in_no_core_and_open_to_no_debugger() -> None:
    """PR_GET_DUMPABLE is 0: /proc/PID/mem, ptrace and core dumps are root's."""
    assert said_with("0o022")[0] == "0"


def test_files_are_never_for_everybody_and_a_stricter_umask_stays() -> None:
    assert said_with("0o000")[1] == "0o27"
    assert said_with("0o022")[1] == "0o27"
    assert said_with("0o077")[1] == "0o77"
