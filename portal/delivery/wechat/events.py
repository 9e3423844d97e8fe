"""What WeChat's events do (delivery-channels §2.1, §2.2): receipts, follow state, permissions."""

from __future__ import annotations

from typing import Any

from portal.core.services import Services
from portal.delivery import bindings, receipts
from portal.delivery.bindings import Subject
from portal.delivery.inbox import Act

SOURCE = "wechat"


def _who(services: Services, fields: dict[str, Any]) -> Subject:
    return Subject("wechat", services.settings.wechat_service.appid, "openid", str(fields["FromUserName"]))


def _template_sent(services: Services, fields: dict[str, Any]) -> None:
    status = str(fields.get("Status", ""))
    good = status == "success"
    receipts.receive(
        services, "wechat", their_ref=str(fields.get("MsgID", "")), good=good, code="" if good else status[:40]
    )


def _followed(services: Services, fields: dict[str, Any]) -> None:
    bindings.set_state(services, _who(services, fields), "active")


def _unfollowed(services: Services, fields: dict[str, Any]) -> None:
    bindings.set_state(services, _who(services, fields), "stale")


def _permissions(services: Services, fields: dict[str, Any]) -> None:
    subject = _who(services, fields)
    for box in ("SubscribeMsgPopupEvent", "SubscribeMsgChangeEvent"):
        given = (fields.get(box) or {}).get("List") or []
        with services.database.write() as connection:
            for one in given if isinstance(given, list) else [given]:
                accepted = one.get("SubscribeStatusString") == "accept"
                if accepted and box == "SubscribeMsgChangeEvent":
                    continue  # only refusals are told by it
                bindings.allow(services, connection, subject, str(one["TemplateId"])[:64], 1 if accepted else 0)


def _subscription_sent(services: Services, fields: dict[str, Any]) -> None:
    given = (fields.get("SubscribeMsgSentEvent") or {}).get("List") or {}
    for one in given if isinstance(given, list) else [given]:
        if str(one.get("ErrorCode", "0")) == "43101":
            with services.database.write() as connection:
                bindings.allow(services, connection, _who(services, fields), str(one["TemplateId"])[:64], 0)


ACTS: dict[tuple[str, str], Act] = {
    (SOURCE, "TEMPLATESENDJOBFINISH"): _template_sent,
    (SOURCE, "subscribe"): _followed,
    (SOURCE, "unsubscribe"): _unfollowed,
    (SOURCE, "subscribe_msg_popup_event"): _permissions,
    (SOURCE, "subscribe_msg_change_event"): _permissions,
    (SOURCE, "subscribe_msg_sent_event"): _subscription_sent,
}
