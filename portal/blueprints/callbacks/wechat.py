"""``/wechat/callback/<account>``: no session, no CSRF token, the raw body; the work is the worker's."""

from __future__ import annotations

import structlog
from flask import Blueprint, Response, request

from portal.core.platform_settings import WeChatAccount
from portal.delivery.inbound import inbox
from portal.delivery.inbound.wechat import SOURCES
from portal.providers.wechat import callback
from portal.providers.wechat.callback import LARGEST, NotWeChat
from portal.web.edge import runtime, services

wechat = Blueprint("wechat_callbacks", __name__)
log = structlog.get_logger("qupiao.callbacks")


def _account(name: str) -> WeChatAccount:
    settings = services().settings
    known = {"service": settings.wechat_service, "mini": settings.wechat_mini}
    return known.get(name, WeChatAccount("", ""))


@wechat.get("/wechat/callback/<string:account>")
def check(account: str) -> Response:
    """WeChat's test of the address."""
    try:
        echo = callback.check_address(_account(account), request.args.to_dict())
    except NotWeChat as reason:
        return _refused(reason)
    return Response(echo, mimetype="text/plain")


@wechat.post("/wechat/callback/<string:account>")
def push(account: str) -> Response:
    """One push: genuine ones are written down and answered empty, which ends WeChat's repeats; others get 403."""
    try:
        if request.content_length is None or request.content_length > LARGEST:
            raise NotWeChat("size")
        query = request.args.to_dict()
        found = callback.read(_account(account), query, request.get_data(cache=False, parse_form_data=False))
    except NotWeChat as reason:
        return _refused(reason)
    services = runtime().services
    nonce = f"{query['timestamp']}:{query['nonce']}:{query['msg_signature']}"
    inbox.receive(services, SOURCES[account], found.key, found.event, found.fields, nonce)
    return Response("", mimetype="text/plain")


def _refused(reason: NotWeChat) -> Response:
    log.warning("callback.refused", reason=str(reason))
    return Response("", 403, mimetype="text/plain")
