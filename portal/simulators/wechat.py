"""The WeChat simulator's edges: the API under ``/wechat``, the inbox a person can open, taps that push events.

``GET /wechat/messages``, ``/wechat/calls``, ``/wechat/cards``, ``/wechat/people`` are JSON; ``POST /wechat/script``
sets the codes of the next answers by path, ``/wechat/state`` the tokens' life and their revocation.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode, urlsplit

from flask import Blueprint, Response, jsonify, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from portal.core.clock import local
from portal.core.platform_settings import DEMO_MINI, DEMO_WECHAT, WeChatAccount
from portal.simulators import wechat_push
from portal.simulators.context import Context
from portal.simulators.faults import Faults, Switch
from portal.simulators.forms import switch_routes
from portal.simulators.server import drop_connection, half_answer
from portal.simulators.wechat_cards import STATUSES, CardOffice
from portal.simulators.wechat_office import Caller, WeChatOffice, WeChatRefusal

SWITCHES = (
    Switch("slow", "应答慢", "延迟（毫秒）"),
    Switch("down", "不可用（503）"),
    Switch("busy", "系统繁忙（-1）"),
    Switch("revoke", "令牌突然失效（40001）"),
    Switch("html", "返回网页而不是 JSON"),
    Switch("twice", "请求到达两次"),
    Switch("half_answer", "应答只有一半"),
    Switch("undelivered", "收下但未送达，事件里说明"),
    Switch("answer_lost", "已办理但应答丢失"),
)
Act = Callable[[Caller, Any], dict[str, Any]]


def blueprint(context: Context) -> Blueprint:
    """``/wechat``."""
    pages = Blueprint("wechat", __name__, url_prefix="/wechat")
    office = WeChatOffice(context.store, context.settings)
    cards = CardOffice(context.store, context.settings, office)
    faults = Faults(context.store, "wechat", SWITCHES)
    service = context.settings.wechat_service if context.settings.wechat_appid else DEMO_WECHAT
    mini = context.settings.wechat_mini if context.settings.mini_appid else DEMO_MINI
    hooks = {"base": context.settings.base, "tells": context.settings.demo}

    def push(account: WeChatAccount, text: str) -> None:
        name = "mini" if account.appid == mini.appid else "service"
        wechat_push.push(f"{hooks['base']}/wechat/callback/{name}", account, text)

    def send(kind: str, caller: Caller, body: Any) -> str:
        """Take a message; what became of it is told as an event, a moment after the answer."""
        msgid, account = office.send(kind, caller, body), mini if kind == "mini" else service
        bad = faults.strikes("undelivered")
        if kind == "template":
            status = "failed:user block" if bad else "success"
            fields = f"<MsgID>{msgid}</MsgID><Status><![CDATA[{status}]]></Status>"
            text = wechat_push.event(account, body["touser"], "TEMPLATESENDJOBFINISH", fields)
        else:
            row = {"TemplateId": body["template_id"], "MsgID": msgid, "ErrorCode": "43101" if bad else "0"}
            row["ErrorStatus"] = "user refuse to accept the msg" if bad else "success"
            text = wechat_push.told(account, body["touser"], "subscribe_msg_sent_event", row)
        if hooks["tells"]:
            threading.Timer(0.3, push, (account, text)).start()
        return msgid

    def base() -> str:
        return request.host_url.rstrip("/")

    acts: dict[str, Act] = {
        "cgi-bin/message/template/send": lambda caller, body: {"msgid": int(send("template", caller, body))},
        "cgi-bin/message/subscribe/bizsend": lambda caller, body: _nothing(send("subscription", caller, body)),
        "cgi-bin/message/subscribe/send": lambda caller, body: _nothing(send("mini", caller, body)),
        "wxa/business/getuserphonenumber": lambda caller, body: _phone(office, caller, body),
        "card/invoice/seturl": lambda _caller, _body: {"invoice_url": f"{base()}/?s_pappid={min(cards.platforms)}"},
        "nontax/createbillcard": lambda _caller, _body: {"card_id": min(cards.templates)},
        "nontax/getbillauthurl": lambda caller, body: cards.auth_url(caller, body, base()),
        "card/invoice/getauthdata": lambda _caller, body: cards.auth_data(body),
        "card/invoice/rejectinsert": lambda _caller, body: cards.reject(body),
        "card/invoice/platform/setpdf": lambda _caller, _body: cards.upload(request.files),
        "nontax/insertbill": lambda caller, body: cards.insert(caller, body),
        "card/invoice/platform/updatestatus": lambda caller, body: cards.update(caller, body),
    }

    def guarded(path: str, act: Callable[[], dict[str, Any]]) -> ResponseReturnValue:
        office.count(path)
        slow = faults.strikes("slow")
        if slow:
            time.sleep(slow.value / 1000)
        if faults.strikes("down"):
            return Response("Service Unavailable", 503)
        if faults.strikes("html"):
            return Response("<html><body>error</body></html>", mimetype="text/html")
        try:
            if faults.strikes("busy"):
                raise WeChatRefusal(-1, "system error")
            if faults.strikes("revoke"):
                office.revoke()
            if code := office.scripted(path):
                raise WeChatRefusal(code, "scripted")
            for _ in range(2 if faults.strikes("twice") else 1):
                answer = {"errcode": 0, "errmsg": "ok"} | act()
        except WeChatRefusal as refusal:
            answer = {"errcode": refusal.code, "errmsg": f"{refusal.text} rid: {int(time.time() * 1000):x}"}
        response = Response(json.dumps(answer, ensure_ascii=False), mimetype="application/json")
        if faults.strikes("answer_lost"):
            return drop_connection()
        if faults.strikes("half_answer"):
            return half_answer(response)
        if not answer["errcode"] and not slow:
            office.count(f"{path} ok")  # the caller has a whole and good answer, if it is still there
        return response

    def body() -> Any:
        try:
            return json.loads(request.get_data() or b"{}")
        except ValueError:
            raise WeChatRefusal(47001, "data format error") from None

    @pages.post("/cgi-bin/stable_token")
    def stable_token() -> ResponseReturnValue:
        return guarded("cgi-bin/stable_token", lambda: office.stable_token(body()))

    @pages.get("/cgi-bin/token")
    def old_token() -> ResponseReturnValue:
        values = request.args
        return guarded("cgi-bin/token", lambda: office.old_token(values.get("appid", ""), values.get("secret", "")))

    @pages.get("/cgi-bin/ticket/getticket")
    def ticket() -> ResponseReturnValue:
        kind = request.args.get("type", "")
        act = lambda: office.ticket(office.caller(request.args.get("access_token", "")), kind)  # noqa: E731
        return guarded("cgi-bin/ticket/getticket", act)

    @pages.get("/sns/jscode2session")
    def login() -> ResponseReturnValue:
        def act() -> dict[str, Any]:
            account = office.account(request.args.get("appid"), request.args.get("secret"))
            openid = office.use_code("login", request.args.get("js_code"))
            office.user(openid, account.appid)
            return {"openid": openid, "session_key": "demo-session-key"}

        return guarded("sns/jscode2session", act)

    @pages.get("/sns/oauth2/access_token")
    def web_login() -> ResponseReturnValue:
        def act() -> dict[str, Any]:
            account = office.account(request.args.get("appid"), request.args.get("secret"))
            openid = office.use_code("web", request.args.get("code"))
            office.user(openid, account.appid)
            return {"openid": openid, "scope": "snsapi_base", "access_token": "user-level", "expires_in": 7200}

        return guarded("sns/oauth2/access_token", act)

    @pages.get("/connect/oauth2/authorize")
    def oauth() -> ResponseReturnValue:
        wanted, host = request.args, urlsplit(context.settings.base).hostname
        known = [one for one in office.people() if one["appid"] == wanted.get("appid")]
        back = wanted.get("redirect_uri", "")
        if not known or wanted.get("response_type") != "code" or urlsplit(back).hostname != host:
            raise ValueError("redirect_uri 域名与后台配置不一致")
        choices = []
        for person in known:
            code = office.make_code("web", person["openid"])
            query = urlencode({"code": code, "state": wanted.get("state", "")})
            choices.append((person["name"], f"{back}?{query}"))
        return render_template("platform_login.html", choices=choices, platform="微信")

    @pages.post("/<path:path>")
    def call(path: str) -> ResponseReturnValue:
        if path not in acts:
            return jsonify({"errcode": 43002, "errmsg": "require GET method or unknown path"})
        multipart = path.endswith("setpdf")

        def act() -> dict[str, Any]:
            caller = office.caller(request.args.get("access_token", ""))
            return acts[path](caller, None if multipart else body())

        return guarded(path, act)

    # ── for people and tests ──────────────────────────────────────────────────────────────────────────────────────
    @pages.get("/messages")
    def messages() -> ResponseReturnValue:
        return jsonify(office.messages(request.args.get("most", 1000, int)))

    @pages.get("/calls")
    def calls() -> ResponseReturnValue:
        return jsonify(office.calls())

    @pages.get("/cards")
    def all_cards() -> ResponseReturnValue:
        return jsonify(cards.cards())

    @pages.get("/pdf/<media_id>")
    def pdf(media_id: str) -> ResponseReturnValue:
        found = cards.pdf(media_id)
        return Response(found, 200 if found else 404, mimetype="application/pdf")

    @pages.get("/people")
    def people() -> ResponseReturnValue:
        return jsonify(office.people())

    @pages.post("/people")
    def add_person() -> ResponseReturnValue:
        wanted = request.get_json(force=True)
        office.add_people(wanted if isinstance(wanted, list) else [wanted])
        return jsonify({})

    @pages.post("/codes")
    def codes() -> ResponseReturnValue:
        wanted = request.get_json(force=True)
        return jsonify({"code": office.make_code(wanted["kind"], wanted["openid"])})

    @pages.post("/script")
    def script() -> ResponseReturnValue:
        office.script(request.get_json(force=True))
        return jsonify({})

    @pages.post("/state")
    def state() -> ResponseReturnValue:
        wanted = request.get_json(force=True)
        if "token_seconds" in wanted:
            office.set_setting("token_seconds", float(wanted["token_seconds"]))
        if wanted.get("revoke"):
            office.revoke()
        if "hook" in wanted:  # where the platform is, and that it wants to be told what became of a message
            hooks.update(base=wanted["hook"], tells=True)
        if wanted.get("empty_cards"):
            cards.empty()
        return jsonify({})

    switch_routes(pages, faults, "wechat.inbox")

    @pages.get("")
    def inbox() -> ResponseReturnValue:
        rows = [row | {"when": local(datetime.fromtimestamp(row["at"], UTC))} for row in office.messages(100)]
        return render_template(
            "wechat.html",
            messages=rows,
            people=office.people(),
            cards=cards.cards(),
            switches=faults.all(),
            action=url_for("wechat.switch"),
            service=service.appid,
            mini=mini.appid,
            statuses=STATUSES,
        )

    @pages.post("/follow")
    def follow() -> ResponseReturnValue:
        openid, follows = request.form["openid"], request.form["act"] == "follow"
        office.follow(openid, follows)
        push(service, wechat_push.event(service, openid, "subscribe" if follows else "unsubscribe", ""))
        return redirect(url_for("wechat.inbox"), 303)

    @pages.post("/allow")
    def allow() -> ResponseReturnValue:
        openid, template, accepts = request.form["openid"], request.form["template"], request.form["act"] == "accept"
        office.allow(openid, template, 1 if accepts else 0)
        account = (
            mini if any(one["appid"] == mini.appid for one in office.people() if one["openid"] == openid) else service
        )
        row = {"TemplateId": template, "SubscribeStatusString": "accept" if accepts else "reject", "PopupScene": "1"}
        later = request.form.get("where") == "settings"  # refused later, where the phone manages messages
        name = "subscribe_msg_change_event" if later else "subscribe_msg_popup_event"
        push(account, wechat_push.told(account, openid, name, [row]))
        return redirect(url_for("wechat.inbox"), 303)

    @pages.get("/authorize/<key>")
    def authorize(key: str) -> ResponseReturnValue:
        order = cards.order(key)
        if order is None:
            raise ValueError("没有这个授权页")
        people = [one for one in office.people() if one["appid"] == order["appid"]]
        return render_template("wechat_authorize.html", order=order, people=people)

    @pages.post("/authorize/<key>")
    def authorise(key: str) -> ResponseReturnValue:
        openid = request.form["openid"]
        order = cards.authorise(key, openid)
        if order is None:
            raise ValueError("没有这个授权页")
        fields = (
            f"<SuccOrderId><![CDATA[{order['order_id']}]]></SuccOrderId>"
            f"<AuthorizeAppId><![CDATA[{order['appid']}]]></AuthorizeAppId><Source><![CDATA[web]]></Source>"
        )
        if request.form.get("silent") != "1":  # the event may get lost: the platform has to ask
            push(service, wechat_push.event(service, openid, "user_authorize_invoice", fields))
        back = order["back"]
        mine = urlsplit(back).hostname == urlsplit(request.host_url).hostname
        # the page's policy lets a form lead nowhere but home, so a person follows a link
        return render_template("wechat_done.html", back=back if mine else ""), 200

    @pages.post("/status")
    def status() -> ResponseReturnValue:
        code, wanted = request.form["code"], request.form["status"]
        card = next(one for one in cards.cards() if one["code"] == code)
        cards.update(None, {"code": code, "card_id": card["card_id"], "reimburse_status": wanted})
        fields = (
            f"<Status><![CDATA[{wanted}]]></Status><CardId><![CDATA[{card['card_id']}]]></CardId>"
            f"<Code><![CDATA[{code}]]></Code>"
        )
        push(service, wechat_push.event(service, card["openid"], "update_invoice_status", fields))
        return redirect(url_for("wechat.inbox"), 303)

    return pages


def _nothing(_msgid: str) -> dict[str, Any]:
    return {}  # a subscription message is answered without an id (§2.2)


def _phone(office: WeChatOffice, caller: Caller, body: Any) -> dict[str, Any]:
    openid = office.use_code("phone", body.get("code") if isinstance(body, dict) else None)
    phone = office.user(openid, caller.appid)["phone"]
    mark = {"timestamp": int(time.time()), "appid": caller.appid}
    given = {"phoneNumber": phone, "purePhoneNumber": phone, "countryCode": "86", "watermark": mark}
    return {"phone_info": given}
