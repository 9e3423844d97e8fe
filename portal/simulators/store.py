"""Store of the simulators: one SQLite file, which outlives a restart as the books of the real parties do."""

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
        """Make the tables of one party, where they are missing."""
        with self._lock:
            self._connection.executescript(schema)

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Begin a transaction: all or nothing; a nested one belongs to the outer."""
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
