"""Measures the gateway as a whole process, side by side with others, as ratios.

`make bench` runs all of it; `python -m benchmarks lines mllp` a part. No test asserts a
figure: machines differ, and ratios taken in one run are what can be compared.
"""
