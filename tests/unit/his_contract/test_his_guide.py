"""The integration guide tells the truth: its vector, its curl example and its tables are computed again."""

from __future__ import annotations

import json
import re
from pathlib import Path

from portal.blueprints.his.methods import HANDLERS, NOT_OPEN
from portal.demo.accounts import DEMO_APPID, DEMO_KEY
from portal.domain.errors import CATALOGUE
from portal.his_contract import checks, envelope
from tests.factories.his_vectors import APPID, KEY, V6_BUSINESS, V6_NOISE, V6_SIGN

GUIDE = (Path(__file__).parents[3] / "docs" / "his-integration.md").read_text(encoding="utf-8")


def test_curl_example_is_signed_and_carries_the_business_object() -> None:
    """Byte for byte."""
    found = re.search(r"-d '(\{.*\})'", GUIDE)
    assert found
    call = envelope.parse(found[1].encode())
    assert (call.appid, call.noise) == (DEMO_APPID, V6_NOISE)
    assert envelope.signature(call, DEMO_KEY) == call.sign
    shown = re.search(r"```json business\n(.*)\n```", GUIDE)
    assert shown
    assert shown[1] == V6_BUSINESS
    assert envelope.base64_text(shown[1]) == call.data
    assert envelope.sign(APPID, call.data, call.noise, KEY, "1.0") == V6_SIGN
    assert f"`{V6_SIGN}`" in GUIDE
    assert json.loads(shown[1])["busNo"]


def test_tables() -> None:
    """Result codes, one to one; served methods; switches."""
    rows = re.findall(r"^\| `(E\d{4})` \| `([A-Z_]+)` \| (\S+) \|", GUIDE, re.MULTILINE)
    assert rows == envelope.documented_codes()
    assert len(set(envelope.RESULT_CODES.values())) == len(envelope.RESULT_CODES)
    assert set(envelope.RESULT_CODES) <= set(CATALOGUE)
    for name in checks.POLICIES:
        assert f"| `{name}` |" in GUIDE


CONTRACT = [
    "invoiceEBillOutpatient",
    "invEBillRegistration",
    "invEBillHospitalized",
    "invEBillCheckUp",
    "writeOffEBill",
    "getEBillStatesByBillInfo",
    "getEBillByBusNo",
    "getEBillAccountStatus",
    "getBillDetail",
    "getEBillUnPrintList",
    "getPaperBillNo",
    "getValidBillBatchCode",
    "getValidBillNo",
    "turnPaper",
    "reTurnPaper",
    "invalidPaper",
    "invalidBlankBillNo",
    "invoicePayMentVoucher",
    "writeOffPayMentVoucher",
    "cancelPayMentVoucherBalance",
    "invalidPayMentVoucherPaper",
    "checkTotalData",
    "checkWriteOffData",
    "getBillByBusDate",
    "noticeEBill",
    "sendNotice",
    "printElectBill",
    "printElectBillList",
    "printPaperBill",
]
"""Every method of the contract."""


def test_every_method_of_the_contract_is_served_or_absent_with_a_reason() -> None:
    """The guide's table, the code and the contract name the same methods."""
    table = GUIDE.split("\n## ")
    methods = next(part for part in table if "| `invEBillRegistration` |" in part)
    rows = dict(re.findall(r"^\| `([a-zA-Z]+)` \| (.+) \|$", methods, re.MULTILINE))
    assert set(rows) == set(HANDLERS) | set(NOT_OPEN)
    assert {name for name, text in rows.items() if text.startswith("absent")} == set(NOT_OPEN)
    assert set(HANDLERS) | set(NOT_OPEN) == {*CONTRACT, "getEBillUrlByBusNo"}
