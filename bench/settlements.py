"""Settlements to push: twelve charge items with a list line each, signed before the clock starts."""

from __future__ import annotations

import json
import secrets
from typing import Any

from bench.client import request
from portal.demo.hospital import ITEMS
from tests.his import encode, outpatient

PLACES = ("01", "02", "03", "04", "05")
METHOD = "invoiceEBillOutpatient"
ISSUED = b'"data":"eyJyZXN1bHQiOiJTMDAwMCIs'
"""How the answer of a bill that was issued begins: the Base64 of ``{"result":"S0000",``."""


def twelve(serial: str, place: str = "01", **changes: Any) -> dict[str, Any]:
    """An outpatient settlement with twelve charge items and twelve list lines whose sums agree."""
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
    split = {"fundPay": "80.00", "selfCashPay": total - 80, "ownPay": 0, "selfPayAmt": total - 80}
    lines = {"chargeDetail": charges, "listDetail": details, "payChannelDetail": channels}
    return outpatient(serial, placeCode=place, totalAmt=total, **split, **lines, **changes)


def pushes(count: int) -> list[bytes]:
    """Signed requests for ``count`` new bills, spread over five points."""
    run = secrets.token_hex(4)
    made = []
    for number in range(count):
        body = json.dumps(encode(twelve(f"B{run}{number:06d}", PLACES[number % len(PLACES)]))).encode()
        made.append(
            request("POST", f"/medical-web/api/medical/{METHOD}", body, Content_Type="application/json;charset=UTF-8")
        )
    return made
