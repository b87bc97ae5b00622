"""Kills, power cuts and injected faults, against a gateway in a process of its own.

What was sent and acknowledged, and what was delivered, is known outside that process
and outside the file system under test: `producer` and `sink` keep it.

More of it than fits into every run, before a release:

    IOBUFFER_KILLS=1000 IOBUFFER_POWER_CUTS=2000 IOBUFFER_BIT_FLIPS=1000 \\
        .venv/bin/python -m pytest -s tests/torture
"""
