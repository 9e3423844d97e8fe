"""Routes of the simulated WeChat: the API under ``/wechat``, the inbox a person can open, taps that push events.

``GET /wechat/messages``, ``/wechat/calls``, ``/wechat/cards``, ``/wechat/people`` are JSON; ``POST /wechat/script``
sets the codes of the next answers by path, ``/wechat/state`` the tokens' life and their revocation.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial
from urllib.parse import urlencode, urlsplit

from flask import Blueprint, Response, jsonify, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from portal.core.clock import local
from portal.simulators.context import state_of
from portal.simulators.switches import add_switches
from portal.simulators.wechat import pushes
from portal.simulators.wechat.calls import ACTS, json_body, perform
from portal.simulators.wechat.cards import STATUSES
from portal.simulators.wechat.refusals import Json
from portal.simulators.wechat.state import WeChat

pages = Blueprint("wechat", __name__, url_prefix="/wechat", template_folder="templates")
add_switches(pages)


# ── the API, as the platform calls it ─────────────────────────────────────────────────────────────────────────────────
@pages.post("/cgi-bin/stable_token")
def give_stable_token() -> ResponseReturnValue:
    """Give the account's token, the same one while it is good."""
    return perform("cgi-bin/stable_token", lambda: state_of(WeChat).tokens.stable_token(json_body()))


@pages.get("/cgi-bin/token")
def give_old_token() -> ResponseReturnValue:
    """Give a new token, which kills the former."""
    appid, secret = request.args.get("appid", ""), request.args.get("secret", "")
    return perform("cgi-bin/token", lambda: state_of(WeChat).tokens.old_token(appid, secret))


@pages.get("/cgi-bin/ticket/getticket")
def give_ticket() -> ResponseReturnValue:
    """Give a ticket for pages or for cards."""
    tokens, token, kind = state_of(WeChat).tokens, request.args.get("access_token", ""), request.args.get("type", "")
    return perform("cgi-bin/ticket/getticket", lambda: tokens.ticket(tokens.caller(token), kind))


@pages.get("/cgi-bin/user/info")
def tell_user() -> ResponseReturnValue:
    """Tell whether a user follows the official account."""
    return perform("cgi-bin/user/info", _user_info)


def _user_info() -> Json:
    here = state_of(WeChat)
    caller = here.tokens.caller(request.args.get("access_token", ""))
    user = here.people.user(request.args.get("openid"), caller.appid)
    return {"subscribe": user["follows"], "openid": user["openid"]}


@pages.get("/sns/jscode2session")
def log_in_mini() -> ResponseReturnValue:
    """Log a user of the mini-program in by the code of the phone."""
    return perform("sns/jscode2session", _mini_session)


@pages.get("/sns/oauth2/access_token")
def log_in_web() -> ResponseReturnValue:
    """Log a user of the official account in by the code of the page."""
    return perform("sns/oauth2/access_token", _web_session)


def _mini_session() -> Json:
    return {"openid": _openid("login", "js_code"), "session_key": "demo-session-key"}


def _web_session() -> Json:
    given = {"scope": "snsapi_base", "access_token": "user-level", "expires_in": 7200}
    return {"openid": _openid("web", "code"), **given}


def _openid(kind: str, field: str) -> str:
    here = state_of(WeChat)
    account = here.tokens.account(request.args.get("appid"), request.args.get("secret"))
    openid = here.people.use_code(kind, request.args.get(field))
    here.people.user(openid, account.appid)
    return openid


@pages.get("/connect/oauth2/authorize")
def choose_user() -> ResponseReturnValue:
    """Let a person choose who to be; each choice leads back with a code."""
    here, wanted = state_of(WeChat), request.args
    known = [one for one in here.people.everybody() if one["appid"] == wanted.get("appid")]
    back = wanted.get("redirect_uri", "")
    if not known or wanted.get("response_type") != "code" or urlsplit(back).hostname != urlsplit(here.base).hostname:
        raise ValueError("redirect_uri 域名与后台配置不一致")
    choices = []
    for person in known:
        code = here.people.make_code("web", person["openid"])
        query = urlencode({"code": code, "state": wanted.get("state", "")})
        choices.append((person["name"], f"{back}?{query}"))
    return render_template("platform_login.html", choices=choices, platform="微信")


@pages.post("/<path:path>")
def call(path: str) -> ResponseReturnValue:
    """Do what the path of the API says, for the holder of the token."""
    if path not in ACTS:
        return jsonify({"errcode": 43002, "errmsg": "require GET method or unknown path"})
    return perform(path, partial(_act, path))


def _act(path: str) -> Json:
    caller = state_of(WeChat).tokens.caller(request.args.get("access_token", ""))
    return ACTS[path](caller, {} if path.endswith("setpdf") else json_body())


# ── for tests: what came in, what shall happen ────────────────────────────────────────────────────────────────────────
@pages.get("/messages")
def list_messages() -> ResponseReturnValue:
    """List what arrived, newest first."""
    return jsonify(state_of(WeChat).messages.arrived(request.args.get("most", 1000, int)))


@pages.get("/calls")
def count_calls() -> ResponseReturnValue:
    """Count the calls by path."""
    return jsonify(state_of(WeChat).messages.calls())


@pages.get("/cards")
def list_cards() -> ResponseReturnValue:
    """List the cards, newest first."""
    return jsonify(state_of(WeChat).cards.cards())


@pages.get("/pdf/<media_id>")
def show_pdf(media_id: str) -> ResponseReturnValue:
    """Show an uploaded PDF."""
    found = state_of(WeChat).cards.pdf(media_id)
    return Response(found, 200 if found else 404, mimetype="application/pdf")


@pages.get("/people")
def list_people() -> ResponseReturnValue:
    """List the users and what they allowed."""
    return jsonify(state_of(WeChat).people.everybody())


@pages.post("/people")
def add_people() -> ResponseReturnValue:
    """Add a user or several."""
    wanted = request.get_json(force=True)
    state_of(WeChat).people.add(wanted if isinstance(wanted, list) else [wanted])
    return jsonify({})


@pages.post("/codes")
def make_code() -> ResponseReturnValue:
    """Make a log-in or phone code of a user."""
    wanted = request.get_json(force=True)
    return jsonify({"code": state_of(WeChat).people.make_code(wanted["kind"], wanted["openid"])})


@pages.post("/script")
def set_script() -> ResponseReturnValue:
    """Set the codes of the next answers by path."""
    state_of(WeChat).messages.script(request.get_json(force=True))
    return jsonify({})


@pages.post("/state")
def set_state() -> ResponseReturnValue:
    """Set the life of tokens, revoke them, name the platform that is told, empty the card packs."""
    here, wanted = state_of(WeChat), request.get_json(force=True)
    if "token_seconds" in wanted:
        here.tokens.set_setting("token_seconds", float(wanted["token_seconds"]))
    if wanted.get("revoke"):
        here.tokens.revoke()
    if "hook" in wanted:  # where the platform is, and that it wants to be told what became of a message
        here.hook, here.tells = wanted["hook"], True
    if wanted.get("empty_cards"):
        here.cards.empty()
    return jsonify({})


# ── for people: the inbox and what a user taps ────────────────────────────────────────────────────────────────────────
@pages.get("")
def show_inbox() -> ResponseReturnValue:
    """Show messages, cards and users."""
    here = state_of(WeChat)
    rows = [row | {"when": local(datetime.fromtimestamp(row["at"], UTC))} for row in here.messages.arrived(100)]
    return render_template(
        "wechat.html",
        messages=rows,
        people=here.people.everybody(),
        cards=here.cards.cards(),
        switches=here.faults.all(),
        action=url_for(".set_switch"),
        service=here.service.appid,
        mini=here.mini.appid,
        statuses=STATUSES,
    )


@pages.post("/follow")
def follow() -> ResponseReturnValue:
    """Follow or unfollow the official account."""
    here = state_of(WeChat)
    openid, follows = request.form["openid"], request.form["act"] == "follow"
    here.people.follow(openid, follows)
    here.push(here.service, pushes.event(openid, "subscribe" if follows else "unsubscribe", ""))
    return redirect(url_for(".show_inbox"), 303)


@pages.post("/allow")
def allow() -> ResponseReturnValue:
    """Allow one message of a template, or refuse it."""
    here = state_of(WeChat)
    openid, template, accepts = request.form["openid"], request.form["template"], request.form["act"] == "accept"
    here.people.allow(openid, template, 1 if accepts else 0)
    in_mini = any(one["appid"] == here.mini.appid for one in here.people.everybody() if one["openid"] == openid)
    account = here.mini if in_mini else here.service
    row = {"TemplateId": template, "SubscribeStatusString": "accept" if accepts else "reject", "PopupScene": "1"}
    later = request.form.get("where") == "settings"  # refused later, where the phone manages messages
    name = "subscribe_msg_change_event" if later else "subscribe_msg_popup_event"
    here.push(account, pushes.told(account, openid, name, [row]))
    return redirect(url_for(".show_inbox"), 303)


@pages.get("/authorize/<key>")
def show_authorization(key: str) -> ResponseReturnValue:
    """Show the page where the person lets a card in."""
    here = state_of(WeChat)
    order = here.cards.order(key)
    if order is None:
        raise ValueError("没有这个授权页")
    people = [one for one in here.people.everybody() if one["appid"] == order["appid"]]
    return render_template("wechat_authorize.html", order=order, people=people)


@pages.post("/authorize/<key>")
def authorize(key: str) -> ResponseReturnValue:
    """Let the card in, and push the event unless it shall get lost."""
    here, openid = state_of(WeChat), request.form["openid"]
    order = here.cards.authorise(key, openid)
    if order is None:
        raise ValueError("没有这个授权页")
    fields = (
        f"<SuccOrderId><![CDATA[{order['order_id']}]]></SuccOrderId>"
        f"<AuthorizeAppId><![CDATA[{order['appid']}]]></AuthorizeAppId><Source><![CDATA[web]]></Source>"
    )
    if request.form.get("silent") != "1":  # the event may get lost: the platform has to ask
        here.push(here.service, pushes.event(openid, "user_authorize_invoice", fields))
    back = order["back"]
    mine = urlsplit(back).hostname == urlsplit(request.host_url).hostname
    # the page's policy lets a form lead nowhere but home, so a person follows a link
    return render_template("wechat_done.html", back=back if mine else ""), 200


@pages.post("/status")
def set_card_status() -> ResponseReturnValue:
    """Lock, close or free a card, as a reimburser does, and push the event."""
    here = state_of(WeChat)
    code, wanted = request.form["code"], request.form["status"]
    card = next(one for one in here.cards.cards() if one["code"] == code)
    here.cards.update(None, {"code": code, "card_id": card["card_id"], "reimburse_status": wanted})
    fields = (
        f"<Status><![CDATA[{wanted}]]></Status><CardId><![CDATA[{card['card_id']}]]></CardId>"
        f"<Code><![CDATA[{code}]]></Code>"
    )
    here.push(here.service, pushes.event(card["openid"], "update_invoice_status", fields))
    return redirect(url_for(".show_inbox"), 303)
