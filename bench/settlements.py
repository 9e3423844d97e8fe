"""Settlements to push: twelve charge items with a list line each, signed before the clock starts."""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import Any

from bench.client import request
from bench.his import PATH, signed
from portal.core.clock import business_day, now, stamp17
from portal.demo.hospital import ITEMS

PLACES = ("01", "02", "03", "04", "05")
SETTLED = now() - timedelta(minutes=5)
_PATIENT = {
    "payer": "林演安",
    "payerType": "1",
    "cardType": "1101",
    "cardNo": "000000195203150010",
    "tel": "10000000001",
    "patientNo": "MZ0000001",
    "sex": "男",
    "age": "74岁",
}
_VISIT = {
    "busType": "02",
    "busDateTime": stamp17(SETTLED),
    "consultationDate": f"{business_day(SETTLED):%Y%m%d}",
    "patientCategory": "内科",
    "patientCategoryCode": "0301",
    "medicalInstitution": "乡镇卫生院",
    "medicalCareType": "城乡居民基本医疗保险",
    "payee": "收费员甲",
    "author": "收费员甲",
    "checker": "复核员乙",
}


def twelve(serial: str, place: str = "01", **changes: Any) -> dict[str, Any]:
    """Return an outpatient settlement with twelve charge items and twelve list lines whose sums agree."""
    charges, details = [], []
    for line, (code, name, _, _) in enumerate(ITEMS[:12], 1):
        price = 3.5 + line
        charges.append(
            {"sortNo": line, "chargeCode": code, "chargeName": name, "unit": "次", "std": price, "number": 2}
            | {"amt": 2 * price, "selfAmt": 0}
        )
        details.append(
            {"chargeCode": code, "chargeName": name, "code": f"F{line:05d}", "name": f"示例{name}{line}"}
            | {"specification": "10mg*7", "unit": "次", "std": f"{price:.4f}", "number": 2, "amt": 2 * price}
        )
    total = sum(row["amt"] for row in charges)
    channels = [
        {"payChannelCode": "05", "payChannelValue": total - 80},
        {"payChannelCode": "11", "payChannelValue": 80},
    ]
    split = {"accountPay": 0, "fundPay": "80.00", "otherfundPay": 0, "ownPay": 0}
    split |= {"selfCashPay": total - 80, "selfPayAmt": total - 80}
    lines = {"chargeDetail": charges, "listDetail": details, "payChannelDetail": channels}
    head = {"busNo": serial, "placeCode": place, "totalAmt": total}
    return {**_PATIENT, **_VISIT, **head, **split, **lines, **changes}


def pushes(count: int) -> list[bytes]:
    """Return signed requests for ``count`` new bills, spread over five points."""
    run = secrets.token_hex(4)
    bodies = [signed(twelve(f"B{run}{number:06d}", PLACES[number % len(PLACES)])) for number in range(count)]
    return [request("POST", PATH, body, Content_Type="application/json;charset=UTF-8") for body in bodies]
