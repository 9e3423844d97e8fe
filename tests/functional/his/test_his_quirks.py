"""Quirks of real clients in depth (by rows: test_his_quirk_rows.py); each method answers as the contract says."""

from __future__ import annotations

import json
from base64 import b64encode
from typing import Any
from urllib.parse import urlencode

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select

from portal.blueprints.his.methods import NOT_OPEN
from portal.demo.accounts import DEMO_APPID, DEMO_KEY
from portal.his_contract.envelope import Call, signature
from portal.models import Bill
from tests.support.his import Answer, His, decode, encode, outpatient

ADDRESS = "/medical-web/api/medical/"
ISSUE = "invoiceEBillOutpatient"


def bills(app: Flask) -> int:
    """How many bills the ledger has."""
    with app.extensions["qupiao"].services.database.read() as connection:
        return int(connection.scalar(select(func.count()).select_from(Bill)) or 0)


def post(client: FlaskClient, address: str, body: bytes | str, **kinds: Any) -> Answer:
    """POST to a full address; status 200 and a well-formed envelope whatever happens."""
    response = client.post(address, data=body, **kinds)
    assert response.status_code == 200
    assert response.data.isascii()
    return decode(response.get_json())


def signed(data: str, **more: str) -> dict[str, str]:
    """The outer members around any ``data``."""
    call = Call(DEMO_APPID, data, "noise", "1.0", "", more.get("region"), more.get("deptcode"))
    members = {"appid": DEMO_APPID, "data": data, "noise": "noise", "version": "1.0"} | more
    return members | {"sign": signature(call, DEMO_KEY)}


def test_addresses(app: Flask) -> None:
    """Double slashes, a trailing blank, a random query: one and the same bill."""
    client, body = app.test_client(), json.dumps(encode(outpatient("QUIRK-A")))
    addresses = [
        f"{ADDRESS}{ISSUE}",
        f"/medical-web//api/medical/{ISSUE}",
        f"/medical-web/api//medical//{ISSUE}",
        f"{ADDRESS}{ISSUE}%20",
        f"{ADDRESS}{ISSUE}?random=%200.123",
        f"{ADDRESS}{ISSUE}/",
    ]
    numbers = {post(client, address, body).payload["billNo"] for address in addresses}
    doubled = {"PATH_INFO": f"//medical-web/api/medical/{ISSUE}"}
    numbers.add(post(client, "/", body, environ_overrides=doubled).payload["billNo"])
    assert len(numbers) == 1
    assert bills(app) == 1


@pytest.mark.parametrize(
    "content_type", ["application/json", "text/plain;charset=utf8", "application/x-www-form-urlencoded", ""]
)
def test_headers_and_encodings_do_not_matter(app: Flask, content_type: str) -> None:
    """Form-encoded or JSON under any content type, with Content-Encoding: UTF-8."""
    client, members = app.test_client(), encode(outpatient("QUIRK-H"))
    kinds: dict[str, Any] = {"headers": {"Content-Encoding": "UTF-8"}, "content_type": content_type}
    as_form = post(client, ADDRESS + ISSUE, urlencode(members), **kinds)
    as_json = post(client, ADDRESS + ISSUE, "\ufeff" + json.dumps(members), **kinds)
    assert as_form.payload == as_json.payload


def test_length_and_chunked_together(app: Flask) -> None:
    """Both announced for a long body: it is read."""
    values = outpatient("QUIRK-C", remark="注" * 200, listDetail=outpatient("x")["listDetail"] * 200)
    body = json.dumps(encode(values)).encode()
    assert len(body) > 30_000
    answer = post(app.test_client(), ADDRESS + ISSUE, body, headers={"Transfer-Encoding": "chunked"})
    assert answer.ok, answer


def test_line_breaks_and_percent_codes_in_base64(app: Flask) -> None:
    """Signed with or without the line breaks, CR or LF or both."""
    client = app.test_client()
    plain = b64encode(json.dumps(outpatient("QUIRK-B")).encode()).decode()
    for mark in ("\r\n", "\n", "\r"):
        broken = mark.join(plain[place : place + 76] for place in range(0, len(plain), 76))
        assert post(client, ADDRESS + ISSUE, json.dumps(signed(broken))).ok
        assert post(client, ADDRESS + ISSUE, json.dumps(signed(plain) | {"data": broken})).ok
        assert post(client, ADDRESS + ISSUE, json.dumps(signed(broken.replace("\r", "")) | {"data": broken})).ok
    percent = plain.replace("+", "%2B").replace("/", "%2F").replace("=", "%3D")
    assert post(client, ADDRESS + ISSUE, json.dumps(signed(plain) | {"data": percent})).ok
    assert bills(app) == 1


def test_cross_origin(app: Flask) -> None:
    """A kiosk's browser asks first."""
    client = app.test_client()
    asked = client.options(ADDRESS + ISSUE, headers={"Origin": "null", "Access-Control-Request-Method": "POST"})
    assert asked.status_code == 200
    assert asked.headers["Access-Control-Allow-Origin"] == "*"
    assert "content-type" in asked.headers["Access-Control-Allow-Headers"].lower()
    answered = client.post(ADDRESS + ISSUE, json=encode(outpatient("QUIRK-O")), headers={"Origin": "null"})
    assert answered.headers["Access-Control-Allow-Origin"] == "*"


def test_region_prefix_and_letter_case(app: Flask) -> None:
    """Multi-unit callers sign region and deptcode in front; a lower-case signature is right as well."""
    data = b64encode(json.dumps(outpatient("QUIRK-R")).encode()).decode()
    members = signed(data, region="990000", deptcode="000001")
    members["sign"] = members["sign"].lower()
    assert post(app.test_client(), ADDRESS + ISSUE, json.dumps(members)).ok


def test_issue_answer_is_signed_and_repeats(app: Flask, his: His) -> None:
    """The answer's signature fits; the same content again is the same bill; other content is refused."""
    response = app.test_client().post(ADDRESS + ISSUE, json=encode(outpatient("SAME-1"))).get_json()
    call = Call(DEMO_APPID, response["data"], response["noise"], "1.0")
    assert response["sign"] == signature(call, DEMO_KEY)
    first, again = decode(response), his.call(ISSUE, outpatient("SAME-1"))
    assert first == again
    refused = his.call(ISSUE, outpatient("SAME-1", payer="陈样英"))
    assert refused.result == "E2005"
    assert bills(app) == 1


def test_queries(his: His) -> None:
    """By serial, by number, and in detail; a wrong check code is like no bill."""
    issued = his.call(ISSUE, outpatient("QUERY-1")).payload
    named = {name: issued[name] for name in ("billBatchCode", "billNo", "random")}
    assert his.call("getEBillByBusNo", {"busNo": "QUERY-1", "busDateTime": ""}).payload == named
    state = his.call("getEBillStatesByBillInfo", named).payload
    assert (state["state"], state["isScarlet"], state["isPrtPaper"]) == ("1", "0", "0")
    assert len(state["ivcDateTime"]) == 17
    detail = his.call("getBillDetail", named).payload
    assert detail["payer"] == "林演安"
    assert detail["busNo"] == "QUERY-1"
    assert [row["chargeName"] for row in detail["chargeDetail"]] == ["诊查费", "西药费"]
    assert detail["listDetail"][1]["price"] == detail["listDetail"][1]["std"] == "54.2500"
    missing = his.call("getBillDetail", named | {"random": "000000"})
    assert missing == his.call("getBillDetail", named | {"billNo": "0000000001"})
    assert missing.result == "E4001"


@pytest.mark.parametrize("method", sorted(NOT_OPEN))
def test_methods_not_open_say_so(his: His, method: str) -> None:
    """A well-formed refusal with the method's name."""
    answer = his.call(method, {})
    assert answer.result == "E1005"
    assert NOT_OPEN[method] in answer.message


def test_unknown_methods_and_accounts(app: Flask, his: His) -> None:
    """Named refusals; an unknown appid is answered with an empty key."""
    assert his.call("noSuchMethod", {}).result == "E1004"
    body = encode(outpatient("X"), appid="NOBODY")
    response = app.test_client().post(ADDRESS + ISSUE, json=body).get_json()
    assert decode(response).result == "E1002"
    assert response["sign"] == signature(Call("NOBODY", response["data"], response["noise"], "1.0"), "")
    assert app.test_client().get(ADDRESS + ISSUE).status_code == 200
    assert app.test_client().post("/medical-web/else").status_code == 404
