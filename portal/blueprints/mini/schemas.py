"""Shapes of the API's bodies and answers (OpenAPI 3.1): what a body is checked by, and what the tests check answers by.

Money is in fen. An answer has every member of its schema; what there is not is an empty text, list or zero.
"""

from __future__ import annotations

from typing import Any

TEXT = {"type": "string"}
FEN = {"type": "integer", "description": "分"}
COUNT = {"type": "integer", "minimum": 0}
FLAG = {"type": "boolean"}
MOST_ID = 2**63 - 1


def _object(optional: dict[str, Any] | None = None, /, **members: Any) -> dict[str, Any]:
    whole = members | (optional or {})
    return {"type": "object", "required": list(members), "properties": whole, "additionalProperties": False}


def _typed(most: int, words: str = "", least: int = 1) -> dict[str, Any]:
    kept = {"type": "string", "minLength": least, "maxLength": most, "pattern": r"^[^\x00]*$"}
    return kept | ({"description": words} if words else {})


def _told(words: str) -> dict[str, Any]:
    return {"type": "string", "description": words}


def _list(of: dict[str, Any], words: str = "") -> dict[str, Any]:
    return {"type": "array", "items": of} | ({"description": words} if words else {})


def ref(name: str) -> dict[str, str]:
    """Return the reference to a schema."""
    return {"$ref": f"#/components/schemas/{name}"}


_DAY = {"type": "string", "format": "date"}
_NUMBER, _NAME = _typed(60, "证件号或卡号"), _typed(100, "患者姓名")
_CODE = _object(code=_typed(20, "短信验证码"))
_TOKEN = {
    "token": _told("放在 Authorization: Bearer 中；每次升级都会换新，旧的立即失效"),
    "level": {"type": "integer", "enum": [0, 1, 2], "description": "0 未核实，1 凭告知单打开了票，2 已核实本人"},
    "expires_in": {"type": "integer", "description": "不使用多少秒后失效"},
}
_BRIEF = {
    "id": _told("票据编号，作地址用；不含个人信息"),
    "scene": TEXT,
    "title": TEXT,
    "day": _DAY | {"description": "业务日期（缴费那天）"},
    "time": _told("业务时间，如 10:42"),
    "issued_on": _DAY | {"description": "开票日期；查验填这一天"},
    "department": _told("科室的通用名；未核实本人或医院不显示时为空"),
    "state": {"type": "string", "enum": ["issued", "uploaded", "supervised", "refused", "reversed"]},
    "state_title": TEXT,
    "standing": {
        "type": "string",
        "enum": ["valid", "waiting", "refused", "exchanged", "booked", "reversed", "red"],
        "description": "现在能不能用",
    },
    "standing_title": _told("同上，给患者看的词"),
    "total_fen": FEN,
    "insured_fen": FEN,
    "own_cash_fen": FEN,
}
_PAGE = {
    "year": COUNT | {"description": "0 表示全部年份"},
    "years": _list(ref("Year"), "各年各有多少张，新的在前"),
    "count": COUNT | {"description": "这一年（或全部）共多少张"},
    "page": COUNT,
    "pages": COUNT,
}
SCHEMAS: dict[str, Any] = {
    "Error": _object(code=TEXT, what=TEXT, why=TEXT, next=TEXT),
    "Token": _object(**_TOKEN),
    "Login": _object(code=_typed(128, "wx.login 的 code"), unit=_typed(20, "单位通码")),
    "Person": _object(number=_typed(60, "证件号、卡号或手机号"), name=_NAME),
    "Code": _CODE,
    "CodeState": _object(
        left=COUNT | {"description": "还可以试几次"},
        wait=COUNT | {"description": "多少秒后可以重新发送"},
        worn=FLAG | {"description": "错得太多，已作废"},
        expired=FLAG | {"description": "已过期，或没有发过"},
    ),
    "Phone": _object(phone_code=_typed(128, "getPhoneNumber 的 code"), number=_NUMBER, name=_NAME),
    "Slip": _object(
        slip=_typed(300, "取票码（QP 加 8 位），或告知单上二维码的内容"),
        name=_typed(100, "交款人姓名；扫码时也可以填取票码"),
    ),
    "Opened": _object(**_TOKEN, bill=_told("打开的票据编号")),
    "Bill": _object(**_BRIEF),
    "Year": _object(year=COUNT, count=COUNT),
    "Bills": _object(payer=_told("遮盖后的姓名"), **_PAGE, bills=_list(ref("Bill"))),
    "BillRef": _object(id=_told("票据编号；核实本人后才能打开"), number=_told("票据号码"), scene=TEXT, total_fen=FEN),
    "Step": _object(title=TEXT, state={"type": "string", "enum": ["", "done", "part", "stop"]}),
    "Way": _object(
        id=_told("“不是我的”用的编号；还没有发出时为空"), way=_told("发到哪里，号码已遮盖"), words=TEXT, at=TEXT
    ),
    "Request": _object(title=TEXT, state=TEXT, answer=TEXT, asked_on=_DAY),
    "BillDetail": _object(
        **_BRIEF,
        code=TEXT,
        number=TEXT,
        check_code=TEXT,
        payer=TEXT,
        account_fen=FEN,
        fund_fen=FEN,
        other_fund_fen=FEN,
        self_pay_fen=FEN,
        own_cost_fen=FEN,
        items=_list(_object(name=TEXT, amount_fen=FEN)),
        paper=_told("已换开的纸质票据编号，没有换开为空"),
        red=_list(ref("BillRef"), "冲掉它的红票，至多一张"),
        original=_list(ref("BillRef"), "它冲掉的原票，至多一张"),
        replacement=_list(ref("BillRef"), "医院说明的新票"),
        same_day=_list(ref("BillRef"), "作废且没有说明新票时，同一天有效的票"),
        booked_fen=FEN | {"description": "单位已报销的金额（分）"},
        verified=COUNT | {"description": "被查验过几次"},
        steps=_list(ref("Step")),
        sent=_list(ref("Way"), "送到哪里了"),
        corrections=_list(ref("Request")),
        details=FLAG | {"description": "可以看费用清单，PDF 带明细和数据文件"},
    ),
    "Line": _object(
        name=TEXT,
        spec=TEXT,
        unit=TEXT,
        price=_told("单价（元），没有为空"),
        quantity=_told("数量，没有为空"),
        amount=_told("金额（元）"),
    ),
    "Lines": _object(department=TEXT, lines=_list(ref("Line"))),
    "Deliver": _object({"sure": FLAG | {"description": "地址没有填错，照发"}}, address=_typed(254, "邮箱地址")),
    "Delivered": _object(
        sent=FLAG | {"description": "false：还没有发，先请患者看 meant"},
        meant=_told("可能想填的地址；患者确认没有填错时带 sure 再发"),
        state=TEXT,
        new=FLAG | {"description": "false：刚才已经发过同一封"},
        note=_told("这张票现在不能报销时，邮件里会写明的一句"),
    ),
    "CardOffer": _object(
        platform={"type": "string", "enum": ["wechat", "alipay"]}, title=TEXT, state=TEXT, words=TEXT, may_ask=FLAG
    ),
    "Cards": _object(offers=_list(ref("CardOffer"))),
    "Card": _object(
        platform=_typed(20, "wechat 或 alipay") | {"enum": ["wechat", "alipay"]},
        agree=FLAG | {"description": "患者同意把 PDF、姓名、金额、代码和号码交给对方保存；false 时不办"},
    ),
    "CardAsked": _object(link=_told("微信里点“领取”的页面，两小时有效；支付宝没有这一步，为空")),
    "Correction": _object(
        {"phone": _typed(40, "手机号（答复用）", 0)},
        wrong=_typed(20, "哪里写错了") | {"enum": ["name", "number", "phone", "amount", "other"]},
        right=_typed(200, "正确的是"),
    ),
    "Asked": _object(number=_told("申请编号，只显示这一次")),
    "Span": _object(title=TEXT, first=_DAY, last=_DAY, count=COUNT),
    "Bundle": _object(
        spans=_list(ref("Span"), "可以选的时间"),
        first=_DAY,
        last=_DAY,
        bills=_list(ref("Bill"), "这段时间能报销的票"),
        left_out=COUNT | {"description": "红票和已作废的，不放进去"},
        parts=COUNT | {"description": "每包至多 50 张，共几包"},
    ),
    "Statement": _object(
        year=COUNT,
        payer=TEXT,
        count=COUNT,
        total_fen=FEN,
        insured_fen=FEN,
        own_cash_fen=FEN,
        self_pay_fen=FEN,
        own_cost_fen=FEN,
    ),
    "Window": _object(
        code=_told("给窗口扫的码的内容"),
        image=_told("同一个码的图，data: 地址"),
        seconds=COUNT | {"description": "多少秒后失效"},
        until=_told("到几点几分几秒为止"),
    ),
    "Notice": _object(bill=ref("Bill"), title=TEXT, at=TEXT, new=FLAG, ways=_list(ref("Way"))),
    "Notices": _object(notices=_list(ref("Notice")), seen=_told("“都看过了”要带上的时间，没有消息为空")),
    "Seen": _object(seen=_typed(40, "notices 里给的时间")),
    "Why": _object({"day": _typed(20, "哪一天缴的费", 0), "amount": _typed(20, "多少钱（元）", 0)}),
    "Reason": _object(bill=ref("Bill"), words=TEXT),
    "Reasons": _object(
        known=FLAG | {"description": "false：还不知道是谁在问，请先核实本人，或用 /why/ask 交给窗口"},
        whole=FLAG | {"description": "false：只看了凭告知单打开的票"},
        named=FLAG | {"description": "false：没有填日期和金额，found 是最近的几张"},
        found=_list(ref("Reason")),
    ),
    "Ask": _object(
        {
            "day": _typed(20, "哪一天缴的费", 0),
            "amount": _typed(20, "多少钱（元）", 0),
            "paid": _typed(20, "怎么付的", 0),
            "card": _typed(60, "证件号或卡号", 0),
            "note": _typed(300, "说明", 0),
        },
        person=_NAME,
        phone=_typed(40, "手机号（答复用）"),
    ),
    "Number": _object(number=_typed(40, "申请编号")),
    "Face": _object(
        code=_typed(40, "票据代码"),
        number=_typed(40, "票据号码"),
        check=_typed(40, "校验码，大小写照票面"),
        day=_typed(40, "开票日期"),
        amount=_typed(40, "金额（元），红票前面加负号"),
    ),
    "Verified": _object(
        matched=FLAG | {"description": "五项是否都与本院开出的一张票一致；不说是哪一项，也不说有没有"},
        standing=_list(_object(title=TEXT, words=TEXT)),
        times=COUNT | {"description": "在本站查验过几次，连这一次"},
    ),
    "Member": _object(id=TEXT, name=_told("遮盖后的姓名"), relation=TEXT, kind=TEXT, until=_DAY),
    "Members": _object(
        members=_list(ref("Member"), "我可以看的"),
        watchers=_list(ref("Member"), "可以看我的"),
        relations=_list(TEXT, "授权时可以选的关系"),
    ),
    "Child": _object(number=_typed(60, "孩子的证件号"), name=_typed(100, "孩子的姓名")),
    "Proxy": _object(
        {"relation": _typed(20, "这位家人是我的", 0)},
        number=_typed(60, "家人的证件号或卡号"),
        name=_typed(100, "家人的姓名"),
    ),
    "Bound": _object(id=_told("家人编号")),
    "Subscribed": _object(templates={"type": "array", "items": _typed(64), "maxItems": 3}),
    "Allowed": _object(templates=_list(TEXT)),
    "Nothing": _object(),
}


def _query(words: str, **schema: Any) -> dict[str, Any]:
    return {"in": "query", "required": False, "description": words, "schema": schema}


_IDS = r"^[0-9]{1,19}(,[0-9]{1,19}){0,199}$"
QUERIES: dict[str, dict[str, Any]] = {
    name: {"name": name} | one
    for name, one in {
        "year": _query("只要这一年的", type="integer", minimum=2000, maximum=2199),
        "page": _query("第几页，每页 50 张", type="integer", minimum=1, maximum=100_000),
        "member": _query("家人编号；不填是本人", type="integer", minimum=1, maximum=MOST_ID),
        "first": _query("从哪一天", type="string", format="date"),
        "last": _query("到哪一天", type="string", format="date"),
        "form": _query("pdf（默认）或 zip", type="string", pattern="^(pdf|zip)$"),
        "part": _query("第几包", type="integer", minimum=1, maximum=100_000),
        "bills": _query("票据编号，用逗号隔开；不填是这段时间全部", type="string", pattern=_IDS),
    }.items()
}
"""Parameters that an address may carry after its question mark."""


def path_id(name: str) -> dict[str, Any]:
    """Return the parameter of an id in a path."""
    schema = {"type": "integer", "minimum": 0, "maximum": MOST_ID}
    return {"name": name, "in": "path", "required": True, "schema": schema}
