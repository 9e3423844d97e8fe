"""The audit log: one row per act and per reveal of personal data, append-only in the database."""

from portal.audit.entries import about, note, record

__all__ = ["about", "note", "record"]
