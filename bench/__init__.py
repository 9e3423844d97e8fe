"""Benchmarks: ratios against floors, taken in turns in one run, and where the time goes (``make bench``)."""
