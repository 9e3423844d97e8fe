"""The simulators' application: one package a party, a start page that lists them.

A further simulator is a package with a blueprint in ``routes.py`` and its state in ``state.py``, and one line in
:data:`PARTIES`.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from flask import Blueprint, Flask, Response, g, render_template
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import HTTPException

from portal.demo.keys import ensure_demo_keys
from portal.demo.settings import DemoSettings
from portal.simulators.alipay import routes as alipay
from portal.simulators.alipay.state import Alipay
from portal.simulators.bureau import routes as bureau
from portal.simulators.bureau.state import Bureau
from portal.simulators.context import Context
from portal.simulators.finance import routes as finance
from portal.simulators.finance.state import Finance
from portal.simulators.his import routes as his
from portal.simulators.his.state import His
from portal.simulators.mail import routes as mail
from portal.simulators.mail.state import Mail
from portal.simulators.push import routes as push
from portal.simulators.push.state import Push
from portal.simulators.sms import clouds
from portal.simulators.sms import routes as sms
from portal.simulators.sms.state import Sms
from portal.simulators.store import Store
from portal.simulators.wechat import routes as wechat
from portal.simulators.wechat.state import WeChat


@dataclass(frozen=True, slots=True)
class Party:
    """One simulated party, as the start page shows it. ``address`` is its page; ``prepare`` makes its state."""

    title: str
    address: str
    what: str
    pages: Blueprint
    prepare: Callable[[Context], object]


PARTIES: tuple[Party, ...] = (
    Party("结算台", "/desk", "模拟 HIS：选人物和业务场景，按正式接口推送结算并开票", his.pages, His.prepare),
    Party(
        "财政监制",
        "/finance",
        "接收上传的票据，验单位签名，加监制签名；可以制造故障",
        finance.pages,
        Finance.prepare,
    ),
    Party(
        "邮箱", "/mail", "模拟邮件服务器：发出的邮件在这里查看，附件可以打开；可以制造故障", mail.pages, Mail.prepare
    ),
    Party("医院 APP", "/push", "接收推送给医院 APP 的票据事件，验签去重；可以制造故障", push.pages, Push.prepare),
    Party("短信网关", "/sms", "接收要发的短信，在这里查看；可以制造故障", sms.pages, Sms.prepare),
    Party(
        "微信",
        "/wechat",
        "服务号、小程序和卡包：消息收件箱，关注、订阅、领取票据；可以制造故障",
        wechat.pages,
        WeChat.prepare,
    ),
    Party(
        "财政卡包平台",
        "/bureau",
        "单位加财政模式：收下医院交来的卡包授权，把票据放进微信卡包；可以制造故障",
        bureau.pages,
        Bureau.prepare,
    ),
    Party("支付宝", "/alipay", "小程序和生活号消息、发票管家；可以制造故障", alipay.pages, Alipay.prepare),
)


def create_simulators(data_dir: Path, settings: DemoSettings | None = None) -> Flask:
    """Make the application.

    Its store is ``data_dir/simulators/state.sqlite3``, its keys are the demo's in ``data_dir/keys``.
    """
    app = Flask(__name__, static_folder=None)
    app.json.ensure_ascii = False  # type: ignore[attr-defined]
    folder = data_dir / "simulators"
    context = Context(settings or DemoSettings(), Store(folder / "state.sqlite3"), ensure_demo_keys(data_dir))
    context.attach(app)
    for party in PARTIES:
        made = party.prepare(context)
        context.states[type(made)] = made
        app.register_blueprint(party.pages)
    app.register_blueprint(clouds.pages)
    app.before_request(name_request)
    app.after_request(protect)
    app.add_url_rule("/", "start", show_parties)
    for kind in (ValueError, KeyError, TypeError):
        app.register_error_handler(kind, refuse)
    app.register_error_handler(HTTPException, fail)
    return app


def name_request() -> None:
    """Give the request its nonce, and note when it came: faults set later do not befall it."""
    g.nonce, g.arrived = secrets.token_urlsafe(16), time.monotonic()


def protect(response: Response) -> Response:
    """Add the headers that every page of the simulators has."""
    policy = f"default-src 'none'; style-src 'nonce-{g.get('nonce', '')}'; img-src 'self' data:; base-uri 'none'"
    response.headers["Content-Security-Policy"] = f"{policy}; form-action 'self'; frame-ancestors 'none'"
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["X-Robots-Tag"] = "noindex, nofollow"
    response.headers["Cache-Control"] = "no-store"
    return response


def show_parties() -> ResponseReturnValue:
    """Show the start page."""
    return render_template("start.html", parties=PARTIES)


def refuse(error: Exception) -> ResponseReturnValue:
    """Answer a request that says something wrong with a page that tells what."""
    return render_template("refused.html", reason=str(error)), 400


def fail(error: HTTPException) -> ResponseReturnValue:
    """Answer an HTTP error with a page that names it."""
    return render_template("refused.html", reason=error.name), error.code or 500
