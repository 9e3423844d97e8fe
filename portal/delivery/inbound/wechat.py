"""Acts of WeChat's events: receipts, follow state, permissions."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

from portal.core.services import Services
from portal.delivery import bindings
from portal.delivery.bindings import Subject
from portal.delivery.engine import receipts
from portal.delivery.engine.receipts import Receipt
from portal.delivery.inbound.inbox import Act
from portal.providers.faults import plain_text
from portal.providers.wechat import codes

SOURCES = {"service": "wechat", "mini": "mini"}
"""The last part of a callback's address → the platform whose events come there, which is also the inbox's source."""
SOURCE = SOURCES["service"]
CHANNELS = {"wechat": "wechat-sub", "mini": "mini"}
"""Over which channel a platform's subscription messages go."""


def _who(services: Services, fields: dict[str, Any], platform: str = SOURCE) -> Subject:
    settings = services.settings
    account = settings.wechat_mini if platform == "mini" else settings.wechat_service
    return Subject(platform, account.appid, "openid", str(fields["FromUserName"]))


def _template_sent(services: Services, fields: dict[str, Any]) -> None:
    status = str(fields.get("Status", ""))
    good = status == "success"
    their_ref = str(fields.get("MsgID", ""))
    receipts.receive(services, Receipt("wechat", good, their_ref=their_ref, code="" if good else status[:40]))


def _followed(services: Services, fields: dict[str, Any]) -> None:
    bindings.set_state(services, _who(services, fields), "active")


def _unfollowed(services: Services, fields: dict[str, Any]) -> None:
    bindings.set_state(services, _who(services, fields), "stale")


def _told(fields: dict[str, Any], box: str) -> list[dict[str, Any]]:
    """Return what a subscription event lists, one or many: in a box of its own as XML, at the top as JSON."""
    given = fields.get(box) or fields
    found = given.get("List") if isinstance(given, dict) else None
    return [one for one in (found if isinstance(found, list) else [found]) if isinstance(one, dict)]


def _permissions(platform: str, services: Services, fields: dict[str, Any]) -> None:
    subject = _who(services, fields, platform)
    changed = fields.get("Event") == "subscribe_msg_change_event"  # only refusals are told by it
    with services.database.write() as connection:
        for one in _told(fields, "SubscribeMsgChangeEvent" if changed else "SubscribeMsgPopupEvent"):
            accepted = one.get("SubscribeStatusString") == "accept"
            if not (accepted and changed):
                bindings.allow_on(services, connection, subject, str(one.get("TemplateId"))[:64], 1 if accepted else 0)


def _subscription_sent(platform: str, services: Services, fields: dict[str, Any]) -> None:
    subject = _who(services, fields, platform)
    at = datetime.fromtimestamp(int(fields.get("CreateTime") or 0), UTC)
    for one in _told(fields, "SubscribeMsgSentEvent"):
        code, their_ref = str(one.get("ErrorCode", "0")), str(one.get("MsgID") or one.get("MsgId") or "")
        good = code == "0"
        with services.database.write() as connection:
            if code == str(codes.NO_PERMISSION):
                bindings.allow_on(services, connection, subject, str(one.get("TemplateId"))[:64], 0)
            receipt = Receipt(CHANNELS[platform], good, their_ref=their_ref)
            if not good:
                receipt = replace(receipt, code=code, text=plain_text(one.get("ErrorStatus", ""), subject.value))
            receipts.receive_nearest_on(services, connection, receipt, subject.value, at)


ACTS: dict[tuple[str, str], Act] = {
    (SOURCE, "TEMPLATESENDJOBFINISH"): _template_sent,
    (SOURCE, "subscribe"): _followed,
    (SOURCE, "unsubscribe"): _unfollowed,
    **{(one, "subscribe_msg_popup_event"): partial(_permissions, one) for one in CHANNELS},
    **{(one, "subscribe_msg_change_event"): partial(_permissions, one) for one in CHANNELS},
    **{(one, "subscribe_msg_sent_event"): partial(_subscription_sent, one) for one in CHANNELS},
}
