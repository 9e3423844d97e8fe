"""``POST /his-callback``: what push targets say became of an event. No session; signed; the work is the worker's."""

from __future__ import annotations

import structlog
from flask import Blueprint, Response, jsonify, request

from portal.delivery.inbound import push
from portal.delivery.inbound.push import LARGEST, Signed
from portal.domain.errors import Refusal
from portal.web.edge import runtime

push_callback = Blueprint("push_callback", __name__)
log = structlog.get_logger("qupiao.callbacks")


@push_callback.post("/his-callback")
def receipt() -> Response:
    """One receipt; the answer names the event, as the receiver's own answers do."""
    services = runtime().services
    names = ("Key", "Timestamp", "Nonce", "Signature")
    signed = Signed(*(request.headers.get(f"X-Qupiao-{name}", "") for name in names))
    try:
        if request.content_length is None or request.content_length > LARGEST:
            raise Refusal("CALLBACK_INVALID")
        body = request.get_data(cache=False, parse_form_data=False)
        event_id = push.receive(services, request.path, signed, body)
    except Refusal as refusal:
        log.warning("callback.refused", reason=refusal.code)
        answer = jsonify({"code": refusal.code, "message": str(refusal)})
        answer.status_code = refusal.status
        return answer
    return jsonify({"code": 0, "event_id": event_id})
