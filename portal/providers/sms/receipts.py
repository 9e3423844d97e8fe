"""The receipt pushes of the SMS providers (reference §8.2, §8.3): arrays without a signature."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class SmsReceipt:
    """One receipt: our number where the provider returns it, else its own."""

    ref: str
    their_ref: str
    good: bool
    code: str
    text: str


def _aliyun(body: Any) -> list[SmsReceipt]:
    found = []
    for row in body:
        good = row["success"] in (True, "true")
        code = "" if good else str(row.get("err_code", ""))
        found.append(
            SmsReceipt(str(row.get("out_id", "")), str(row["biz_id"]), good, code, "" if good else "短信未送达")
        )
    return found


def _tencent(body: Any) -> list[SmsReceipt]:
    found = []
    for row in body:
        good = row["report_status"] == "SUCCESS"
        code = "" if good else str(row.get("errmsg", ""))
        found.append(SmsReceipt("", str(row["sid"]), good, code, "" if good else "短信未送达"))
    return found


READERS: dict[str, Callable[[Any], list[SmsReceipt]]] = {
    "gateway": _aliyun,
    "aliyun": _aliyun,
    "tencent": _tencent,
}
"""By provider; our own gateway's contract pushes what Aliyun pushes. Raises KeyError, TypeError, AttributeError."""
ANSWERS: dict[str, dict[str, Any]] = {
    "gateway": {"code": 0, "msg": "OK"},
    "aliyun": {"code": 0, "msg": "OK"},
    "tencent": {"result": 0, "errmsg": "OK"},
}
