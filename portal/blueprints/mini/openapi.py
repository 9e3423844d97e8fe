"""The API described as OpenAPI 3.1: served as JSON, drawn as a page, and what the tests call by."""

from __future__ import annotations

from typing import Any

BASE = "/api/mini/v1"
TEXT = {"type": "string"}
FEN = {"type": "integer", "description": "分"}


def _object(**members: Any) -> dict[str, Any]:
    return {"type": "object", "required": list(members), "properties": members, "additionalProperties": False}


def _text(most: int, words: str = "") -> dict[str, Any]:
    kept = {"type": "string", "minLength": 1, "maxLength": most, "pattern": r"^[^\x00]*$"}
    return kept | ({"description": words} if words else {})


def _list(of: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": of}


def _ref(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}


_BRIEF = {
    "id": {"type": "string", "description": "票据编号，作地址用；不含个人信息"},
    "scene": TEXT,
    "title": TEXT,
    "day": {"type": "string", "format": "date"},
    "state": {"type": "string", "enum": ["issued", "uploaded", "supervised", "refused", "reversed"]},
    "state_title": TEXT,
    "total_fen": FEN,
    "insured_fen": FEN,
    "own_cash_fen": FEN,
}
SCHEMAS: dict[str, Any] = {
    "Error": _object(code=TEXT, what=TEXT, why=TEXT, next=TEXT),
    "Token": _object(
        token={"type": "string", "description": "放在 Authorization: Bearer 中；每次升级都会换新"},
        level={"type": "integer", "enum": [0, 2], "description": "0 未核实，2 已核实本人"},
        expires_in={"type": "integer", "description": "不使用多少秒后失效"},
    ),
    "Login": _object(code=_text(128, "wx.login 的 code"), unit=_text(20, "单位通码")),
    "Person": _object(number=_text(60, "证件号、卡号或手机号"), name=_text(100, "患者姓名")),
    "Code": _object(code=_text(20, "短信验证码")),
    "Phone": _object(
        phone_code=_text(128, "getPhoneNumber 的 code"), number=_text(60, "证件号或卡号"), name=_text(100, "患者姓名")
    ),
    "Bill": _object(**_BRIEF),
    "Bills": _object(payer={"type": "string", "description": "遮盖后的姓名"}, bills=_list(_ref("Bill"))),
    "BillDetail": _object(
        **_BRIEF,
        code=TEXT,
        number=TEXT,
        check_code=TEXT,
        payer=TEXT,
        account_fen=FEN,
        fund_fen=FEN,
        self_pay_fen=FEN,
        own_cost_fen=FEN,
        items=_list(_object(name=TEXT, amount_fen=FEN)),
    ),
    "Deliver": _object(address=_text(254, "邮箱地址")),
    "Delivered": _object(state=TEXT, new={"type": "boolean"}),
    "Face": _object(
        code=_text(40, "票据代码"),
        number=_text(40, "票据号码"),
        check=_text(40, "校验码，大小写照票面"),
        day=_text(40, "开票日期"),
        amount=_text(40, "金额（元），红票前面加负号"),
    ),
    "Verified": _object(
        matched={"type": "boolean", "description": "五项是否都与本院开出的一张票一致；不说是哪一项，也不说有没有"},
        standing=_list(_object(title=TEXT, words=TEXT)),
        times={"type": "integer", "minimum": 0, "description": "在本站查验过几次，连这一次"},
    ),
    "Members": _object(members=_list(_object(id=TEXT, name=TEXT, relation=TEXT))),
    "Subscribed": _object(templates={"type": "array", "items": _text(64), "maxItems": 3}),
    "Allowed": _object(templates=_list(TEXT)),
    "Nothing": _object(),
}
EXAMPLES: dict[str, dict[str, Any]] = {
    "Login": {"code": "0a3xYz000Qp1Te2b", "unit": "pgzx"},
    "Person": {"number": "000000195203150010", "name": "林演安"},
    "Code": {"code": "123456"},
    "Phone": {"phone_code": "e31968a7f94cc5ee", "number": "000000195203150010", "name": "林演安"},
    "Deliver": {"address": "name@example.com"},
    "Face": {
        "code": "99060126",
        "number": "9000000001",
        "check": "0a1b2c",
        "day": "2026-11-18",
        "amount": "128.50",
    },
    "Subscribed": {"templates": ["DEMO-template-mini-subscription"]},
}
"""A body of each kind, with invented people."""
_ID = {"name": "bill_id", "in": "path", "required": True, "schema": {"type": "integer", "minimum": 0}}
_LINK = {"name": "link_id", "in": "path", "required": True, "schema": {"type": "integer", "minimum": 0}}


def _operation(
    name: str,
    summary: str,
    answer: str,
    body: str = "",
    errors: tuple[int, ...] = (),
    open_to_all: bool = False,
    parameter: dict[str, Any] | None = None,
) -> dict[str, Any]:
    media = {"application/json": {"schema": _ref(answer)}} if answer in SCHEMAS else {answer: {}}
    refused = {"application/json": {"schema": _ref("Error")}}
    codes = sorted({*errors, *(() if open_to_all else (401,)), *((400, 413, 422) if body else ())})
    found: dict[str, Any] = {
        "operationId": name,
        "summary": summary,
        "responses": {"200": {"description": "成功", "content": media}}
        | {str(code): {"description": "没有办成，见 what、why、next", "content": refused} for code in codes},
        "security": [] if open_to_all else [{"token": []}],
    }
    if body:
        shown = {"schema": _ref(body), "example": EXAMPLES[body]}
        found["requestBody"] = {"required": True, "content": {"application/json": shown}}
    if parameter:
        found["parameters"] = [parameter]
    return found


PATHS: dict[str, Any] = {
    "/login": {"post": _operation("login", "用微信登录凭证换令牌", "Token", "Login", (401, 404), open_to_all=True)},
    "/identify": {"post": _operation("identify", "填号码和姓名，向预留手机发验证码", "Token", "Person", (429,))},
    "/confirm": {"post": _operation("confirm", "填验证码：核实本人并绑定", "Token", "Code", (429,))},
    "/phone": {"post": _operation("phone", "用微信手机号核实本人并绑定", "Token", "Phone", (404, 429))},
    "/bills": {"get": _operation("bills", "我的票据", "Bills")},
    "/bills/{bill_id}": {"get": _operation("bill", "一张票据", "BillDetail", errors=(404,), parameter=_ID)},
    "/bills/{bill_id}/file.pdf": {
        "get": _operation("pdf", "票据 PDF", "application/pdf", errors=(404,), parameter=_ID)
    },
    "/bills/{bill_id}/face.png": {"get": _operation("face", "票面图片", "image/png", errors=(404,), parameter=_ID)},
    "/bills/{bill_id}/deliver": {
        "post": _operation("deliver", "发到邮箱", "Delivered", "Deliver", (404, 429), parameter=_ID)
    },
    "/verify": {"post": _operation("verify", "填票面五项，查验本院的一张票", "Verified", "Face", (429,))},
    "/family": {"get": _operation("family", "可以代取的家人", "Members")},
    "/family/{link_id}/bills": {
        "get": _operation("relative", "一位家人的票据", "Bills", errors=(404,), parameter=_LINK)
    },
    "/subscriptions": {"post": _operation("subscribe", "登记用户允许的订阅消息", "Allowed", "Subscribed")},
    "/logout": {"post": _operation("logout", "退出", "Nothing")},
}


def document(title: str, server: str) -> dict[str, Any]:
    """Return the whole document for an installation at ``server``."""
    return {
        "openapi": "3.1.0",
        "info": {"title": f"{title} 小程序接口", "version": "1.0.0", "description": "与 H5 同一套规则；金额单位为分。"},
        "servers": [{"url": f"{server}{BASE}"}],
        "paths": PATHS,
        "components": {
            "schemas": SCHEMAS,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }
