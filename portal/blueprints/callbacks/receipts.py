"""Receipts that nobody signs: of SMS operators and of the mail server. A secret path segment, and only known numbers.

The segment is ``QUPIAO_CALLBACK_SECRET``; without one these addresses are closed.
"""

from __future__ import annotations

import hmac

from flask import Blueprint, Response, abort, jsonify, request

from portal.core import strict_json
from portal.core.services import Services
from portal.delivery.engine import receipts
from portal.delivery.engine.receipts import Receipt
from portal.providers.mail import bounces
from portal.providers.sms import PROVIDERS
from portal.web.edge import runtime

callbacks = Blueprint("callbacks", __name__, url_prefix="/callbacks")
MOST_BYTES = 64 * 1024


def _services(secret: str) -> Services:
    services = runtime().services
    wanted = services.settings.callbacks
    if not wanted or not hmac.compare_digest(wanted.encode(), secret.encode()):
        abort(404)
    return services


@callbacks.post("/mail/<string:secret>")
def mail(secret: str) -> Response:
    """One bounce as ``message/rfc822``: the mail server pipes what comes back to the envelope sender here."""
    services = _services(secret)
    if (request.content_length or 0) > bounces.MOST_BYTES:
        abort(413)
    found = bounces.read(request.get_data(cache=False))
    known = False
    if found is not None:
        text = "" if found.good else "邮件被退回"
        known = receipts.receive(services, Receipt("mail", found.good, ref=found.ref, code=found.code, text=text))
    return jsonify({"known": known})


@callbacks.post("/sms/<string:provider>/<string:secret>")
def sms(provider: str, secret: str) -> Response:
    """Take a batch of SMS receipts as the provider pushes them; answer as it wants."""
    services = _services(secret)
    if provider not in PROVIDERS or (request.content_length or 0) > MOST_BYTES:
        abort(404)
    try:
        found = PROVIDERS[provider].read_receipts(strict_json.decode(request.get_data(cache=False)))
    except (KeyError, TypeError, ValueError, AttributeError):
        abort(400)
    for one in found:
        receipts.receive(services, Receipt("sms", one.good, one.ref, one.their_ref, one.code, one.text))
    return jsonify(PROVIDERS[provider].receipts_answer)
