"""Hundreds of malformed bodies: always status 200, a well-formed signed envelope, and an unchanged ledger."""

from __future__ import annotations

import io
import json
from base64 import b64encode
from typing import Any

import pytest
import structlog
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from portal.blueprints.his import views
from portal.demo.accounts import DEMO_APPID, DEMO_KEY
from portal.his_contract.envelope import Call, signature
from portal.models import Base
from tests.support.his import Answer, His, decode, encode, outpatient
from tests.support.length import SQLITE_FIRST

ISSUE = "invoiceEBillOutpatient"
ADDRESS = f"/medical-web/api/medical/{ISSUE}"
CHANGING = (
    "bill",
    "bill_item",
    "bill_detail",
    "bill_payment",
    "bill_party",
    "party_key",
    "bill_document",
    "outbox_task",
)


def ledger(app: Flask) -> dict[str, Any]:
    """Rows per table of the ledger, and where the ranges stand."""
    tables = Base.metadata.tables
    with app.extensions["qupiao"].services.database.read() as connection:
        counts = {name: connection.scalar(select(func.count()).select_from(tables[name])) for name in CHANGING}
        ranges = connection.execute(select(tables["number_range"]).order_by(tables["number_range"].c.id)).all()
    return counts | {"ranges": ranges}


def sealed(raw: bytes, **changes: Any) -> bytes:
    """Any business bytes in a right envelope; ``changes`` spoil it afterwards."""
    data = b64encode(raw).decode()
    sign = signature(Call(DEMO_APPID, data, "n", "1.0"), DEMO_KEY)
    return json.dumps(
        {"appid": DEMO_APPID, "data": data, "noise": "n", "version": "1.0", "sign": sign} | changes
    ).encode()


def refused(his: His, body: bytes) -> Answer:
    """Send it; it must be refused, in Chinese, with a result code of ours."""
    answer = his.raw(ISSUE, body)
    assert answer.result.startswith("E")
    assert len(answer.result) == 5
    assert answer.result != "E0001", answer
    return answer


OUTER: list[bytes] = [
    b"",
    b" \r\n",
    b"\x00",
    b"\xff\xfe\x00",
    b"\xef\xbb\xbf",
    b"null",
    b"true",
    b"12",
    b"NaN",
    b"[]",
    b'"text"',
    b"{",
    b"{}",
    b"{]",
    b'{"appid":1e999999999}',
    b'{"appid":"a","appid":"a"}',
    b'{"appid":{"a":1},"data":[]}',
    b'{"appid":"\\ud800","data":"e30=","sign":""}',
    b"a=1&a=2",
    b"appid=%ff%fe&data=1",
    b"appid=QPDEMO0000001&data=%%%&sign=0",
    b"<xml/>",
    "应用账号".encode("gbk"),
    b"[" * 100_000,
    b'{"a":' * 5_000 + b"1" + b"}" * 5_000,
    b'{"data":"' + b"A" * (4 * 1024 * 1024) + b'"}',
    b"x" * (9 * 1024 * 1024),
    sealed(b"{}", sign="0" * 32),
    sealed(b"{}", sign=""),
    sealed(b"{}", sign=None),
    sealed(b"{}", sign=1),
    sealed(b"{}", sign="签" * 32),
    sealed(b"{}", data="not Base64!"),
    sealed(b"{}", noise="other"),
    sealed(b"{}", version="2.0"),
    sealed(b"{}", appid="' OR 1=1 --"),
    sealed(b"{}", appid="x" * 5000),
    sealed(b"{}", appid="a\x00b"),
    sealed(b"{}", region="1"),
]
INNER: list[bytes] = [
    b"",
    b"\xff\xff",
    b"[]",
    b"null",
    b'"x"',
    b"{",
    b'{"totalAmt":NaN}',
    b'{"totalAmt":Infinity}',
    b'{"totalAmt":-Infinity}',
    b'{"totalAmt":1e400}',
    b'{"totalAmt":1e999999999}',
    b'{"totalAmt":' + b"9" * 5000 + b"}",
    b'{"busNo":"1","busNo":"2"}',
    b'{"a":' * 60 + b"1" + b"}" * 60,
    b"[" * 50_000,
    "{'busNo':'单引号'}".encode(),
    json.dumps(outpatient("X"), ensure_ascii=False).encode("gbk"),
]
NUMBERS = ["-1", -1, 1.005, "1.005", "abc", "１２", "1e5", "1,000", True, [], {}, "0x10", 10**13, "NaN", "--1", "=1+1"]
ROUNDED = [1.005, "1.005", "1e5", "1,000"]
"""A mistake only where the sum must be exact."""
LONG = "x" * 5000
TEXTS = ["\x00", "a\x07b", "\u202e", "\ud800", "\uffff", LONG, ["a"], {"a": 1}, True]
CHANGES: list[dict[str, Any]] = [
    *({name: None} for name in ("busNo", "payer", "busDateTime", "placeCode", "totalAmt", "chargeDetail")),
    *(
        {name: value}
        for name in ("totalAmt", "fundPay", "selfCashPay", "cashPay")
        for value in NUMBERS
        if value not in ("-1", -1) and (name == "totalAmt" or value not in ROUNDED)
    ),
    {"totalAmt": -128.5},
    {"totalAmt": 128.49},
    *({name: value} for name in ("busNo", "payer", "placeCode", "busType") for value in TEXTS),
    *({name: value} for name in ("age", "sex", "remark") for value in TEXTS if value != LONG),
    *({"payer": value} for value in ("\n\n", "林\x1b[31m", "林\ufffd安", "???", "？ ？", "锟斤拷")),
    *(
        {"busDateTime": value}
        for value in ("2026", "20261318092800000", "2026-11-18 09.28.00", "20261118", "x" * 17, 0, "00000000000000000")
    ),
    *({"consultationDate": value} for value in ("2026-02-30", "18/11/2026", "昨天", 1)),
    *({"placeCode": value} for value in ("no", "' OR 1=1 --", "<script>alert(1)</script>", "=cmd()")),
    {"busType": "88"},
    {"busType": "01"},
    {"payerType": "3"},
    {"chargeDetail": []},
    {"chargeDetail": "text"},
    {"chargeDetail": {"0": 1}},
    {"chargeDetail": [1, None, "x"]},
    {"chargeDetail": [{"chargeCode": "1", "chargeName": "a", "amt": 1}] * 501},
    {"listDetail": [{"name": "a", "amt": 0}] * 5001},
    {"listDetail": [{"name": "", "amt": 1}]},
    {"payChannelDetail": [{"payChannelCode": "05"}]},
    {"otherInfo": 5},
    {"otherInfo": [[]]},
    {"undocumented": "\ud800"},
]


@pytest.mark.parametrize("key", ["", "wrong"])
def test_hand_made(app: Flask, his: His, key: str) -> None:
    """Envelopes and contents spoiled by hand; signed with no or a wrong key they are refused as well."""
    before = ledger(app)
    for body in (*OUTER, *map(sealed, INNER)):
        refused(his, body)
    for change in CHANGES:
        body = json.dumps(outpatient("BAD-1") | change).encode()
        answer = refused(his, sealed(body))
        assert answer.result[:2] in ("E1", "E2"), (change, answer)
        assert "林演安" not in answer.message
    assert refused(his, json.dumps(encode(outpatient("BAD-2"), key=key)).encode()).result == "E1003"
    assert ledger(app) == before
    assert his.call(ISSUE, outpatient("GOOD-1")).ok
    assert ledger(app) != before


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
MEMBERS = sorted(set(outpatient("x")) - {"remark"})


@pytest.mark.parametrize("database_url", SQLITE_FIRST, indirect=True)
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.one_of(st.binary(max_size=300), JSON.map(lambda value: json.dumps(value).encode())), st.booleans())
def test_any_bytes(app: Flask, his: His, raw: bytes, inside: bool) -> None:
    """Whatever arrives, outside or inside the envelope."""
    before = ledger(app)
    refused(his, sealed(raw) if inside else raw)
    assert ledger(app) == before


@pytest.mark.parametrize("database_url", SQLITE_FIRST, indirect=True)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(MEMBERS), JSON)
def test_any_value_in_any_member(app: Flask, his: His, member: str, value: Any) -> None:
    """A bill or a refusal naming a reason, never a fault."""
    before = ledger(app)["bill"]
    answer = his.raw(ISSUE, sealed(json.dumps(outpatient("FUZZ") | {member: value}).encode()))
    assert answer.result != "E0001", answer
    assert ledger(app)["bill"] - before in ((0, 1) if answer.ok else (0,))


def test_nothing_personal_is_logged(his: His, monkeypatch: pytest.MonkeyPatch) -> None:
    """Refusals and faults are logged without what was sent."""
    written = io.StringIO()
    logger = structlog.wrap_logger(structlog.PrintLogger(written), processors=[structlog.processors.JSONRenderer()])
    monkeypatch.setattr(views, "log", logger)
    his.call(ISSUE, outpatient("LOG-1"))
    his.call(ISSUE, outpatient("LOG-2", payer="林演安\x00", idCardNo="000000195203150010", totalAmt="x"))
    assert "his.served" in written.getvalue()
    assert "his.refused" in written.getvalue()
    for personal in ("林演安", "000000195203150010", "10000000001", "LOG-"):
        assert personal not in written.getvalue()


def test_answers_decode(app: Flask) -> None:
    """An internal fault is an envelope with a request id and nothing else."""
    app.extensions["qupiao"].issuing = None
    response = app.test_client().post(ADDRESS, json=encode(outpatient("FAULT")))
    answer = decode(response.get_json())
    assert response.status_code == 200
    assert answer.result == "E0001"
    assert response.headers["X-Request-Id"] in answer.message
