"""Simulated finance: takes uploaded bills, countersigns them, grants and takes back numbers."""
