"""Events for push targets: their names, their fields, and the receiver's own names for the fields.

Nobody is named: hospital, kind, amount and date, the HIS's own numbers of patient and visit, and a link that still asks
who is there.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from portal.domain.states.delivery import Purpose

ISSUED, REVERSED, EXCHANGED, TEST = "bill.issued", "bill.reversed", "bill.paper_exchanged", "test"
EVENTS = {ISSUED: "开票", REVERSED: "冲红", EXCHANGED: "换开纸质票据"}
"""What a target can subscribe to, and its word on screen."""
OF_PURPOSE = {Purpose.REVERSED: REVERSED, Purpose.EXCHANGED: EXCHANGED}
"""The event of a purpose; all others say that the bill was issued."""

FIELDS = {
    "event_id": "事件编号",
    "event": "事件",
    "sequence": "同一票据内的次序",
    "occurred_at": "发生时间",
    "patient_id": "HIS 患者编号",
    "visit_no": "就诊号、住院号",
    "bill_code": "票据代码",
    "bill_number": "票据号码",
    "check_code": "校验码",
    "amount": "金额（元）",
    "issue_date": "开票日期",
    "view_url": "查看链接",
    "expires_at": "链接有效期至",
}
"""Every field of an event in its order, and its word on screen."""
NEEDED = ("event_id", "event")
"""Fields without which nobody could tell two events apart."""
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,39}", re.ASCII)
_SPACE = uuid.UUID("6f1d0d7e-3c53-4d8e-9f5e-2b7c1b1d9a10")


def event_of(purpose: Purpose) -> str:
    """Return the event that a message of this purpose is."""
    return OF_PURPOSE.get(purpose, ISSUED)


def event_id(ref: str) -> str:
    """Return the number of an event, made from ours: a repeat has the same one."""
    return str(uuid.uuid5(_SPACE, ref))


def named(values: Mapping[str, Any], fields: Mapping[str, str]) -> dict[str, Any]:
    """Return the values under the receiver's names; what it has left out is left out."""
    return {name: value for key, value in values.items() if (name := fields.get(key, key))}


def checked_fields(wanted: Mapping[str, str]) -> dict[str, str]:
    """Return the receiver's names that differ from ours. Raises ValueError with a Chinese reason."""
    names = {key: wanted.get(key, key).strip() for key in FIELDS}
    for key, name in names.items():
        if name and not NAME.fullmatch(name):
            raise ValueError(f"{FIELDS[key]}的字段名“{name[:40]}”只能用字母、数字、_ . -，以字母开头，最多 40 个字符")
        if not name and key in NEEDED:
            raise ValueError(f"{FIELDS[key]}不能不发送，接收方靠它去重")
    used = [name for name in names.values() if name]
    if twice := sorted({name for name in used if used.count(name) > 1}):
        raise ValueError(f"字段名 {'、'.join(twice)} 用了两次")
    return {key: name for key, name in names.items() if name != key}


def sample(moment: datetime, link: str) -> dict[str, Any]:
    """Return a test event: about no bill and nobody."""
    return {
        "event_id": str(uuid.uuid4()),
        "event": TEST,
        "sequence": 1,
        "occurred_at": moment.isoformat(timespec="seconds"),
        "patient_id": "TEST",
        "visit_no": "TEST",
        "bill_code": "00000000",
        "bill_number": "0000000000",
        "check_code": "000000",
        "amount": "0.01",
        "issue_date": f"{moment:%Y-%m-%d}",
        "view_url": link,
        "expires_at": moment.isoformat(timespec="seconds"),
    }
