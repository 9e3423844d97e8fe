"""Routes of the simulated mail server under ``/mail``: a mailbox to read as a person and as JSON."""

from __future__ import annotations

from datetime import datetime
from urllib.parse import quote

from flask import Blueprint, Response, abort, current_app, jsonify, render_template, request, url_for
from flask.typing import ResponseReturnValue

from portal.core.clock import local
from portal.simulators.context import state_of
from portal.simulators.mail.state import Mail
from portal.simulators.switches import add_switches

pages = Blueprint("mail", __name__, url_prefix="/mail", template_folder="templates")
add_switches(pages)


@pages.get("")
def show_inbox() -> ResponseReturnValue:
    """Show what arrived."""
    here = state_of(Mail)
    shown = [row | {"when": local(datetime.fromisoformat(row["at"]))} for row in here.inbox.messages(50)]
    return render_template("mail.html", messages=shown, switches=here.faults.all(), action=url_for(".set_switch"))


@pages.get("/messages")
def list_messages() -> ResponseReturnValue:
    """List what arrived, newest first."""
    return jsonify(state_of(Mail).inbox.messages(int(request.args.get("most", 200))))


@pages.get("/messages/<int:number>/<int:part>")
def show_attachment(number: int, part: int) -> ResponseReturnValue:
    """Show an attachment of a message."""
    found = state_of(Mail).inbox.attachment(number, part)
    if found is None:
        abort(404)
    response = Response(found.get_content(), mimetype=found.get_content_type())
    name = quote(found.get_filename() or "file")
    response.headers["Content-Disposition"] = f"attachment; filename*=UTF-8''{name}"
    return response


@pages.get("/port")
def show_port() -> ResponseReturnValue:
    """Tell the port that mail is taken at; 0 without a server."""
    return jsonify(current_app.extensions.get("qupiao_smtp_port", 0))
