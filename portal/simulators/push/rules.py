"""Rules of the simulated hospital APP: receivers, events once each, receipts."""

from __future__ import annotations

import hmac
import json
import secrets
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx
from werkzeug.datastructures import Headers

from portal.providers.push.signature import signature
from portal.simulators.store import Store

SCHEMA = """
CREATE TABLE IF NOT EXISTS push_receiver (key_id TEXT PRIMARY KEY, key TEXT NOT NULL, id_field TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS push_event (
  event_id TEXT PRIMARY KEY, body TEXT NOT NULL, at REAL NOT NULL, attempts INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS push_sender (event_id TEXT PRIMARY KEY, key_id TEXT NOT NULL);
"""
SKEW_SECONDS = 300
STATUSES = {"delivered": "已送到手机", "read": "患者已读", "failed": "没有送到"}
"""What an APP may tell of an event, as buttons."""


@dataclass(frozen=True, slots=True)
class Receiver:
    """A receiver of events: its key, and the name under which it wants the number of an event."""

    key_id: str
    key: str
    id_field: str = "event_id"


class PushRules:
    """The receivers and the events that came. ``first`` is the receiver of the settings."""

    def __init__(self, store: Store, first: Receiver) -> None:
        self._store, self._first = store, first
        store.extend(SCHEMA)

    def receiver(self, key_id: str) -> Receiver | None:
        """Find the receiver of a key id."""
        with self._store.transaction() as connection:
            row = connection.execute("SELECT * FROM push_receiver WHERE key_id = ?", (key_id,)).fetchone()
        if row is not None:
            return Receiver(row["key_id"], row["key"], row["id_field"])
        return self._first if key_id == self._first.key_id else None

    def add_receiver(self, receiver: Receiver) -> None:
        """Add another receiver behind the same address, or change one."""
        row = (receiver.key_id, receiver.key, receiver.id_field)
        with self._store.transaction() as connection:
            connection.execute("INSERT OR REPLACE INTO push_receiver VALUES (?, ?, ?)", row)

    def signer(self, headers: Headers, path: str, body: bytes) -> Receiver | None:
        """Find the receiver whose key, the old or the next one, signed an event five minutes ago at most."""
        stamp, nonce = headers.get("X-Qupiao-Timestamp", ""), headers.get("X-Qupiao-Nonce", "")
        known = self.receiver(headers.get("X-Qupiao-Key", ""))
        fresh = stamp.isdecimal() and abs(time.time() - int(stamp)) <= SKEW_SECONDS
        good = signature(known.key, "POST", path, stamp, nonce, body) if known else ""
        sent = [headers.get(name, "") for name in ("X-Qupiao-Signature", "X-Qupiao-Signature-Next")]
        return known if fresh and any(hmac.compare_digest(good, one) for one in sent) else None

    def keep(self, receiver: Receiver, body: bytes) -> str:
        """Take an event, once for each number; return the number."""
        event_id = str(json.loads(body)[receiver.id_field])
        with self._store.transaction() as connection:
            connection.execute("INSERT OR REPLACE INTO push_sender VALUES (?, ?)", (event_id, receiver.key_id))
            connection.execute(
                "INSERT INTO push_event (event_id, body, at, attempts) VALUES (?, ?, ?, 1)"
                " ON CONFLICT (event_id) DO UPDATE SET attempts = attempts + 1",
                (event_id, body.decode(), time.time()),
            )
        return event_id

    def events(self, most: int) -> list[dict[str, Any]]:
        """List the events, newest first: ``body``, ``event_id``, ``at``, ``attempts``."""
        with self._store.transaction() as connection:
            rows = connection.execute("SELECT * FROM push_event ORDER BY at DESC LIMIT ?", (most,)).fetchall()
        return [dict(row) | {"body": json.loads(row["body"])} for row in rows]

    def tell(self, base: str, event_id: str, status: str) -> None:
        """Tell the platform what became of an event, signed as events are. Raises ValueError in Chinese."""
        with self._store.transaction() as connection:
            row = connection.execute("SELECT key_id FROM push_sender WHERE event_id = ?", (event_id,)).fetchone()
        known = self.receiver(row["key_id"]) if row is not None else None
        if known is None:
            raise ValueError("没有这个事件")
        _post(f"{base}/his-callback", known, {"event_id": event_id, "status": status})


def _post(url: str, receiver: Receiver, told: dict[str, str]) -> None:
    body, stamp, nonce = json.dumps(told).encode(), str(int(time.time())), secrets.token_hex(8)
    headers = {
        "Content-Type": "application/json",
        "X-Qupiao-Key": receiver.key_id,
        "X-Qupiao-Timestamp": stamp,
        "X-Qupiao-Nonce": nonce,
        "X-Qupiao-Signature": signature(receiver.key, "POST", urlsplit(url).path, stamp, nonce, body),
    }
    try:
        httpx.post(url, content=body, headers=headers, timeout=10, trust_env=False).raise_for_status()
    except httpx.HTTPError as error:
        raise ValueError(f"平台没有收下回执（{type(error).__name__}）") from error
