"""Calls of the simulated WeChat API: the work behind each path, and the faults that befall a call."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable

from flask import Response, request
from flask.typing import ResponseReturnValue

from portal.simulators.context import state_of
from portal.simulators.server import drop_connection, half_answer
from portal.simulators.wechat import pushes
from portal.simulators.wechat.refusals import Json, WeChatRefusal
from portal.simulators.wechat.state import WeChat
from portal.simulators.wechat.tokens import Caller

Act = Callable[[Caller, Json], Json]


def perform(path: str, act: Callable[[], Json]) -> ResponseReturnValue:
    """Answer one call: count it, let faults befall it, turn a refusal into its code."""
    here = state_of(WeChat)
    here.messages.count(path)
    slow = here.faults.delay()
    if here.faults.strikes("down"):
        return Response("Service Unavailable", 503)
    if here.faults.strikes("html"):
        return Response("<html><body>error</body></html>", mimetype="text/html")
    try:
        answer = {"errcode": 0, "errmsg": "ok"} | _done(here, path, act)
    except WeChatRefusal as refusal:
        answer = {"errcode": refusal.code, "errmsg": f"{refusal.text} rid: {int(time.time() * 1000):x}"}
    response = Response(json.dumps(answer, ensure_ascii=False), mimetype="application/json")
    if here.faults.strikes("answer_lost"):
        return drop_connection()
    if here.faults.strikes("half_answer"):
        return half_answer(response)
    if not answer["errcode"] and not slow:
        here.messages.count(f"{path} ok")  # the caller has a whole and good answer, if it is still there
    return response


def _done(here: WeChat, path: str, act: Callable[[], Json]) -> Json:
    if here.faults.strikes("busy"):
        raise WeChatRefusal(-1, "system error")
    if here.faults.strikes("revoke"):
        here.tokens.revoke()
    if code := here.messages.scripted(path):
        raise WeChatRefusal(code, "scripted")
    if here.faults.strikes("twice"):
        act()
    return act()


def json_body() -> Json:
    """Read the JSON of the call; what is no object is refused by the rules of the call. Raises WeChatRefusal."""
    try:
        found: Json = json.loads(request.get_data() or b"{}")
    except ValueError:
        raise WeChatRefusal(47001, "data format error") from None
    return found


def send_template(caller: Caller, body: Json) -> Json:
    """Send a template message of the official account."""
    return {"msgid": int(_send("template", caller, body))}


def send_subscription(caller: Caller, body: Json) -> Json:
    """Send a subscription notice of the official account; it is answered without an id."""
    _send("subscription", caller, body)
    return {}


def send_mini(caller: Caller, body: Json) -> Json:
    """Send a subscription message of the mini-program; it is answered without an id."""
    _send("mini", caller, body)
    return {}


def _send(kind: str, caller: Caller, body: Json) -> str:
    """Take a message; what became of it is told as an event, a moment after the answer."""
    here = state_of(WeChat)
    msgid, account = here.messages.send(kind, caller, body), here.mini if kind == "mini" else here.service
    bad = here.faults.strikes("undelivered")
    if kind == "template":
        status = "failed:user block" if bad else "success"
        fields = f"<MsgID>{msgid}</MsgID><Status><![CDATA[{status}]]></Status>"
        text = pushes.event(body["touser"], "TEMPLATESENDJOBFINISH", fields)
    else:
        row = {"TemplateId": body["template_id"], "MsgID": msgid, "ErrorCode": "43101" if bad else "0"}
        row["ErrorStatus"] = "user refuse to accept the msg" if bad else "success"
        text = pushes.told(account, body["touser"], "subscribe_msg_sent_event", row)
    if here.tells:
        threading.Timer(0.3, here.push, (account, text)).start()
    return msgid


def read_phone(caller: Caller, body: Json) -> Json:
    """Read the phone number behind a code that the person gave."""
    people = state_of(WeChat).people
    openid = people.use_code("phone", body.get("code") if isinstance(body, dict) else None)
    phone = people.user(openid, caller.appid)["phone"]
    mark = {"timestamp": int(time.time()), "appid": caller.appid}
    given = {"phoneNumber": phone, "purePhoneNumber": phone, "countryCode": "86", "watermark": mark}
    return {"phone_info": given}


def name_platform(_caller: Caller, _body: Json) -> Json:
    """Name the issuing platform by an address that contains its id."""
    return {"invoice_url": f"{site()}/?s_pappid={min(state_of(WeChat).cards.platforms)}"}


def name_card_template(_caller: Caller, _body: Json) -> Json:
    """Name the card template of fiscal e-bills."""
    return {"card_id": min(state_of(WeChat).cards.templates)}


def ask_authorization(caller: Caller, body: Json) -> Json:
    """Make the page where the person lets a card in."""
    return state_of(WeChat).cards.auth_url(caller, body, site())


def read_authorization(_caller: Caller, body: Json) -> Json:
    """Tell whether the person has let the card in."""
    return state_of(WeChat).cards.auth_data(body)


def reject_order(_caller: Caller, body: Json) -> Json:
    """End an order for the unit."""
    return state_of(WeChat).cards.reject(body)


def upload_pdf(_caller: Caller, _body: Json) -> Json:
    """Take the PDF of a bill."""
    return state_of(WeChat).cards.upload(request.files)


def insert_card(caller: Caller, body: Json) -> Json:
    """Put a bill into a card pack."""
    return state_of(WeChat).cards.insert(caller, body)


def update_card(caller: Caller, body: Json) -> Json:
    """Change the state of a card."""
    return state_of(WeChat).cards.update(caller, body)


def site() -> str:
    """Return the address of the simulators, as the caller knows it."""
    return request.host_url.rstrip("/")


def make_account_code(caller: Caller, body: Json) -> Json:
    """Make the permanent QR code of an official account."""
    if body.get("action_name") != "QR_LIMIT_STR_SCENE" or not body.get("action_info"):
        raise WeChatRefusal(40053, "invalid action info")
    return {"ticket": "demo-ticket", "url": f"http://weixin.qq.com/q/{caller.appid}"}


ACTS: dict[str, Act] = {
    "cgi-bin/qrcode/create": make_account_code,
    "cgi-bin/message/template/send": send_template,
    "cgi-bin/message/subscribe/bizsend": send_subscription,
    "cgi-bin/message/subscribe/send": send_mini,
    "wxa/business/getuserphonenumber": read_phone,
    "card/invoice/seturl": name_platform,
    "nontax/createbillcard": name_card_template,
    "nontax/getbillauthurl": ask_authorization,
    "card/invoice/getauthdata": read_authorization,
    "card/invoice/rejectinsert": reject_order,
    "card/invoice/platform/setpdf": upload_pdf,
    "nontax/insertbill": insert_card,
    "card/invoice/platform/updatestatus": update_card,
}
