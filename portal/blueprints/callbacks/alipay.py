"""``/alipay/notify``: no session, no CSRF token; written down, answered ``success``, worked on by the worker."""

from __future__ import annotations

import structlog
from flask import Blueprint, Response, current_app, request

from portal.core.services import Services
from portal.delivery.inbound import alipay as inbound_alipay
from portal.delivery.inbound import inbox
from portal.delivery.inbound.alipay import LARGEST, SOURCE, NotAlipay
from portal.providers.platforms import Platforms

alipay = Blueprint("alipay_callbacks", __name__)
log = structlog.get_logger("qupiao.callbacks")


@alipay.post("/alipay/notify")
def push() -> Response:
    """One push: ``success`` for a genuine one, also for a repeat, ends Alipay's repeats; others get 403."""
    services: Services = current_app.extensions["qupiao"]
    platforms: Platforms = current_app.extensions["qupiao_platforms"]
    try:
        if not services.settings.alipay_app or not 0 < (request.content_length or 0) <= LARGEST:
            raise NotAlipay("size")
        found = inbound_alipay.read(platforms.alipay, request.form.to_dict())
    except NotAlipay as reason:
        log.warning("callback.refused", platform=SOURCE, reason=str(reason))
        return Response("failure", 403, mimetype="text/plain")
    inbox.receive(services, SOURCE, found.key, found.event, found.fields, found.key)
    return Response("success", mimetype="text/plain")
