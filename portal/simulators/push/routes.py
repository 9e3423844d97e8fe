"""Routes of the simulated hospital APP under ``/push``: bill events taken, an inbox to read them, receipts."""

from __future__ import annotations

from datetime import UTC, datetime

from flask import Blueprint, Response, jsonify, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from portal.core.clock import local
from portal.simulators.context import state_of
from portal.simulators.push.rules import STATUSES, Receiver
from portal.simulators.push.state import Push
from portal.simulators.server import deliver
from portal.simulators.switches import add_switches

pages = Blueprint("push", __name__, url_prefix="/push", template_folder="templates")
add_switches(pages)


@pages.post("/events")
def take_event() -> ResponseReturnValue:
    """Take an event of a known receiver and answer with its number."""
    here, body = state_of(Push), request.get_data(cache=False)
    receiver = here.rules.signer(request.headers, request.path, body)
    if receiver is None:
        return jsonify({"code": 401, "message": "签名不正确"}), 401
    here.faults.delay()
    if here.faults.strikes("down"):
        return Response("unavailable", 503)
    for _ in range(2 if here.faults.strikes("twice") else 1):
        event_id = here.rules.keep(receiver, body)
    return deliver(jsonify({receiver.id_field: event_id}), here.faults)


@pages.post("/receivers")
def add_receiver() -> ResponseReturnValue:
    """Add another receiver: ``key_id``, ``key``, and ``id_field`` if it has its own names."""
    wanted = request.get_json()
    receiver = Receiver(wanted["key_id"], wanted["key"], wanted.get("id_field", "event_id"))
    state_of(Push).rules.add_receiver(receiver)
    return jsonify({"key_id": receiver.key_id})


@pages.get("/messages")
def list_messages() -> ResponseReturnValue:
    """List the events, newest first."""
    found = state_of(Push).rules.events(request.args.get("most", 200, int))
    return jsonify([row["body"] | {"attempts": row["attempts"]} for row in found])


@pages.post("/receipt")
def send_receipt() -> ResponseReturnValue:
    """Tell the platform what became of an event."""
    here = state_of(Push)
    here.rules.tell(here.base, request.form["event_id"], request.form["status"])
    return redirect(url_for(".show_inbox"), 303)


@pages.get("")
def show_inbox() -> ResponseReturnValue:
    """Show the events, with a button for each receipt."""
    here = state_of(Push)
    shown = [
        row["body"]
        | {"when": local(datetime.fromtimestamp(row["at"], UTC)), "attempts": row["attempts"], "id": row["event_id"]}
        for row in here.rules.events(50)
    ]
    action = url_for(".set_switch")
    return render_template("push.html", events=shown, statuses=STATUSES, switches=here.faults.all(), action=action)
