"""Simulated mail server: SMTP on a port of its own, and a mailbox to read."""
