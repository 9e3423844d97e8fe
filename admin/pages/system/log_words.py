"""Details of log entries in words: what was before and after, amounts in commas, lists one after the other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from portal.domain.money import commas

NAMES: dict[str, str] = {
    "about": "查看的对象",
    "accepted": "同意",
    "active": "启用",
    "address": "地址",
    "allow_self": "允许自付",
    "amount_fen": "金额（元）",
    "appid": "账号",
    "approved": "批准数量",
    "at": "时间",
    "attachment": "附件",
    "bill": "票据",
    "bills": "张数",
    "by": "查找方式",
    "certificate": "证书",
    "category": "类别",
    "category_code": "类别代码",
    "code": "代码",
    "consent": "患者单独同意的依据",
    "contact": "联系人",
    "count": "数量",
    "credit_code": "统一社会信用代码",
    "document": "凭证",
    "done": "完成",
    "duplicate": "重复",
    "emergency": "应急",
    "events": "事件",
    "explained": "用途见请求号",
    "fields": "字段对照",
    "filters": "条件",
    "first": "起号",
    "form": "形式",
    "from": "从",
    "gap_x": "横向偏移",
    "gap_y": "纵向偏移",
    "invalid": "有错",
    "issued": "已开具",
    "key_id": "密钥编号",
    "kind": "类别",
    "kind_id": "票据种类",
    "kinds": "票据种类",
    "last": "止号",
    "limit_high": "标准上限",
    "limit_low": "标准下限",
    "lines": "行数",
    "list": "列表",
    "links": "环数",
    "message_id": "报文号",
    "name": "名称",
    "object_id": "对象",
    "opinion": "意见",
    "paper": "纸质票号",
    "parts": "不同之处",
    "phone": "电话",
    "phone_changed": "换了手机",
    "point": "开票点",
    "points": "开票点",
    "policies": "检查开关",
    "print": "打印",
    "prints": "第几次",
    "problems": "问题数",
    "quantity": "数量",
    "reason": "原因",
    "receipts": "回执",
    "red": "红票",
    "revision": "第几次上报",
    "roles": "角色",
    "rows": "行数",
    "run": "第几次",
    "runs": "号段",
    "serial": "业务流水号",
    "sheet": "纸质票号",
    "sheets": "纸张数",
    "skipped": "跳过张数",
    "sort": "顺序",
    "staff": "人员",
    "state": "状态",
    "status": "状态",
    "table": "对照表",
    "to": "到",
    "total_fen": "金额（元）",
    "tries": "尝试次数",
    "unit": "单位",
    "url": "推送地址",
    "username": "用户名",
    "valid_from": "有效期起",
    "valid_until": "有效期至",
    "why": "原因",
}
"""Words of the names in details; one that is missing shows as it is stored."""


VALUES: dict[tuple[str, str], str] = {
    ("about", "search"): "票据查找",
    ("by", "name"): "姓名",
    ("by", "number"): "号码",
    ("by", "bill"): "票据代码和号码",
    ("by", "link"): "票据链接",
    ("by", "serial"): "业务流水号",
    ("by", "shown"): "患者出示的二维码",
    ("form", "print"): "打印",
    ("form", "xlsx"): "Excel",
    ("kind", "other"): "其他",
    ("kind", "public"): "公众人物",
    ("kind", "staff"): "本院职工",
    ("platform", "alipay"): "支付宝",
    ("platform", "wechat"): "微信",
}
"""Words of values that are stored as codes, by the name they stand under."""


def text(details: Mapping[str, Any]) -> str:
    """Return the details in one line: ``名称：内科 → 内科一区；原因：…``."""
    rest = {name: value for name, value in details.items() if name not in ("before", "after")}
    parts = [f"{NAMES.get(name, name)}：{word(name, value)}" for name, value in rest.items()]
    if "before" in details or "after" in details:
        parts += _changes(details.get("before"), details.get("after"))
    return "；".join(parts)


def _changes(before: Any, after: Any) -> list[str]:
    if not isinstance(before or {}, Mapping) or not isinstance(after or {}, Mapping):
        return [f"{word('', before)} → {word('', after)}"]
    old, new = before or {}, after or {}
    names = [name for name in (*old, *(one for one in new if one not in old)) if old.get(name) != new.get(name)]
    return [f"{NAMES.get(name, name)}：{word(name, old.get(name))} → {word(name, new.get(name))}" for name in names]


def word(name: str, value: Any) -> str:
    """One value as it is read."""
    if value in (None, "", [], {}):
        return "（无）"
    if isinstance(value, bool):
        return "是" if value else "否"
    if isinstance(value, int) and name.endswith("_fen"):
        return commas(value)
    if isinstance(value, Mapping):
        return "，".join(f"{NAMES.get(key, key)} {word(key, one)}" for key, one in value.items())
    if isinstance(value, (list, tuple)):
        return "、".join("–".join(map(str, one)) if isinstance(one, (list, tuple)) else str(one) for one in value)
    return VALUES.get((name, str(value)), str(value))
