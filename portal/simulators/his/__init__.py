"""Simulated HIS: pushes invented settlements by the real signed interface."""
