from __future__ import annotations

import subprocess
import sys

_ROWS = """
import resource
from iobuffer.heap import keep_freed_memory

{first}
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    rows = [b"x" * 300_000 for _ in range(8)]
    del rows
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def _faults(first: str) -> int:
    """Of a process of its own, since what was freed before counts."""
    code = _ROWS.format(first=first)
    made = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, check=True, timeout=30
    )
    return int(made.stdout)


def test_rows_that_come_and_go_take_no_new_pages_each_time() -> None:
    assert _faults("keep_freed_memory()") < _faults("") / 4
