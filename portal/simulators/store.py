"""What the simulators know, in one SQLite file of their own: it outlives a restart, as the real parties would."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_SCHEMA = """
CREATE TABLE IF NOT EXISTS fault (
  service TEXT, name TEXT, probability REAL NOT NULL, remaining INTEGER, value INTEGER NOT NULL,
  PRIMARY KEY (service, name));
CREATE TABLE IF NOT EXISTS finance_message (message_id TEXT PRIMARY KEY, at REAL NOT NULL);
CREATE INDEX IF NOT EXISTS finance_message_at ON finance_message (at);
CREATE TABLE IF NOT EXISTS finance_booked (
  bill_code TEXT, number TEXT, unit TEXT, accounted INTEGER NOT NULL, fen INTEGER NOT NULL, at REAL NOT NULL,
  PRIMARY KEY (bill_code, number, unit));
CREATE TABLE IF NOT EXISTS finance_segment (
  bill_code TEXT, first INTEGER, last INTEGER, PRIMARY KEY (bill_code, first));
CREATE TABLE IF NOT EXISTS finance_bill (
  bill_code TEXT, number TEXT, serial TEXT NOT NULL, check_code TEXT NOT NULL, message_no TEXT NOT NULL,
  content BLOB NOT NULL, signed BLOB NOT NULL, unit_element BLOB NOT NULL, seal TEXT NOT NULL,
  state TEXT NOT NULL, received_at REAL NOT NULL, due_at REAL NOT NULL, supervised_at REAL, element BLOB,
  attempts INTEGER NOT NULL, PRIMARY KEY (bill_code, number));
CREATE TABLE IF NOT EXISTS finance_effect (bill_code TEXT, number TEXT, at REAL NOT NULL);
CREATE INDEX IF NOT EXISTS finance_effect_bill ON finance_effect (bill_code, number);
CREATE TABLE IF NOT EXISTS finance_setting (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS finance_application (
  apply_no TEXT PRIMARY KEY, agency TEXT NOT NULL, bill_code TEXT NOT NULL, quantity INTEGER NOT NULL,
  reason TEXT NOT NULL, status TEXT NOT NULL, approved INTEGER, opinion TEXT NOT NULL, received_at REAL NOT NULL,
  decided_at REAL, attempts INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS finance_grant (
  segment_id TEXT PRIMARY KEY, agency TEXT NOT NULL, bill_code TEXT NOT NULL, first INTEGER NOT NULL,
  last INTEGER NOT NULL, count INTEGER NOT NULL, apply_no TEXT NOT NULL, issued_at REAL NOT NULL,
  confirmed INTEGER, operator TEXT NOT NULL, opinion TEXT NOT NULL, attempts INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS finance_return (
  return_no TEXT PRIMARY KEY, bill_code TEXT NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL,
  reason TEXT NOT NULL, status TEXT NOT NULL, opinion TEXT NOT NULL, received_at REAL NOT NULL,
  attempts INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS finance_sheet (
  paper_code TEXT, paper_number TEXT, bill_code TEXT NOT NULL, number TEXT NOT NULL, operator TEXT NOT NULL,
  at TEXT NOT NULL, ended_at TEXT, reason TEXT NOT NULL, attempts INTEGER NOT NULL,
  PRIMARY KEY (paper_code, paper_number));
CREATE TABLE IF NOT EXISTS finance_void (
  void_no TEXT PRIMARY KEY, agency TEXT NOT NULL, bill_code TEXT NOT NULL, first INTEGER NOT NULL,
  last INTEGER NOT NULL, reason TEXT NOT NULL, attempts INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS sms_message (
  id INTEGER PRIMARY KEY AUTOINCREMENT, biz_id TEXT NOT NULL, out_id TEXT NOT NULL UNIQUE, content TEXT NOT NULL,
  phone TEXT NOT NULL, template TEXT NOT NULL, params TEXT NOT NULL, text TEXT NOT NULL, at REAL NOT NULL,
  attempts INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS sms_message_phone ON sms_message (phone, at);
CREATE TABLE IF NOT EXISTS mail_message (
  id INTEGER PRIMARY KEY AUTOINCREMENT, message_id TEXT NOT NULL, sender TEXT NOT NULL, recipient TEXT NOT NULL,
  subject TEXT NOT NULL, raw BLOB NOT NULL, at REAL NOT NULL, attempts INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS mail_message_key ON mail_message (message_id, recipient);
CREATE TABLE IF NOT EXISTS push_receiver (key_id TEXT PRIMARY KEY, key TEXT NOT NULL, id_field TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS push_event (
  event_id TEXT PRIMARY KEY, body TEXT NOT NULL, at REAL NOT NULL, attempts INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS push_sender (event_id TEXT PRIMARY KEY, key_id TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS sms_limit (seconds INTEGER PRIMARY KEY, most INTEGER NOT NULL);
"""


class Store:
    """One connection, one user at a time: the simulators are slow compared with this file."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = threading.RLock()
        self._connection = sqlite3.connect(path, timeout=20, isolation_level=None, check_same_thread=False)
        self._connection.row_factory = sqlite3.Row
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.execute("PRAGMA synchronous=NORMAL")  # a killed process loses nothing; a lost machine may
        self._connection.executescript(_SCHEMA)

    def extend(self, schema: str) -> None:
        """Make the tables of one more party, where they are missing."""
        with self._lock:
            self._connection.executescript(schema)

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """All or nothing; a nested one belongs to the outer."""
        with self._lock:
            if self._connection.in_transaction:
                yield self._connection
                return
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")
