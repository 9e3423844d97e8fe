"""``/alipay/notify``: no session, no CSRF token; written down, answered ``success``, worked on by the worker."""

from __future__ import annotations

import structlog
from flask import Blueprint, Response, request

from portal.delivery.inbound import alipay as inbound_alipay
from portal.delivery.inbound import inbox
from portal.delivery.inbound.alipay import LARGEST, SOURCE, NotAlipay
from portal.providers.alipay.client import AlipayGateway
from portal.web.edge import runtime

alipay = Blueprint("alipay_callbacks", __name__)
log = structlog.get_logger("qupiao.callbacks")


@alipay.post("/alipay/notify")
def push() -> Response:
    """One push: ``success`` for a genuine one, also for a repeat, ends Alipay's repeats; others get 403."""
    services = runtime().services
    try:
        if not services.settings.alipay_app or not 0 < (request.content_length or 0) <= LARGEST:
            raise NotAlipay("size")
        found = inbound_alipay.read(_gateway(), request.get_data(), request.mimetype_params.get("charset", ""))
    except NotAlipay as reason:
        log.warning("callback.refused", platform=SOURCE, reason=str(reason))
        return Response("failure", 403, mimetype="text/plain")
    inbox.receive(services, SOURCE, found.key, found.event, found.fields, found.key)
    return Response("success", mimetype="text/plain")


def _gateway() -> AlipayGateway:
    """Return the client that verifies pushes. Without its keys nothing can be believed: Alipay repeats until they are
    there."""
    try:
        return runtime().providers.alipay
    except (OSError, ValueError) as error:
        raise NotAlipay(type(error).__name__) from None
