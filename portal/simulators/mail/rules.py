"""Rules of the simulated mail server: what arrived, how it reads, and the report of a mail that bounced."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import httpx

from portal.simulators.faults import Switch
from portal.simulators.store import Store

SCHEMA = """
CREATE TABLE IF NOT EXISTS mail_message (
  id INTEGER PRIMARY KEY AUTOINCREMENT, message_id TEXT NOT NULL, sender TEXT NOT NULL, recipient TEXT NOT NULL,
  subject TEXT NOT NULL, raw BLOB NOT NULL, at REAL NOT NULL, attempts INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS mail_message_key ON mail_message (message_id, recipient);
"""
SWITCHES = (
    Switch("slow", "应答慢", "延迟（毫秒）"),
    Switch("busy", "暂不接收（451）"),
    Switch("unknown", "收件人不存在（550）"),
    Switch("content", "内容被拒收（554）"),
    Switch("twice", "同一封到达两次"),
    Switch("answer_lost", "已收下但应答丢失"),
    Switch("half_answer", "应答只有一半"),
    Switch("bounce", "收下后退信"),
)


class Inbox:
    """What arrived, one row a message; the same Message-ID to the same address again is counted, not doubled."""

    def __init__(self, store: Store) -> None:
        self._store = store
        store.extend(SCHEMA)

    def keep(self, sender: str, recipient: str, raw: bytes) -> None:
        """Take a message."""
        mail = message_from_bytes(raw, policy=policy.default)
        key = str(mail.get("Message-ID", "")).strip()
        with self._store.transaction() as connection:
            known = connection.execute(
                "UPDATE mail_message SET attempts = attempts + 1 WHERE message_id = ? AND recipient = ?",
                (key, recipient),
            ).rowcount
            if not known or not key:
                connection.execute(
                    "INSERT INTO mail_message (message_id, sender, recipient, subject, raw, at, attempts)"
                    " VALUES (?, ?, ?, ?, ?, ?, 1)",
                    (key, sender, recipient, str(mail.get("Subject", "")), raw, time.time()),
                )

    def messages(self, most: int) -> list[dict[str, Any]]:
        """List what arrived, newest first, with text and names of attachments."""
        with self._store.transaction() as connection:
            rows = connection.execute("SELECT * FROM mail_message ORDER BY id DESC LIMIT ?", (most,)).fetchall()
        return [_read(dict(row)) for row in rows]

    def attachment(self, number: int, part: int) -> EmailMessage | None:
        """Find an attachment of a message by its place."""
        with self._store.transaction() as connection:
            row = connection.execute("SELECT raw FROM mail_message WHERE id = ?", (number,)).fetchone()
        parts = list(_parsed(row["raw"]).iter_attachments()) if row is not None else []
        found = parts[part] if part < len(parts) else None
        return found if isinstance(found, EmailMessage) else None


def _parsed(raw: bytes) -> EmailMessage:
    return message_from_bytes(raw, policy=policy.default)


def _read(row: dict[str, Any]) -> dict[str, Any]:
    mail = _parsed(row["raw"])
    body, shown = mail.get_body(("plain",)), mail.get_body(("html",))
    return {
        "id": row["id"],
        "message_id": row["message_id"],
        "from": str(mail.get("From", "")),
        "to": row["recipient"],
        "subject": row["subject"],
        "text": body.get_content() if isinstance(body, EmailMessage) else "",
        "html": shown.get_content() if isinstance(shown, EmailMessage) else "",
        "names": [
            {"disposition": str(part["Content-Disposition"]), "type": str(part["Content-Type"])}
            for part in mail.iter_attachments()
        ],
        "attachments": [part.get_filename() or "" for part in mail.iter_attachments()],
        "attempts": row["attempts"],
        "at": datetime.fromtimestamp(row["at"], UTC).isoformat(),
    }


def report(recipient: str, raw: bytes) -> bytes:
    """Write the delivery status notification (RFC 3464) of a message that could not be delivered."""
    headers = raw.split(b"\r\n\r\n", 1)[0]
    parts = (
        b"Content-Type: text/plain; charset=utf-8\r\n\r\nThe message could not be delivered.\r\n",
        b"Content-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; qupiao-simulator\r\n\r\n"
        b"Final-Recipient: rfc822; " + recipient.encode() + b"\r\nAction: failed\r\nStatus: 5.1.1\r\n",
        b"Content-Type: text/rfc822-headers\r\n\r\n" + headers + b"\r\n",
    )
    begin = (
        b"From: MAILER-DAEMON@qupiao-simulator\r\nSubject: Undelivered Mail Returned to Sender\r\n"
        b'MIME-Version: 1.0\r\nContent-Type: multipart/report; report-type=delivery-status; boundary="=qp="\r\n\r\n'
    )
    return begin + b"".join(b"--=qp=\r\n" + part for part in parts) + b"--=qp=--\r\n"


def send_report(target: str, recipient: str, raw: bytes) -> None:
    """Post a bounce to where the platform takes them; a platform that is away loses it, as in life."""
    try:
        httpx.post(target, content=report(recipient, raw), headers={"Content-Type": "message/rfc822"}, trust_env=False)
    except httpx.HTTPError:
        return
