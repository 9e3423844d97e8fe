"""The simulators' application: one blueprint a party, a start page that lists them.

A further simulator is a module with ``blueprint(context)`` and one line in :data:`PARTIES`.
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

from portal.core.crypto.certificates import ensure_demo_keys
from portal.core.settings import Settings
from portal.simulators import alipay, bureau, desk, finance, mail, push, sms, smsclouds, wechat
from portal.simulators.context import Context
from portal.simulators.store import Store


@dataclass(frozen=True, slots=True)
class Party:
    """One simulated party, as the start page shows it. ``address`` is its page."""

    title: str
    address: str
    what: str
    blueprint: Callable[[Context], Blueprint]


PARTIES: tuple[Party, ...] = (
    Party("结算台", "/desk", "模拟 HIS：选人物和业务场景，按正式接口推送结算并开票", desk.blueprint),
    Party("财政监制", "/finance", "接收上传的票据，验单位签名，加监制签名；可以制造故障", finance.blueprint),
    Party("邮箱", "/mail", "模拟邮件服务器：发出的邮件在这里查看，附件可以打开；可以制造故障", mail.blueprint),
    Party("医院 APP", "/push", "接收推送给医院 APP 的票据事件，验签去重；可以制造故障", push.blueprint),
    Party("短信网关", "/sms", "接收要发的短信，在这里查看；可以制造故障", sms.blueprint),
    Party("微信", "/wechat", "服务号、小程序和卡包：消息收件箱，关注、订阅、领取票据；可以制造故障", wechat.blueprint),
    Party(
        "财政卡包平台",
        "/bureau",
        "单位加财政模式：收下医院交来的卡包授权，把票据放进微信卡包；可以制造故障",
        bureau.blueprint,
    ),
    Party("支付宝", "/alipay", "小程序和生活号消息、发票管家；可以制造故障", alipay.blueprint),
)


def create_simulators(data_dir: Path, settings: Settings | None = None, parties: tuple[Party, ...] = PARTIES) -> Flask:
    """The application. State is ``data_dir/simulators/state.sqlite3``, keys are the demo's in ``data_dir/keys``."""
    app = Flask(__name__, static_folder=None)
    app.json.ensure_ascii = False  # type: ignore[attr-defined]
    folder = data_dir / "simulators"
    context = Context(settings or Settings(), Store(folder / "state.sqlite3"), ensure_demo_keys(data_dir))
    for party in parties:
        app.register_blueprint(party.blueprint(context))
    app.register_blueprint(smsclouds.blueprint(context))

    @app.before_request
    def name_request() -> None:
        g.nonce, g.arrived = secrets.token_urlsafe(16), time.monotonic()

    @app.after_request
    def protect(response: Response) -> Response:
        policy = f"default-src 'none'; style-src 'nonce-{g.get('nonce', '')}'; img-src 'self' data:; base-uri 'none'"
        response.headers["Content-Security-Policy"] = f"{policy}; form-action 'self'; frame-ancestors 'none'"
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Referrer-Policy"] = "no-referrer"
        response.headers["X-Robots-Tag"] = "noindex, nofollow"
        response.headers["Cache-Control"] = "no-store"
        return response

    @app.get("/")
    def start() -> ResponseReturnValue:
        return render_template("start.html", parties=parties)

    @app.errorhandler(ValueError)
    @app.errorhandler(KeyError)
    @app.errorhandler(TypeError)
    def refused(error: Exception) -> ResponseReturnValue:
        return render_template("refused.html", reason=str(error)), 400

    @app.errorhandler(HTTPException)
    def failed(error: HTTPException) -> ResponseReturnValue:
        return render_template("refused.html", reason=error.name), error.code or 500

    return app
