"""Examples of bodies and answers, with invented people; a test holds each against its schema."""

from __future__ import annotations

from typing import Any

_PERSON = {"number": "000000195203150010", "name": "林演安"}
_TOKEN = {"token": "kJ3v0c6mQm1yF2u8ZxT4aA", "level": 2, "expires_in": 900}
BODIES: dict[str, dict[str, Any]] = {
    "Login": {"code": "0a3xYz000Qp1Te2b", "unit": "pgzx"},
    "Person": _PERSON,
    "Code": {"code": "123456"},
    "Phone": {"phone_code": "e31968a7f94cc5ee"} | _PERSON,
    "Slip": {"slip": "QPMGEQ67E3", "name": "林演安"},
    "Deliver": {"address": "name@example.com"},
    "Card": {"platform": "wechat", "agree": True},
    "Correction": {"wrong": "name", "right": "林演安", "phone": "10000000001"},
    "Seen": {"seen": "2026-11-18T02:42:00+00:00"},
    "Why": {"day": "2026-11-18", "amount": "128.50"},
    "Ask": {"day": "2026-11-18", "amount": "128.50", "paid": "wechat", "person": "林演安", "phone": "10000000001"},
    "Number": {"number": "SQABCDEFGH23"},
    "Face": {
        "code": "99060126",
        "number": "9000000001",
        "check": "0a1b2c",
        "day": "2026-11-18",
        "amount": "128.50",
    },
    "Child": {"number": "000000202003030017", "name": "林小验"},
    "Proxy": {"number": "000000194809060023", "name": "林演福", "relation": "父母"},
    "Subscribed": {"templates": ["DEMO-template-mini-subscription"]},
}
_BRIEF = {
    "id": "7401234567890123456",
    "scene": "门诊",
    "title": "医疗门诊收费票据（电子）",
    "day": "2026-11-17",
    "time": "10:42",
    "issued_on": "2026-11-18",
    "department": "内科",
    "state": "supervised",
    "state_title": "已监制",
    "standing": "valid",
    "standing_title": "有效",
    "total_fen": 12850,
    "insured_fen": 8000,
    "own_cash_fen": 4850,
}
ANSWERS: dict[str, dict[str, Any]] = {
    "Token": _TOKEN,
    "Opened": _TOKEN | {"level": 1, "bill": _BRIEF["id"]},
    "CodeState": {"left": 3, "wait": 42, "worn": False, "expired": False},
    "Bills": {
        "payer": "林**",
        "year": 0,
        "years": [{"year": 2026, "count": 1}],
        "count": 1,
        "page": 1,
        "pages": 1,
        "bills": [_BRIEF],
    },
    "BillDetail": _BRIEF
    | {
        "code": "99060126",
        "number": "9000000001",
        "check_code": "0a1b2c",
        "payer": "林演安",
        "account_fen": 0,
        "fund_fen": 8000,
        "other_fund_fen": 0,
        "self_pay_fen": 4850,
        "own_cost_fen": 0,
        "items": [{"name": "诊察费", "amount_fen": 2000}, {"name": "西药费", "amount_fen": 10850}],
        "paper": "",
        "red": [],
        "original": [],
        "replacement": [],
        "same_day": [],
        "booked_fen": 0,
        "verified": 0,
        "steps": [
            {"title": "医院开好了", "state": "done"},
            {"title": "财政盖章了", "state": "done"},
            {"title": "已通知您", "state": "part"},
        ],
        "sent": [{"id": "7401234567890123999", "way": "短信 100****0001", "words": "已发出", "at": "11-18 10:43"}],
        "corrections": [],
        "details": True,
    },
    "Delivered": {"sent": False, "meant": "name@qq.com", "state": "", "new": False, "note": ""},
    "Window": {
        "code": "QPW7K2M9QXH4T8RBN3W5CJ6VD2PFY",
        "image": "data:image/png;base64,iVBORw0KGgo=",
        "seconds": 60,
        "until": "10:43:00",
    },
    "Error": {
        "code": "LEVEL_TOO_LOW",
        "what": "要先核实本人",
        "why": "凭告知单或刚登录时还看不了这一项",
        "next": "请填号码和姓名，用手机验证码核实本人",
    },
}
