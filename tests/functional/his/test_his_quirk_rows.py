"""The table of quirks that a drop-in server must accept, row by row, on both databases."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlencode

import pytest
from flask import Flask

from tests.support.his import Answer, His, decode, encode, outpatient
from tests.support.length import sqlite_first

pytestmark = sqlite_first

BASE = "/medical-web/api/medical/"
OUTPATIENT, REGISTRATION, INPATIENT = "invoiceEBillOutpatient", "invEBillRegistration", "invEBillHospitalized"
Served = Callable[[Flask], None]


def post(app: Flask, body: bytes | str, address: str = BASE + OUTPATIENT, **kinds: Any) -> Answer:
    """POST as it is; status 200 and a well-formed answer."""
    response = app.test_client().post(address, data=body, **kinds)
    assert response.status_code == 200
    return decode(response.get_json())


def issued(answer: Answer) -> dict[str, Any]:
    """What an issue answer must hold for any client."""
    assert answer.ok, answer
    payload = answer.payload
    assert len(payload["billNo"]) == 10
    assert len(payload["billBusDate"]) == len(payload["createTime"]) == 17
    assert b64decode(payload["billQRCode"], validate=True).startswith(b"\x89PNG")
    return payload


def contents(*cases: Mapping[str, Any], method: str = OUTPATIENT, without: tuple[str, ...] = ()) -> Served:
    """Settlements with these members, each issued on its own; ``without``: members that are not sent at all."""

    def serve(app: Flask) -> None:
        for place, changes in enumerate(cases):
            values = outpatient(f"ROW-{place}", **changes)
            issued(His(app).call(method, {name: values[name] for name in values if name not in without}))

    return serve


def header_without_a_meaning(app: Flask) -> None:
    body = json.dumps(encode(outpatient("ROW")))
    issued(post(app, body, headers={"Content-Encoding": "UTF-8", "Content-Type": "application/json"}))


def doubled_slashes(app: Flask) -> None:
    body = json.dumps(encode(outpatient("ROW")))
    for address in (f"/medical-web//api/medical/{OUTPATIENT}", f"/medical-web/api/medical//{OUTPATIENT}"):
        issued(post(app, body, address))


def trailing_blank(app: Flask) -> None:
    """Each method that a client was seen to call so: the answer is that of the name without the blank."""
    his = His(app)
    bill = issued(his.call(OUTPATIENT, outpatient("ROW")))
    named = {name: bill[name] for name in ("billBatchCode", "billNo")}
    order = named | {"reason": "退费", "operator": "甲", "busDateTime": "20261124093000123", "placeCode": "01"}
    for method, values in (
        ("getEBillStatesByBillInfo", named),
        ("turnPaper", {}),
        ("checkWriteOffData", {}),
        ("writeOffEBill", order),
    ):
        with_blank = post(app, json.dumps(encode(values)), f"{BASE}{method}%20")
        assert with_blank.result not in ("E1004", "E9001"), with_blank
        if method != "writeOffEBill":
            assert with_blank == his.call(method, values)
    assert with_blank.ok and his.call("getEBillStatesByBillInfo", named).payload["isScarlet"] == "1"


def random_query(app: Flask) -> None:
    issued(post(app, json.dumps(encode(outpatient("ROW"))), f"{BASE}{OUTPATIENT}?random=%200.5123"))


def form_under_another_name(app: Flask) -> None:
    members = encode(outpatient("ROW", remark="加号与斜杠？？？>>>~~~"))
    body = urlencode(members)
    assert "%2" in body or "%3D" in body
    for kind in ("application/json", "text/plain;charset=utf8"):
        issued(post(app, body, content_type=kind))


def cross_origin(app: Flask) -> None:
    asked = {"Origin": "http://kiosk", "Access-Control-Request-Method": "POST"}
    asked |= {"Access-Control-Request-Headers": "content-type"}
    preflight = app.test_client().options(BASE + OUTPATIENT, headers=asked)
    assert preflight.status_code == 200 and preflight.headers["Access-Control-Allow-Origin"] == "*"
    assert "POST" in preflight.headers["Access-Control-Allow-Methods"]
    answer = app.test_client().post(BASE + OUTPATIENT, json=encode(outpatient("ROW")), headers=asked)
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    issued(decode(answer.get_json()))


def length_and_chunked(app: Flask) -> None:
    """In process only the headers; test_his_wire.py sends real chunks over a socket."""
    body = json.dumps(encode(outpatient("ROW", listDetail=outpatient("x")["listDetail"] * 200)))
    assert len(body) > 30_000
    issued(post(app, body, headers={"Transfer-Encoding": "chunked"}))


def breaks_in_base64(app: Flask) -> None:
    members = encode(outpatient("ROW"))
    plain = b64decode(members["data"])
    for mark in ("\r\n", "\n", "\r"):
        text = b64encode(plain).decode()
        issued(post(app, json.dumps(members | {"data": mark.join(text[n : n + 76] for n in range(0, len(text), 76))})))


def info(number: Any, value: Any, name: str = "甲") -> dict[str, Any]:
    """A row of otherInfo."""
    return {"infoNo": number, "infoName": name, "infoValue": value}


def rows(name: str, **more: Any) -> dict[str, Any]:
    """A settlement's list with further members in every row."""
    return {name: [row | more for row in outpatient("x")[name]]}


STAY: dict[str, Any] = {"busType": "01", "category": "内儿科病区", "inHospitalDate": "2026-11-18"}

QUIRKS: dict[str, Served] = {
    "Content-Encoding: UTF-8": header_without_a_meaning,
    "double slash": doubled_slashes,
    "trailing blank": trailing_blank,
    "query random": random_query,
    "form-encoded body": form_under_another_name,
    "cross-origin": cross_origin,
    "Content-Length and chunked": length_and_chunked,
    "CR or LF in Base64": breaks_in_base64,
    "numbers as text, text as numbers": contents(
        {"totalAmt": "128.50", "ownPay": "8.5", "fundPay": "80"},
        {
            "totalAmt": 128.5,
            "fundPay": 80.0,
            "payChannelDetail": [{"payChannelCode": "05", "payChannelValue": "128.5"}],
        },
        {"patientNo": 12345, "cardNo": 990000001, "busType": 2},
        rows("chargeDetail", number="1"),
    ),
    "missing, null and empty alike": contents(
        {"remark": None, "otherMedicalList": None, "otherInfo": "", "eBillRelateNo": ""},
        {"listDetail": "", "otherInfo": [], "payMentVoucher": ""},
        {"listDetail": None, "otherInfo": None, "payMentVoucher": None},
        {"listDetail": [], "otherfundPay": "", "accountPay": None, "tel": None, "checker": ""},
    ),
    "missing lists and figures": contents({}, without=("listDetail", "accountPay", "otherfundPay", "checker")),
    "undocumented members": contents(
        {"amtChk": 1, "selfAmtChk": {"deep": [1]}},
        rows("listDetail", amtChk="128.50", selfAmtChk=0),
        rows("chargeDetail", amtChk=None, selfAmtChk=[]),
    ),
    "infoNo twice or as text, infoValue as number": contents(
        {"otherInfo": [info("1", 1.5), info(1, "", "乙"), info("x", 0)]},
        {"otherMedicalList": {"infoNo": 1, "infoName": "大病保险", "infoValue": 3, "infoOther": ""}},
    ),
    "isArrears null": contents({"isArrears": None}),
    "inpatient without hospitalNo and visitNo": contents(
        STAY, STAY | {"hospitalNo": None, "visitNo": ""}, method=INPATIENT
    ),
    "registration without otherfundPay": contents({"busType": "06"}, method=REGISTRATION, without=("otherfundPay",)),
    "negative amounts in lists": contents(
        {
            "payChannelDetail": [
                {"payChannelCode": "HBWC", "payChannelValue": -0.02},
                {"payChannelCode": "02", "payChannelValue": 128.52},
            ]
        },
        {
            "chargeDetail": [
                {"chargeCode": "0109", "chargeName": "西药费", "std": 128.53, "number": 1, "amt": 128.53},
                {"chargeCode": "0199", "chargeName": "货币误差", "std": -0.03, "number": 1, "amt": -0.03},
            ],
            "listDetail": [
                {"chargeCode": "0109", "code": "Y1", "name": "示例药片", "std": 128.53, "number": 1, "amt": 128.53},
                {"chargeCode": "0199", "code": "WC", "name": "货币误差", "std": -0.03, "number": 1, "amt": -0.03},
            ],
        },
    ),
    "card placeholders": contents(
        {"cardNo": "******", "cardType": "999999"}, {"cardNo": "无", "patientId": "-"}, {"cardNo": "-"}
    ),
}
"""Row of the table (one of its last rows is three here: each needs another settlement) → who sends what."""

OTHERS: dict[str, Served] = {
    "mapped place": contents({"placeCode": "001"}),
    "no busType": contents({"busType": None}),
    "department in all versions": contents({"category": "内科", "patientCategory": None}),
    "days and times in two forms": contents({"consultationDate": "2026-11-18", "busDateTime": "20261118092800"}),
    "payerType 2 for a person": contents({"payerType": "2", "idCardNo": "000000195203150010"}),
    "rare characters": contents({"payer": "𠮷演㐂·测"}),
}
"""What clients do besides, named in docs/his-integration.md."""


@pytest.mark.parametrize("row", [*QUIRKS, *OTHERS])
def test_quirk(app: Flask, row: str) -> None:
    (QUIRKS | OTHERS)[row](app)
