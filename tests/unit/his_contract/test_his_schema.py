"""Business messages of every version become the same settlement; what is wrong is named, all of it at once."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from portal.access.his.accounts import HisAccount
from portal.core import strict_json
from portal.domain.characters import mended
from portal.domain.documents.settlement import Scene, Settlement
from portal.domain.errors import Refusal
from portal.his_contract.checks import POLICIES
from portal.his_contract.settlement import settlement
from tests.factories.his_account import ACCOUNT
from tests.factories.his_vectors import V6_BUSINESS

OUTPATIENT, REGISTRATION, INPATIENT = "invoiceEBillOutpatient", "invEBillRegistration", "invEBillHospitalized"


def read(changes: Mapping[str, Any], method: str = OUTPATIENT, account: HisAccount = ACCOUNT) -> Settlement:
    """V6 with some members replaced."""
    message = strict_json.decode_object(V6_BUSINESS.encode()) | dict(changes)
    return settlement(method, message, account)


def refusal(changes: Mapping[str, Any], method: str = OUTPATIENT, account: HisAccount = ACCOUNT) -> Refusal:
    """Why V6 with these changes is refused."""
    with pytest.raises(Refusal) as caught:
        read(changes, method, account)
    return caught.value


def test_v6() -> None:
    """The worked vector: mapped codes, fen, millionths, UTC."""
    found = read({})
    assert (found.serial, found.scene, found.point_code) == ("OP20260115000001", Scene.OUTPATIENT, "01")
    assert found.business_at == datetime(2026, 1, 15, 1, 28, tzinfo=UTC)
    assert found.visit.visit_date == date(2026, 1, 15)
    assert (found.total_fen, [charge.amount_fen for charge in found.charges]) == (12850, [2000, 10850])
    assert (found.details[0].price_micro, found.details[0].amount_micro) == (54_250_000, 108_500_000)
    assert [(row.channel, row.sent_code, row.amount_fen) for row in found.payments] == [("wechat", "05", 12850)]
    assert found.payer.card_type == "clinic"
    assert len(found.warnings) == 1, "the list of V6 covers one of its two charges"


@pytest.mark.parametrize(
    ("method", "keys", "expected"),
    [
        (OUTPATIENT, {"category": "内科", "patientCategoryCode": "1"}, ("内科", "1")),
        (OUTPATIENT, {"patientCategory": "内科", "patientCategoryCode": "1"}, ("内科", "1")),
        (REGISTRATION, {"category": "内科", "patientCategory": "1"}, ("内科", "1")),
        (REGISTRATION, {"patientCategory": "内科", "patientCategoryCode": "1"}, ("内科", "1")),
        (INPATIENT, {"category": "内科", "categoryCode": "1", "leaveCategory": "外科"}, ("内科", "1")),
        (INPATIENT, {"leaveCategory": "外科", "leaveCategoryCode": "2"}, ("外科", "2")),
    ],
)
def test_department_keys_of_every_version(method: str, keys: dict[str, str], expected: tuple[str, str]) -> None:
    """``patientCategory`` is a code where ``category`` stands beside it in a registration, else a name."""
    absent = {"patientCategory": None, "patientCategoryCode": None, "busType": None}
    visit = read(absent | keys, method).visit
    assert (visit.department, visit.department_code) == expected


@pytest.mark.parametrize("sent", ["20260115", "2026-01-15"])
def test_days(sent: str) -> None:
    """Both spellings are one day; .NET's empty day is no day."""
    assert read({"consultationDate": sent}).visit.visit_date == date(2026, 1, 15)
    assert read({"consultationDate": "0001-01-01"}).visit.visit_date is None


@pytest.mark.parametrize("sent", ["1899-12-31", "2100-01-01", "9999-12-31", "2026-02-29", "2026-1-5"])
def test_days_that_cannot_be(sent: str) -> None:
    """Named, never stored."""
    assert "consultationDate" in refusal({"consultationDate": sent}).why


def test_every_problem_is_named_and_nothing_sent_is_repeated() -> None:
    """One answer tells all of it: path, rule, remedy."""
    charges = [{"chargeCode": "1", "chargeName": "诊查费", "amt": "1.00.5"}, {"amt": 1}]
    found = refusal(
        {"payer": "演安\x00", "tel": "1" * 30, "totalAmt": "12.345", "idCardNo": "9" * 30, "chargeDetail": charges}
    )
    assert found.code == "FIELD_INVALID"
    for path in ("payer", "tel", "totalAmt", "idCardNo", "chargeDetail[0].amt", "chargeDetail[1].chargeCode"):
        assert f"{path}（" in found.why
    assert "小数超过2位" in found.why
    for sent in ("演安", "1" * 30, "9" * 30, "12.345"):
        assert sent not in str(found)


WHOLE = {"chargeCode": "1", "chargeName": "诊查费", "amt": "128.50"}


@pytest.mark.parametrize(
    ("policy", "changes"),
    [
        ("channels", {"payChannelDetail": []}),
        ("split", {"selfCashPay": 1}),
        ("details", {"listDetail": [{"name": "药", "amt": "128.3999"}]}),
        ("zero_rows", {"chargeDetail": [WHOLE, WHOLE | {"amt": 0}]}),
    ],
)
def test_switches(policy: str, changes: dict[str, Any]) -> None:
    """Each soft check warns by default, refuses or is silent as the account says; nothing else is found."""
    changes = {"listDetail": []} | changes
    assert len(read(changes).warnings) == 1
    assert read(changes, account=replace(ACCOUNT, policies={policy: "ignore"})).warnings == ()
    assert refusal(changes, account=replace(ACCOUNT, policies={policy: "refuse"})).code == "SUM_MISMATCH"


def test_the_list_may_differ_by_a_tenth() -> None:
    """Rounding of the list is no warning up to 0.10 yuan."""
    assert read({"listDetail": [{"name": "药", "amt": "128.4000"}]}).warnings == ()
    assert read({"listDetail": [{"name": "药", "amt": "128.61"}, {"name": "货币误差", "amt": "-0.01"}]}).warnings == ()


@given(st.integers(0, 10**9), st.integers(-(10**6), 10**6))
def test_total_is_always_the_sum_of_the_charges(total: int, off: int) -> None:
    """The hard rule, whatever the policies say."""
    account = replace(ACCOUNT, policies=dict.fromkeys(POLICIES, "ignore"))
    charge = WHOLE | {"amt": f"{(total + off) / 100:.2f}"}
    changes = {"totalAmt": f"{total / 100:.2f}", "chargeDetail": [charge]}
    if off:
        assert refusal(changes, account=account).code == "SUM_MISMATCH"
    else:
        assert read(changes, account=account).total_fen == total


def test_codes_of_the_sender() -> None:
    """busType mapped, unpadded, missing, unknown, of another method; an unknown channel is 其它."""
    assert read({"busType": 2}).scene is Scene.OUTPATIENT
    assert read({"busType": None}, REGISTRATION).scene is Scene.REGISTRATION
    assert refusal({"busType": "88"}).code == "SCENE_UNKNOWN"
    assert "busType" in refusal({"busType": "01"}).why
    rounding = {"payChannelDetail": [{"payChannelCode": "HBWC", "payChannelValue": "128.50"}]}
    assert read(rounding).payments[0].channel == "other"


def meant(name: str) -> str:
    """A name with its breaks as blanks."""
    return re.sub(r"[\t\r\n]+", " ", mended(name).strip())


@given(st.text(min_size=1, max_size=20))
def test_names_fit_into_xml(name: str) -> None:
    """A name is refused, or it can be written into the fiscal XML and read back."""
    try:
        found = read({"payer": name}).payer.name
    except Refusal:
        return
    element = etree.Element("PayerPartyName")
    element.text = found
    assert etree.fromstring(etree.tostring(element, encoding="utf-8")).text == found == meant(name)
