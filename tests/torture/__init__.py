"""Kills, power cuts and injected faults, against a gateway in a process of its own.

What was sent and acknowledged, and what was delivered, is known outside that process
and outside the file system under test: `producer` and `sink` keep it.
"""
