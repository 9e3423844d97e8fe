"""The API described as OpenAPI 3.1: served as JSON, drawn as a page, and what the tests call by."""

from __future__ import annotations

from typing import Any

from portal.blueprints.mini.examples import ANSWERS, BODIES
from portal.blueprints.mini.schemas import QUERIES, SCHEMAS, path_id, ref

BASE = "/api/mini/v1"
_OTHER = {401, 403, 404, 409, 422, 429, 503}
_HEADERS: dict[int, dict[str, Any]] = {
    401: {"WWW-Authenticate": {"schema": {"type": "string"}, "description": "Bearer；令牌失效时带 invalid_token"}},
    403: {"WWW-Authenticate": {"schema": {"type": "string"}, "description": "Bearer error=insufficient_scope"}},
    429: {"Retry-After": {"schema": {"type": "integer"}, "description": "多少秒后再试"}},
    503: {"Retry-After": {"schema": {"type": "integer"}, "description": "多少秒后再试"}},
}
CODES = {
    400: "请求体不是约定的 JSON",
    401: "没有令牌、令牌已失效（SESSION_OVER），或微信登录失败（LOGIN_FAILED）：重新 /login",
    403: "级别不够（LEVEL_TOO_LOW）：令牌还有效，先核实本人",
    404: "没有，或不是您的：两者一样",
    409: "现在不能这样做",
    413: "请求体过大",
    422: "填写有误，见 why",
    429: "太频繁（TRY_LATER），按 Retry-After 再试",
    503: "微信等对方暂时没有应答",
}
LEVELS = ("级别 0：登录即可", "级别 1：凭告知单打开了票，或已核实本人", "级别 2：已核实本人")


def _operation(name: str, summary: str, answers: str, body: str = "", /, **more: Any) -> dict[str, Any]:
    """Describe an operation; ``answers``: schema or media types. ``more``: ``errors``, ``level`` (``None``: open to
    all), ``parameters``, ``why`` as a longer text."""
    level = more.get("level", 0)
    codes = {*more.get("errors", ()), *(() if level is None else (401,)), *((403,) if level else ())}
    codes |= {400, 413, 422} if body else set()
    media: dict[str, Any] = {one: {} for one in answers.split()}
    if answers in SCHEMAS:
        shown = {"example": ANSWERS[answers]} if answers in ANSWERS else {}
        media = {"application/json": {"schema": ref(answers)} | shown}
    refused = {"application/json": {"schema": ref("Error")}}
    described: dict[str, Any] = {
        "operationId": name,
        "summary": summary,
        "description": "不需要令牌" if level is None else LEVELS[level],
        "responses": {"200": {"description": "成功", "content": media}},
        "security": [] if level is None else [{"token": []}],
    }
    for code in sorted(codes):
        headers = {"headers": _HEADERS[code]} if code in _HEADERS else {}
        described["responses"][str(code)] = {"description": CODES[code], "content": refused} | headers
    if body:
        shown = {"schema": ref(body), "example": BODIES[body]}
        described["requestBody"] = {"required": True, "content": {"application/json": shown}}
    if parameters := more.get("parameters"):
        described["parameters"] = list(parameters)
    return described


_BILL, _LINK, _ATTEMPT = (path_id(f"{one}_id") for one in ("bill", "link", "attempt"))
_LISTED = (QUERIES["year"], QUERIES["page"])
_MEMBER, _YEAR = QUERIES["member"], path_id("year")
_SPAN = (QUERIES["first"], QUERIES["last"], _MEMBER)
_FILE = (*_SPAN, QUERIES["form"], QUERIES["part"], QUERIES["bills"])
_LOG_IN: dict[str, Any] = {
    "/login": {
        "post": _operation("login", "用微信登录凭证换令牌", "Token", "Login", errors=(401, 404, 429, 503), level=None)
    },
    "/identify": {"post": _operation("identify", "填号码和姓名，向预留手机发验证码", "Token", "Person", errors=(429,))},
    "/code": {"get": _operation("code", "刚发的验证码还能不能用", "CodeState")},
    "/resend": {"post": _operation("resend", "重新发送验证码；没过期的旧码仍能用", "CodeState", errors=(429,))},
    "/confirm": {"post": _operation("confirm", "填验证码：核实本人并绑定", "Token", "Code", errors=(429,))},
    "/phone": {"post": _operation("phone", "用微信手机号核实本人并绑定", "Token", "Phone", errors=(404, 429))},
    "/slip": {"post": _operation("slip", "凭告知单打开一张票", "Opened", "Slip", errors=(404, 429))},
    "/logout": {"post": _operation("logout", "退出", "Nothing")},
}
_BILLS: dict[str, Any] = {
    "/bills": {"get": _operation("bills", "我的票据，新的在前", "Bills", errors=(422,), level=1, parameters=_LISTED)},
    "/bills/{bill_id}": {
        "get": _operation("bill", "一张票据", "BillDetail", errors=(404,), level=1, parameters=(_BILL,))
    },
    "/bills/{bill_id}/lines": {
        "get": _operation("lines", "费用清单", "Lines", errors=(404,), level=1, parameters=(_BILL,))
    },
    "/bills/{bill_id}/file.pdf": {
        "get": _operation("pdf", "票据 PDF", "application/pdf", errors=(404,), level=1, parameters=(_BILL,))
    },
    "/bills/{bill_id}/face.png": {
        "get": _operation("face", "票面图片", "image/png", errors=(404,), level=1, parameters=(_BILL,))
    },
    "/bills/{bill_id}/deliver": {
        "post": _operation(
            "deliver", "发到邮箱", "Delivered", "Deliver", errors=(404, 429), level=1, parameters=(_BILL,)
        )
    },
    "/bills/{bill_id}/cards": {
        "get": _operation("cards", "可以放入的卡包", "Cards", errors=(404,), level=2, parameters=(_BILL,)),
        "post": _operation(
            "card", "放入卡包", "CardAsked", "Card", errors=(404, 409, 503), level=2, parameters=(_BILL,)
        ),
    },
    "/bills/{bill_id}/correction": {
        "post": _operation(
            "correction", "票据写错了", "Asked", "Correction", errors=(404, 429), level=1, parameters=(_BILL,)
        )
    },
}
_MANY: dict[str, Any] = {
    "/bundle": {
        "get": _operation("bundle", "报销包里会有什么", "Bundle", errors=(404, 422), level=1, parameters=_SPAN)
    },
    "/bundle/file": {
        "get": _operation(
            "bundle_file",
            "报销包：一个 PDF，或带数据文件的 ZIP",
            "application/pdf application/zip",
            errors=(404, 422),
            level=1,
            parameters=_FILE,
        )
    },
    "/years/{year}": {
        "get": _operation(
            "statement", "一年里自己付的钱", "Statement", errors=(404, 422), level=2, parameters=(_YEAR, _MEMBER)
        )
    },
    "/years/{year}/self-pay.pdf": {
        "get": _operation(
            "statement_pdf",
            "同上，PDF",
            "application/pdf",
            errors=(404, 422),
            level=2,
            parameters=(_YEAR, _MEMBER),
        )
    },
    "/window": {
        "post": _operation("window", "给窗口看的码", "Window", errors=(404, 422), level=1, parameters=(_MEMBER,))
    },
}
_HELP: dict[str, Any] = {
    "/notices": {"get": _operation("notices", "我的通知：半年内最近 50 条", "Notices", level=2)},
    "/notices/seen": {"post": _operation("notices_seen", "都看过了", "Nothing", "Seen", level=2)},
    "/notices/{attempt_id}/not-me": {
        "post": _operation(
            "notice_not_me",
            "不是我的：不再往那里发，并告诉窗口",
            "Nothing",
            errors=(404, 429),
            level=2,
            parameters=(_ATTEMPT,),
        )
    },
    "/why": {"post": _operation("why", "为什么没有我的票", "Reasons", "Why")},
    "/why/ask": {"post": _operation("why_ask", "交给窗口查", "Asked", "Ask", errors=(429,))},
    "/answer": {"post": _operation("answer", "申请办到哪了", "Request", "Number", errors=(404, 429))},
    "/verify": {"post": _operation("verify", "填票面五项，查验本院的一张票", "Verified", "Face", errors=(429,))},
}
_FAMILY: dict[str, Any] = {
    "/family": {"get": _operation("family", "我可以看谁的，谁可以看我的", "Members", level=2)},
    "/family/child": {
        "post": _operation("child", "添加孩子：登记的手机就是我的", "Bound", "Child", errors=(404, 429), level=2)
    },
    "/family/proxy": {
        "post": _operation("proxy", "请家人授权：发验证码给家人", "CodeState", "Proxy", errors=(429,), level=2)
    },
    "/family/resend": {"post": _operation("consent_resend", "重新发送授权验证码", "CodeState", errors=(429,), level=2)},
    "/family/consent": {"post": _operation("consent", "填家人收到的验证码", "Bound", "Code", errors=(429,), level=2)},
    "/family/{link_id}/bills": {
        "get": _operation(
            "relative", "一位家人的票据", "Bills", errors=(404, 422), level=2, parameters=(_LINK, *_LISTED)
        )
    },
    "/family/{link_id}/revoke": {
        "post": _operation("revoke", "不再查看，或撤销授权", "Nothing", errors=(404,), level=2, parameters=(_LINK,))
    },
}
PATHS: dict[str, Any] = {
    **_LOG_IN,
    **_BILLS,
    **_MANY,
    **_HELP,
    **_FAMILY,
    "/subscriptions": {"post": _operation("subscribe", "登记用户允许的订阅消息", "Allowed", "Subscribed")},
}
ORDER = (
    ("/login", "wx.login 的 code 换令牌。绑定过的用户直接是级别 2"),
    ("/slip，或 /identify → /confirm，或 /phone", "凭告知单看一张票；或核实本人，看全部票据，并绑定"),
    ("/bills → /bills/{id}", "列表、一张票、文件、发邮箱、卡包、更正"),
    ("/bundle、/years、/window", "报销包、年度清单、给窗口看"),
    ("/notices、/why、/family", "通知、查不到、家人"),
    ("/logout", "看完退出；不退出的，一段时间不用自动失效"),
)
"""The order of calls, as the page shows it."""
LIMITS = (
    ("/login", "一个网络地址一分钟 60 次失败；同一 code 5 次"),
    (
        "/identify、/phone、/resend",
        "一个号码半小时 5 次；一个网络地址一分钟 60 次；验证码一分钟一条",
    ),
    ("/confirm", "一条验证码 5 次，一个号码、一部手机一天 20 次"),
    ("/slip", "一张票、一个取票码半小时 5 次失败；一个网络地址一分钟 60 次失败"),
    ("/bills/{id}/deliver", "一张票一小时 5 封，一个邮箱一小时 10 封"),
    ("/bills/{id}/correction", "一张票一天 5 份"),
    ("/bills/{id}/correction、/why/ask、/notices/{id}/not-me", "一个网络地址一小时 60 份"),
    ("/verify", "一个网络地址一分钟 60 次没有对上；一个号码半小时 10 次"),
    ("/answer", "一个编号 15 分钟 5 次"),
    ("/family/child、/family/proxy", "一个人半小时 10 次，对同一位家人 5 次"),
    ("请求体", "16 KB"),
)
"""What is counted, as the page shows it; whoever is in time is never refused for what others did right."""


def document(title: str, server: str) -> dict[str, Any]:
    """Return the whole document for an installation at ``server``."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": f"{title} 小程序接口",
            "version": "1.1.0",
            "description": "与 H5 同一套规则；金额单位为分，JSON 为 UTF-8。错误都是 {code, what, why, next}。",
        },
        "servers": [{"url": f"{server}{BASE}"}],
        "paths": PATHS,
        "components": {
            "schemas": SCHEMAS,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }
