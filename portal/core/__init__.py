"""Machinery without rules: settings, database, clock, crypto, limits, HTTP, logging."""
