"""The mailbox of the demo: what the SMTP sink has taken, to read as a person and as JSON; bounces on request."""

from __future__ import annotations

from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any
from urllib.parse import quote

import httpx
from flask import Blueprint, Response, abort, current_app, jsonify, render_template, request, url_for
from flask.typing import ResponseReturnValue

from portal.core.clock import local
from portal.simulators.context import Context
from portal.simulators.faults import Faults
from portal.simulators.mail.smtp import SWITCHES
from portal.simulators.store import Store
from portal.simulators.switches import switch_routes


def _parsed(row: Any) -> EmailMessage:
    return message_from_bytes(row["raw"], policy=policy.default)


def _shown(row: Any) -> dict[str, Any]:
    mail = _parsed(row)
    body = mail.get_body(("plain",))
    return {
        "id": row["id"],
        "message_id": row["message_id"],
        "from": str(mail.get("From", "")),
        "to": row["recipient"],
        "subject": row["subject"],
        "text": body.get_content() if isinstance(body, EmailMessage) else "",
        "attachments": [part.get_filename() or "" for part in mail.iter_attachments()],
        "attempts": row["attempts"],
        "at": datetime.fromtimestamp(row["at"], UTC).isoformat(),
    }


def report(recipient: str, raw: bytes) -> bytes:
    """The delivery status notification (RFC 3464) of a message that could not be delivered."""
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
    """Post a bounce to where the platform takes them; one that is away loses it, as in life."""
    try:
        httpx.post(target, content=report(recipient, raw), headers={"Content-Type": "message/rfc822"}, trust_env=False)
    except httpx.HTTPError:
        return


def blueprint(context: Context) -> Blueprint:
    """``/mail``: mailbox, attachments, switches."""
    pages = Blueprint("mail", __name__, url_prefix="/mail", template_folder="templates")
    store: Store = context.store
    faults = Faults(store, "mail", SWITCHES)

    def rows(most: int) -> list[Any]:
        with store.transaction() as connection:
            return connection.execute("SELECT * FROM mail_message ORDER BY id DESC LIMIT ?", (most,)).fetchall()

    @pages.get("")
    def inbox() -> ResponseReturnValue:
        shown = [row | {"when": local(datetime.fromisoformat(row["at"]))} for row in map(_shown, rows(50))]
        return render_template("mail.html", messages=shown, switches=faults.all(), action=url_for("mail.switch"))

    @pages.get("/messages")
    def messages() -> ResponseReturnValue:
        return jsonify([_shown(row) for row in rows(int(request.args.get("most", 200)))])

    @pages.get("/messages/<int:number>/<int:part>")
    def attachment(number: int, part: int) -> ResponseReturnValue:
        with store.transaction() as connection:
            row = connection.execute("SELECT * FROM mail_message WHERE id = ?", (number,)).fetchone()
        parts = list(_parsed(row).iter_attachments()) if row is not None else []
        if part >= len(parts):
            abort(404)
        data = parts[part].get_content()
        response = Response(data, mimetype=parts[part].get_content_type())
        name = quote(parts[part].get_filename() or "file")
        response.headers["Content-Disposition"] = f"attachment; filename*=UTF-8''{name}"
        return response

    @pages.get("/port")
    def port() -> ResponseReturnValue:
        return jsonify(current_app.extensions.get("qupiao_smtp_port", 0))

    switch_routes(pages, faults, "mail.inbox")

    return pages
